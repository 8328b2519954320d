import type { Carrier } from '../carriers/carrier.ts'
import type { Clock } from '../core/clock.ts'
import { GatewayError } from '../core/errors.ts'
import { parseSender } from '../routing/sender.ts'
import { decidingSubmit, segmentsOf } from './deciding-submit.ts'
import { endEntry } from './endings.ts'
import type { Attempt, LiveMessage, LiveMessages } from './live.ts'
import type { Message } from './message.ts'
import type { Spool } from './spool.ts'
import { isFinal } from './states.ts'
import type { Withdrawal } from './withdrawal.ts'

/** What a {@link Cancellation} is built with. */
export interface CancellationOptions {
  readonly withdrawal: Withdrawal
  readonly carriers: ReadonlyMap<string, Carrier>
  readonly live: LiveMessages
  readonly spool: Spool
  readonly clock: Clock
}

/** Takes messages back: at once while they wait, through the carrier where that has them. */
export class Cancellation {
  readonly #options: CancellationOptions
  /** Those that are being canceled; who asks again waits for the same end. */
  readonly #running = new Map<string, Promise<void>>()

  constructor(options: CancellationOptions) {
    this.#options = options
  }

  /**
   * Cancels a message; resolves when that is durable, and for one that is canceled already.
   *
   * @param partner - the message must be one of this partner's; null: any of the tenant's
   * @throws {GatewayError} `not_found`, `already_final`; `not_cancelable` when a carrier has it and
   *   does not give it back; `busy` or `closed` (retryable)
   */
  async cancel(tenantId: string, id: string, partner: string | null = null): Promise<void> {
    const key = `${tenantId}\n${partner ?? ''}\n${id}`
    const running = this.#running.get(key)
    if (running) return running
    const work = this.#cancel(tenantId, id, partner).finally(() => this.#running.delete(key))
    this.#running.set(key, work)
    return work
  }

  async #cancel(tenantId: string, id: string, partner: string | null): Promise<void> {
    const { withdrawal } = this.#options
    const taken = await withdrawal.take(tenantId, id, partner)
    const message = taken.isTaken
      ? await this.#end(taken.live)
      : isFinal(taken.message.status)
        ? taken.message
        : await this.#cancelAtCarrier(taken.message, taken.attempts)
    if (message.status === 'canceled') return
    throw new GatewayError(
      'already_final',
      `the message has ended as ${message.status}: it cannot be canceled any more`,
    )
  }

  /** Ends a message that is held for this, unless something else has ended it before. */
  async #end(held: LiveMessage): Promise<Message> {
    const { live, spool, clock } = this.#options
    try {
      await spool.write(endEntry(held.message, 'canceled', clock()))
      return held.message
    } finally {
      live.letGo(held)
    }
  }

  async #cancelAtCarrier(message: Message, attempts: readonly Attempt[]): Promise<Message> {
    const { carriers, live: messages } = this.#options
    const carrier = carriers.get(message.carrier)
    const submits = segmentsOf({ message, attempts }, decidingSubmit({ message, attempts }))
    const isKnown =
      submits.length > 0 &&
      submits.every(({ state, carrierMessageId }) => state === 'sent' && carrierMessageId)
    if (!carrier?.cancel || !isKnown) {
      throw notCancelable(message, `${message.carrier} has it already, or may have it`)
    }
    const live = messages.adopt(message, attempts)
    if (live.isHeld) throw notCancelable(message, 'it is being worked on')
    messages.hold(live)
    try {
      const parsed = parseSender(message.from)
      const sender = parsed.ok ? parsed.sender : { value: message.from, ton: 0, npi: 0 }
      for (const { carrierMessageId, submittedAt } of submits) {
        const id = carrierMessageId ?? ''
        const segment = { to: message.to, sender, carrierMessageId: id, submittedAt }
        const outcome = await carrier.cancel(segment)
        if (!outcome.isCanceled) {
          throw notCancelable(message, `${message.carrier} does not cancel it: ${outcome.reason}`)
        }
      }
    } catch (error) {
      messages.letGo(live)
      throw error
    }
    return this.#end(live)
  }
}

function notCancelable(message: Message, reason: string): GatewayError {
  return new GatewayError('not_cancelable', `the message is ${message.status}: ${reason}`)
}
