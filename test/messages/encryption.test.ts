import { sql } from 'drizzle-orm'
import { uuidv7 } from 'uuidv7'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Ledger } from '../../src/billing/ledger.ts'
import { checkLedger } from '../../src/billing/ledger-check.ts'
import { termsText, USUAL_TERMS } from '../../src/core/charging.ts'
import { messageOf } from '../../src/core/errors.ts'
import type { Fallback } from '../../src/core/fallback.ts'
import type { MailContent } from '../../src/core/message-template.ts'
import { PLAIN } from '../../src/core/pass-through.ts'
import { Archive } from '../../src/messages/archive.ts'
import { type Claimer, claimBacklog, claimDue, claimOverdue } from '../../src/messages/claims.ts'
import { IdempotencyKeys, type KeyedCall } from '../../src/messages/idempotency.ts'
import type { JournalEntry, KeptEntry, ReceiptEntry } from '../../src/messages/journal.ts'
import { checkMessages } from '../../src/messages/ledger-message-check.ts'
import type { Message } from '../../src/messages/message.ts'
import { readDue } from '../../src/messages/outbox.ts'
import { recover } from '../../src/messages/recovery.ts'
import { reseal } from '../../src/messages/resealing.ts'
import { findUncertain, loadMessages, loadOrphans } from '../../src/messages/tables.ts'
import { type Cipher, type CipherKey, createCipher, NO_CIPHER } from '../../src/store/cipher.ts'
import { checkEncryptionKeys, isResealingDue } from '../../src/store/key-check.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import {
  accepted,
  eventRows,
  ids,
  Journal,
  messageRow,
  moved,
  outboxRows,
  partnerMessage,
  receipt,
  submitting,
  TENANT,
  testMessage,
} from './builders.ts'
import { claimerOf, testPolicies } from './harness.ts'

const ONE: CipherKey = { id: 'k1', key: Buffer.alloc(32, 1) }
const TWO: CipherKey = { id: 'k2', key: Buffer.alloc(32, 2) }
const FIRST = createCipher([ONE], 'k1')
const BOTH = createCipher([ONE, TWO], 'k2')
const SECOND = createCipher([TWO], 'k2')

const TEXT = 'Your code is 493021'
const OCTETS = Buffer.from('passed on as it is')
const NUMBER = '+447700900123'
const DIGITS = '447700900123'
/** What must not be found, in any of the forms a column could show it in. */
const SECRETS = [
  '493021',
  DIGITS,
  OCTETS.toString(),
  OCTETS.toString('hex'),
  OCTETS.toString('base64').slice(0, 20),
]

const NEVER_MS = 3_600_000

const about = { recipient: DIGITS, sender: 'ACME', submittedAt: null, reference: null }

const MAIL: MailContent = { subject: TEXT, html: `<b>${TEXT}</b>` }
const FALLBACK: Fallback = {
  steps: [{ channel: 'sms', to: NUMBER, from: 'ACME', text: TEXT, template: null, mail: null }],
  on: ['failed'],
  afterSeconds: null,
}

const CALL: KeyedCall = {
  tenantId: TENANT,
  scope: 'rest',
  key: 'order 4711',
  fingerprint: 'the same',
  keepSeconds: 3600,
  whileRunning: 'refuse',
}

