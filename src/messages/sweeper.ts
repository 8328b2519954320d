import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Store } from '../store/open.ts'
import { claimDue, claimOverdue } from './claims.ts'
import type { Dispatcher } from './dispatcher.ts'
import { unchanged } from './endings.ts'
import type { MovedEntry } from './journal.ts'
import type { LiveMessage, LiveMessages } from './live.ts'
import { isLost } from './loss.ts'
import type { Losses } from './losses.ts'
import type { Message } from './message.ts'
import type { MissingReceipts } from './missing-receipts.ts'
import { overdueEntry } from './overdue.ts'
import type { PolicyFor } from './settle.ts'
import type { Spool } from './spool.ts'
import type { StateQueries } from './state-queries.ts'
import type { TableWriter } from './table-writer.ts'
import type { StoredMessage } from './tables.ts'

const SWEEP_EVERY_MS = 1_000

/** Messages claimed at once. */
const PAGE = 1_000

/** What a {@link Sweeper} is built with. */
export interface SweeperOptions {
  readonly store: Store
  readonly spool: Spool
  readonly live: LiveMessages
  readonly tables: TableWriter
  readonly dispatcher: Dispatcher
  readonly policyFor: PolicyFor
  /** Decides about what is lost by its receipts; absent: that is the end. */
  readonly losses?: Pick<Losses, 'decide'>
  /** Asks carriers about what is overdue; absent: nobody is asked. */
  readonly queries?: StateQueries
  /** Sends again what got no receipt; absent: nothing is. */
  readonly missingReceipts?: MissingReceipts
  readonly node: string
  readonly logger: Logger
  readonly clock: Clock
}

/**
 * Finds the messages whose instant has come: what was scheduled or rests before another try goes to
 * its carrier; what is over its deadline ends, so that none stays open for ever.
 */
export class Sweeper {
  readonly #options: SweeperOptions
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(options: SweeperOptions) {
    this.#options = options
  }

  /** Sweeps every second from now on. */
  start(): void {
    this.#sleep()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#running
  }

  /** Sweeps once; resolves when everything that was due has been moved on. */
  async sweep(): Promise<void> {
    const now = this.#options.clock()
    this.#options.dispatcher.expireWaiting(now)
    await this.#all(claimOverdue, now, (live) => this.#endOverdue(live, now))
    await this.#all(claimDue, now, (live) => this.#wake(live, now))
  }

  #sleep(): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => {
      this.#running = this.sweep()
        .catch((error: unknown) => {
          this.#options.logger.error({ error: messageOf(error) }, 'cannot look for due messages')
        })
        .then(() => this.#sleep())
    }, SWEEP_EVERY_MS).unref()
  }

  async #all(
    claim: typeof claimDue,
    now: Date,
    handle: (live: LiveMessage) => Promise<void>,
  ): Promise<void> {
    const { tables } = this.#options
    for (;;) {
      const claimed: StoredMessage[] = await claim(this.#options, now, PAGE)
      await Promise.all(claimed.map((stored) => this.#handle(stored, handle)))
      if (claimed.length < PAGE) return
      await tables.flush()
    }
  }

  /** Works on a claimed message as its holder; what is newer in memory counts. */
  async #handle(
    stored: StoredMessage,
    handle: (live: LiveMessage) => Promise<void>,
  ): Promise<void> {
    const { live: messages } = this.#options
    const live = messages.adopt(stored.message, stored.attempts)
    if (live.isHeld) return
    messages.hold(live)
    await handle(live)
  }

  /** Its instant has come: it joins the queue of its carrier. */
  async #wake(live: LiveMessage, now: Date): Promise<void> {
    const { spool, live: messages, dispatcher } = this.#options
    const { message } = live
    // It was replaced after its row was written: another time is meant.
    if (message.dueAt !== null && message.dueAt > now) {
      messages.letGo(live)
      return
    }
    if (message.status === 'scheduled') {
      await spool.write(queuedEntry(message, now))
    }
    messages.letGo(live)
    if (message.status !== 'queued') return
    message.dueAt = null
    dispatcher.enqueue(message)
  }

  async #endOverdue(live: LiveMessage, now: Date): Promise<void> {
    const { spool, live: messages, dispatcher, policyFor, queries } = this.#options
    const { missingReceipts, losses } = this.#options
    const { message } = live
    const isOverdue = message.deadlineAt !== null && message.deadlineAt <= now
    const isGone = isLost(live)
    const again = isOverdue && !isGone ? missingReceipts?.resend(live, now) : undefined
    if (isOverdue && !again && queries?.mayAsk(live)) {
      // The answer takes a while: nobody else waits for it.
      queries.ask(live)
      return
    }
    if (isOverdue) {
      const lost = isGone ? losses?.decide(live, now) : undefined
      await spool.write(lost ?? again ?? overdueEntry(live, policyFor, now))
    }
    messages.letGo(live)
    if (message.status === 'queued' && message.dueAt === null) dispatcher.enqueue(message)
  }
}

/** The move of a scheduled message whose instant has come. */
function queuedEntry(message: Message, at: Date): MovedEntry {
  return {
    ...unchanged(message, at),
    to: 'queued',
    dueAt: null,
    events: [
      { messageId: message.id, at, type: 'queued', status: 'queued', carrier: message.carrier },
    ],
  }
}
