import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** How long a child may take over one command, in milliseconds. */
const ANSWER_WITHIN_MS = 180_000

/**
 * A process that answers one command at a time; what it is asked and answers are plain objects.
 *
 * The process ends with this one at the latest, see {@link answerCommands}.
 */
export class Child<Command extends object, Report extends { readonly type: string }> {
  readonly #name: string
  readonly #process: ChildProcess

  /** @param file - path of a module that calls {@link answerCommands} */
  constructor(name: string, file: string) {
    this.#name = name
    this.#process = fork(file)
  }

  /**
   * Gives the answer to a command.
   *
   * @throws {Error} when the process ends, does not answer in time, or answers something else
   */
  async ask<Type extends Report['type']>(
    command: Command,
    type: Type,
  ): Promise<Extract<Report, { readonly type: Type }>> {
    const report = await this.#answer(command)
    if (report.type === type) return report as Extract<Report, { readonly type: Type }>
    throw new Error(`the ${this.#name} answered "${report.type}" instead of "${type}"`)
  }

  /** Ends the process at once. */
  end(): void {
    this.#process.kill('SIGKILL')
  }

  #answer(command: Command): Promise<Report> {
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer)
        this.#process.off('message', onMessage)
        this.#process.off('exit', onExit)
      }
      const onMessage = (report: Report) => {
        settle()
        resolve(report)
      }
      const onExit = (code: number | null) => {
        settle()
        reject(new Error(`the ${this.#name} ended with code ${code}`))
      }
      const timer = setTimeout(() => {
        settle()
        reject(new Error(`the ${this.#name} did not answer within ${ANSWER_WITHIN_MS} ms`))
      }, ANSWER_WITHIN_MS)
      this.#process.on('message', onMessage)
      this.#process.on('exit', onExit)
      this.#process.send(command)
    })
  }
}

/** The processes of one benchmark, from files of this folder. */
export class Children {
  readonly #all: { end(): void }[] = []

  /** @param file - for example `end-to-end-load.ts` */
  start<Command extends object, Report extends { readonly type: string }>(
    name: string,
    file: string,
  ): Child<Command, Report> {
    const started = new Child<Command, Report>(name, fileURLToPath(new URL(file, import.meta.url)))
    this.#all.push(started)
    return started
  }

  end(): void {
    for (const one of this.#all) one.end()
  }
}

/** Answers the commands of the process that started this one, and ends with it. */
export function answerCommands<Command, Report extends object>(
  answer: (command: Command) => Promise<Report>,
): void {
  process.on('message', (command: Command) => {
    answer(command).then((report) => process.send?.(report), failProcess)
  })
  // The benchmark is gone, however it ended.
  process.on('disconnect', () => process.exit(0))
}

/** Ends this process with the error on standard error. */
export function failProcess(error: unknown): never {
  console.error(error)
  process.exit(1)
}

/** Milliseconds since 1970 with fractions; the same clock in every process of a machine. */
export function epochMs(): number {
  return performance.timeOrigin + performance.now()
}
