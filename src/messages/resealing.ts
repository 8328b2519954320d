import { type SQL, sql } from 'drizzle-orm'
import { inIssuedKey } from '../accounts/issued-key.ts'
import { inCallback } from '../callbacks/stored-callback.ts'
import { FIRST_ID } from '../core/id.ts'
import { unnest } from '../store/batch.ts'
import type { Cipher, SealContext } from '../store/cipher.ts'
import { isResealingDue, noteResealed } from '../store/key-check.ts'
import type { Store } from '../store/open.ts'
import {
  IN_JOURNAL,
  inAnswer,
  inConfigVersion,
  inInbound,
  inInboundPart,
  inMessage,
  inOutbox,
  inReceipt,
  inRefused,
  inWebhook,
  isUnreadable,
  resealJson,
  resealOctets,
  type StoredJson,
} from './sealing.ts'

/** What a {@link reseal} has done. */
export interface Resealed {
  /** Rows that were sealed anew. */
  readonly rows: number
  /** Rows that are damaged: no key opens them. */
  readonly unreadable: number
}

/** One table that has sealed columns. */
interface SealedTable<Row> {
  readonly firstPlace: readonly string[]
  /** Rows in one batch. */
  readonly page: number
  /** Rows after a place, in order. */
  readonly read: (place: readonly string[], limit: number) => SQL
  readonly placeOf: (row: Row) => readonly string[]
  /** The row in its new form; undefined when it has it already. */
  readonly anew: (row: Row, cipher: Cipher) => Row | undefined
  /** Writes rows that have not changed since they were read. */
  readonly write: (changes: readonly { readonly old: Row; readonly anew: Row }[]) => SQL
}

interface Change<Row> {
  readonly old: Row
  readonly anew: Row
}

/**
 * Seals everything stored anew where another key than the active one, or none, has been used; where
 * there is no active key, writes it in the clear. Afterwards the other keys may leave the
 * configuration.
 *
 * Goes through the tables in small batches, beside the traffic. Does nothing when nothing is due.
 *
 * @param pause - awaited between batches; true stops before the end, and the next call starts anew
 */
export async function reseal(store: Store, pause: () => Promise<boolean>): Promise<Resealed> {
  const total = { rows: 0, unreadable: 0 }
  if (!(await isResealingDue(store))) return total
  // What is written meanwhile has the active key. Text moves from the journal to the other tables.
  const runs = [
    () => resealTable(store, JOURNAL, pause, total),
    () => resealTable(store, MESSAGES, pause, total),
    () => resealTable(store, OUTBOX, pause, total),
    () => resealTable(store, INBOUND, pause, total),
    () => resealTable(store, INBOUND_PARTS, pause, total),
    () => resealTable(store, RECEIPTS, pause, total),
    () => resealTable(store, ANSWERS, pause, total),
    () => resealTable(store, REFUSED, pause, total),
    () => resealTable(store, CONFIG_VERSIONS, pause, total),
    () => resealTable(store, ISSUED_KEYS, pause, total),
    () => resealTable(store, CALLBACKS, pause, total),
    () => resealTable(store, WEBHOOKS, pause, total),
  ]
  for (const run of runs) {
    if (!(await run())) return total
  }
  await noteResealed(store)
  return total
}

/** False when it was stopped. */
async function resealTable<Row extends object>(
  store: Store,
  table: SealedTable<Row>,
  pause: () => Promise<boolean>,
  total: { rows: number; unreadable: number },
): Promise<boolean> {
  let place = table.firstPlace
  for (;;) {
    const rows = await store.query<Row>(table.read(place, table.page))
    const changes: Change<Row>[] = []
    for (const old of rows) {
      try {
        const anew = table.anew(old, store.cipher)
        if (anew) changes.push({ old, anew })
      } catch (error) {
        if (!isUnreadable(error)) throw error
        total.unreadable++
      }
    }
    if (changes.length > 0) await store.query(table.write(changes))
    total.rows += changes.length
    const last = rows.at(-1)
    if (!last || rows.length < table.page) return true
    place = table.placeOf(last)
    if (await pause()) return false
  }
}

