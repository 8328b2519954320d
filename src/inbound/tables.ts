import { sql } from 'drizzle-orm'
import type { InboundPart } from '../carriers/carrier.ts'
import { untold } from '../messages/live.ts'
import { inInbound, inInboundPart, openAll } from '../messages/sealing.ts'
import { insertTellings } from '../messages/table-statements.ts'
import type { Telling } from '../messages/telling.ts'
import { textArray, unnest } from '../store/batch.ts'
import type { Store } from '../store/open.ts'
import type { InboundMessage } from './inbound-message.ts'
import type { Joining, PartGroup, PlacedPart } from './joining.ts'
import { readParts, writeParts } from './part-codec.ts'

/** Messages given up at once. */
const PAGE = 500

interface PartRow {
  readonly group_id: string
  readonly sequence: number
  readonly group_key: string
  readonly total: number
  readonly part: string
  readonly received_at: Date | string
  readonly done_at: Date | string | null
}

/** The long messages with these keys that parts have come of. */
export async function readGroups(store: Store, keys: readonly string[]): Promise<PartGroup[]> {
  if (keys.length === 0) return []
  const keyOf = new Map(keys.map((key) => [store.cipher.fingerprint(key), key]))
  const rows = await store.query<PartRow>(sql`
    select * from inbound_parts
    where group_key = any(${textArray([...keyOf.keys()])}::text::text[])`)
  return groupsOf(rows, store, keyOf)
}

/** The oldest messages that have waited for their parts since before an instant. */
export async function readOverdueGroups(store: Store, before: Date): Promise<PartGroup[]> {
  const rows = await store.query<PartRow>(sql`
    select * from inbound_parts
    where done_at is null and group_id = any(array(
      select group_id from inbound_parts
      where done_at is null
      group by group_id
      having min(received_at) < ${before.toISOString()}::text::timestamptz
      order by min(received_at)
      limit ${PAGE}))`)
  return groupsOf(rows, store, new Map())
}

/** A part that cannot be opened any more counts as one that has not come. */
function groupsOf(
  rows: readonly PartRow[],
  store: Store,
  keyOf: ReadonlyMap<string, string>,
): PartGroup[] {
  const { opened } = openAll(rows, (row) => ({ row, part: openPart(row, store) }))
  const groups = new Map<string, PartGroup & { parts: PlacedPart[] }>()
  for (const { row, part } of opened) {
    const { group_id: id, sequence, total } = row
    const placed = { part, sequence, at: new Date(row.received_at) }
    const known = groups.get(id)
    if (known) known.parts.push(placed)
    else {
      const doneAt = row.done_at === null ? null : new Date(row.done_at)
      const key = keyOf.get(row.group_key) ?? row.group_key
      groups.set(id, { id, key, total, parts: [placed], doneAt })
    }
  }
  return [...groups.values()]
}

function openPart(row: PartRow, store: Store): InboundPart {
  const text = store.cipher.open(row.part, inInboundPart(row.group_id, row.sequence))
  const [part] = readParts(text)
  if (!part) throw new Error(`part ${row.sequence} of ${row.group_id} is empty`)
  return part
}

/** What a batch of arrivals, or a look for what is overdue, has led to. */
export interface InboundChanges extends Pick<Joining, 'fresh' | 'done' | 'gone'> {
  readonly messages: readonly InboundMessage[]
  readonly tellings: readonly Telling[]
  readonly at: Date
}

/** Writes all of it in one statement, or nothing. */
export async function writeInbound(store: Store, changes: InboundChanges): Promise<void> {
  const { cipher } = store
  const { fresh, done, gone, messages, tellings, at } = changes
  const isSealing = cipher.activeKeyId !== undefined
  const parts = unnest<(typeof fresh)[number]>(
    'v',
    {
      group_id: ['uuid', ({ group }) => group.id],
      sequence: ['int2', ({ part }) => part.sequence],
      group_key: ['text', ({ group }) => cipher.fingerprint(group.key)],
      total: ['int2', ({ group }) => group.total],
      part: [
        'text',
        ({ group, part }) =>
          cipher.seal(writeParts([part.part]), inInboundPart(group.id, part.sequence)),
      ],
      received_at: ['timestamptz', ({ part }) => part.at],
      done_at: ['timestamptz', ({ group }) => group.doneAt],
    },
    fresh,
  )
  const rows = unnest<InboundMessage>(
    'v',
    {
      id: ['uuid', ({ id }) => id],
      tenant_id: ['uuid', ({ tenantId }) => tenantId],
      partner: ['text', ({ partner }) => partner],
      carrier: ['text', ({ carrier }) => carrier],
      from_number: ['text', ({ id, from }) => cipher.seal(from, inInbound('from_number', id))],
      from_fingerprint: ['text', ({ from }) => (isSealing ? cipher.fingerprint(from) : null)],
      to_number: ['text', ({ to }) => to],
      body: ['text', ({ id, text }) => cipher.seal(text, inInbound('body', id))],
      encoding: ['text', ({ encoding }) => encoding],
      keyword: ['text', ({ keyword }) => keyword],
      parts: ['int2', ({ pdus }) => pdus.length],
      total_parts: ['int2', ({ totalParts }) => totalParts],
      pdus: ['text', ({ id, pdus }) => cipher.seal(writeParts(pdus), inInbound('pdus', id))],
      received_at: ['timestamptz', ({ receivedAt }) => receivedAt],
    },
    messages,
  )
  const untoldYet = tellings.map((telling) => {
    const fresh = { telling, createdAt: at }
    return { ...untold(telling, fresh), fresh }
  })
  await store.query(sql`
    with guard as (select 1), gone as (
      delete from inbound_parts where group_id = any(${textArray(gone)}::text::uuid[])
    ), done as (
      update inbound_parts set done_at = ${at.toISOString()}::text::timestamptz
      where group_id = any(${textArray(done)}::text::uuid[])
    ), new_parts as (
      insert into inbound_parts (group_id, sequence, group_key, total, part, received_at, done_at)
      select v.* from ${parts}
    ), new_messages as (
      insert into inbound_messages (id, tenant_id, partner, carrier, from_number, from_fingerprint,
        to_number, body, encoding, keyword, parts, total_parts, pdus, received_at)
      select v.* from ${rows}
    ), new_tellings as (${insertTellings(untoldYet, cipher)})
    select 1 as written`)
}

/** Forgets the parts of messages that were whole before an instant. */
export async function forgetDoneParts(store: Store, before: Date): Promise<void> {
  await store.query(sql`
    delete from inbound_parts where done_at < ${before.toISOString()}::text::timestamptz`)
}
