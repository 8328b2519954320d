import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'

/** The program as users start it; the set-up of the tests has compiled it. */
export const BIN = fileURLToPath(new URL('../../bin/linehaul.js', import.meta.url))

const HOW_LONG_MS = 40_000

/** How a process ended, with everything it said. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** How to start a process. */
export interface ProcessOptions {
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** What it reads; nothing when absent. */
  readonly input?: string
}

/** The command line in a process of its own. */
export class GatewayProcess {
  readonly ended: Promise<Ended>
  readonly #child: ChildProcess
  #stdout = ''
  #stderr = ''

  constructor(args: readonly string[], options: ProcessOptions) {
    this.#child = spawn(process.execPath, [BIN, ...args], {
      cwd: options.cwd,
      env: options.env,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    this.#child.stdin?.end(options.input)
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
    this.ended = new Promise((resolve, reject) => {
      this.#child.on('error', reject)
      this.#child.on('close', (code) =>
        resolve({ code, stdout: this.#stdout, stderr: this.#stderr }),
      )
    })
  }

  get stdout(): string {
    return this.#stdout
  }

  /** The match, as soon as the standard output has it; fails when the process ends before. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    return await vi.waitUntil(
      () => {
        const match = pattern.exec(this.#stdout)
        if (!match && this.#child.exitCode !== null) {
          throw new Error(`it has ended: ${this.#stdout}${this.#stderr}`)
        }
        return match
      },
      { timeout: HOW_LONG_MS, interval: 20 },
    )
  }

  /** Asks the process to end in order. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    this.#child.kill(signal)
    return this.ended
  }
}

/** Runs a command to its end. */
export function runCommand(args: readonly string[], options: ProcessOptions): Promise<Ended> {
  return new GatewayProcess(args, options).ended
}
