import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { appendFileSync, chownSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import postgres from 'postgres'
import { pause } from './waiting.ts'

const INSTALLED = '/usr/lib/postgresql'
const START_WITHIN_MS = 60_000

/** Folder of the newest PostgreSQL server programs of this machine; undefined when there are none. */
export function findPostgresPrograms(): string | undefined {
  try {
    const versions = readdirSync(INSTALLED).sort((a, b) => Number(b) - Number(a))
    for (const version of versions) {
      const folder = join(INSTALLED, version, 'bin')
      if (readdirSync(folder).includes('initdb')) return folder
    }
  } catch {
    // No such folder: not installed.
  }
  return undefined
}

/** User and group as which the server runs: it refuses to run as root. */
function owner(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const line = /^postgres:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'))
  if (!line) throw new Error('there is no user "postgres" to run the database server as')
  return { uid: Number(line[1]), gid: Number(line[2]) }
}

/** A PostgreSQL cluster of the laboratory's own, with fsync, that can be killed and started again. */
export class PostgresCluster {
  readonly #programs: string
  readonly #folder: string
  readonly #port: number
  #server: ChildProcess | undefined
  #log = ''

  /** @param folder - does not exist yet; the cluster is made in it */
  constructor(programs: string, folder: string, port: number) {
    this.#programs = programs
    this.#folder = folder
    this.#port = port
  }

  get port(): number {
    return this.#port
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.#port}/postgres`
  }

  /** True while the postmaster lives. */
  get isRunning(): boolean {
    return this.#server !== undefined && this.#server.exitCode === null && !this.#server.signalCode
  }

  /** Makes the cluster. */
  create(): void {
    mkdirSync(this.#folder, { mode: 0o700 })
    const who = owner()
    if (who) chownSync(this.#folder, who.uid, who.gid)
    const { status, stderr } = spawnSync(
      join(this.#programs, 'initdb'),
      ['-D', this.#folder, '-U', 'postgres', '-A', 'trust', '--locale=C', '-E', 'UTF8', '-N'],
      { encoding: 'utf8', cwd: '/', ...who },
    )
    if (status !== 0) throw new Error(`initdb failed: ${stderr}`)
    appendFileSync(
      join(this.#folder, 'postgresql.conf'),
      [
        `port = ${this.#port}`,
        "listen_addresses = '127.0.0.1'",
        "unix_socket_directories = ''",
        'fsync = on',
        'synchronous_commit = on',
        'full_page_writes = on',
        // Small, so that the cluster fits on a small file system and recovery is short.
        'shared_buffers = 32MB',
        'min_wal_size = 32MB',
        'max_wal_size = 96MB',
        '',
      ].join('\n'),
    )
  }

  /**
   * Starts the server, again and again until it answers: processes of one that was killed may still
   * hold the shared memory.
   */
  async start(): Promise<void> {
    const deadline = Date.now() + START_WITHIN_MS
    for (;;) {
      if (!this.isRunning) this.#spawn()
      if (await this.#answers()) return
      if (Date.now() > deadline) throw new Error(`PostgreSQL does not start: ${this.#log}`)
      await pause(100)
    }
  }

  /** Kills the postmaster at once; its children notice and end. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Stops the server, at once but in order. */
  async stop(): Promise<void> {
    await this.#end('SIGQUIT')
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const server = this.#server
    if (!server || !this.isRunning) return
    const ended = new Promise((resolve) => server.once('exit', resolve))
    server.kill(signal)
    await ended
  }

  #spawn(): void {
    this.#log = ''
    const server = spawn(join(this.#programs, 'postgres'), ['-D', this.#folder], {
      stdio: ['ignore', 'ignore', 'pipe'],
      cwd: '/',
      ...owner(),
    })
    server.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#log = (this.#log + text).slice(-4_000)
    })
    this.#server = server
  }

  async #answers(): Promise<boolean> {
    const client = postgres(this.url, { max: 1, connect_timeout: 2, onnotice() {} })
    try {
      await client`select 1`
      return true
    } catch {
      return false
    } finally {
      await client.end({ timeout: 1 })
    }
  }
}