interface JournalRow {
  readonly node: string
  readonly seq: string
  readonly entries: string
}

const JOURNAL: SealedTable<JournalRow> = {
  firstPlace: ['', '0'],
  page: 20,
  read: ([node, seq], limit) => sql`
    select node, seq::text as seq, entries from journal
    where (node, seq) > (${node}::text, ${seq}::text::int8)
    order by node, seq limit ${limit}`,
  placeOf: ({ node, seq }) => [node, seq],
  anew: (row, cipher) => {
    const entries = cipher.reseal(row.entries, IN_JOURNAL)
    return entries === undefined ? undefined : { ...row, entries }
  },
  write: (changes) => sql`
    update journal j set entries = v.entries
    from ${unnest<Change<JournalRow>>(
      'v',
      {
        node: ['text', ({ anew }) => anew.node],
        seq: ['int8', ({ anew }) => anew.seq],
        entries: ['text', ({ anew }) => anew.entries],
      },
      changes,
    )}
    where j.node = v.node and j.seq = v.seq`,
}

interface MessageRow {
  readonly id: string
  readonly tenant_id: string
  readonly to_number: string
  readonly to_fingerprint: string | null
  readonly body: string
  readonly template: string | null
  readonly mail: string | null
  readonly fallback: string | null
  readonly octets: Uint8Array | null
  readonly pass_through: string | null
}

const MESSAGES: SealedTable<MessageRow> = {
  firstPlace: [FIRST_ID],
  page: 500,
  read: ([id], limit) => sql`
    select id, tenant_id, to_number, to_fingerprint, body, template, mail, fallback, octets, pass_through
    from messages
    where id > ${id}::text::uuid order by id limit ${limit}`,
  placeOf: ({ id }) => [id],
  anew: (row, cipher) => {
    const { id, tenant_id: tenantId } = row
    const inNumber = inMessage('to_number', tenantId, id)
    const to = cipher.reseal(row.to_number, inNumber)
    const body = cipher.reseal(row.body, inMessage('body', tenantId, id))
    const template =
      row.template === null
        ? undefined
        : cipher.reseal(row.template, inMessage('template', tenantId, id))
    const mail =
      row.mail === null ? undefined : cipher.reseal(row.mail, inMessage('mail', tenantId, id))
    const fallback =
      row.fallback === null
        ? undefined
        : cipher.reseal(row.fallback, inMessage('fallback', tenantId, id))
    const octets = row.octets
      ? resealOctets(cipher, row.octets, inMessage('octets', tenantId, id))
      : undefined
    const passThrough =
      row.pass_through === null
        ? undefined
        : cipher.reseal(row.pass_through, inMessage('pass_through', tenantId, id))
    if (
      [to, body, template, mail, fallback, octets, passThrough].every((anew) => anew === undefined)
    )
      return undefined
    const number = cipher.open(row.to_number, inNumber)
    return {
      ...row,
      to_number: to ?? row.to_number,
      to_fingerprint: cipher.activeKeyId === undefined ? null : cipher.fingerprint(number),
      body: body ?? row.body,
      template: template ?? row.template,
      mail: mail ?? row.mail,
      fallback: fallback ?? row.fallback,
      octets: octets ?? row.octets,
      pass_through: passThrough ?? row.pass_through,
    }
  },
  write: (changes) => sql`
    update messages m
    set to_number = v.to_number, to_fingerprint = v.to_fingerprint, body = v.body,
      template = v.template, mail = v.mail, fallback = v.fallback,
      octets = v.octets, pass_through = v.pass_through
    from ${unnest<Change<MessageRow>>(
      'v',
      {
        id: ['uuid', ({ anew }) => anew.id],
        to_number: ['text', ({ anew }) => anew.to_number],
        to_fingerprint: ['text', ({ anew }) => anew.to_fingerprint],
        body: ['text', ({ anew }) => anew.body],
        template: ['text', ({ anew }) => anew.template],
        mail: ['text', ({ anew }) => anew.mail],
        fallback: ['text', ({ anew }) => anew.fallback],
        octets: ['bytea', ({ anew }) => anew.octets && Buffer.from(anew.octets)],
        pass_through: ['text', ({ anew }) => anew.pass_through],
        old_body: ['text', ({ old }) => old.body],
      },
      changes,
    )}
    where m.id = v.id and m.body = v.old_body`,
}

