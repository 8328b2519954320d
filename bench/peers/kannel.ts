import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { type BenchDatabase, createDatabase } from './database.ts'

/** How Kannel keeps its messages and the receipts it waits for. */
export type KannelStorage =
  /** `dlr-storage = pgsql` and `store-type = file`: the most that it can keep. */
  'durable' | 'memory'

/** What a run of Kannel is started with. */
export interface KannelOptions {
  readonly storage: KannelStorage
  readonly smscPort: number
  /** `max-pending-submits`: unanswered submits on its one bind. */
  readonly window: number
}

/** A running bearerbox and smsbox. */
export interface Kannel {
  readonly httpPort: number
  readonly username: string
  readonly password: string
  readonly bearerbox: number
  readonly smsbox: number
  readonly postmaster: number | undefined
  close(): Promise<void>
}

const BEARERBOX = '/usr/sbin/bearerbox'
const SMSBOX = '/usr/sbin/smsbox'
const USERNAME = 'bench'
const PASSWORD = 'bench'
const READY_WITHIN_MS = 20_000
const STOPPED_WITHIN_MS = 10_000
const LOOK_EVERY_MS = 50

/** Kannel deletes and updates by `oid`, which tables no longer have by themselves. */
const DLR_TABLE = `
  create table dlr (
    oid bigserial primary key, smsc text, ts text, destination text, source text, service text,
    url text, mask integer, status integer, boxc text
  );
  create index dlr_ts on dlr (smsc, ts)`

/** Whether the packages `kannel` and `kannel-extras` are here. */
export function isKannelInstalled(): boolean {
  return existsSync(BEARERBOX) && existsSync(SMSBOX)
}

/**
 * Starts Kannel with a configuration of its own in a temporary folder and waits for its bind.
 *
 * Logs are at level 4 (panic) and there is no access log: at the default level 0 both boxes log
 * every PDU and request. What else an expert would set is in the two lists below.
 */
export async function startKannel(options: KannelOptions): Promise<Kannel> {
  const folder = await mkdtemp(join(tmpdir(), 'linehaul-kannel-'))
  const database = options.storage === 'durable' ? await createDatabase('kannel') : undefined
  const undo = async () => {
    await database?.drop()
    await rm(folder, { recursive: true, force: true })
  }
  const boxes: ChildProcess[] = []
  try {
    if (database !== undefined) await createTable(database)
    const [adminPort, boxPort, httpPort] = await freePorts(3)
    if (adminPort === undefined || boxPort === undefined || httpPort === undefined) {
      throw new Error('no free ports')
    }
    // Both read one file: bearerbox does not start without the group of smsbox.
    const config = join(folder, 'kannel.conf')
    const groups = [
      ...bearerboxGroups(options, { adminPort, boxPort, folder, database }),
      ...smsboxGroups(boxPort, httpPort),
    ]
    await writeFile(config, groups.join('\n'))
    const bearerbox = start(BEARERBOX, config, folder)
    boxes.push(bearerbox)
    await untilListening(boxPort, bearerbox, folder)
    const smsbox = start(SMSBOX, config, folder)
    boxes.push(smsbox)
    await untilListening(httpPort, smsbox, folder)
    await untilOnline(adminPort)
    return {
      httpPort,
      username: USERNAME,
      password: PASSWORD,
      bearerbox: pidOf(bearerbox),
      smsbox: pidOf(smsbox),
      postmaster: database?.postmaster,
      async close() {
        for (const box of boxes.reverse()) await stop(box)
        await undo()
      },
    }
  } catch (error) {
    for (const box of boxes) await stop(box)
    await undo()
    throw error
  }
}

interface Places {
  readonly adminPort: number
  readonly boxPort: number
  readonly folder: string
  readonly database: BenchDatabase | undefined
}

