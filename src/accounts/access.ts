import { inArray, sql } from 'drizzle-orm'
import { newId } from '../core/id.ts'
import type { Store } from '../store/open.ts'
import { apiKeys, tenants } from '../store/schema/tenants.ts'
import type { Caller, Tenant } from './caller.ts'
import { hashKey, nameOfKey, newBearerKey } from './key-hash.ts'
import { EVERY_SCOPE, TENANT_SCOPES } from './scope.ts'

/** A tenant as the configuration gives it. */
export interface TenantSetting {
  readonly name: string
  readonly apiKeys: readonly string[]
}

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

  /** @param operatorKeyHashes - hashes of the keys of whoever runs the gateway */
  constructor(rows: readonly TenantKey[], operatorKeyHashes: readonly string[] = []) {
    this.#byName = new Map(rows.map(({ tenant }) => [tenant.name, tenant]))
    this.#byKeyHash = callersByHash(rows, operatorKeyHashes)
    for (const { tenant } of rows) this.#names.set(tenant.id, tenant.name)
  }

  /** Has the tenants and keys of another in the place of its own from now on. */
  takeOver(other: Access): void {
    this.#byKeyHash = other.#byKeyHash
    this.#byName = other.#byName
    for (const [id, name] of other.#names) this.#names.set(id, name)
  }

  /** Who has an API key; undefined for a key nobody has. */
  callerOfKey(key: string): Caller | undefined {
    return this.callerOfHash(hashKey(key))
  }

  /** As {@link callerOfKey}, by the SHA-256 of the key. */
  callerOfHash(keyHash: string): Caller | undefined {
    return this.#byKeyHash.get(keyHash)
  }

  /** Who has each of the keys that there are. */
  get callers(): Caller[] {
    return [...this.#byKeyHash.values()]
  }

  /** The tenant with a name. */
  tenantNamed(name: string): Tenant | undefined {
    return this.#byName.get(name)
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
  for (const { name, apiKeys: keys } of settings) {
    const tenantId = await ensureTenant(store, name)
    for (const key of keys) await addKey(store, tenantId, hashKey(key))
  }
  const known = new Set(settings.flatMap(({ apiKeys: keys }) => keys.map(hashKey)))
  const rows = await tenantRows(store, settings)
  return new Access(
    rows.map((row) => ({
      ...row,
      keyHash: row.keyHash !== null && known.has(row.keyHash) ? row.keyHash : null,
    })),
    adminKeys.map(hashKey),
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
  const tenantId = await ensureTenant(store, DEMO_TENANT)
  const demo = [{ name: DEMO_TENANT, apiKeys: [] }]
  const existing = await tenantRows(store, demo)
  const hasKey = existing.some(({ keyHash }) => keyHash !== null)
  if (hasKey && !options.replaceKey) return { access: demoAccess(existing), newKey: undefined }
  const newKey = newBearerKey()
  await store.db.transaction(async (tx) => {
    await tx.delete(apiKeys).where(inArray(apiKeys.tenant_id, [tenantId]))
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

async function ensureTenant(store: Store, name: string): Promise<string> {
  const [row] = await store.db
    .insert(tenants)
    .values({ id: newId(), name, created_at: new Date() })
    .onConflictDoUpdate({ target: tenants.name, set: { name: sql`excluded.name` } })
    .returning({ id: tenants.id })
  if (!row) throw new Error(`tenant ${name} was neither found nor made`)
  return row.id
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
