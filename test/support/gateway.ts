import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import { configDocuments } from '../../src/config/documents.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/schema.ts'
import { type Logger, silentLogger } from '../../src/core/logger.ts'
import { startGateway } from '../../src/main.ts'
import { ApiClient } from './api-client.ts'
import { createTestDatabase, layDownPglite } from './database.ts'

/** The configuration of the first step's contract, word for word, but for the carrier's port. */
export function contractYaml(port: number): string {
  return `
tenants:
  - name: demo
    api_keys: [test-key-1]
carriers:
  - name: alpha
    type: smpp
    host: 127.0.0.1
    port: ${port}
    system_id: linehaul
    password: secret
    bind: transceiver          # or transmitter, receiver, pair (one TX and one RX)
    sessions: 2                # binds kept open
    window: 50                 # unanswered requests per bind
    segments_per_second: 0     # 0: no limit
    enquire_link_seconds: 30
    default_alphabet: gsm7     # what data_coding 0 means there: gsm7, gsm7-packed, latin1, ascii
    long_messages: udh8        # or udh16, sar, payload
    rates:
      - { prefix: "44", price: "0.0350", currency: EUR }
      - { prefix: "86", price: "0.0210", currency: EUR }
partners:
  - { system_id: partner1, password: pw1, tenant: demo }
`
}

/** A carrier as a test writes it. */
export interface CarrierKeys {
  readonly name: string
  readonly port: number
  /** One price for every number with this prefix. */
  readonly prefix?: string
  readonly price?: string
  /** Any other keys of the file. */
  readonly keys?: Readonly<Record<string, unknown>>
}

/** The text of a configuration with the given carriers and the contract's tenant and partner. */
export function yamlFor(...carriers: readonly CarrierKeys[]): string {
  return JSON.stringify({
    http: { host: '127.0.0.1', port: 0 },
    smpp: { host: '127.0.0.1', port: 0 },
    tenants: [
      { name: 'demo', api_keys: ['test-key-1'] },
      { name: 'other', api_keys: ['other-key-1'] },
    ],
    carriers: carriers.map(({ name, port, prefix = '44', price = '0.0350', keys }) => ({
      name,
      port,
      type: 'smpp',
      host: '127.0.0.1',
      system_id: 'linehaul',
      password: 'secret',
      reconnect_seconds: { min: 1, max: 1 },
      rates: [{ prefix, price, currency: 'EUR' }],
      ...keys,
    })),
    partners: [{ system_id: 'partner1', password: 'pw1', tenant: 'demo' }],
  })
}

/** A gateway that runs in the test's process. */
export interface TestGateway {
  readonly api: ApiClient
  readonly url: string
  readonly smppPort: number
  readonly smppTlsPort: number
  readonly recovered: { readonly queued: number; readonly uncertain: number }
  /** Puts another text in the place of its file; resolves once the gateway has looked at it. */
  configure(yaml: string): Promise<void>
  close(): Promise<void>
}

/** Starts a gateway from a configuration file, on free ports. */
export async function openGateway(
  yaml: string,
  place: {
    readonly folder: string
    /**
     * PostgreSQL, or null: the embedded database, in the folder. Absent: a PostgreSQL database that belongs to
     * the folder, where there is one; the gateway is open in a quarter of the computing.
     */
    readonly databaseUrl?: string | null
    /** Variables besides those that every test has. */
    readonly env?: Readonly<Record<string, string>>
    /** Sets what no file may say, such as a deadline of seconds. */
    readonly change?: (config: Config) => Config
    readonly logger?: Logger
    readonly isConfigFromFile?: boolean
  },
): Promise<TestGateway> {
  const file = join(place.folder, 'linehaul.yaml')
  await writeFile(file, yaml)
  const { change = (config) => config, databaseUrl = await databaseOf(place.folder) } = place
  const env = environmentFor(place.folder, {
    LINEHAUL_CONFIG: file,
    DATABASE_URL: databaseUrl ?? undefined,
    ...place.env,
  })
  if (databaseUrl === null) layDownPglite(dataFolder(place.folder))
  const source = { env, cwd: place.folder }
  const documents = configDocuments(source)
  const { logger = silentLogger, isConfigFromFile = false } = place
  const gateway = await startGateway(change(loadConfig(source, 'unknown')), {
    logger,
    documents: documents && { ...documents, parse: (...text) => change(documents.parse(...text)) },
    isConfigFromFile,
  })
  const url = `http://127.0.0.1:${gateway.httpPort}`
  return {
    api: new ApiClient(url, 'test-key-1'),
    url,
    smppPort: gateway.smppPort,
    smppTlsPort: gateway.smppTlsPort,
    recovered: gateway.recovered,
    configure: async (text) => {
      await writeFile(file, text)
      await gateway.reload()
    },
    close: () => gateway.close(),
  }
}

/** Those of gateways that say nothing of a database, by their folders; they go with the folder. */
const databases = new Map<string, ReturnType<typeof createTestDatabase>>()

/** The same one for every gateway in a folder: one after the other they are one gateway that starts again. */
async function databaseOf(folder: string): Promise<string | null> {
  const server = inject('postgresUrl')
  if (server === null) return null
  const database = databases.get(folder) ?? createTestDatabase(server)
  databases.set(folder, database)
  return (await database).url
}

function dataFolder(folder: string): string {
  return join(folder, 'data')
}

/** The variables of a gateway that uses only this folder and free ports. */
export function environmentFor(
  folder: string,
  more: Readonly<Record<string, string | undefined>> = {},
): Record<string, string> {
  const all = {
    PATH: process.env.PATH,
    LINEHAUL_DATA_DIR: dataFolder(folder),
    LINEHAUL_HTTP_PORT: '0',
    LINEHAUL_SMPP_PORT: '0',
    LINEHAUL_LOG_LEVEL: 'silent',
    ...more,
  }
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}

/** An empty folder, and how to remove it with the database of its gateways. */
export async function temporaryFolder(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'linehaul-'))
  return {
    path,
    async remove() {
      const database = databases.get(path)
      databases.delete(path)
      await (await database)?.drop()
      await rm(path, { recursive: true, force: true })
    },
  }
}
