import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { readyPorts, spawnServe, stopServe } from '../support/serve.ts'
import { createDatabase } from './database.ts'

/** What a run of the gateway is started with. */
export interface GatewayOptions {
  readonly storage: 'postgres' | 'pglite'
  readonly smscPort: number
  /** Unanswered submits on its one bind. */
  readonly window: number
  /** Ask the carrier for receipts. */
  readonly receipts: boolean
  /** False for a gateway without webhooks. */
  readonly callbacks: boolean
}

/** A running gateway. */
export interface Gateway {
  readonly pid: number
  readonly httpPort: number
  readonly smppPort: number
  readonly apiKey: string
  /** The partner's name and password. */
  readonly systemId: string
  readonly password: string
  /** Undefined with PGlite. */
  readonly databaseUrl: string | undefined
  readonly postmaster: number | undefined
  /** Stops it as an operator would, and drops its data. */
  close(): Promise<void>
}

const API_KEY = 'bench-key'
const PARTNER = 'bench'

/** A first start compiles the sources. */
const READY_WITHIN_MS = 180_000
const STOPPED_WITHIN_MS = 30_000

/**
 * Starts `linehaul serve` with one carrier, one bind, one tenant and one partner, on a database of
 * its own. LINEHAUL_BENCH_NODE_FLAGS are flags for its Node, such as `--cpu-prof`.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const folder = await mkdtemp(join(tmpdir(), 'linehaul-peers-'))
  const database = options.storage === 'postgres' ? await createDatabase('gateway') : undefined
  const undo = async () => {
    await database?.drop()
    await rm(folder, { recursive: true, force: true })
  }
  const config = join(folder, 'linehaul.yaml')
  await writeFile(config, stringify(configFor(options, folder)))
  const { DATABASE_URL: _, ...environment } = process.env
  const child = spawnServe({
    ...environment,
    LINEHAUL_CONFIG: config,
    ...(database !== undefined && { DATABASE_URL: database.url }),
  })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  const close = async () => {
    await stopServe(child, STOPPED_WITHIN_MS)
    await undo()
  }
  try {
    const ports = await readyPorts(child, READY_WITHIN_MS)
    if (child.pid === undefined) throw new Error('the gateway could not be started')
    return {
      ...ports,
      pid: child.pid,
      apiKey: API_KEY,
      systemId: PARTNER,
      password: PARTNER,
      databaseUrl: database?.url,
      postmaster: database?.postmaster,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function configFor(options: GatewayOptions, dataDir: string): object {
  return {
    http: { host: '127.0.0.1', port: 0 },
    smpp: { host: '127.0.0.1', port: 0 },
    data_dir: dataDir,
    log_level: 'error',
    tenants: [{ name: 'bench', api_keys: [API_KEY] }],
    carriers: [
      {
        name: 'alpha',
        type: 'smpp',
        host: '127.0.0.1',
        port: options.smscPort,
        system_id: 'linehaul',
        password: 'bench',
        sessions: 1,
        window: options.window,
        reconnect_seconds: { min: 1, max: 1 },
        ...(!options.receipts && { registered_delivery: 0 }),
        rates: [{ prefix: '44', price: '0.0350', currency: 'EUR' }],
      },
    ],
    partners: [{ system_id: PARTNER, password: PARTNER, tenant: 'bench' }],
    // The sink is on this machine.
    ...(options.callbacks && { webhooks: { allow_private_addresses: true } }),
  }
}
