import { sql } from 'drizzle-orm'
import type { GuardsState } from '../routing/guards.ts'
import type { Store } from '../store/open.ts'
import { guardStates } from '../store/schema/guards.ts'

const PARTS = ['velocity', 'conversion', 'breakers'] as const

const NOTHING: GuardsState = {
  velocity: { sinceMs: null, counts: [] },
  conversion: [],
  breakers: [],
}

/** What earlier runs have learned about the traffic. */
export async function loadGuards(store: Store): Promise<GuardsState> {
  const rows = await store.db.select().from(guardStates)
  const parts = Object.fromEntries(rows.map(({ name, state }) => [name, JSON.parse(state)]))
  return { ...NOTHING, ...parts }
}

/** Keeps what has been learned for the next run. */
export async function saveGuards(store: Store, state: GuardsState, at: Date): Promise<void> {
  const values = PARTS.map((name) => ({ name, state: JSON.stringify(state[name]), updated_at: at }))
  await store.db
    .insert(guardStates)
    .values(values)
    .onConflictDoUpdate({
      target: guardStates.name,
      set: { state: sql`excluded.state`, updated_at: sql`excluded.updated_at` },
    })
}
