import { randomUUID } from 'node:crypto'
import type { PlannedReceipt } from './outcome.ts'

/** How a carrier writes message ids: in responses, and then in receipts. */
export type IdForm = 'decimal' | 'hex-response' | 'hex-receipt' | 'uuid'

/** The two spellings of one message's id. */
export interface MessageIds {
  readonly response: string
  readonly receipt: string
}

interface Remembered {
  readonly submittedMs: number
  readonly receipts: readonly PlannedReceipt[]
}

const MAX_REMEMBERED = 50_000
const ENROUTE = 1

/** Gives message ids and answers what has become of a message, as far as it is remembered. */
export class MessageBook {
  readonly #form: IdForm
  readonly #messages = new Map<string, Remembered>()
  // Microseconds since 1970: ids do not come again after a restart.
  #next = Date.now() * 1000

  constructor(form: IdForm) {
    this.#form = form
  }

  /** @param isWrongRadix - the receipt has the id in the radix that the response has not */
  nextIds(isWrongRadix = false): MessageIds {
    const id = this.#next++
    const decimal = String(id)
    if (isWrongRadix) return this.#otherRadix(id)
    switch (this.#form) {
      case 'decimal':
        return { response: decimal, receipt: decimal }
      case 'hex-response':
        return { response: id.toString(16), receipt: decimal }
      case 'hex-receipt':
        return { response: decimal, receipt: id.toString(16).toUpperCase() }
      case 'uuid': {
        const uuid = randomUUID()
        return { response: uuid, receipt: uuid }
      }
    }
  }

  #otherRadix(id: number): MessageIds {
    const decimal = String(id)
    const hex = id.toString(16)
    switch (this.#form) {
      case 'decimal':
        return { response: decimal, receipt: hex.toUpperCase() }
      case 'hex-response':
        return { response: hex, receipt: hex }
      case 'hex-receipt':
        return { response: decimal, receipt: decimal }
      case 'uuid': {
        const uuid = randomUUID()
        return { response: uuid, receipt: String(BigInt(`0x${uuid.replaceAll('-', '')}`)) }
      }
    }
  }

  /** Remembers a message; the oldest is forgotten beyond 50,000. */
  remember(responseId: string, submittedMs: number, receipts: readonly PlannedReceipt[]): void {
    this.#messages.set(responseId, { submittedMs, receipts })
    if (this.#messages.size <= MAX_REMEMBERED) return
    const oldest = this.#messages.keys().next().value
    if (oldest !== undefined) this.#messages.delete(oldest)
  }

  /** The `message_state` now and, when it is final, since when; undefined for an unknown id. */
  stateOf(
    responseId: string,
    nowMs: number,
  ): { state: number; err: string; finalAt: Date | undefined } | undefined {
    const message = this.#messages.get(responseId)
    if (message === undefined) return undefined
    const reached = message.receipts.findLast(
      ({ afterMs, isIntermediate }) => !isIntermediate && message.submittedMs + afterMs <= nowMs,
    )
    if (reached === undefined) return { state: ENROUTE, err: '000', finalAt: undefined }
    const finalAt = new Date(message.submittedMs + reached.afterMs)
    return { state: reached.state, err: reached.err, finalAt }
  }
}
