import { sql } from 'drizzle-orm'
import { GatewayError } from '../core/errors.ts'
import type { SealContext } from './cipher.ts'
import type { Store } from './open.ts'

const PROOF = 'linehaul'

function inProof(rowId: string): SealContext {
  return { tenantId: '', column: 'encryption_keys.proof', rowId }
}

/**
 * Makes sure that everything stored can be opened, and notes the active key as one in use.
 *
 * Call it before anything is read or written: a gateway with a wrong key would take messages that
 * nobody can open later.
 *
 * @throws {GatewayError} `encryption_key_missing` when a key in use is not configured, and
 *   `encryption_key_wrong` when the configured one has other octets
 */
export async function checkEncryptionKeys(store: Store): Promise<void> {
  const { cipher } = store
  const rows = await store.query<{ id: string; proof: string }>(
    sql`select id, proof from encryption_keys order by id`,
  )
  for (const { id, proof } of rows) {
    try {
      cipher.open(proof, inProof(id))
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      throw error.code === 'encryption_key_unknown' ? missing(id, error) : wrong(id, error)
    }
  }
  const { activeKeyId } = cipher
  if (activeKeyId === undefined) return
  await store.query(sql`
    insert into encryption_keys (id, proof, created_at)
    values (${activeKeyId}, ${cipher.seal(PROOF, inProof(activeKeyId))}, now())
    on conflict do nothing`)
}

function missing(id: string, cause: unknown): GatewayError {
  return new GatewayError(
    'encryption_key_missing',
    `what is stored is sealed with the key "${id}", which encryption.keys does not have: put it back, ` +
      'and take it out only after linehaul rotate-encryption',
    { cause },
  )
}

function wrong(id: string, cause: unknown): GatewayError {
  return new GatewayError(
    'encryption_key_wrong',
    `the key "${id}" of encryption.keys is not the one that what is stored was sealed with`,
    { cause },
  )
}

/** True while something stored may be sealed with another key than the active one, or with none. */
export async function isResealingDue(store: Store): Promise<boolean> {
  const rows = await store.query<{ id: string; resealed_at: unknown }>(
    sql`select id, resealed_at from encryption_keys`,
  )
  const { activeKeyId } = store.cipher
  return rows.some(({ id, resealed_at }) => id !== activeKeyId || resealed_at === null)
}

/** Notes that everything stored is sealed with the active key: the others are free to go. */
export async function noteResealed(store: Store): Promise<void> {
  const active = store.cipher.activeKeyId ?? ''
  await store.db.transaction(async (tx) => {
    await store.query(sql`delete from encryption_keys where id <> ${active}`, tx)
    await store.query(sql`update encryption_keys set resealed_at = now() where id = ${active}`, tx)
  })
}
