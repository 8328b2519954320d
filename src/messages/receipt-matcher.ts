import type { CarrierReceipt } from '../carriers/carrier.ts'
import { messageOf } from '../core/errors.ts'
import { newId } from '../core/id.ts'
import type { Logger } from '../core/logger.ts'
import { elapsed, nextTurn } from '../core/waits.ts'
import type { Store } from '../store/open.ts'
import type { Effects, ReceiptEntry } from './journal.ts'
import { type LiveMessages, recipientKeyOf } from './live.ts'
import { findMessages, findSubmits, findUncertain } from './tables.ts'
import type { Tracker } from './tracker.ts'
import { matchUnknown, recipientDigits } from './unknown-receipt.ts'

/** Longest id that is kept; a carrier's response may hold any octets it likes. */
const MAX_ID = 255

/** Receipts looked up at once. */
const PAGE = 1_000

const RETRY_MS = 1_000

/** Wait before a receipt is looked at again that may belong to a submit still without a response. */
const PUT_OFF_MS = 1_000

/**
 * The journal entry for a receipt that has just come.
 *
 * @param asksRules - failure rules decide before it ends a message as lost
 */
export function receiptEntry(
  receipt: CarrierReceipt,
  receivedAt: Date,
  asksRules = false,
): ReceiptEntry {
  return {
    kind: 'receipt',
    id: newId(),
    ...receipt,
    carrierMessageId: receipt.carrierMessageId.slice(0, MAX_ID),
    receivedAt,
    ...(asksRules && receipt.settles !== null ? { asksRules } : {}),
  }
}

/** What a {@link ReceiptMatcher} is built with. */
export interface ReceiptMatcherOptions {
  readonly store: Store
  readonly live: LiveMessages
  readonly tracker: Tracker
  readonly onEffects: (effects: Effects) => void
  readonly logger: Logger
}

/**
 * Finds the submits of receipts that are not in memory: they were made long ago, or before a
 * restart. Where nobody knows the id, it looks among the submits whose outcome is unknown, see
 * `unknown-receipt.ts`. What is not found either waits for a response that brings its id.
 */
export class ReceiptMatcher {
  readonly #options: ReceiptMatcherOptions
  #waiting: ReceiptEntry[] = []
  #running: Promise<void> | undefined
  #isClosed = false
  /** Receipts that wait until no submit to their recipient waits for its response. */
  #putOff: ReceiptEntry[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(options: ReceiptMatcherOptions) {
    this.#options = options
  }

  /** Looks for the submits of receipts that wait. */
  offer(receipts: readonly ReceiptEntry[]): void {
    if (receipts.length === 0 || this.#isClosed) return
    this.#waiting.push(...receipts)
    this.#running ??= this.#run()
  }

  /** Resolves when everything offered has been looked for. */
  async settled(): Promise<void> {
    while (this.#running) await this.#running
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#running
  }

  async #run(): Promise<void> {
    // The response that a receipt has overtaken is usually just behind it.
    await nextTurn()
    while (this.#waiting.length > 0) {
      const page = this.#waiting.splice(0, PAGE).filter(({ id }) => this.#options.live.isOrphan(id))
      try {
        if (page.length > 0) await this.#match(page)
      } catch (error) {
        this.#options.logger.error(
          { receipts: page.length, error: messageOf(error) },
          'cannot look for the submits of receipts, will try again',
        )
        if (this.#isClosed) break
        this.#waiting.unshift(...page)
        await elapsed(RETRY_MS)
      }
    }
    this.#running = undefined
  }

  async #match(receipts: readonly ReceiptEntry[]): Promise<void> {
    const { store, live, tracker, onEffects } = this.#options
    const submits = await findSubmits(store, receipts)
    const ids = new Set([...submits.values()].map(({ messageId }) => messageId))
    for (const found of await findMessages(live, store, [...ids])) {
      live.adopt(found.message, found.attempts)
    }
    const unknown = receipts.filter((receipt) => {
      const submit = submits.get(receipt.id)
      const attempt =
        submit &&
        live
          .get(submit.messageId)
          ?.attempts.find((one) => one.attempt === submit.attempt && one.segment === submit.segment)
      if (attempt) onEffects(tracker.match(receipt, attempt))
      return !attempt
    })
    await this.#matchUnknown(unknown.filter(({ id }) => live.isOrphan(id)))
  }

  /** Looks for submits without a known outcome that receipts without a known id may belong to. */
  async #matchUnknown(receipts: readonly ReceiptEntry[]): Promise<void> {
    const { store, live, tracker, onEffects } = this.#options
    const told = receipts.filter((receipt) => recipientKeyOf(receipt) !== undefined)
    if (told.length === 0) return
    const ids = await findUncertain(store, told)
    for (const found of await findMessages(live, store, ids)) {
      live.adopt(found.message, found.attempts)
    }
    let inFlight: ReadonlySet<string> | undefined
    for (const receipt of told) {
      // A receipt before this one may have brought the id.
      const known = live.findSubmit(receipt)
      if (known) {
        onEffects(tracker.match(receipt, known))
        continue
      }
      const digits = recipientDigits(receipt.about?.recipient ?? '')
      const match = matchUnknown(receipt, live.uncertainFor(receipt.carrier, digits))
      if (!match) continue
      inFlight ??= live.recipientsInFlight()
      // It may have overtaken its response; then the id will tell.
      if (match.by === 'address' && inFlight.has(recipientKeyOf(receipt) ?? '')) {
        this.#lookAgain(receipt)
      } else {
        onEffects(tracker.matchUnknown(receipt, match.attempt, match.by))
      }
    }
  }

  #lookAgain(receipt: ReceiptEntry): void {
    this.#putOff.push(receipt)
    if (this.#isClosed) return
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.offer(this.#putOff.splice(0))
    }, PUT_OFF_MS).unref()
  }
}
