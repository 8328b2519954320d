import { sql } from 'drizzle-orm'
import type { Clock } from '../core/clock.ts'
import type { Store } from '../store/open.ts'
import { unlessAtCarrier } from './deciding-submit.ts'
import { unreadableEntry } from './endings.ts'
import type { LiveMessages } from './live.ts'
import { overdueEntry } from './overdue.ts'
import type { PolicyFor } from './settle.ts'
import type { Spool } from './spool.ts'
import { isWaiting } from './states.ts'
import { type Backlog, claim, findMessages, type StoredMessage } from './tables.ts'

/** Who claims messages. */
export interface Claimer {
  readonly store: Store
  /** The name under which it claims. */
  readonly node: string
  readonly live: LiveMessages
  readonly spool: Spool
  readonly policyFor: PolicyFor
  readonly clock: Clock
}

/** Claims the oldest messages of a backlog; oldest first. Rejects as {@link Spool.write}. */
export function claimBacklog(
  claimer: Claimer,
  { carrier, trafficClass, tenantId }: Backlog,
  limit: number,
): Promise<StoredMessage[]> {
  return claimReadable(
    claimer,
    sql`
      where status = 'queued' and lease_node is null and due_at is null
        and carrier = ${carrier} and traffic_class = ${trafficClass} and tenant_id = ${tenantId}
      order by id
      limit ${limit}`,
  )
}

/** Claims messages whose instant has come, those first for which it came first. */
export function claimDue(claimer: Claimer, now: Date, limit: number): Promise<StoredMessage[]> {
  return claimReadable(
    claimer,
    sql`
      where due_at is not null and final_at is null and lease_node is null
        and due_at <= ${now.toISOString()}::text::timestamptz
      order by due_at
      limit ${limit}`,
  )
}

/** Claims messages that nobody works on and whose state is to be ended from outside by now. */
export function claimOverdue(claimer: Claimer, now: Date, limit: number): Promise<StoredMessage[]> {
  return claimReadable(
    claimer,
    sql`
      where final_at is null and lease_node is null
        and deadline_at <= ${now.toISOString()}::text::timestamptz
      order by deadline_at
      limit ${limit}`,
  )
}

/** Claims one message; undefined when it has no row or somebody else works on it. */
export async function claimOne(claimer: Claimer, id: string): Promise<StoredMessage | undefined> {
  const [found] = await claimReadable(claimer, sql`where id = ${id} and lease_node is null`)
  return found
}

async function claimReadable(
  claimer: Claimer,
  chosen: Parameters<typeof claim>[2],
): Promise<StoredMessage[]> {
  const { store, node, live } = claimer
  const { result, left } = await live.reading(() => claim(store, node, chosen))
  const { unreadable } = result
  const opened: StoredMessage[] = result.opened.filter(({ message }) => !left.has(message.id))
  const old = result.opened.filter(({ message }) => left.has(message.id))
  const ids = old.map(({ message }) => message.id)
  opened.push(...(await findMessages(live, store, ids)))
  const damaged: StoredMessage[] = []
  for (const stored of unreadable) {
    // What is in memory was read before.
    const known = live.get(stored.message.id)
    if (known) opened.push(known)
    else damaged.push(stored)
  }
  await Promise.all(damaged.map((stored) => endUnreadable(claimer, stored)))
  return opened.sort((a, b) => (a.message.id < b.message.id ? -1 : 1))
}

/** What cannot be opened cannot be sent: it ends here, or it would stay open for ever. */
async function endUnreadable(
  { live: messages, spool, policyFor, clock }: Claimer,
  { message, attempts }: StoredMessage,
): Promise<void> {
  const live = messages.adopt(message, attempts)
  messages.hold(live)
  try {
    const at = clock()
    // What a carrier has, or may have, needs no text to end.
    if (!isWaiting(message.status)) await spool.write(overdueEntry(live, policyFor, at))
    if (isWaiting(message.status)) {
      const policy = policyFor(message.trafficClass)
      await spool.write(unlessAtCarrier(live, unreadableEntry(message, at), policy))
    }
  } finally {
    messages.letGo(live)
  }
}
