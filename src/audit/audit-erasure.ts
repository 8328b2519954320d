import { sql } from 'drizzle-orm'
import type { Store } from '../store/open.ts'
import type { AuditLog } from './audit-log.ts'
import type { AuditPlace } from './chain.ts'
import { SYSTEM } from './entry.ts'
import { loadAnchor } from './tables.ts'

const DAY_MS = 24 * 3_600_000

/** Entries that are deleted at once. */
const MOST_AT_ONCE = 10_000

/**
 * Deletes entries of whole days (UTC) that are older than so many days, one stretch from the beginning; what is
 * left can still be proved, because the hash before it is kept and an entry says that it was by age.
 *
 * @returns how many; fewer than all that are due only where there are very many
 */
export async function eraseAudit(
  store: Store,
  log: AuditLog,
  { now, days }: { readonly now: Date; readonly days: number },
): Promise<number> {
  const cutAt = new Date(Math.floor((now.getTime() - days * DAY_MS) / DAY_MS) * DAY_MS)
  const anchor = await loadAnchor(store)
  const last = await lastBefore(store, anchor, cutAt)
  if (!last) return 0
  await log.append({
    at: now,
    actor: SYSTEM,
    action: 'audit.erase',
    subject: { kind: 'entries', id: String(last.number) },
    outcome: 'done',
    reason: `older than ${days} days`,
    after: { hash: last.hash },
  })
  await store.db.transaction(async (tx) => {
    // The trigger deletes only what the anchor stands for.
    await store.query(
      sql`insert into audit_anchor (id, number, hash) values (1, ${last.number}, ${last.hash})
        on conflict (id) do update set number = excluded.number, hash = excluded.hash`,
      tx,
    )
    await store.query(sql`delete from audit_entries where number <= ${last.number}`, tx)
  })
  return last.number - anchor.number
}

/** The end of the stretch whose entries are all older than an instant. */
async function lastBefore(
  store: Store,
  anchor: AuditPlace,
  cutAt: Date,
): Promise<AuditPlace | undefined> {
  const [row] = await store.query<{ number: number | string; hash: string }>(sql`
    select number, hash from audit_entries
    where number <= ${anchor.number + MOST_AT_ONCE}
      and number < coalesce(
        (select min(number) from audit_entries where at >= ${cutAt.toISOString()}::text::timestamptz),
        9223372036854775807)
    order by number desc limit 1`)
  return row && { number: Number(row.number), hash: row.hash }
}
