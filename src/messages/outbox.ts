import { asc, eq, inArray, sql } from 'drizzle-orm'
import { uuidv7 } from 'uuidv7'
import { unnest } from '../store/batch.ts'
import type { Store } from '../store/open.ts'
import type { Pipeline } from '../store/pipeline.ts'
import { outbox } from '../store/schema/outbox.ts'
import type { OutboxItem, OutboxPayload } from './journal.ts'
import type { MessageStatus } from './states.ts'

/** Receipt bits of registered_delivery, SMPP v3.4 section 5.2.17. */
function wantsReceipt(registeredDelivery: number, status: MessageStatus): boolean {
  const wish = registeredDelivery & 0x03
  if (wish === 0) return false
  if (wish === 2) return status !== 'delivered'
  if (wish === 3) return status === 'delivered'
  return true
}

/** What a partner must be known for before it is owed a receipt. */
export interface Recipient {
  readonly partner: string | null
  readonly registeredDelivery: number
}

/** The receipt owed for a message that has ended; empty when nobody asked for one. */
export function owedReceipt(recipient: Recipient, payload: OutboxPayload): OutboxItem[] {
  const { partner, registeredDelivery } = recipient
  if (partner === null || !wantsReceipt(registeredDelivery, payload.status)) return []
  return [{ id: uuidv7(), partner, messageId: payload.messageId, payload }]
}

/** Adds items to the outbox. */
export function writeOutbox(pipeline: Pipeline, items: readonly OutboxItem[]): void {
  if (items.length === 0) return
  const rows = unnest<OutboxItem>(
    'v',
    {
      id: ['uuid', ({ id }) => id],
      partner: ['text', ({ partner }) => partner],
      message_id: ['uuid', ({ messageId }) => messageId],
      payload: ['jsonb', ({ payload }) => payload],
    },
    items,
  )
  pipeline.write(sql`
    insert into outbox (id, partner, message_id, payload, created_at)
    select v.*, now() from ${rows}`)
}

/** What a partner has yet to acknowledge, oldest first. */
export async function readOutbox(
  store: Store,
  partner: string,
  limit: number,
): Promise<OutboxItem[]> {
  const rows = await store.db
    .select()
    .from(outbox)
    .where(eq(outbox.partner, partner))
    .orderBy(asc(outbox.id))
    .limit(limit)
  return rows.map((row) => ({
    id: row.id,
    partner: row.partner,
    messageId: row.message_id,
    payload: row.payload as OutboxPayload,
  }))
}

/** Removes what the partner has acknowledged. */
export async function removeFromOutbox(store: Store, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await store.db.delete(outbox).where(inArray(outbox.id, [...ids]))
}