interface OutboxRow {
  readonly id: string
  readonly tenant_id: string
  readonly payload: StoredJson<object>
}

const OUTBOX: SealedTable<OutboxRow> = {
  firstPlace: [''],
  page: 500,
  read: ([id], limit) => sql`
    select id, tenant_id, payload from outbox where id > ${id}::text order by id limit ${limit}`,
  placeOf: ({ id }) => [id],
  anew: (row, cipher) => {
    const payload = resealJson(cipher, row.payload, inOutbox(row.tenant_id, row.id))
    return payload === undefined ? undefined : { ...row, payload }
  },
  write: (changes) => sql`
    update outbox o set payload = v.payload
    from ${unnest<Change<OutboxRow>>(
      'v',
      { id: ['text', ({ anew }) => anew.id], payload: ['jsonb', ({ anew }) => anew.payload] },
      changes,
    )}
    where o.id = v.id`,
}

interface InboundRow {
  readonly id: string
  readonly from_number: string
  readonly from_fingerprint: string | null
  readonly body: string
  readonly pdus: string
}

const INBOUND: SealedTable<InboundRow> = {
  firstPlace: [FIRST_ID],
  page: 500,
  read: ([id], limit) => sql`
    select id, from_number, from_fingerprint, body, pdus from inbound_messages
    where id > ${id}::text::uuid order by id limit ${limit}`,
  placeOf: ({ id }) => [id],
  anew: (row, cipher) => {
    const inNumber = inInbound('from_number', row.id)
    const from = cipher.reseal(row.from_number, inNumber)
    const body = cipher.reseal(row.body, inInbound('body', row.id))
    const pdus = cipher.reseal(row.pdus, inInbound('pdus', row.id))
    if ([from, body, pdus].every((anew) => anew === undefined)) return undefined
    const number = cipher.open(row.from_number, inNumber)
    return {
      ...row,
      from_number: from ?? row.from_number,
      from_fingerprint: cipher.activeKeyId === undefined ? null : cipher.fingerprint(number),
      body: body ?? row.body,
      pdus: pdus ?? row.pdus,
    }
  },
  write: (changes) => sql`
    update inbound_messages m
    set from_number = v.from_number, from_fingerprint = v.from_fingerprint, body = v.body,
      pdus = v.pdus
    from ${unnest<Change<InboundRow>>(
      'v',
      {
        id: ['uuid', ({ anew }) => anew.id],
        from_number: ['text', ({ anew }) => anew.from_number],
        from_fingerprint: ['text', ({ anew }) => anew.from_fingerprint],
        body: ['text', ({ anew }) => anew.body],
        pdus: ['text', ({ anew }) => anew.pdus],
        old_body: ['text', ({ old }) => old.body],
      },
      changes,
    )}
    where m.id = v.id and m.body = v.old_body`,
}

interface InboundPartRow {
  readonly group_id: string
  readonly sequence: number
  readonly part: string
}

const INBOUND_PARTS: SealedTable<InboundPartRow> = {
  firstPlace: [FIRST_ID, '0'],
  page: 500,
  read: ([id, sequence], limit) => sql`
    select group_id, sequence, part from inbound_parts
    where (group_id, sequence) > (${id}::text::uuid, ${sequence}::text::int2)
    order by group_id, sequence limit ${limit}`,
  placeOf: ({ group_id: id, sequence }) => [id, String(sequence)],
  anew: (row, cipher) => {
    const part = cipher.reseal(row.part, inInboundPart(row.group_id, row.sequence))
    return part === undefined ? undefined : { ...row, part }
  },
  write: (changes) => sql`
    update inbound_parts p set part = v.part
    from ${unnest<Change<InboundPartRow>>(
      'v',
      {
        group_id: ['uuid', ({ anew }) => anew.group_id],
        sequence: ['int2', ({ anew }) => anew.sequence],
        part: ['text', ({ anew }) => anew.part],
      },
      changes,
    )}
    where p.group_id = v.group_id and p.sequence = v.sequence`,
}

