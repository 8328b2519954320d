import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { stringify } from 'yaml'
import { readyPorts, spawnServe, stopServe } from './serve.ts'

/** The API key of the benchmark's tenant. */
export const API_KEY = 'bench-key'

/** A running gateway with a database of its own. */
export interface GatewayProcess {
  readonly httpPort: number
  readonly smppPort: number
  readonly sql: postgres.Sql
  /** Collects its garbage and tells what is left, in octets. */
  memoryAfterGc(): Promise<MemoryAfterGc>
  /** Stops the gateway as an operator would, and drops the database. */
  close(): Promise<void>
}

/** What a gateway holds that cannot be collected. */
export interface MemoryAfterGc {
  /** With buffers. */
  readonly heap: number
  readonly rss: number
}

const HEAP_PROBE = new URL('./heap-probe.js', import.meta.url).href
const PROBED_WITHIN_MS = 30_000
const LOOK_EVERY_MS = 20
/** A first start compiles the sources. */
const READY_WITHIN_MS = 120_000
const STOPPED_WITHIN_MS = 20_000
/** How long a round may take from its last answer to its last commit. */
const END_WITHIN_MS = 120_000
const LOOK_FOR_ENDS_MS = 5

/**
 * Starts `linehaul serve` on PostgreSQL with one carrier and one partner.
 *
 * The server is that of DATABASE_URL or TEST_DATABASE_URL; the database is made for this run.
 * LINEHAUL_BENCH_NODE_FLAGS are flags for the gateway's Node, such as `--cpu-prof`.
 *
 * @param sections - of its configuration, in the place of the usual ones
 */
export async function startGatewayProcess(
  carrierPort: number,
  logLevel: 'warn' | 'error' = 'warn',
  sections: object = {},
): Promise<GatewayProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'linehaul-bench-'))
  const database = await createDatabase()
  const undo = async () => {
    await database.drop()
    await rm(folder, { recursive: true, force: true })
  }
  const config = join(folder, 'linehaul.yaml')
  await writeFile(config, stringify({ ...configFor(carrierPort, folder, logLevel), ...sections }))
  const heapFile = join(folder, 'heap')
  await writeFile(heapFile, '')
  const child = spawnServe(
    {
      ...process.env,
      LINEHAUL_CONFIG: config,
      DATABASE_URL: database.url,
      LINEHAUL_BENCH_HEAP_FILE: heapFile,
    },
    ['--import', HEAP_PROBE],
  )
  process.once('exit', () => child.kill('SIGKILL'))
  try {
    const ports = await readyPorts(child, READY_WITHIN_MS)
    const sql = postgres(database.url, { max: 1, onnotice() {} })
    return {
      ...ports,
      sql,
      memoryAfterGc: () => memoryAfterGc(child, heapFile),
      async close() {
        await sql.end({ timeout: 5 })
        await stopServe(child, STOPPED_WITHIN_MS)
        await undo()
      },
    }
  } catch (error) {
    await stopServe(child, STOPPED_WITHIN_MS)
    await undo()
    throw error
  }
}

async function memoryAfterGc(child: ChildProcess, heapFile: string): Promise<MemoryAfterGc> {
  const lines = async () => (await readFile(heapFile, 'utf8')).split('\n')
  const { length } = await lines()
  child.kill('SIGUSR2')
  const untilMs = performance.now() + PROBED_WITHIN_MS
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    const all = await lines()
    const [heap = '', rss = ''] = all.at(-2)?.split(' ') ?? []
    if (all.length > length) return { heap: Number(heap), rss: Number(rss) }
    if (performance.now() > untilMs) throw new Error('the gateway does not tell its memory')
  }
}

/**
 * Resolves when every message of a gateway has its end, and the tables have all of it: the receipts are durable
 * before, and the tables follow the journal a little later.
 *
 * @throws {Error} when that takes too long
 */
export async function untilAllEnded({ sql }: Pick<GatewayProcess, 'sql'>): Promise<void> {
  const deadline = performance.now() + END_WITHIN_MS
  for (;;) {
    const [row] = await sql<{ open: number }[]>`
      select (select count(*) from journal)::int
        + (select count(*) from messages where final_at is null)::int as open`
    if (row?.open === 0) return
    if (performance.now() > deadline) {
      throw new Error(`${row?.open} messages have no end after ${END_WITHIN_MS} ms`)
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_FOR_ENDS_MS))
  }
}

/** Seconds of processor time that a gateway has taken, by its own metrics. */
export async function cpuSeconds({ httpPort }: Pick<GatewayProcess, 'httpPort'>): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text()
  const seconds = /^process_cpu_seconds_total (\S+)/m.exec(metrics)?.[1]
  if (seconds === undefined) throw new Error('the gateway tells no process_cpu_seconds_total')
  return Number(seconds)
}

function configFor(carrierPort: number, dataDir: string, logLevel: string): object {
  return {
    http: { host: '127.0.0.1', port: 0 },
    smpp: { host: '127.0.0.1', port: 0 },
    data_dir: dataDir,
    log_level: logLevel,
    tenants: [{ name: 'bench', api_keys: [API_KEY] }],
    carriers: [
      {
        name: 'alpha',
        type: 'smpp',
        host: '127.0.0.1',
        port: carrierPort,
        system_id: 'linehaul',
        password: 'bench',
        sessions: 2,
        window: 200,
        rates: [{ prefix: '44', price: '0.0350', currency: 'EUR' }],
      },
    ],
    partners: [
      { system_id: 'bench', password: 'bench', tenant: 'bench' },
      // One who has a password and no manners: see `hostile.bench.ts`.
      { system_id: 'traitor', password: 'traitor', tenant: 'bench' },
    ],
  }
}

async function createDatabase(): Promise<{ url: string; drop: () => Promise<void> }> {
  const serverUrl =
    process.env.DATABASE_URL ||
    process.env.TEST_DATABASE_URL ||
    'postgres://postgres@127.0.0.1:5432/test'
  const name = `linehaul_bench_${process.pid}_${randomBytes(4).toString('hex')}`
  const administer = async (statement: string) => {
    const client = postgres(serverUrl, { max: 1, onnotice() {} })
    try {
      await client.unsafe(statement)
    } finally {
      await client.end({ timeout: 5 })
    }
  }
  await administer(`create database ${name}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return {
    url: url.toString(),
    drop: () => administer(`drop database if exists ${name} with (force)`),
  }
}
