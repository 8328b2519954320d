import { eq, inArray, sql } from 'drizzle-orm'
import { newId } from '../core/id.ts'
import type { TenantStatus } from '../core/tenant-status.ts'
import type { Store } from '../store/open.ts'
import { apiKeys, tenants } from '../store/schema/tenants.ts'
import type { Caller, Tenant } from './caller.ts'
import { hashKey, nameOfKey, newBearerKey } from './key-hash.ts'
import { EVERY_SCOPE, TENANT_SCOPES } from './scope.ts'
import { TenantTree } from './tenant-tree.ts'

/** A tenant as the configuration gives it. */
export interface TenantSetting {
  readonly name: string
  readonly apiKeys: readonly string[]
  /** Absent: active. */
  readonly status?: TenantStatus
  /** Name of the tenant that it is below; absent: of none. */
  readonly parent?: string | undefined
}

/** A statement takes 65,535 values. */
const ROWS_AT_ONCE = 10_000

/** A tenant, and one of its keys where it has any. */
interface TenantKey {
  readonly tenant: Tenant
  readonly keyHash: string | null
}

/** The tenants and the keys by which they are known, kept in memory. */
export class Access {
  #byKeyHash: ReadonlyMap<string, Caller>
  #byName: ReadonlyMap<string, Tenant>
  /** Tenants that are gone stay: their messages do. */
  readonly #names = new Map<string, string>()
  #tree: TenantTree

  /**
   * @param operatorKeyHashes - hashes of the keys of whoever runs the gateway
   * @param tree - how the tenants stand; those that are not there are active and below none
   */
  constructor(
    rows: readonly TenantKey[],
    operatorKeyHashes: readonly string[] = [],
    tree: TenantTree = new TenantTree(),
  ) {
    this.#tree = tree
    this.#byName = new Map(rows.map(({ tenant }) => [tenant.name, tenant]))
    this.#byKeyHash = callersByHash(rows, operatorKeyHashes)
    for (const { tenant } of rows) this.#names.set(tenant.id, tenant.name)
  }

