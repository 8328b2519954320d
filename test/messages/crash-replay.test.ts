import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { uuidv7 } from 'uuidv7'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Ledger } from '../../src/billing/ledger.ts'
import { UsageRollUp } from '../../src/billing/usage-roll-up.ts'
import { termsText, USUAL_TERMS } from '../../src/core/charging.ts'
import type { JournalEntry } from '../../src/messages/journal.ts'
import type { Message } from '../../src/messages/message.ts'
import { recover } from '../../src/messages/recovery.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { usageDifferences } from '../support/usage-check.ts'
import {
  accepted,
  ids,
  Journal,
  moved,
  partnerMessage,
  receipt,
  replaced,
  submitting,
} from './builders.ts'
import { testPolicies } from './harness.ts'

const NEVER_MS = 3_600_000
const CHARGING = termsText({ ...USUAL_TERMS, taxPpm: 190_000 })

const HAPPENINGS = [
  'submit',
  'submit',
  'answer',
  'answer',
  'silence',
  'refusal',
  'resend',
  'resend',
  'return',
  'end',
  'receipt',
  'receipt',
  'receipt',
  'late',
  'early',
  'told',
  'replace',
] as const

/** One thing that happens to one of two messages. */
interface Happening {
  readonly whose: 0 | 1
  readonly what: (typeof HAPPENINGS)[number]
  readonly state: string
  readonly segment: 1 | 2
  /** Failure rules are asked before a receipt ends a message as lost. */
  readonly asks: boolean
}

const happening: fc.Arbitrary<Happening> = fc.record({
  whose: fc.constantFrom(0, 1),
  what: fc.constantFrom(...HAPPENINGS),
  state: fc.constantFrom('DELIVERED', 'DELIVERED', 'UNDELIVERABLE', 'ENROUTE'),
  segment: fc.constantFrom(1, 2),
  asks: fc.boolean(),
})

/** The same life each time it is asked for, one second a commit. */
class Life {
  readonly start = new Date(Date.now() - 3_600_000)
  readonly now = new Date()
  readonly #happenings: readonly Happening[]
  readonly #ids: readonly string[]

  constructor(happenings: readonly Happening[]) {
    this.#happenings = happenings
    this.#ids = Array.from({ length: happenings.length + 2 }, () => uuidv7())
  }

  commits(): JournalEntry[] {
    const messages = [0, 1].map((index) =>
      partnerMessage({
        id: this.#ids[index] ?? '',
        createdAt: this.start,
        segments: index + 1,
        priceMicros: BigInt(index + 1) * 30_000n,
        charging: CHARGING,
        template: { id: `template-${index}`, variables: {} },
      }),
    )
    const attempts = [0, 0]
    return [
      ...messages.map(accepted),
      ...this.#happenings.map((each, index) => {
        const at = new Date(this.start.getTime() + (index + 1) * 1_000)
        const message = messages[each.whose] as Message
        // What a carrier has been asked to send is replaced no more.
        const isLate = each.what === 'replace' && (attempts[each.whose] ?? 0) > 0
        const next = isLate ? { ...each, what: 'told' as const } : each
        if (each.what === 'submit') attempts[each.whose] = (attempts[each.whose] ?? 0) + 1
        return entryOf(next, message, attempts[each.whose] ?? 0, at, this.#ids[index + 2] ?? '')
      }),
    ]
  }
}

