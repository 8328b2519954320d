import { eq, isNotNull, sql } from 'drizzle-orm'
import type { Clock } from '../core/clock.ts'
import { newId } from '../core/id.ts'
import { available } from '../store/available.ts'
import type { Store } from '../store/open.ts'
import { tenants } from '../store/schema/tenants.ts'

/** A tenant that was made over the API. */
export interface MadeTenant {
  readonly name: string
  /** As they would stand in the file, without name and keys. */
  readonly settings: Readonly<Record<string, unknown>>
  /** The reseller that has set its status, by its id; null: an operator has, or nobody. */
  readonly statusBy: string | null
}

/** The tenants that were made over the API: in the database, and at hand. */
export class MadeTenants {
  readonly #store: Store
  readonly #clock: Clock
  readonly #byName: Map<string, MadeTenant>

  private constructor(store: Store, clock: Clock, all: readonly MadeTenant[]) {
    this.#store = store
    this.#clock = clock
    this.#byName = new Map(all.map((tenant) => [tenant.name, tenant]))
  }

  static async open(store: Store, clock: Clock): Promise<MadeTenants> {
    const rows = await available(
      store.db
        .select({ name: tenants.name, settings: tenants.settings, statusBy: tenants.status_by })
        .from(tenants)
        .where(isNotNull(tenants.settings))
        .orderBy(tenants.name),
    )
    const all = rows.map(({ name, settings, statusBy }) => {
      return { name, settings: settings as MadeTenant['settings'], statusBy }
    })
    return new MadeTenants(store, clock, all)
  }

  /** Each as the configuration would have it. */
  get documents(): { readonly name: string; readonly [key: string]: unknown }[] {
    return [...this.#byName.values()].map(documentOf)
  }

  find(name: string): MadeTenant | undefined {
    return this.#byName.get(name)
  }

  /** {@link documents} with one of them added, or in the place of the one of its name. */
  documentsWith(tenant: MadeTenant): MadeTenants['documents'] {
    const all = new Map(this.#byName).set(tenant.name, tenant)
    return [...all.values()].map(documentOf)
  }

  /** True for a name that messages or money may belong to, whoever has given it. */
  async wasKnown(name: string): Promise<boolean> {
    const rows = await available(
      this.#store.db.select({ id: tenants.id }).from(tenants).where(eq(tenants.name, name)),
    )
    return rows.length > 0
  }

  /** Stores a tenant, in the place of the one of its name. */
  async keep(tenant: MadeTenant): Promise<void> {
    const { name, settings, statusBy } = tenant
    await available(
      this.#store.db
        .insert(tenants)
        .values({ id: newId(), name, settings, status_by: statusBy, created_at: this.#clock() })
        .onConflictDoUpdate({
          target: tenants.name,
          set: { settings: sql`excluded.settings`, status_by: sql`excluded.status_by` },
        }),
    )
    this.#byName.set(name, tenant)
  }
}

function documentOf({ name, settings }: MadeTenant) {
  return { ...settings, name }
}
