import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { OutboxItem } from '../messages/journal.ts'
import { readOutbox, removeFromOutbox } from '../messages/outbox.ts'
import type { Session } from '../smpp/session.ts'
import { CommandStatus, statusInfo } from '../smpp/status.ts'
import type { Store } from '../store/open.ts'
import { receiptPdu } from './mapping.ts'

/** Receipts read from the outbox at once. */
const PAGE = 500

/** Rest after a partner could not take something. */
const RETRY_AFTER_MS = 2_000

/** Versions that tell no interface version are taken as v3.3, which has no TLVs. */
const OLDEST_VERSION = 0x33

type Fate = 'done' | 'later'

/**
 * Brings a partner the receipts it is owed, over any session of its account that receives.
 *
 * The outbox in the database is the queue: what is not acknowledged stays there, whether the partner
 * is away, refuses for the moment, or the gateway stops.
 */
export class ReceiptSender {
  readonly #store: Store
  readonly #partner: string
  readonly #logger: Logger
  readonly #sessions = new Set<Session>()
  #hasNews = false
  #running: Promise<void> | undefined
  #retry: NodeJS.Timeout | undefined

  constructor(store: Store, partner: string, logger: Logger) {
    this.#store = store
    this.#partner = partner
    this.#logger = logger
  }

  /** A session of the partner that can receive is bound. */
  add(session: Session): void {
    this.#sessions.add(session)
    this.wake()
  }

  /** The session is over. */
  remove(session: Session): void {
    this.#sessions.delete(session)
  }

  /** There may be something to send. */
  wake(): void {
    this.#hasNews = true
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  async close(): Promise<void> {
    clearTimeout(this.#retry)
    this.#sessions.clear()
    await this.#running
  }

  async #run(): Promise<void> {
    try {
      while (this.#hasNews && this.#sessions.size > 0) {
        this.#hasNews = false
        const items = await readOutbox(this.#store, this.#partner, PAGE)
        const done = await this.#sendAll(items)
        await removeFromOutbox(this.#store, done)
        if (done.length < items.length) this.#retryLater()
        else if (items.length === PAGE) this.#hasNews = true
      }
    } catch (error) {
      this.#logger.error(
        { partner: this.#partner, error: messageOf(error) },
        'cannot work on the outbox of a partner',
      )
      this.#retryLater()
    }
  }

  #retryLater(): void {
    if (this.#sessions.size === 0) return
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => this.wake(), RETRY_AFTER_MS).unref()
  }

  /** Sends items in order, paced by the partner's window; gives the ids that are done with. */
  async #sendAll(items: readonly OutboxItem[]): Promise<string[]> {
    const fates = await Promise.all(items.map((item) => this.#send(item)))
    return items.filter((_, index) => fates[index] === 'done').map(({ id }) => id)
  }

  async #send(item: OutboxItem): Promise<Fate> {
    const session = this.#freestSession()
    if (!session) return 'later'
    try {
      const pdu = receiptPdu(item.payload, session.peerVersion ?? OLDEST_VERSION)
      const { command_status: status } = await session.request(pdu)
      if (status === CommandStatus.ESME_ROK) return 'done'
      const { name, retry } = statusInfo(status)
      if (retry !== 'permanent') return 'later'
      this.#logger.warn(
        { partner: this.#partner, messageId: item.messageId, status: name },
        'a partner refused a receipt for good',
      )
      return 'done'
    } catch (error) {
      this.#logger.debug(
        { partner: this.#partner, error: messageOf(error) },
        'a receipt was not acknowledged',
      )
      return 'later'
    }
  }

  #freestSession(): Session | undefined {
    let freest: Session | undefined
    for (const session of this.#sessions) {
      if (!freest || session.pendingCount < freest.pendingCount) freest = session
    }
    return freest
  }
}