interface ReceiptRow {
  readonly id: string
  readonly raw_text: string
  readonly about: StoredJson<object> | null
}

const RECEIPTS: SealedTable<ReceiptRow> = {
  firstPlace: [FIRST_ID],
  page: 500,
  read: ([id], limit) => sql`
    select id, raw_text, about from receipts
    where id > ${id}::text::uuid order by id limit ${limit}`,
  placeOf: ({ id }) => [id],
  anew: (row, cipher) => {
    const text = cipher.reseal(row.raw_text, inReceipt('raw_text', row.id))
    const about = row.about ? resealJson(cipher, row.about, inReceipt('about', row.id)) : undefined
    if (text === undefined && about === undefined) return undefined
    return { ...row, raw_text: text ?? row.raw_text, about: about ?? row.about }
  },
  write: (changes) => sql`
    update receipts r set raw_text = v.raw_text, about = v.about
    from ${unnest<Change<ReceiptRow>>(
      'v',
      {
        id: ['uuid', ({ anew }) => anew.id],
        raw_text: ['text', ({ anew }) => anew.raw_text],
        about: ['jsonb', ({ anew }) => anew.about],
      },
      changes,
    )}
    where r.id = v.id`,
}

interface AnswerRow {
  readonly tenant_id: string
  readonly scope: string
  readonly key: string
  readonly fingerprint: string
  readonly body: string
}

const ANSWERS: SealedTable<AnswerRow> = {
  firstPlace: [FIRST_ID, '', ''],
  page: 500,
  read: ([tenant, scope, key], limit) => sql`
    select tenant_id, scope, key, fingerprint, body from idempotency_keys
    where (tenant_id, scope, key) > (${tenant}::text::uuid, ${scope}::text, ${key}::text)
    order by tenant_id, scope, key limit ${limit}`,
  placeOf: ({ tenant_id, scope, key }) => [tenant_id, scope, key],
  anew: (row, cipher) => {
    const call = { tenantId: row.tenant_id, scope: row.scope, key: row.key }
    const fingerprint = cipher.reseal(row.fingerprint, inAnswer('fingerprint', call))
    const body = cipher.reseal(row.body, inAnswer('body', call))
    if (fingerprint === undefined && body === undefined) return undefined
    return { ...row, fingerprint: fingerprint ?? row.fingerprint, body: body ?? row.body }
  },
  write: (changes) => sql`
    update idempotency_keys k set fingerprint = v.fingerprint, body = v.body
    from ${unnest<Change<AnswerRow>>(
      'v',
      {
        tenant_id: ['uuid', ({ anew }) => anew.tenant_id],
        scope: ['text', ({ anew }) => anew.scope],
        key: ['text', ({ anew }) => anew.key],
        fingerprint: ['text', ({ anew }) => anew.fingerprint],
        body: ['text', ({ anew }) => anew.body],
        old_body: ['text', ({ old }) => old.body],
      },
      changes,
    )}
    where k.tenant_id = v.tenant_id and k.scope = v.scope and k.key = v.key and k.body = v.old_body`,
}

interface RefusedRow {
  readonly id: string
  readonly entry: string
}

const REFUSED: SealedTable<RefusedRow> = {
  firstPlace: [FIRST_ID],
  page: 100,
  read: ([id], limit) => sql`
    select id, entry from journal_refused
    where id > ${id}::text::uuid order by id limit ${limit}`,
  placeOf: ({ id }) => [id],
  anew: (row, cipher) => {
    const entry = cipher.reseal(row.entry, inRefused(row.id))
    return entry === undefined ? undefined : { ...row, entry }
  },
  write: (changes) => sql`
    update journal_refused r set entry = v.entry
    from ${unnest<Change<RefusedRow>>(
      'v',
      { id: ['uuid', ({ anew }) => anew.id], entry: ['text', ({ anew }) => anew.entry] },
      changes,
    )}
    where r.id = v.id`,
}

