import { randomBytes } from 'node:crypto'
import { cpSync, existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { sql } from 'drizzle-orm'
import postgres from 'postgres'
import { inject } from 'vitest'
import { openStore, type Store, storeOnPglite } from '../../src/store/open.ts'

/** One of the databases that the same tests run on. */
export interface TestDatabase {
  readonly name: 'PGlite' | 'PostgreSQL'
  /** Opens an empty, migrated database of its own; closing the store removes it. */
  open(): Promise<Store>
}

/** Every database that is there: PGlite always, PostgreSQL when the setup has found one. */
export function testDatabases(): TestDatabase[] {
  const postgresUrl = inject('postgresUrl')
  const databases: TestDatabase[] = [{ name: 'PGlite', open: openTestPglite }]
  if (postgresUrl !== null) {
    databases.push({
      name: 'PostgreSQL',
      open: async () => {
        const database = await createTestDatabase(postgresUrl)
        const store = await openStore({ databaseUrl: database.url, dataDir: '' })
        return {
          ...store,
          async close() {
            await store.close()
            await database.drop()
          },
        }
      },
    })
  }
  return databases
}

/** PGlite in memory, from the migrated template. */
export async function openTestPglite(): Promise<Store> {
  const template = await readFile(inject('pgliteTemplate'))
  return storeOnPglite(await PGlite.create({ loadDataDir: new Blob([template]) }))
}

/**
 * Puts an empty, migrated PGlite where a gateway looks for its own, unless there is one: to make it anew
 * takes six seconds of computing.
 *
 * @param dataDir - `data_dir` of the gateway
 */
export function layDownPglite(dataDir: string): void {
  const folder = join(dataDir, 'pglite')
  if (!existsSync(folder)) cpSync(inject('pgliteFolder'), folder, { recursive: true })
}

/** Makes an empty PostgreSQL database for one test file or one gateway process. */
export async function createTestDatabase(
  serverUrl: string,
): Promise<{ url: string; drop: () => Promise<void> }> {
  const name = `linehaul_test_${process.pid}_${randomBytes(4).toString('hex')}`
  await administer(serverUrl, `create database ${name}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return {
    url: url.toString(),
    drop: () => administer(serverUrl, `drop database if exists ${name} with (force)`),
  }
}

async function administer(serverUrl: string, statement: string): Promise<void> {
  const client = postgres(serverUrl, { max: 1, onnotice() {} })
  try {
    await client.unsafe(statement)
  } finally {
    await client.end({ timeout: 5 })
  }
}

/** Empties every table. */
export async function truncate(store: Store): Promise<void> {
  await store.query(
    sql`truncate messages, partner_ids, attempts, receipts, events, outbox, journal, journal_refused, nodes, carriers,
      carrier_quality, carrier_health, carrier_history,
      idempotency_keys, encryption_keys, rate_decks, rate_deck_parts,
      network_versions, ported_numbers, config_versions, inbound_messages, inbound_parts,
      audit_entries, audit_anchor,
      ledger, ledger_batches, ledger_accounts, ledger_carriers, ledger_days, balance_alerts,
      tenant_volumes, reconciled_submits,
      usage_pending, usage_hours, usage_days, usage_months, usage_senders, usage_charges,
      webhook_endpoints, message_feedback, guard_states, limit_counters,
      issued_keys, key_uses, request_nonces, api_keys, users, sessions, tenants`,
  )
}