function bearerboxGroups(options: KannelOptions, places: Places): string[] {
  const isDurable = options.storage === 'durable'
  const core = {
    'admin-port': places.adminPort,
    'admin-interface': '127.0.0.1',
    'admin-password': PASSWORD,
    'smsbox-port': places.boxPort,
    'smsbox-interface': '127.0.0.1',
    'box-allow-ip': '127.0.0.1',
    // Messages between the two boxes that are not acknowledged; 100 by default.
    'smsbox-max-pending': 1_000,
    'sms-incoming-queue-limit': -1,
    'sms-outgoing-queue-limit': 1_000_000,
    'dlr-storage': isDurable ? 'pgsql' : 'internal',
    ...(isDurable && {
      'store-type': 'file',
      'store-location': join(places.folder, 'kannel.store'),
    }),
    'log-level': 4,
  }
  const smsc = {
    smsc: 'smpp',
    'smsc-id': 'bench',
    'interface-version': 34,
    host: '127.0.0.1',
    port: options.smscPort,
    'transceiver-mode': 'true',
    'smsc-username': 'kannel',
    'smsc-password': PASSWORD,
    'system-type': 'bench',
    'max-pending-submits': options.window,
    'enquire-link-interval': 30,
    'reconnect-delay': 1,
  }
  const groups = [group('core', core), group('smsc', smsc)]
  if (places.database !== undefined) {
    const url = new URL(places.database.url)
    const connection = {
      id: 'dlr',
      host: url.hostname,
      port: url.port || 5432,
      username: url.username,
      password: url.password || 'none',
      database: places.database.name,
      // One by default, which the thread of the bind and that of smsbox would share.
      'max-connections': 10,
    }
    const table = {
      id: 'dlr',
      table: 'dlr',
      'field-smsc': 'smsc',
      'field-timestamp': 'ts',
      'field-destination': 'destination',
      'field-source': 'source',
      'field-service': 'service',
      'field-url': 'url',
      'field-mask': 'mask',
      'field-status': 'status',
      'field-boxc-id': 'boxc',
    }
    groups.push(group('pgsql-connection', connection), group('dlr-db', table))
  }
  return groups
}

function smsboxGroups(boxPort: number, httpPort: number): string[] {
  const smsbox = {
    'bearerbox-host': '127.0.0.1',
    'bearerbox-port': boxPort,
    'smsbox-id': 'bench',
    'sendsms-port': httpPort,
    'sendsms-interface': '127.0.0.1',
    'max-pending-requests': 512,
    'log-level': 4,
  }
  const user = {
    username: USERNAME,
    password: PASSWORD,
    'max-messages': 10,
    concatenation: 'true',
  }
  return [group('smsbox', smsbox), group('sendsms-user', user)]
}

function group(name: string, settings: Readonly<Record<string, string | number>>): string {
  const lines = Object.entries(settings).map(([key, value]) =>
    typeof value === 'number' ? `${key} = ${value}` : `${key} = "${value}"`,
  )
  return [`group = ${name}`, ...lines, ''].join('\n')
}

async function createTable({ url }: BenchDatabase): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice() {} })
  await sql.unsafe(DLR_TABLE)
  await sql.end({ timeout: 5 })
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

function start(command: string, config: string, folder: string): ChildProcess {
  const box = spawn(command, ['-v', '4', config], { cwd: folder, stdio: 'ignore' })
  const kill = () => box.kill('SIGKILL')
  process.once('exit', kill)
  box.once('exit', () => process.off('exit', kill))
  return box
}

function pidOf(box: ChildProcess): number {
  if (box.pid === undefined) throw new Error('Kannel could not be started')
  return box.pid
}

async function untilListening(port: number, box: ChildProcess, folder: string): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS
  while (!(await accepts(port))) {
    if (box.exitCode !== null || performance.now() > deadline) {
      const config = await readFile(join(folder, 'kannel.conf'), 'utf8')
      throw new Error(`Kannel ended with code ${box.exitCode} or did not listen:\n${config}`)
    }
    await pause()
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const settle = (isOpen: boolean) => {
      socket.destroy()
      resolve(isOpen)
    }
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
  })
}

/** Its status page says `online` of the bind once the SMSC has accepted it. */
async function untilOnline(adminPort: number): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${adminPort}/status.txt?password=${PASSWORD}`)
    const page = await answer.text()
    if (/\(online \d+s/.test(page) && page.includes('smsbox:bench')) return
    if (performance.now() > deadline) throw new Error(`Kannel did not bind:\n${page}`)
    await pause()
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
}

function stop(box: ChildProcess): Promise<void> {
  if (box.exitCode !== null || box.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    const timer = setTimeout(() => box.kill('SIGKILL'), STOPPED_WITHIN_MS)
    box.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    box.kill('SIGTERM')
  })
}
