import type { Clock } from '../core/clock.ts'
import { GatewayError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { elapsed } from '../core/waits.ts'
import type { Store } from '../store/open.ts'
import { isRefusedByDatabase } from '../store/refusal.ts'
import { type AuditPlace, contentOf, type SealedEntry, sealEntries } from './chain.ts'
import type { AuditContent, AuditEvent } from './entry.ts'
import { insertEntries, loadHead } from './tables.ts'

/** What an {@link AuditLog} is built with. */
export interface AuditLogOptions {
  readonly store: Store
  readonly logger: Logger
  readonly clock: Clock
  /** How long {@link AuditLog.append} waits for the database, in milliseconds. Default 10,000. */
  readonly patienceMs?: number
}

/** Entries in one statement. */
const MOST_AT_ONCE = 500

/** Entries that are kept while the database is away. */
const MAX_WAITING = 50_000

const PATIENCE_MS = 10_000
const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 5_000

interface Waiting {
  readonly content: AuditContent
  readonly onWritten: (place: AuditPlace) => void
  readonly onLost: (cause: unknown) => void
}

/**
 * Writes the audit log: one writer, in the order in which events are handed over, each entry sealed with the
 * hash of the one before. What arrives while a statement runs is written by the next, together.
 *
 * While the database is away it keeps what it has, and tries again until it is closed.
 */
export class AuditLog {
  readonly #options: AuditLogOptions
  #head: AuditPlace
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  #isClosing = false

  private constructor(options: AuditLogOptions, head: AuditPlace) {
    this.#options = options
    this.#head = head
  }

  /** Goes on after the latest entry. */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    return new AuditLog(options, await loadHead(options.store))
  }

  /** The latest entry that is written. */
  get head(): AuditPlace {
    return this.#head
  }

  /**
   * Writes what has happened; resolves with the place of its entry when it is durable.
   *
   * @throws {GatewayError} `audit_unwritten` when that takes too long; it is tried on
   */
  append(event: AuditEvent): Promise<AuditPlace> {
    const { patienceMs = PATIENCE_MS } = this.#options
    return new Promise((resolve, reject) => {
      const unwritten = (cause?: unknown) => {
        reject(
          new GatewayError(
            'audit_unwritten',
            `${event.action} was done, and could not be written to the audit log yet: the database is away`,
            { cause },
          ),
        )
      }
      const timer = setTimeout(unwritten, patienceMs).unref()
      this.#push(event, {
        onWritten: (place) => {
          clearTimeout(timer)
          resolve(place)
        },
        onLost: (cause) => {
          clearTimeout(timer)
          unwritten(cause)
        },
      })
    })
  }

  /** Writes what has happened, soon; whoever has done it does not wait. */
  note(event: AuditEvent): void {
    this.#push(event, { onWritten() {}, onLost() {} })
  }

  /** Resolves when everything that was handed over by now is written, or given up at the close. */
  async flush(): Promise<void> {
    while (this.#running) await this.#running
  }

  /** Writes what there is, once more where that fails, and stops. */
  async close(): Promise<void> {
    this.#isClosing = true
    await this.flush()
  }

  #push(event: AuditEvent, told: Omit<Waiting, 'content'>): void {
    const waiting = { content: contentOf(event), ...told }
    if (this.#waiting.length >= MAX_WAITING) {
      this.#giveUp([waiting], new Error(`${MAX_WAITING} entries wait for the database already`))
      return
    }
    this.#waiting.push(waiting)
    this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    // What is handed over in this turn goes into one statement.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MOST_AT_ONCE)
      await this.#write(batch)
    }
    this.#running = undefined
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    let entries = this.#seal(batch)
    for (let waitMs = RETRY_MIN_MS; ; waitMs = Math.min(RETRY_MAX_MS, waitMs * 2)) {
      try {
        await insertEntries(this.#options.store, entries)
        return this.#follow(batch, entries)
      } catch (error) {
        const { logger } = this.#options
        const about = { entries: batch.length, error: messageOf(error) }
        logger.error(about, 'cannot write the audit log, will try again')
        if (this.#isClosing && waitMs > RETRY_MIN_MS) return this.#giveUp(batch, error)
        await elapsed(waitMs)
        const head = await this.#storedHead()
        // The commit went through, and only its answer was lost.
        if (head?.hash === entries.at(-1)?.hash) return this.#follow(batch, entries)
        if (head && head.hash !== this.#head.hash) {
          logger.error({ entry: head.number }, 'somebody else has written to the audit log')
          this.#head = head
          entries = this.#seal(batch)
        } else if (head && isRefusedByDatabase(error)) {
          return this.#writeOneByOne(batch, error)
        }
      }
    }
  }

  /** One entry that the database refuses must not hold up all others. */
  async #writeOneByOne(batch: readonly Waiting[], cause: unknown): Promise<void> {
    if (batch.length === 1) return this.#giveUp(batch, cause)
    for (const one of batch) await this.#write([one])
  }

  #seal(batch: readonly Waiting[]): SealedEntry[] {
    return sealEntries(
      this.#head,
      batch.map(({ content }) => content),
    )
  }

  #follow(batch: readonly Waiting[], entries: readonly SealedEntry[]): void {
    for (const [index, { number, hash }] of entries.entries()) {
      this.#head = { number, hash }
      batch[index]?.onWritten(this.#head)
    }
  }

  #giveUp(batch: readonly Waiting[], cause: unknown): void {
    for (const { content, onLost } of batch) {
      const { action, subject, outcome } = content
      this.#options.logger.error(
        { action, subject: subject?.id, outcome, error: messageOf(cause) },
        'an entry of the audit log is lost',
      )
      onLost(cause)
    }
  }

  /** Undefined while the database is away. */
  async #storedHead(): Promise<AuditPlace | undefined> {
    try {
      return await loadHead(this.#options.store)
    } catch {
      return undefined
    }
  }
}
