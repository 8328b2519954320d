import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { holds } from './waiting.ts'

/** How the gateway is started. */
export interface GatewayPlace {
  /** Folder of the gateway's package. */
  readonly program: string
  /** Working directory; its log is written there too. */
  readonly folder: string
  /** Its configuration file. */
  readonly config: string
  readonly httpPort: number
  readonly env: Readonly<Record<string, string>>
}

const RESTART_AFTER_MS = 300
const STOP_WITHIN_MS = 40_000
const HOPELESS_STARTS = 8
const IS_READY = /is ready after/
const LOG_LINES = 30
const LOG_LINE = 300

/**
 * The gateway as an operator runs it: `linehaul serve` under a supervisor that starts it again
 * whenever it ends.
 */
export class GatewayUnderTest {
  readonly #place: GatewayPlace
  readonly #log: number
  #process: ChildProcess | undefined
  #isWanted = false
  #restart: NodeJS.Timeout | undefined
  /** Times it has ended though nobody killed or asked it, after it was ready. */
  crashes = 0
  /** Times it has ended before it was ready: its database was away, say. */
  failedStarts = 0

  constructor(place: GatewayPlace) {
    this.#place = place
    this.#log = openSync(this.#logFile, 'a')
  }

  /** Starts it now, and again whenever it ends. */
  start(): void {
    this.#isWanted = true
    this.#spawn()
  }

  /** Kills it at once; it stays down until {@link start}. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Asks it to stop in order; gives its exit code, null when it had to be killed. */
  async stop(): Promise<number | null> {
    const child = this.#process
    const timer = setTimeout(() => child?.kill('SIGKILL'), STOP_WITHIN_MS)
    await this.#end('SIGTERM')
    clearTimeout(timer)
    closeSync(this.#log)
    return child?.exitCode ?? null
  }

  /** Halts the whole process, its event loop with it; {@link resume} lets it go on. */
  halt(): void {
    this.#process?.kill('SIGSTOP')
  }

  resume(): void {
    this.#process?.kill('SIGCONT')
  }

  /** Waits until it says that it is ready; false when it does not in time, or fails to start. */
  async ready(timeoutMs: number): Promise<boolean> {
    const giveUp = this.failedStarts + HOPELESS_STARTS
    let isReady = false
    await holds(async () => {
      isReady = await this.#isReady()
      return isReady || this.failedStarts >= giveUp
    }, timeoutMs)
    return isReady
  }

  /** Everything it has logged. */
  log(): string {
    return readFileSync(this.#logFile, 'utf8')
  }

  /** The last lines of its log, each cut short. */
  logTail(): string {
    const lines = this.log().trimEnd().split('\n')
    return lines
      .slice(-LOG_LINES)
      .map((line) => (line.length > LOG_LINE ? `${line.slice(0, LOG_LINE)} …` : line))
      .join('\n')
  }

  get #logFile(): string {
    return join(this.#place.folder, 'gateway.log')
  }

  async #isReady(): Promise<boolean> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.#place.httpPort}/readyz`, {
        signal: AbortSignal.timeout(2_000),
      })
      await answer.text()
      return answer.status === 200
    } catch {
      return false
    }
  }

  #spawn(): void {
    clearTimeout(this.#restart)
    if (this.#process) return
    const child = spawn(
      process.execPath,
      [join(this.#place.program, 'bin', 'linehaul.js'), 'serve'],
      {
        cwd: this.#place.folder,
        stdio: ['ignore', this.#log, this.#log],
        env: {
          PATH: process.env.PATH ?? '',
          LINEHAUL_CONFIG: this.#place.config,
          LINEHAUL_LOG_LEVEL: 'warn',
          ...this.#place.env,
        },
      },
    )
    this.#process = child
    const logFrom = this.log().length
    child.once('exit', () => {
      this.#process = undefined
      if (!this.#isWanted) return
      if (IS_READY.test(this.log().slice(logFrom))) this.crashes++
      else this.failedStarts++
      this.#restart = setTimeout(() => this.#spawn(), RESTART_AFTER_MS)
    })
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#isWanted = false
    clearTimeout(this.#restart)
    const child = this.#process
    if (!child) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await ended
  }
}