interface ConfigVersionRow {
  readonly number: number
  readonly document: string
}

const CONFIG_VERSIONS: SealedTable<ConfigVersionRow> = {
  firstPlace: ['0'],
  page: 20,
  read: ([number], limit) => sql`
    select number, document from config_versions
    where number > ${number}::text::int4 order by number limit ${limit}`,
  placeOf: ({ number }) => [String(number)],
  anew: (row, cipher) => {
    const document = cipher.reseal(row.document, inConfigVersion(row.number))
    return document === undefined ? undefined : { ...row, document }
  },
  write: (changes) => sql`
    update config_versions c set document = v.document
    from ${unnest<Change<ConfigVersionRow>>(
      'v',
      {
        number: ['int4', ({ anew }) => anew.number],
        document: ['text', ({ anew }) => anew.document],
      },
      changes,
    )}
    where c.number = v.number`,
}

/** A secret, and the one before it while that is good. */
interface SecretsRow {
  readonly id: string
  readonly secret: string
  readonly previous_secret: string | null
}

function secretsAnew<Row extends SecretsRow>(
  row: Row,
  cipher: Cipher,
  context: SealContext,
): Row | undefined {
  const secret = cipher.reseal(row.secret, context)
  const previous =
    row.previous_secret === null ? undefined : cipher.reseal(row.previous_secret, context)
  if (secret === undefined && previous === undefined) return undefined
  return {
    ...row,
    secret: secret ?? row.secret,
    previous_secret: previous ?? row.previous_secret,
  }
}

function writeSecrets(table: SQL, changes: readonly Change<SecretsRow>[]): SQL {
  return sql`
    update ${table} t set secret = v.secret, previous_secret = v.previous_secret
    from ${unnest<Change<SecretsRow>>(
      'v',
      {
        id: ['uuid', ({ anew }) => anew.id],
        secret: ['text', ({ anew }) => anew.secret],
        previous_secret: ['text', ({ anew }) => anew.previous_secret],
        old_secret: ['text', ({ old }) => old.secret],
      },
      changes,
    )}
    where t.id = v.id and t.secret = v.old_secret`
}

const ISSUED_KEYS: SealedTable<SecretsRow> = {
  firstPlace: [FIRST_ID],
  page: 500,
  read: ([id], limit) => sql`
    select id, secret, previous_secret from issued_keys
    where id > ${id}::text::uuid and secret is not null order by id limit ${limit}`,
  placeOf: ({ id }) => [id],
  anew: (row, cipher) => secretsAnew(row, cipher, inIssuedKey(row.id)),
  write: (changes) => writeSecrets(sql`issued_keys`, changes),
}

interface CallbackRow {
  readonly id: string
  readonly request: string
}

const CALLBACKS: SealedTable<CallbackRow> = {
  firstPlace: [FIRST_ID],
  page: 100,
  read: ([id], limit) => sql`
    select id, request from provider_callbacks
    where id > ${id}::text::uuid order by id limit ${limit}`,
  placeOf: ({ id }) => [id],
  anew: (row, cipher) => {
    const request = cipher.reseal(row.request, inCallback(row.id))
    return request === undefined ? undefined : { ...row, request }
  },
  write: (changes) => sql`
    update provider_callbacks c set request = v.request
    from ${unnest<Change<CallbackRow>>(
      'v',
      { id: ['uuid', ({ anew }) => anew.id], request: ['text', ({ anew }) => anew.request] },
      changes,
    )}
    where c.id = v.id`,
}

interface WebhookRow extends SecretsRow {
  readonly tenant_id: string
}

const WEBHOOKS: SealedTable<WebhookRow> = {
  firstPlace: [FIRST_ID],
  page: 500,
  read: ([id], limit) => sql`
    select id, tenant_id, secret, previous_secret from webhook_endpoints
    where id > ${id}::text::uuid order by id limit ${limit}`,
  placeOf: ({ id }) => [id],
  anew: (row, cipher) => secretsAnew(row, cipher, inWebhook(row.tenant_id, row.id)),
  write: (changes) => writeSecrets(sql`webhook_endpoints`, changes),
}