  /** Has the tenants and keys of another in the place of its own from now on. */
  takeOver(other: Access): void {
    this.#byKeyHash = other.#byKeyHash
    this.#byName = other.#byName
    this.#tree = other.#tree
    for (const [id, name] of other.#names) this.#names.set(id, name)
  }

  /** Who has an API key, by its SHA-256; undefined for a key nobody has, and for one of a tenant that is closed. */
  callerOfHash(keyHash: string): Caller | undefined {
    const caller = this.#byKeyHash.get(keyHash)
    const { tenant } = caller ?? {}
    return tenant && this.#tree.statusOf(tenant.id) === 'closed' ? undefined : caller
  }

  /** Who has each of the keys that there are. */
  get callers(): Caller[] {
    return [...this.#byKeyHash.values()]
  }

  /** How the tenants stand, by themselves and to each other. */
  get tree(): TenantTree {
    return this.#tree
  }

  /** The tenant with a name. */
  tenantNamed(name: string): Tenant | undefined {
    return this.#byName.get(name)
  }

  /** The tenant with an id; undefined for one that is closed or gone, and for null. */
  openTenant(tenantId: string | null): Tenant | undefined {
    const tenant = this.#byName.get(this.#names.get(tenantId ?? '') ?? '')
    return tenant && this.#tree.statusOf(tenant.id) !== 'closed' ? tenant : undefined
  }

  /** Every tenant that there is, by name. */
  get tenantNames(): string[] {
    return [...this.#byName.keys()]
  }

  /** The name of a tenant, even of one that the configuration has no longer; undefined: unknown. */
  nameOf(tenantId: string): string | undefined {
    return this.#names.get(tenantId)
  }
}

/**
 * Brings tenants and keys of the configuration into the database and gives access by them.
 *
 * Keys that the configuration no longer names lose access; the tenants and their messages stay.
 *
 * @param adminKeys - of whoever runs the gateway; they are not stored
 */
export async function openAccess(
  store: Store,
  settings: readonly TenantSetting[],
  adminKeys: readonly string[] = [],
): Promise<Access> {
  const known = await ensureTenants(
    store,
    settings.map(({ name }) => name),
  )
  const places = settings.flatMap(({ name, parent, status = 'active' }) => {
    const tenant = known.get(name)
    return tenant ? [{ tenant, parent, status }] : []
  })
  for (const { name, apiKeys: keys } of settings) {
    const tenant = known.get(name)
    for (const key of keys) if (tenant) await addKey(store, tenant.id, hashKey(key))
  }
  const named = new Set(settings.flatMap(({ apiKeys: keys }) => keys.map(hashKey)))
  const rows = await tenantRows(store, settings)
  return new Access(
    rows.map((row) => ({
      ...row,
      keyHash: row.keyHash !== null && named.has(row.keyHash) ? row.keyHash : null,
    })),
    adminKeys.map(hashKey),
    new TenantTree(places),
  )
}

/** The tenant that `npm start` without a configuration works for. */
export const DEMO_TENANT = 'demo'

/**
 * Access for the demo tenant. A key is made when there is none yet or a new one is asked for; only
 * its hash is stored, so it can be shown this once. Who has it runs the gateway, too.
 *
 * @returns `newKey` when one was made
 */
export async function openDemoAccess(
  store: Store,
  options: { readonly replaceKey: boolean },
): Promise<{ access: Access; newKey: string | undefined }> {
  const tenantId = (await ensureTenants(store, [DEMO_TENANT])).get(DEMO_TENANT)?.id
  if (tenantId === undefined) throw new Error('the demo tenant was neither found nor made')
  const demo = [{ name: DEMO_TENANT, apiKeys: [] }]
  const existing = await tenantRows(store, demo)
  const hasKey = existing.some(({ keyHash }) => keyHash !== null)
  if (hasKey && !options.replaceKey) return { access: demoAccess(existing), newKey: undefined }
  const newKey = newBearerKey()
  await store.db.transaction(async (tx) => {
    await tx.delete(apiKeys).where(eq(apiKeys.tenant_id, tenantId))
    await tx.insert(apiKeys).values({
      id: newId(),
      tenant_id: tenantId,
      key_hash: hashKey(newKey),
      created_at: new Date(),
    })
  })
  return { access: demoAccess(await tenantRows(store, demo)), newKey }
}

function demoAccess(rows: readonly TenantKey[]): Access {
  return new Access(
    rows,
    rows.flatMap(({ keyHash }) => keyHash ?? []),
  )
}

/** The tenants with these names, which are made where there are none. */
async function ensureTenants(
  store: Store,
  names: readonly string[],
): Promise<ReadonlyMap<string, Tenant>> {
  const known = await tenantsByName(store)
  const missing = names.filter((name) => !known.has(name))
  if (missing.length === 0) return known
  for (let start = 0; start < missing.length; start += ROWS_AT_ONCE) {
    const rows = missing
      .slice(start, start + ROWS_AT_ONCE)
      .map((name) => ({ id: newId(), name, created_at: new Date() }))
    await store.db.insert(tenants).values(rows).onConflictDoNothing()
  }
  return tenantsByName(store)
}

async function tenantsByName(store: Store): Promise<ReadonlyMap<string, Tenant>> {
  const rows = await store.db.select({ id: tenants.id, name: tenants.name }).from(tenants)
  return new Map(rows.map((tenant) => [tenant.name, tenant]))
}

async function addKey(store: Store, tenantId: string, keyHash: string): Promise<void> {
  await store.db
    .insert(apiKeys)
    .values({ id: newId(), tenant_id: tenantId, key_hash: keyHash, created_at: new Date() })
    .onConflictDoUpdate({ target: apiKeys.key_hash, set: { tenant_id: tenantId } })
}

async function tenantRows(store: Store, settings: readonly TenantSetting[]): Promise<TenantKey[]> {
  const names = settings.map(({ name }) => name)
  if (names.length === 0) return []
  const rows = await store.db
    .select({ id: tenants.id, name: tenants.name, keyHash: apiKeys.key_hash })
    .from(tenants)
    .leftJoin(apiKeys, sql`${apiKeys.tenant_id} = ${tenants.id}`)
    .where(inArray(tenants.name, names))
  return rows.map(({ id, name, keyHash }) => ({ tenant: { id, name }, keyHash }))
}

function callersByHash(
  rows: readonly TenantKey[],
  operatorKeyHashes: readonly string[],
): Map<string, Caller> {
  const operators = new Set(operatorKeyHashes)
  const callers = new Map<string, Caller>()
  for (const keyHash of operators) {
    callers.set(keyHash, operatorCaller(keyHash, undefined))
  }
  for (const { tenant, keyHash } of rows) {
    if (keyHash === null) continue
    const caller = operators.has(keyHash)
      ? operatorCaller(keyHash, tenant)
      : { name: nameOfKey(keyHash), tenant, isOperator: false, scopes: TENANT_SCOPES }
    callers.set(keyHash, caller)
  }
  return callers
}

function operatorCaller(keyHash: string, tenant: Tenant | undefined): Caller {
  return { name: nameOfKey(keyHash), tenant, isOperator: true, scopes: EVERY_SCOPE }
}
