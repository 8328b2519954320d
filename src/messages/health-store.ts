import { and, desc, eq, lt, sql } from 'drizzle-orm'
import { newId } from '../core/id.ts'
import type { BreakerRecord, BreakerState } from '../routing/breaker.ts'
import type { Store } from '../store/open.ts'
import { carrierHealth, carrierHistory } from '../store/schema/carriers.ts'
import type { CarrierMode, ModeSetting } from './carrier-standing.ts'

/** What is kept of one carrier's health over restarts. */
export interface StoredHealth {
  readonly carrier: string
  readonly setting: ModeSetting
  readonly breaker: BreakerRecord
}

/** A change of a carrier's health. */
export interface HealthChange {
  readonly carrier: string
  readonly at: Date
  /** What has changed: the operator's word, the circuit breaker, whether it is connected. */
  readonly kind: 'mode' | 'breaker' | 'connection'
  readonly from: string
  readonly to: string
  readonly cause: string
}

/** A change as it is kept. */
export interface StoredChange extends HealthChange {
  /** UUIDv7. */
  readonly id: string
}

/** What is kept of every carrier. */
export async function loadHealth(store: Store): Promise<StoredHealth[]> {
  const rows = await store.db.select().from(carrierHealth)
  return rows.map((row) => ({
    carrier: row.carrier,
    setting: { mode: row.mode as CarrierMode, reason: row.reason, at: row.mode_at },
    breaker: {
      state: row.breaker as BreakerState,
      sinceMs: row.breaker_at.getTime(),
      coolDownMs: row.cool_down_ms,
    },
  }))
}

/** Keeps how a carrier stands now. */
export async function saveHealth(
  store: Store,
  { carrier, setting, breaker }: StoredHealth,
): Promise<void> {
  const row = {
    mode: setting.mode,
    reason: setting.reason,
    mode_at: setting.at,
    breaker: breaker.state,
    breaker_at: new Date(breaker.sinceMs),
    cool_down_ms: breaker.coolDownMs,
  }
  await store.db
    .insert(carrierHealth)
    .values({ carrier, ...row })
    .onConflictDoUpdate({ target: carrierHealth.carrier, set: row })
}

/**
 * Adds a line to a carrier's history.
 *
 * @param kept - how many lines of the carrier stay
 */
export async function addChange(store: Store, change: HealthChange, kept: number): Promise<void> {
  const { carrier, at, kind, from, to, cause } = change
  await store.db
    .insert(carrierHistory)
    .values({ id: newId(), carrier, at, kind, from_state: from, to_state: to, cause })
  const oldest = sql`(
    select id from carrier_history where carrier = ${carrier} order by id desc
    offset ${kept - 1} limit 1)`
  await store.db
    .delete(carrierHistory)
    .where(and(eq(carrierHistory.carrier, carrier), lt(carrierHistory.id, oldest)))
}

/** The history of a carrier, newest first. */
export async function listChanges(
  store: Store,
  carrier: string,
  limit: number,
): Promise<StoredChange[]> {
  const rows = await store.db
    .select()
    .from(carrierHistory)
    .where(eq(carrierHistory.carrier, carrier))
    .orderBy(desc(carrierHistory.id))
    .limit(limit)
  return rows.map(({ id, at, kind, from_state: from, to_state: to, cause }) => ({
    id,
    carrier,
    at,
    kind: kind as HealthChange['kind'],
    from,
    to,
    cause,
  }))
}
