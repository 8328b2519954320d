import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { PGlite } from '@electric-sql/pglite'
import { DrizzleQueryError, type SQL, sql } from 'drizzle-orm'
import { type PgDatabase, PgDialect, type PgQueryResultHKT } from 'drizzle-orm/pg-core'
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite'
import { migrate as migratePglite } from 'drizzle-orm/pglite/migrator'
import { drizzle as drizzlePostgres } from 'drizzle-orm/postgres-js'
import { migrate as migratePostgres } from 'drizzle-orm/postgres-js/migrator'
import postgres from 'postgres'
import { GatewayError, messageOf } from '../core/errors.ts'
import { elapsed } from '../core/waits.ts'
import { type Cipher, NO_CIPHER } from './cipher.ts'
import { takeFileLock } from './lock.ts'
import { MIGRATIONS, readTemplate } from './template.ts'

/** Drizzle over either driver, or a transaction of it. */
export type Database = PgDatabase<PgQueryResultHKT, Record<string, never>>

/** An open database with its schema up to date. */
export interface Store {
  readonly kind: 'pglite' | 'postgres'
  readonly db: Database
  /** Seals what is written and opens what is read; `messages/sealing.ts` says what. */
  readonly cipher: Cipher
  /**
   * Runs raw SQL and gives its rows; `on` is a transaction, the whole database by default.
   *
   * PostgreSQL keeps the statement prepared on each connection: its text must not vary with the data.
   */
  query<Row extends object>(statement: SQL, on?: Database): Promise<Row[]>
  /** Waits for what runs, then closes. */
  close(): Promise<void>
}

/** Any number that only Linehaul takes: one gateway at a time per PostgreSQL database. */
const ADVISORY_LOCK_KEY = 0x11e4a01

/** How long a starting gateway waits for one that is stopping, in milliseconds. */
const LOCK_WAIT_MS = 5_000

/** Where the data lives: `url` of a PostgreSQL database when given, else a folder for PGlite. */
export interface StoreOptions {
  readonly databaseUrl: string | undefined
  readonly dataDir: string
  /** Without it everything is in the clear. */
  readonly cipher?: Cipher
}

/**
 * Opens the database and brings its schema up to date.
 *
 * @throws {GatewayError} `database_unreachable`, `database_in_use`, `data_dir_in_use`,
 *   `data_dir_unusable` or `migration_failed`, each naming the address or the folder
 */
export function openStore(options: StoreOptions): Promise<Store> {
  const { databaseUrl, dataDir, cipher } = options
  return databaseUrl === undefined ? openPglite(dataDir, cipher) : openPostgres(databaseUrl, cipher)
}

/**
 * Opens the database to look at it: in PostgreSQL a gateway may run meanwhile. Nothing is changed, not the
 * schema either.
 *
 * @throws {GatewayError} as {@link openStore}, except `database_in_use`
 */
export async function openForReading(options: StoreOptions): Promise<Store> {
  const { databaseUrl, dataDir, cipher = NO_CIPHER } = options
  if (databaseUrl === undefined) return openPglite(dataDir, cipher)
  const client = createClient(databaseUrl)
  try {
    await reached(client, databaseUrl)
  } catch (error) {
    await client.end({ timeout: 0 })
    throw error
  }
  return { ...storeOnPostgres(client, cipher), close: () => client.end({ timeout: 10 }) }
}

