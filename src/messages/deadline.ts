import { and, asc, inArray, isNull, lt } from 'drizzle-orm'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Store } from '../store/open.ts'
import { messages } from '../store/schema/messages.ts'
import type { Dispatcher } from './dispatcher.ts'
import { messageFromRow } from './rows.ts'
import type { Spool } from './spool.ts'

/** Carriers keep trying for up to three days; what has no final receipt then will not get one. */
const RECEIPT_DEADLINE_MS = 72 * 3_600_000

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

/** Ends messages whose final receipt never came, so that none stays open for ever. */
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

  /** Moves what is over its deadline to `unconfirmed`; gives how many. */
  async sweep(): Promise<number> {
    const { store, spool, dispatcher, clock } = this.#options
    const at = clock()
    const deadline = new Date(at.getTime() - (this.#options.deadlineMs ?? RECEIPT_DEADLINE_MS))
    const rows = await store.db
      .select()
      .from(messages)
      .where(
        and(
          isNull(messages.final_at),
          inArray(messages.status, ['sending', 'sent']),
          lt(messages.updated_at, deadline),
        ),
      )
      .orderBy(asc(messages.id))
      .limit(PAGE)
    const overdue = rows.map(messageFromRow).filter(({ id }) => !dispatcher.holds(id))
    await Promise.all(
      overdue.map((message) => {
        const reason = `no final receipt from ${message.carrier} in time`
        return spool.write({
          kind: 'moved',
          message,
          to: 'unconfirmed',
          at,
          carrier: message.carrier,
          attempt: message.attempt,
          answers: [],
          events: [
            {
              messageId: message.id,
              at,
              type: 'unconfirmed',
              status: 'unconfirmed',
              carrier: message.carrier,
              attempt: message.attempt,
              code: 'receipt_missing',
              detail: { reason },
            },
          ],
          errorCode: 'receipt_missing',
          errorDetail: reason,
        })
      }),
    )
    return overdue.length
  }

  async #sweepQuietly(): Promise<void> {
    try {
      while ((await this.sweep()) === PAGE) {
        // A full page: there may be more.
      }
    } catch (error) {
      this.#options.logger.error({ error: messageOf(error) }, 'cannot look for overdue receipts')
    }
  }
}
