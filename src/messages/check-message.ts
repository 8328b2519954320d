import type {
  Carrier,
  CarrierReceipt,
  OutboundMessage,
  SegmentOutcome,
  Submission,
} from '../carriers/carrier.ts'
import { messageOf } from '../core/errors.ts'
import { newId } from '../core/id.ts'
import { parseSender } from '../routing/sender.ts'
import { recipientDigits } from './unknown-receipt.ts'

/** The message by which a carrier is tried. */
export interface CheckMessageText {
  /** E.164 with `+`. */
  readonly to: string
  readonly from: string
  readonly text: string
  /** How long its receipt may take. */
  readonly receiptMs: number
}

/** What became of one. */
export interface CheckMessageResult {
  readonly submit: SegmentOutcome
  /** Null: there is none, the submit having failed or nothing having come in time. */
  readonly receipt: CarrierReceipt | null
  /** From the submit to the receipt. */
  readonly latencyMs: number
}

/** Messages whose receipts may still come, late. */
const MAX_WAITING = 100

/**
 * Sends messages of our own to one carrier, and keeps their receipts from everybody else. No tenant pays
 * for them, no table has them, and no quality counts them.
 */
export class CheckMessage {
  readonly #carrier: Carrier
  readonly #text: CheckMessageText
  /** By the carrier's ids: who waits for the receipt. */
  readonly #waiting = new Map<string, (receipt: CarrierReceipt) => void>()
  /** Set while a submit is unanswered: resolves when its id is known. */
  #submitting: Promise<void> | undefined
  #stop: () => void = () => {}

  constructor(carrier: Carrier, text: CheckMessageText) {
    this.#carrier = carrier
    this.#text = text
  }

  /** Sends one and waits for its receipt. Never rejects. */
  async run(now: Date): Promise<CheckMessageResult> {
    const startedAt = performance.now()
    let answered = () => {}
    this.#submitting = new Promise((resolve) => {
      answered = resolve
    })
    const submit = await this.#submit(now)
    const isTaken = submit.kind === 'accepted' && submit.matchKey !== null
    const coming = isTaken ? this.#receiptFor(submit.matchKey) : null
    this.#submitting = undefined
    answered()
    const receipt = await coming
    return { submit, receipt, latencyMs: performance.now() - startedAt }
  }

  /**
   * Takes a receipt of one of these messages, and passes on any other. One that may be ours, its response
   * being on the way, waits for that.
   */
  screen(receipt: CarrierReceipt, passOn: () => Promise<void>): Promise<void> {
    if (this.#take(receipt)) return Promise.resolve()
    if (!this.#submitting || !this.#isToUs(receipt)) return passOn()
    return this.#submitting.then(() => (this.#take(receipt) ? undefined : passOn()))
  }

  /** Waits for no receipt any more. */
  close(): void {
    this.#stop()
  }

  #take(receipt: CarrierReceipt): boolean {
    for (const key of receipt.matchKeys) {
      const tell = this.#waiting.get(key)
      if (!tell) continue
      if (receipt.settles !== null) tell(receipt)
      return true
    }
    return false
  }

  #isToUs({ about }: CarrierReceipt): boolean {
    const recipient = recipientDigits(about?.recipient ?? '')
    return recipient === '' || recipient === recipientDigits(this.#text.to)
  }

  async #submit(now: Date): Promise<SegmentOutcome> {
    const { to, from, text, receiptMs } = this.#text
    const parsed = parseSender(from)
    const id = newId()
    const message: OutboundMessage = {
      id,
      tenantId: '',
      partner: null,
      from,
      to,
      sender: parsed.ok ? parsed.sender : { value: from, ton: 0, npi: 0 },
      text,
      raw: null,
      passThrough: null,
      requestedEncoding: 'auto',
      maxSegments: null,
      registeredDelivery: 0,
      expiresAt: new Date(now.getTime() + receiptMs),
      submit: { key: id, isRepetition: false, mayBeRepeated: false },
    }
    let submission: Submission
    try {
      submission = this.#carrier.prepare(message)
    } catch (error) {
      const reason = messageOf(error)
      return { kind: 'refused', code: 'not_encodable', rawCode: null, reason, class: 'message' }
    }
    return submission.send(1, now)
  }

  /** Null: none came in time. */
  #receiptFor(key: string): Promise<CarrierReceipt | null> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(null), this.#text.receiptMs)
      this.#stop = () => {
        clearTimeout(timer)
        resolve(null)
      }
      this.#waiting.set(key, (receipt) => {
        clearTimeout(timer)
        resolve(receipt)
      })
      // A late receipt still finds its message, and not the journal.
      if (this.#waiting.size > MAX_WAITING) {
        for (const oldest of this.#waiting.keys()) {
          this.#waiting.delete(oldest)
          break
        }
      }
    })
  }
}