/** PGlite in a folder, which nobody else may use meanwhile. */
export async function openPglite(dataDir: string, cipher?: Cipher): Promise<Store> {
  const lock = takeFileLock(`${dataDir}/linehaul.lock`)
  try {
    const client = await createPglite(dataDir)
    const store = storeOnPglite(client, cipher)
    await migrated(() => migratePglite(drizzlePglite(client), { migrationsFolder: MIGRATIONS }))
    return {
      ...store,
      async close() {
        await client.close()
        lock.release()
      },
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

async function createPglite(folder: string): Promise<PGlite> {
  const dataDir = `${folder}/pglite`
  try {
    if (!existsSync(dataDir)) await layDown(dataDir)
    const client = await PGlite.create({ dataDir })
    await client.exec(
      Object.entries(PLANS)
        .map(([name, value]) => `set ${name} = ${value};`)
        .join(' '),
    )
    return client
  } catch (cause) {
    throw new GatewayError(
      'data_dir_unusable',
      `cannot open the embedded database in ${folder}: ${messageOf(cause)}`,
      { cause },
    )
  }
}

/** Makes a new database under another name first: a start that is cut short leaves no half one. */
async function layDown(dataDir: string): Promise<void> {
  const unfinished = `${dataDir}.new`
  await rm(unfinished, { recursive: true, force: true })
  const template = await readTemplate()
  const client = await PGlite.create({
    dataDir: unfinished,
    ...(template ? { loadDataDir: template } : {}),
  })
  await client.close()
  await rename(unfinished, dataDir)
}

/** The store on a PGlite that is already migrated; closing it closes the client. */
export function storeOnPglite(client: PGlite, cipher: Cipher = NO_CIPHER): Store {
  const db = drizzlePglite(client) as unknown as Database
  return {
    kind: 'pglite',
    db,
    cipher,
    async query<Row extends object>(statement: SQL, on: Database = db) {
      try {
        const result = (await on.execute(statement)) as unknown as { rows: Row[] }
        return result.rows
      } catch (error) {
        throw withoutParameters(error)
      }
    },
    close: () => client.close(),
  }
}

async function openPostgres(url: string, cipher: Cipher = NO_CIPHER): Promise<Store> {
  const client = createClient(url)
  try {
    await reached(client, url)
    const lock = await takeAdvisoryLock(url)
    try {
      const drizzled = drizzlePostgres(client)
      await migrated(() => migratePostgres(drizzled, { migrationsFolder: MIGRATIONS }))
    } catch (error) {
      await lock.end()
      throw error
    }
    return {
      ...storeOnPostgres(client, cipher),
      async close() {
        await client.end({ timeout: 10 })
        await lock.end({ timeout: 5 })
      },
    }
  } catch (error) {
    await client.end({ timeout: 0 })
    throw error
  }
}

function storeOnPostgres(client: postgres.Sql, cipher: Cipher): Omit<Store, 'close'> {
  const db = drizzlePostgres(client) as unknown as Database
  const dialect = new PgDialect()
  return {
    kind: 'postgres',
    db,
    cipher,
    async query<Row extends object>(statement: SQL, on: Database = db) {
      const query = dialect.sqlToQuery(statement)
      const prepared = on._.session.prepareQuery(query, undefined, 'prepared', false)
      try {
        return [...((await prepared.execute()) as Row[])]
      } catch (error) {
        throw withoutParameters(error)
      }
    },
  }
}

/** Drizzle tells the parameters in its message, and with them texts and numbers, to any log. */
function withoutParameters(error: unknown): unknown {
  return error instanceof DrizzleQueryError ? (error.cause ?? error) : error
}

function createClient(url: string): postgres.Sql {
  try {
    return postgres(url, {
      max: 10,
      connect_timeout: 10,
      connection: { application_name: 'linehaul', ...PLANS },
      onnotice() {},
    })
  } catch (cause) {
    throw new GatewayError('database_unreachable', `cannot use ${withoutPassword(url)}`, { cause })
  }
}

/**
 * How statements are planned: once, along the indexes.
 *
 * Every statement of the gateway finds its rows by an index. Left alone, PostgreSQL scans a whole
 * table where its statistics are older than the rows, which on a growing table is most of the time.
 */
const PLANS = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  jit: 'off',
} as const

async function reached(client: postgres.Sql, url: string): Promise<void> {
  try {
    await client`select 1`
  } catch (cause) {
    throw new GatewayError(
      'database_unreachable',
      `cannot reach PostgreSQL at ${withoutPassword(url)}: ${reasonOf(cause)}`,
      { retryable: true, cause },
    )
  }
}

/** Node joins the errors of several addresses into one without a message. */
function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(messageOf).join('; ')
  return messageOf(cause)
}

/**
 * Holds a session-level advisory lock on a connection of its own, so that a second gateway on the
 * same database does not send the same messages again.
 */
async function takeAdvisoryLock(url: string): Promise<postgres.Sql> {
  const holder = postgres(url, {
    max: 1,
    idle_timeout: 0,
    max_lifetime: null,
    connection: { application_name: 'linehaul lock' },
    onnotice() {},
  })
  const deadline = Date.now() + LOCK_WAIT_MS
  try {
    for (;;) {
      const [row] = await holder`select pg_try_advisory_lock(${ADVISORY_LOCK_KEY}) as taken`
      if (row?.taken === true) return holder
      if (Date.now() > deadline) break
      await elapsed(200)
    }
    throw new GatewayError(
      'database_in_use',
      `another Linehaul gateway is running on ${withoutPassword(url)}: stop it first`,
      { retryable: true },
    )
  } catch (error) {
    await holder.end({ timeout: 0 })
    throw error
  }
}

async function migrated(run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (cause) {
    throw new GatewayError('migration_failed', `cannot update the schema: ${messageOf(cause)}`, {
      cause,
    })
  }
}

function withoutPassword(url: string): string {
  try {
    const parsed = new URL(url)
    if (parsed.password) parsed.password = '***'
    return parsed.toString()
  } catch {
    return 'the address in DATABASE_URL (not a URL: postgres://user:password@host:port/database)'
  }
}

/** True when the database answers. */
export async function isReachable(store: Store): Promise<boolean> {
  try {
    await store.query(sql`select 1`)
    return true
  } catch {
    return false
  }
}
