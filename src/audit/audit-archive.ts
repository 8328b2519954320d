import { and, desc, eq, gte, lt, or, sql } from 'drizzle-orm'
import { available } from '../store/available.ts'
import type { Store } from '../store/open.ts'
import { auditEntries } from '../store/schema/audit.ts'
import type { SealedEntry } from './chain.ts'
import type { AuditOutcome } from './entry.ts'
import { entryOf } from './tables.ts'

/** Which entries to list; what is undefined does not matter. */
export interface AuditFilter {
  /** Only what concerns this tenant. */
  readonly tenantId: string | undefined
  /** Name of the actor. */
  readonly actor: string | undefined
  /** `carrier.drain`, or `carrier` for all of them. */
  readonly action: string | undefined
  /** Id of the subject, or its kind and id: `carrier:alpha`. */
  readonly subject: string | undefined
  readonly outcome: AuditOutcome | undefined
  readonly from: Date | undefined
  readonly before: Date | undefined
  /** Only entries with a lower number: the last of the page before. */
  readonly beforeNumber: number | undefined
  readonly limit: number
}

/** Reads the audit log. */
export class AuditArchive {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Entries, newest first. Throws `storage_unavailable` while the database is away. */
  async list(filter: AuditFilter): Promise<SealedEntry[]> {
    const { tenantId, actor, action, subject, outcome, from, before, beforeNumber, limit } = filter
    const { number, at, actor_name, action: name, subject_kind, subject_id } = auditEntries
    const rows = await available(
      this.#store.db
        .select()
        .from(auditEntries)
        .where(
          and(
            tenantId === undefined ? undefined : eq(auditEntries.tenant_id, tenantId),
            actor === undefined ? undefined : eq(actor_name, actor),
            action === undefined
              ? undefined
              : or(eq(name, action), sql`starts_with(${name}, ${`${action}.`})`),
            subject === undefined
              ? undefined
              : or(
                  eq(subject_id, subject),
                  eq(sql`${subject_kind} || ':' || ${subject_id}`, subject),
                ),
            outcome && eq(auditEntries.outcome, outcome),
            from && gte(at, from),
            before && lt(at, before),
            beforeNumber === undefined ? undefined : lt(number, beforeNumber),
          ),
        )
        .orderBy(desc(number))
        .limit(limit),
    )
    return rows.map(entryOf)
  }
}