function entryOf(
  { what, state, segment, asks }: Happening,
  message: Message,
  attempt: number,
  at: Date,
  id: string,
): JournalEntry {
  const names = Array.from({ length: message.segments }, (_, n) => `${message.id}-${attempt}-${n}`)
  const none = { carrierMessageId: null, matchKey: null, code: null, rawCode: null }
  const answers = (what: 'uncertain' | 'refused') =>
    names.map((_, n) => ({ ...none, segment: n + 1, state: what }))
  const asking = asks ? { asksRules: true, rawError: String(segment) } : {}
  const common = { at, attempt, carrier: 'alpha', deadlineAt: message.expiresAt }
  switch (what) {
    case 'submit':
      return submitting(message, { at, attempt, carrier: 'alpha', deadlineAt: message.expiresAt })
    case 'answer':
      return moved(message, 'sent', { ...common, answers: ids(...names) })
    case 'silence':
      return moved(message, 'sending', { ...common, answers: answers('uncertain') })
    case 'refusal':
      return moved(message, 'queued', { ...common, answers: answers('refused'), failures: attempt })
    case 'resend':
      return moved(message, 'queued', {
        ...common,
        errorCode: 'receipt_missing',
        cost: { micros: BigInt(attempt) * 7n, currency: 'USD', deckVersion: attempt },
      })
    case 'return': {
      const cost = { micros: 5n, currency: 'EUR', deckVersion: 9 }
      return moved(message, 'sent', { ...common, answers: answers('refused'), cost })
    }
    case 'replace':
      return replaced(message, { at, text: state })
    case 'late':
      return receipt(`${message.id}-${attempt - 1}-0`, state, { id, receivedAt: at, ...asking })
    case 'end':
      return moved(message, 'unconfirmed', { ...common, deadLetter: 'receipt_missing' })
    case 'receipt':
      return receipt(names[segment - 1] ?? names[0] ?? '', state, { id, receivedAt: at, ...asking })
    case 'early':
      return receipt(`${message.id}-${attempt + 1}-0`, state, { id, receivedAt: at, ...asking })
    case 'told':
      return {
        kind: 'told',
        telling: { id: `${message.id}_2_p`, recipient: 'partner:acme', tries: 0 },
        outcome: {
          try: { at, statusCode: null, durationMs: 1, error: null },
          fate: { kind: 'later', at: new Date(at.getTime() + 60_000) },
        },
      }
  }
}

describe.each(testDatabases())('a crash on $name', ({ open }) => {
  let store: Store
  const journals: Journal[] = []

  beforeAll(async () => {
    store = await open()
  })
  afterEach(async () => {
    for (const journal of journals.splice(0)) await journal.close()
    await truncate(store)
  })
  afterAll(() => store.close())

  function keep(journal: Journal): Journal {
    journals.push(journal)
    return journal
  }

  /** All that the tables say, the journal aside: an entry that changes nothing may stay there. */
  async function tables() {
    const [messages, attempts, events, outbox, receipts] = await Promise.all([
      store.query(sql`select * from messages order by id`),
      store.query(sql`select * from attempts order by message_id, attempt, segment`),
      store.query(sql`
        select e.message_id, line::text as line
        from events e cross join json_array_elements(e.lines) line
        order by e.message_id, line->>'at', line::text`),
      store.query(sql`select * from outbox order by id`),
      store.query(sql`select * from receipts order by id`),
    ])
    return { messages, attempts, events, outbox, receipts }
  }

  /**
   * A run that ends after `end` commits, `saved` of which are in the tables; then a start, and the
   * rest of the life. What the tables say after the start, and at the end.
   */
  async function runs(life: Life, saved: number, end: number) {
    const commits = life.commits()
    const first = keep(await Journal.open(store, { node: 'first', gatherMs: NEVER_MS }))
    await first.write(...commits.slice(0, saved))
    for (const entry of commits.slice(saved, end)) {
      await first.spool.write(entry)
      await first.matcher.settled()
    }
    const ledger = new Ledger()
    await ledger.load(store, new Date())
    const next = keep(new Journal(store, { node: 'next', gatherMs: NEVER_MS, ledger }))
    await recover({
      store,
      node: 'next',
      spool: next.spool,
      live: next.live,
      tracker: next.tracker,
      tables: next.tables,
      policyFor: testPolicies(),
      onEffects: (effects) => next.onEffects(effects),
      logger: next.logger,
      clock: () => life.now,
    })
    await next.settled()
    const afterStart = await tables()
    for (const entry of commits.slice(end)) await next.write(entry)
    const atEnd = await tables()
    if (end % 2 === 0) await new UsageRollUp({ store, logger: next.logger }).run()
    const differences = await usageDifferences(store)
    const complaints = next.logger.lines.filter(([level]) => level === 'error')
    for (const journal of journals.splice(0)) await journal.close()
    await truncate(store)
    return { afterStart, atEnd, complaints, differences }
  }

  it('at any commit leaves nothing out and does nothing twice', async () => {
    const scenario = fc.array(happening, { minLength: 2, maxLength: 12 }).chain((happenings) =>
      fc.record({
        happenings: fc.constant(happenings),
        end: fc.integer({ min: 1, max: happenings.length + 2 }),
        saved: fc.nat({ max: happenings.length + 2 }),
      }),
    )
    await fc.assert(
      fc.asyncProperty(scenario, async ({ happenings, end, saved }) => {
        const life = new Life(happenings)
        const uncut = await runs(life, end, end)
        expect(uncut.differences).toEqual([])
        expect(await runs(life, Math.min(saved, end), end)).toEqual(uncut)
      }),
      { numRuns: 25 },
    )
  }, 120_000)
})
