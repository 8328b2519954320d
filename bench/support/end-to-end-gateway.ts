import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import { stringify } from 'yaml'

/** The API key of the benchmark's tenant. */
export const API_KEY = 'bench-key'

/** A running gateway with a database of its own. */
export interface GatewayProcess {
  readonly httpPort: number
  readonly smppPort: number
  readonly sql: postgres.Sql
  /** Stops the gateway as an operator would, and drops the database. */
  close(): Promise<void>
}

/** The flag that `npm start` gives to Node. */
const AS_STARTED = '--max-semi-space-size=64'

const COMMAND = fileURLToPath(new URL('../../bin/linehaul.js', import.meta.url))

/** A first start compiles the sources. */
const READY_WITHIN_MS = 120_000
const STOPPED_WITHIN_MS = 20_000

/**
 * Starts `linehaul serve` on PostgreSQL with one carrier and one partner.
 *
 * The server is that of DATABASE_URL or TEST_DATABASE_URL; the database is made for this run.
 * LINEHAUL_BENCH_NODE_FLAGS are flags for the gateway's Node, such as `--cpu-prof`.
 */
export async function startGatewayProcess(carrierPort: number): Promise<GatewayProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'linehaul-bench-'))
  const database = await createDatabase()
  const undo = async () => {
    await database.drop()
    await rm(folder, { recursive: true, force: true })
  }
  const config = join(folder, 'linehaul.yaml')
  await writeFile(config, stringify(configFor(carrierPort, folder)))
  const flags = (process.env.LINEHAUL_BENCH_NODE_FLAGS ?? '').split(' ').filter(Boolean)
  const child = spawn(process.execPath, [AS_STARTED, ...flags, COMMAND, 'serve'], {
    env: { ...process.env, LINEHAUL_CONFIG: config, DATABASE_URL: database.url },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  process.once('exit', () => child.kill('SIGKILL'))
  try {
    const ports = await readyPorts(child)
    const sql = postgres(database.url, { max: 1, onnotice() {} })
    return {
      ...ports,
      sql,
      async close() {
        await sql.end({ timeout: 5 })
        await stop(child)
        await undo()
      },
    }
  } catch (error) {
    await stop(child)
    await undo()
    throw error
  }
}

function configFor(carrierPort: number, dataDir: string): object {
  return {
    http: { host: '127.0.0.1', port: 0 },
    smpp: { host: '127.0.0.1', port: 0 },
    data_dir: dataDir,
    log_level: 'warn',
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
    partners: [{ system_id: 'bench', password: 'bench', tenant: 'bench' }],
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

/** The ports from the lines that `serve` prints when it is ready. */
function readyPorts(child: ChildProcess): Promise<{ httpPort: number; smppPort: number }> {
  return new Promise((resolve, reject) => {
    let printed = ''
    const timer = setTimeout(
      () => reject(new Error(`the gateway was not ready in time; it said: ${printed}`)),
      READY_WITHIN_MS,
    )
    child.once('exit', (code) => {
      clearTimeout(timer)
      reject(new Error(`the gateway ended with code ${code}; it said: ${printed}`))
    })
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      const isReady = printed.includes('Data ')
      // What comes later is its log: warnings and errors belong on the screen.
      if (isReady) process.stderr.write(chunk)
      else printed += chunk
      const http = /HTTP API +http:\/\/[^ ]*:(\d+)/.exec(printed)?.[1]
      const smpp = /SMPP +[^ ]*:(\d+)/.exec(printed)?.[1]
      if (isReady || http === undefined || smpp === undefined) return
      clearTimeout(timer)
      resolve({ httpPort: Number(http), smppPort: Number(smpp) })
    })
  })
}

function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOPPED_WITHIN_MS)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    child.kill('SIGTERM')
  })
}
