import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { SubmitMark } from '../carriers/carrier.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'

/** Octets of the first line and of every mark, line feed included. */
const HEADER_OCTETS = 256
const MARK_OCTETS = 48

/**
 * Which submits have been handed to a socket, in a file beside the journal.
 *
 * Intents are committed ahead of the socket (docs/decisions/0001). The file tells those that were
 * written from those that still waited for their place when the process was killed. A mark costs no
 * flush: what a process has given to the kernel outlives the process. It does not outlive the
 * machine, so the file counts only within the same run of the kernel.
 *
 * The file is a ring: the oldest marks are written over, long after their submits were answered.
 */
export class WrittenMarks {
  readonly #path: string
  readonly #boot: string
  readonly #file: number
  #capacity: number
  readonly #logger: Logger
  #next = 0
  #isGivenUp = false

  /**
   * Begins the marks of a run; undefined where the kernel does not say which run of it this is, or the
   * folder cannot be written: after a crash everything that was journalled then counts as unknown.
   *
   * @param node - the name under which the run writes its journal
   * @param capacity - marks kept; more than submits can be unanswered or wait for their commit
   */
  static begin(
    folder: string,
    node: string,
    capacity: number,
    logger: Logger,
  ): WrittenMarks | undefined {
    const boot = bootId()
    if (boot === undefined) return undefined
    try {
      mkdirSync(folder, { recursive: true })
      return new WrittenMarks(pathOf(folder, node), boot, capacity, logger)
    } catch (error) {
      logger.warn({ folder, error: messageOf(error) }, 'cannot keep marks of what is written')
      return undefined
    }
  }

  private constructor(path: string, boot: string, capacity: number, logger: Logger) {
    this.#path = path
    this.#boot = boot
    this.#capacity = capacity
    this.#logger = logger
    // The whole file at once: a disk that fills up later does not matter then.
    const unmarked = ' '.repeat(capacity * MARK_OCTETS)
    const header = headerLine(boot, 'taking over')
    writeFileSync(path, header + unmarked, { mode: 0o600 })
    this.#file = openSync(path, 'r+')
  }

  /** Every intent of earlier runs has been settled. */
  complete(): void {
    this.#write(headerLine(this.#boot, 'complete'), 0)
  }

  /**
   * Makes room for so many marks; where there is room for them already it stays.
   *
   * @throws {Error} when the file cannot grow
   */
  grow(capacity: number): void {
    if (this.#isGivenUp || capacity <= this.#capacity) return
    const before = this.#capacity
    // No less than twice: the oldest marks go first only after as many new ones as there was room for.
    const after = Math.max(capacity, 2 * before)
    const unmarked = ' '.repeat((after - before) * MARK_OCTETS)
    writeSync(this.#file, unmarked, placeOf(before), 'latin1')
    this.#capacity = after
    this.#next = before
  }

  /** Segments are about to be written to a socket: call it before. */
  mark(written: readonly SubmitMark[]): void {
    let lines = ''
    let first = this.#next
    for (const mark of written) {
      lines += `${keyOf(mark.messageId, mark.attempt).padEnd(MARK_OCTETS - 1)}\n`
      this.#next = (this.#next + 1) % this.#capacity
      if (this.#next > 0) continue
      this.#write(lines, placeOf(first))
      lines = ''
      first = 0
    }
    if (lines !== '') this.#write(lines, placeOf(first))
  }

  /** Ends the marks of a run that has nothing left to tell apart. */
  close(): void {
    closeSync(this.#file)
    rmSync(this.#path, { force: true })
  }

  /** Marks with a gap are worse than none. @throws {Error} when they can be neither written nor removed */
  #write(line: string, position: number): void {
    if (this.#isGivenUp) return
    try {
      writeSync(this.#file, line, position, 'latin1')
    } catch (error) {
      rmSync(this.#path, { force: true })
      this.#isGivenUp = true
      this.#logger.error(
        { path: this.#path, error: messageOf(error) },
        'cannot mark what is written: after a crash it will all count as unknown',
      )
    }
  }
}

function placeOf(mark: number): number {
  return HEADER_OCTETS + mark * MARK_OCTETS
}

/** What an earlier run has written. */
export interface EarlierMarks {
  has(messageId: string, attempt: number): boolean
}

/**
 * The marks of an earlier run; undefined when there are none that can be relied on: the machine has
 * been started anew, the run was on another one, or it ended before it had settled what it took over.
 */
export function readMarks(folder: string, node: string): EarlierMarks | undefined {
  let text: string
  try {
    text = readFileSync(pathOf(folder, node), 'latin1')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const boot = bootId()
  if (boot === undefined || !text.startsWith(headerLine(boot, 'complete'))) return undefined
  const marks = new Set<string>()
  for (let at = HEADER_OCTETS; at < text.length; at += MARK_OCTETS) {
    marks.add(text.slice(at, at + MARK_OCTETS).trimEnd())
  }
  return { has: (messageId, attempt) => marks.has(keyOf(messageId, attempt)) }
}

/** Forgets the marks of an earlier run, whose submits are settled. */
export function removeMarks(folder: string, node: string): void {
  rmSync(pathOf(folder, node), { force: true })
}

function keyOf(messageId: string, attempt: number): string {
  return `${messageId} ${attempt}`
}

function pathOf(folder: string, node: string): string {
  return join(folder, `written-${node}`)
}

/**
 * The first line.
 *
 * @param boot - the run of the kernel whose page cache holds what was written last
 * @param state - complete once every earlier intent is settled: then no mark means never written
 */
function headerLine(boot: string, state: 'taking over' | 'complete'): string {
  return `${`linehaul written 1 ${boot} ${state}`.padEnd(HEADER_OCTETS - 1)}\n`
}

/** Linux's name for the present run of the kernel; undefined on other systems. */
function bootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