describe.each(testDatabases())('encryption at rest on $name', ({ open }) => {
  let plain: Store
  const journals: Journal[] = []

  beforeAll(async () => {
    plain = await open()
  })
  afterEach(async () => {
    for (const journal of journals.splice(0)) await journal.close().catch(() => {})
    await truncate(plain)
  })
  afterAll(() => plain.close())

  /** The same database, with keys. */
  function under(cipher: Cipher): Store {
    return { ...plain, cipher }
  }

  /** A run that is left as it is: only `settled` brings anything into the tables. */
  async function running(cipher: Cipher, node = 'first'): Promise<Journal> {
    const journal = await Journal.open(under(cipher), { node, gatherMs: NEVER_MS })
    journals.push(journal)
    return journal
  }

  /** Writes something into every table that holds texts or numbers, and gives the messages. */
  async function fill(journal: Journal): Promise<Message[]> {
    const { store } = journal
    const message = partnerMessage({ text: TEXT, to: NUMBER })
    const raw = { octets: OCTETS, esmClass: 0, dataCoding: 4 }
    const tlvs = [{ tag: 0x0381, value: Buffer.from(NUMBER) }]
    const passThrough = { ...PLAIN, tlvs }
    const rest = { mail: MAIL, fallback: FALLBACK }
    const passedOn = testMessage({ text: '', raw, passThrough, to: NUMBER, ...rest })
    await journal.write(accepted(message), submitting(message), accepted(passedOn))
    await journal.write(moved(message, 'sent', { answers: ids('id-1') }))
    await journal.write(receipt('id-1', 'DELIVERED', { rawText: `id:id-1 text:${TEXT}` }))
    await journal.write(receipt('unknown', 'DELIVERED', { rawText: `text:${TEXT}`, about }))
    await journal.write(kept())
    // A number that its column cannot hold: the row goes to the refused.
    const refused = testMessage({ text: TEXT, to: NUMBER, maxSegments: 99_999 })
    await journal.write(accepted(refused))
    const [told] = await outboxRows(store)
    expect(told).toBeDefined()
    return [message, passedOn]
  }

  function kept(): KeptEntry {
    const { tenantId, scope, key, fingerprint } = CALL
    const at = new Date()
    const expiresAt = new Date(at.getTime() + NEVER_MS)
    const body = JSON.stringify({ to: NUMBER })
    return { kind: 'kept', tenantId, scope, key, fingerprint, status: 202, body, at, expiresAt }
  }

  /** Every row of every table, as text. */
  async function everything(): Promise<Map<string, string>> {
    const tables = await plain.query<{ name: string }>(
      sql`select tablename as name from pg_tables where schemaname = 'public' order by 1`,
    )
    const texts = new Map<string, string>()
    for (const { name } of tables) {
      const rows = await plain.query<{ row: string }>(
        sql`select t::text as row from ${sql.identifier(name)} t`,
      )
      texts.set(name, rows.map(({ row }) => row).join('\n'))
    }
    return texts
  }

  async function tablesThatTell(secrets: readonly string[]): Promise<string[]> {
    return [...(await everything())].flatMap(([table, rows]) =>
      secrets.some((secret) => rows.includes(secret)) ? [table] : [],
    )
  }

  async function codeOf(work: Promise<unknown>): Promise<string> {
    return work.then(
      () => 'none',
      (error: { code?: string }) => error.code ?? String(error),
    )
  }

  function recovered(journal: Journal) {
    return recover({
      store: journal.store,
      node: journal.node,
      spool: journal.spool,
      live: journal.live,
      tracker: journal.tracker,
      tables: journal.tables,
      policyFor: testPolicies(),
      onEffects: (effects) => journal.onEffects(effects),
      logger: journal.logger,
      clock: () => new Date(),
    })
  }

  it('leaves neither text nor number in any table', async () => {
    const journal = await running(FIRST)
    await fill(journal)
    await journal.spool.write(accepted(testMessage({ text: TEXT, to: NUMBER })))
    expect(await tablesThatTell(SECRETS)).toEqual([])
    expect(await tablesThatTell(['enc:v1:k1:'])).toEqual([
      'idempotency_keys',
      'journal',
      'journal_refused',
      'messages',
      'outbox',
      'receipts',
    ])
  })

  it('is what hides them: without it they are there', async () => {
    const journal = await running(NO_CIPHER)
    await fill(journal)
    await journal.spool.write(accepted(testMessage({ text: TEXT, to: NUMBER })))
    expect(await tablesThatTell(SECRETS)).toEqual([
      'idempotency_keys',
      'journal',
      'journal_refused',
      'messages',
      'outbox',
      'receipts',
    ])
    expect(await tablesThatTell(['enc:'])).toEqual([])
  })

  it('gives back what was stored', async () => {
    const journal = await running(FIRST)
    const { store } = journal
    const [message, passedOn] = (await fill(journal)) as [Message, Message]
    const loaded = await loadMessages(store, [message.id, passedOn.id])
    expect(loaded.map((stored) => stored.message)).toMatchObject([
      { to: NUMBER, text: TEXT, raw: null },
      {
        to: NUMBER,
        text: '',
        raw: { octets: OCTETS, dataCoding: 4 },
        passThrough: { tlvs: [{ tag: 0x0381, value: Buffer.from(NUMBER) }] },
        mail: MAIL,
        fallback: FALLBACK,
      },
    ])
    const archive = new Archive(store, journal.live, journal.tables)
    expect(await archive.find(TENANT, message.id)).toMatchObject({
      message: { to_number: NUMBER, body: TEXT },
    })
    const [telling] = await readDue(store, 'partner:acme', new Date(), 10)
    expect(telling?.payload).toMatchObject({ messageId: message.id, to: NUMBER })
    const [orphan] = await loadOrphans(store, new Date(0), 10)
    expect(orphan).toMatchObject({ rawText: `text:${TEXT}`, about })
    const keys = new IdempotencyKeys({ store, live: journal.live, clock: () => new Date() })
    const answer = await keys.once(CALL, () => Promise.reject(new Error('it ran again')))
    expect(answer).toMatchObject({ status: 202, isReplayed: true })
    expect(JSON.parse(answer.body)).toEqual({ to: NUMBER })
  })

  it('opens the journal of the last run at the next start', async () => {
    const first = await running(FIRST)
    const message = testMessage({ text: TEXT, to: NUMBER })
    await first.spool.write(accepted(message))
    expect(await tablesThatTell(['enc:v1:k1:'])).toEqual(['journal'])

    const second = new Journal(under(BOTH), { node: 'second', gatherMs: NEVER_MS })
    journals.push(second)
    expect(await recovered(second)).toEqual({ queued: 1, uncertain: 0 })
    expect((await loadMessages(under(SECOND), [message.id]))[0]?.message).toMatchObject({
      to: NUMBER,
      text: TEXT,
    })
  })

  it('does not start without the key of the journal', async () => {
    const first = await running(FIRST)
    await first.spool.write(accepted(testMessage({ text: TEXT })))
    for (const [cipher, code] of [
      [SECOND, 'encryption_key_unknown'],
      [NO_CIPHER, 'encryption_key_unknown'],
      [createCipher([{ id: 'k1', key: TWO.key }], 'k1'), 'decryption_failed'],
    ] as const) {
      const next = new Journal(under(cipher), { node: `under ${code}`, gatherMs: NEVER_MS })
      expect(await codeOf(recovered(next))).toBe(code)
    }
  })

  it('finds messages by number, whatever they were sealed with', async () => {
    const sealed: Message[] = []
    for (const [node, cipher] of [NO_CIPHER, FIRST, BOTH].entries()) {
      const journal = await running(cipher, String(node))
      const message = testMessage({ to: NUMBER })
      await journal.write(accepted(message), accepted(testMessage({ to: '+447700900124' })))
      sealed.push(message)
    }
    const { live, tables } = await running(BOTH, 'reader')
    const archive = new Archive(under(BOTH), live, tables)
    const found = await archive.list(TENANT, { to: NUMBER, limit: 10 })
    expect(found.map(({ id }) => id)).toEqual(sealed.map(({ id }) => id).reverse())
    expect(found.map(({ to_number }) => to_number)).toEqual([NUMBER, NUMBER, NUMBER])
  })

  it('finds the message that a receipt without a known id may belong to', async () => {
    const journal = await running(FIRST)
    const message = testMessage({ to: NUMBER })
    const answers = [{ ...ids('x')[0], state: 'uncertain' as const, matchKey: null }]
    await journal.write(
      accepted(message),
      submitting(message),
      moved(message, 'sending', { answers: answers as ReturnType<typeof ids> }),
    )
    const [one, other] = [DIGITS, '447700900999'].map((recipient) =>
      receipt('unknown', 'DELIVERED', { about: { ...about, recipient } }),
    ) as [ReceiptEntry, ReceiptEntry]
    expect(await findUncertain(under(FIRST), [one])).toEqual([message.id])
    expect(await findUncertain(under(FIRST), [other])).toEqual([])
  })

  describe('keys', () => {
    it('that are gone or wrong stop the start, and say which', async () => {
      await checkEncryptionKeys(under(FIRST))
      await checkEncryptionKeys(under(FIRST))
      await checkEncryptionKeys(under(BOTH))
      for (const cipher of [NO_CIPHER, createCipher([ONE], undefined), SECOND]) {
        expect(await codeOf(checkEncryptionKeys(under(cipher)))).toBe('encryption_key_missing')
      }
      const wrong = createCipher([{ id: 'k1', key: Buffer.alloc(32, 9) }, TWO], 'k2')
      await expect(checkEncryptionKeys(under(wrong))).rejects.toMatchObject({
        code: 'encryption_key_wrong',
        message: expect.stringContaining('"k1"'),
      })
    })

    it('rotate: afterwards the old one may go, and everything opens', async () => {
      await checkEncryptionKeys(under(FIRST))
      const clear = await running(NO_CIPHER, 'clear')
      const early = testMessage({ text: TEXT, to: NUMBER })
      await clear.write(accepted(early))
      const journal = await running(FIRST)
      const [message, passedOn] = (await fill(journal)) as [Message, Message]
      const waiting = testMessage({ text: TEXT, to: NUMBER })
      await journal.spool.write(accepted(waiting))

      await checkEncryptionKeys(under(BOTH))
      const { rows, unreadable } = await reseal(under(BOTH), async () => false)
      expect(rows).toBe(3 + 1 + 1 + 1 + 1 + 1)
      expect(unreadable).toBe(0)
      expect(await tablesThatTell([...SECRETS, 'k1:'])).toEqual([])

      await checkEncryptionKeys(under(SECOND))
      expect(await isResealingDue(under(SECOND))).toBe(false)
      expect(await reseal(under(SECOND), async () => false)).toEqual({ rows: 0, unreadable: 0 })
      const loaded = await loadMessages(under(SECOND), [early.id, message.id, passedOn.id])
      expect(loaded.map((stored) => stored.message)).toMatchObject([
        { to: NUMBER, text: TEXT },
        { to: NUMBER, text: TEXT },
        { to: NUMBER, raw: { octets: OCTETS }, passThrough: { tlvs: [{ tag: 0x0381 }] } },
      ])
      const [telling] = await readDue(under(SECOND), 'partner:acme', new Date(), 10)
      expect(telling?.payload).toMatchObject({ to: NUMBER })
      expect(await loadOrphans(under(SECOND), new Date(0), 10)).toMatchObject([{ about }])
      const next = new Journal(under(SECOND), { node: 'next', gatherMs: NEVER_MS })
      journals.push(next)
      await recovered(next)
      expect(await loadMessages(under(SECOND), [waiting.id])).toMatchObject([
        { message: { text: TEXT } },
      ])
      const archive = new Archive(under(SECOND), next.live, next.tables)
      expect(await archive.list(TENANT, { to: NUMBER, limit: 10 })).toHaveLength(4)
    })

    it('may be given up: everything is in the clear again', async () => {
      await checkEncryptionKeys(under(FIRST))
      const [message, passedOn] = await fill(await running(FIRST))
      const reading = under(createCipher([ONE], undefined))
      await checkEncryptionKeys(reading)
      await reseal(reading, async () => false)
      expect(await tablesThatTell(['enc:', '"sealed"'])).toEqual([])
      await checkEncryptionKeys(plain)
      expect(await messageRow(plain, message as Message)).toMatchObject({
        to_number: NUMBER,
        to_fingerprint: null,
        body: TEXT,
      })
      expect(await loadMessages(plain, [passedOn?.id as string])).toMatchObject([
        {
          message: {
            raw: { octets: OCTETS },
            passThrough: { tlvs: [{ tag: 0x0381 }] },
            mail: MAIL,
            fallback: FALLBACK,
          },
        },
      ])
    })

    it('stay in use when a rotation is stopped before its end', async () => {
      await checkEncryptionKeys(under(FIRST))
      const journal = await running(FIRST)
      const messages = Array.from({ length: 501 }, () => testMessage())
      await journal.batch(...messages.map(accepted))
      await checkEncryptionKeys(under(BOTH))
      expect(await reseal(under(BOTH), async () => true)).toEqual({ rows: 500, unreadable: 0 })
      expect(await isResealingDue(under(BOTH))).toBe(true)
      expect(await codeOf(checkEncryptionKeys(under(SECOND)))).toBe('encryption_key_missing')
      expect(await reseal(under(BOTH), async () => false)).toEqual({ rows: 1, unreadable: 0 })
      await checkEncryptionKeys(under(SECOND))
    })
  })

  describe('a damaged row', () => {
    it('ends as failed and does not hold up the others', async () => {
      const journal = await running(FIRST)
      const [good, bad] = [testMessage({ text: TEXT }), testMessage({ text: TEXT })]
      await journal.write(accepted(good), accepted(bad))
      await plain.query(sql`update messages set body = 'enc:v1:k1:AAAA' where id = ${bad.id}`)
      await plain.query(sql`update messages set lease_node = null`)
      const backlog = { carrier: 'alpha', trafficClass: 'transactional', tenantId: TENANT } as const
      const claimed = await claimBacklog(claimerOf(journal), backlog, 10)
      expect(claimed.map((stored) => stored.message.id)).toEqual([good.id])
      await journal.settled()
      expect(await messageRow(plain, bad)).toMatchObject({
        status: 'failed',
        error_code: 'decryption_failed',
        lease_node: null,
      })
      expect((await eventRows(plain, bad)).at(-1)).toMatchObject({
        type: 'failed',
        code: 'decryption_failed',
      })
      const archive = new Archive(under(FIRST), journal.live, journal.tables)
      const listed = await archive.list(TENANT, { limit: 10 })
      expect(listed.map(({ body }) => body)).toEqual(['', TEXT])
    })

    const at = new Date()
    const soon = new Date(at.getTime() + 1_000)
    const longAgo = new Date(at.getTime() - 30 * 24 * 3_600_000)
    const backlog = { carrier: 'alpha', trafficClass: 'transactional', tenantId: TENANT } as const
    const ofBacklog = (claimer: Claimer) => claimBacklog(claimer, backlog, 10)
    const due = (claimer: Claimer) => claimDue(claimer, soon, 10)
    const overdue = (claimer: Claimer) => claimOverdue(claimer, soon, 10)
    const taken = { answers: ids('a'), deadlineAt: at }

    it.each<{
      what: string
      life: (message: Message) => JournalEntry[]
      more?: Partial<Message>
      claim: (claimer: Claimer) => Promise<unknown[]>
      status: string
      code: string | null
      money: string[]
    }>([
      {
        what: 'waits for its carrier',
        life: () => [],
        claim: ofBacklog,
        status: 'failed',
        code: 'decryption_failed',
        money: ['reserve', 'release'],
      },
      {
        what: 'is to be sent now',
        life: () => [],
        more: { status: 'scheduled', dueAt: at },
        claim: due,
        status: 'failed',
        code: 'decryption_failed',
        money: ['reserve', 'release'],
      },
      {
        what: 'no carrier has taken in time',
        life: () => [],
        more: { deadlineAt: at },
        claim: overdue,
        status: 'failed',
        code: 'decryption_failed',
        money: ['reserve', 'release'],
      },
      {
        what: 'has no receipt in time',
        life: (message) => [
          submitting(message, { at: message.createdAt }),
          moved(message, 'sent', taken),
        ],
        more: { createdAt: longAgo },
        claim: overdue,
        status: 'unconfirmed',
        code: 'receipt_missing',
        money: ['reserve', 'cost', 'settle'],
      },
      {
        what: 'its carrier was to be asked again, which it has refused',
        life: (message) => [
          submitting(message),
          moved(message, 'sending', {
            answers: ids('a').map((answer) => ({ ...answer, state: 'refused', matchKey: null })),
            deadlineAt: at,
          }),
        ],
        claim: overdue,
        status: 'failed',
        code: 'decryption_failed',
        money: ['reserve', 'release'],
      },
      {
        what: 'an earlier carrier has while it waits for the next',
        life: (message) => [
          submitting(message),
          moved(message, 'sent', taken),
          moved(message, 'queued', { errorCode: 'receipt_missing' }),
        ],
        claim: ofBacklog,
        status: 'sent',
        code: 'decryption_failed',
        money: ['reserve', 'cost'],
      },
    ])('ends by its state, and so does its money: one that $what', async (row) => {
      const { life, more, claim, status, code, money } = row
      const first = await running(FIRST)
      const message = testMessage({ text: TEXT, charging: termsText(USUAL_TERMS), ...more })
      await first.write(accepted(message))
      for (const entry of life(message)) await first.write(entry)
      await plain.query(sql`update messages set lease_node = null`)
      const ledger = new Ledger()
      await ledger.load(plain, at)
      // The key that it was sealed with is not there any more.
      const next = await Journal.open(under(SECOND), { node: 'next', gatherMs: NEVER_MS, ledger })
      journals.push(next)
      expect(await claim(claimerOf(next))).toEqual([])
      await next.settled()
      const ended = await messageRow(plain, message)
      expect(ended).toMatchObject({ status, error_code: code, lease_node: null })
      expect(ended.body).toContain('enc:v1:k1:')
      const lines = await plain.query<{ kind: string }>(
        sql`select kind from ledger order by batch, line`,
      )
      expect(lines.map(({ kind }) => kind)).toEqual(money)
      expect(await checkMessages(plain)).toEqual({ messages: 1, fault: undefined })
      expect((await checkLedger(plain)).faults).toEqual([])
      const start = new Ledger()
      await start.load(plain, at)
      expect(ledger.accounts.standings(TENANT)).toEqual(start.accounts.standings(TENANT))
    })

    it('of the outbox is given up and does not hold up the others', async () => {
      const journal = await running(FIRST)
      for (const id of ['a', 'b']) {
        const message = partnerMessage({ text: TEXT })
        await journal.sent(message, id)
        await journal.write(receipt(id, 'DELIVERED'))
      }
      const [first] = await outboxRows(plain)
      await plain.query(
        sql`update outbox set payload = '{"sealed":"enc:v1:k1:AAAA"}' where id = ${first?.id}`,
      )
      const due = await readDue(under(FIRST), 'partner:acme', new Date(), 10)
      expect(due).toHaveLength(1)
      expect((await outboxRows(plain)).map(({ state }) => state)).toEqual(['dead', 'waiting'])
    })
  })

  it('an error of the database does not tell what was to be stored', async () => {
    const error = await plain
      .query(sql`insert into no_such_table values (${uuidv7()}, ${TEXT})`)
      .catch((thrown: unknown) => thrown)
    expect(messageOf(error)).toContain('no_such_table')
    expect(messageOf(error)).not.toContain('493021')
  })
})
