import type { Clock } from './clock.ts'
import type { Logger } from './logger.ts'

/** Lines within {@link WINDOW_MS}: whoever sends what is refused must not fill the log. */
const MAX_LINES = 20

const WINDOW_MS = 60_000

/** What a {@link BoundedLog} says. */
export interface BoundedMessages {
  /** Of one event. */
  readonly one: string
  /** Of those that have no line of their own; with `count`. */
  readonly more: string
}

/** Warns of what strangers can cause: 20 lines a minute, and how many more there were. */
export class BoundedLog {
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #messages: BoundedMessages
  #begunMs = Number.NEGATIVE_INFINITY
  #lines = 0
  #left = 0

  constructor(logger: Logger, clock: Clock, messages: BoundedMessages) {
    this.#logger = logger
    this.#clock = clock
    this.#messages = messages
  }

  warn(fields: Record<string, unknown>): void {
    const nowMs = this.#clock().getTime()
    if (nowMs - this.#begunMs >= WINDOW_MS) {
      this.tellLeft()
      this.#begunMs = nowMs
      this.#lines = 0
    }
    if (this.#lines >= MAX_LINES) {
      this.#left++
      return
    }
    this.#lines++
    this.#logger.warn(fields, this.#messages.one)
  }

  /** Says how many there were that have no line of their own. */
  tellLeft(): void {
    if (this.#left === 0) return
    this.#logger.warn({ count: this.#left }, this.#messages.more)
    this.#left = 0
  }
}
