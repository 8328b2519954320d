import { and, asc, inArray, isNull, lt, or } from 'drizzle-orm'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Store } from '../store/open.ts'
import { messages } from '../store/schema/messages.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { MovedEntry } from './journal.ts'
import type { Message } from './message.ts'
import { messageFromRow } from './rows.ts'
import type { Spool } from './spool.ts'
import type { MessageStatus } from './states.ts'

/** Carriers keep trying for up to three days; what has no final receipt then will not get one. */
const DEADLINE_MS = 72 * 3_600_000

const WAITING: MessageStatus[] = ['accepted', 'queued']
const AT_CARRIER: MessageStatus[] = ['sending', 'sent']

const SWEEP_EVERY_MS = 60_000
const PAGE = 500

/** What a {@link DeadlineSweeper} is built with. */
export interface DeadlineOptions {
  readonly store: Store
  readonly spool: Spool
  readonly dispatcher: Dispatcher
  readonly logger: Logger
  readonly clock: Clock
  /** Default 72 hours. */
  readonly deadlineMs?: number
}

/** Ends messages that nothing else has ended, so that none stays open for ever. */
export class DeadlineSweeper {
  readonly #options: DeadlineOptions
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(options: DeadlineOptions) {
    this.#options = options
  }

  /** Sweeps every minute from now on. */
  start(): void {
    this.#timer ??= setInterval(() => {
      this.#running = this.#running.then(() => this.#sweepQuietly())
    }, SWEEP_EVERY_MS).unref()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
  }

  /**
   * Ends what is over its deadline: `expired` what no carrier has taken, `unconfirmed` what a carrier
   * has or may have. Gives how many.
   */
  async sweep(): Promise<number> {
    const { store, spool, dispatcher, clock } = this.#options
    const at = clock()
    const deadline = new Date(at.getTime() - (this.#options.deadlineMs ?? DEADLINE_MS))
    dispatcher.dropWaiting(deadline)
    const rows = await store.db
      .select()
      .from(messages)
      .where(
        and(
          isNull(messages.final_at),
          or(
            and(inArray(messages.status, AT_CARRIER), lt(messages.updated_at, deadline)),
            and(inArray(messages.status, WAITING), lt(messages.created_at, deadline)),
          ),
        ),
      )
      .orderBy(asc(messages.id))
      .limit(PAGE)
    const overdue = rows.map(messageFromRow).filter(({ id }) => !dispatcher.holds(id))
    await Promise.all(overdue.map((message) => spool.write(endEntry(message, at))))
    return overdue.length
  }

  async #sweepQuietly(): Promise<void> {
    try {
      while ((await this.sweep()) === PAGE) {
        // A full page: there may be more.
      }
    } catch (error) {
      this.#options.logger.error({ error: messageOf(error) }, 'cannot look for overdue messages')
    }
  }
}

/** The end of a message that is over its deadline. */
function endEntry(message: Message, at: Date): MovedEntry {
  const { to, code, reason } = WAITING.includes(message.status)
    ? { to: 'expired' as const, code: 'expired', reason: 'no carrier has taken it in time' }
    : {
        to: 'unconfirmed' as const,
        code: 'receipt_missing',
        reason: `no final receipt from ${message.carrier} in time`,
      }
  return {
    kind: 'moved',
    message,
    to,
    at,
    carrier: message.carrier,
    attempt: message.attempt,
    answers: [],
    events: [
      {
        messageId: message.id,
        at,
        type: to,
        status: to,
        carrier: message.carrier,
        attempt: message.attempt,
        code,
        detail: { reason },
      },
    ],
    errorCode: code,
    errorDetail: reason,
  }
}
