import { randomBytes } from 'node:crypto'
import { cpSync, existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { sql } from 'drizzle-orm'
import { inject } from 'vitest'
import { openStore, type Store, storeOnPglite } from '../../src/store/open.ts'
import { administer } from './postgres-server.ts'

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

/**
 * Makes an empty PostgreSQL database for one test file or one gateway process.
 *
 * @param template - a database that it is a copy of; absent: one that has the schema already
 */
export async function createTestDatabase(
  serverUrl: string,
  template = inject('postgresTemplate') ?? 'template1',
): Promise<{ url: string; drop: () => Promise<void> }> {
  const name = `linehaul_test_${process.pid}_${randomBytes(4).toString('hex')}`
  await administer(serverUrl, `create database ${name} template ${template}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return {
    url: url.toString(),
    drop: () => administer(serverUrl, `drop database if exists ${name} with (force)`),
  }
}

/** Empties every table that has rows: to empty all would take a file system a third of a second. */
export async function truncate(store: Store): Promise<void> {
  await store.query(sql`
    do $$
    declare
      name text;
      has_rows boolean;
    begin
      for name in select tablename from pg_tables where schemaname = 'public' loop
        execute format('select exists (select from %I)', name) into has_rows;
        if has_rows then execute format('truncate %I cascade', name); end if;
      end loop;
    end $$`)
}
