import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { CarrierSettings } from './carrier-process.ts'

const PROGRAM = fileURLToPath(new URL('carrier-process.ts', import.meta.url))
const TSX = import.meta.resolve('tsx')
const START_WITHIN_MS = 30_000

/** A simulated carrier's process: killed and started again, it remembers what it took. */
export class CarrierUnderTest {
  readonly #settings: Omit<CarrierSettings, 'run'>
  #run = 0
  #process: ChildProcess | undefined

  constructor(settings: Omit<CarrierSettings, 'run'>) {
    this.#settings = settings
  }

  get name(): string {
    return this.#settings.name
  }

  get journal(): string {
    return this.#settings.journal
  }

  /** Starts its next life; resolves when it listens. */
  async start(): Promise<void> {
    const settings: CarrierSettings = { ...this.#settings, run: ++this.#run }
    const child = spawn(process.execPath, ['--import', TSX, PROGRAM, JSON.stringify(settings)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#process = child
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`carrier ${this.name} does not start`)),
        START_WITHIN_MS,
      )
      child.once('message', () => {
        clearTimeout(timer)
        resolve()
      })
      child.once('exit', (code) => {
        clearTimeout(timer)
        reject(new Error(`carrier ${this.name} ended with ${code}`))
      })
    })
  }

  /** Kills it at once. */
  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (!child || child.exitCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }
}
