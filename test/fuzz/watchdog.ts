import { writeSync } from 'node:fs'
import { Worker } from 'node:worker_threads'

/** Cases take microseconds. */
const HANGS_AFTER_MS = 20_000
const CASE_OCTETS = 64 * 1024

const WATCH = `
const { workerData } = require('node:worker_threads')
const { writeSync } = require('node:fs')
const { counter, text, hangsAfterMs } = workerData
let seen = -1
setInterval(() => {
  const cases = Atomics.load(counter, 0)
  if (cases !== seen) { seen = cases; return }
  const length = Atomics.load(counter, 1)
  writeSync(2, 'hangs: ' + Buffer.from(text.slice(0, length)).toString() + '\\n')
  process.kill(process.pid, 'SIGKILL')
}, hangsAfterMs)
`

/**
 * Ends the process when one case never ends, and prints that case: a loop without an end lets no
 * timer of its own thread run.
 */
export class Watchdog {
  readonly #counter = new Int32Array(new SharedArrayBuffer(8))
  readonly #text = new Uint8Array(new SharedArrayBuffer(CASE_OCTETS))
  readonly #worker: Worker

  /** @param hangsAfterMs - how long one case may take */
  constructor(hangsAfterMs = HANGS_AFTER_MS) {
    const workerData = { counter: this.#counter, text: this.#text, hangsAfterMs }
    // Without the flags of this process: what they load would wait for a thread that may hang.
    this.#worker = new Worker(WATCH, { eval: true, workerData, execArgv: [] })
  }

  /** A case begins: what to print should it be the last. */
  note(target: string, seed: number, input: unknown): void {
    const { written } = new TextEncoder().encodeInto(
      `${target}, seed ${seed}: ${shown(input)}`,
      this.#text,
    )
    Atomics.store(this.#counter, 1, written)
    Atomics.add(this.#counter, 0, 1)
  }

  async stop(): Promise<void> {
    await this.#worker.terminate()
  }
}

/** Prints without waiting, whatever becomes of the process. */
export function say(line: string): void {
  writeSync(1, `${line}\n`)
}

function shown(input: unknown): string {
  if (Buffer.isBuffer(input)) return input.toString('hex')
  return JSON.stringify(input, (_key, value) =>
    value?.type === 'Buffer' && Array.isArray(value.data)
      ? Buffer.from(value.data).toString('hex')
      : value,
  )
}
