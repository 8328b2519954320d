import { GatewayError } from '../core/errors.ts'
import { elapsed } from '../core/waits.ts'
import { type Claimer, claimOne } from './claims.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Attempt, KnownMessage, LiveMessage } from './live.ts'
import type { Message } from './message.ts'
import { isWaiting } from './states.ts'
import { findMessages } from './tables.ts'

/** How often, and after what wait, a message is looked at again that somebody works on. */
const MAX_LOOKS = 80
const LOOK_AGAIN_MS = 25

/** What a {@link Withdrawal} is built with. */
export interface WithdrawalOptions extends Claimer {
  readonly dispatcher: Dispatcher
}

/** A message, and whether it is the caller's now. */
export type Withdrawn =
  /** It waits nowhere any more: the caller moves it on, then calls `live.letGo`. */
  | { readonly isTaken: true; readonly live: LiveMessage; readonly message: Message }
  /** It does not wait: a carrier has it, or it has ended. */
  | {
      readonly isTaken: false
      readonly message: Message
      readonly attempts: readonly Attempt[]
    }

/** Takes messages that wait, in memory or in the database, so that nobody else sends them. */
export class Withdrawal {
  readonly #options: WithdrawalOptions

  constructor(options: WithdrawalOptions) {
    this.#options = options
  }

  /**
   * Takes a message if it waits.
   *
   * @param partner - the message must be one of this partner's; null: any of the tenant's
   * @throws {GatewayError} `not_found`; `busy` (retryable) when others do not let go of it
   */
  async take(tenantId: string, id: string, partner: string | null = null): Promise<Withdrawn> {
    for (let looks = 0; looks < MAX_LOOKS; looks++) {
      const found = await this.#find(id)
      const isTheirs = found?.message.tenantId === tenantId
      if (!isTheirs || (partner !== null && found.message.partner !== partner)) {
        throw new GatewayError('not_found', `there is no message with the id "${id}"`)
      }
      const { message, attempts } = found
      if (!isWaiting(message.status)) return { isTaken: false, message, attempts }
      const live = await this.#seize(id)
      if (live) return { isTaken: true, live, message: live.message }
      // It is being routed, queued or journalled: in a moment it waits again or is with a carrier.
      await elapsed(LOOK_AGAIN_MS)
    }
    throw new GatewayError('busy', 'the message is being worked on: try again in a second', {
      retryable: true,
    })
  }

  async #find(id: string): Promise<KnownMessage | undefined> {
    const { live, store } = this.#options
    const [found] = await findMessages(live, store, [id])
    return found
  }

  async #seize(id: string): Promise<LiveMessage | undefined> {
    const { live: messages, dispatcher } = this.#options
    const known = messages.get(id)
    if (known) {
      if (!isWaiting(known.message.status)) return undefined
      if (known.isHeld) return dispatcher.withdraw(id) ? known : undefined
      messages.hold(known)
      return known
    }
    const claimed = await claimOne(this.#options, id)
    if (!claimed) return undefined
    const live = messages.adopt(claimed.message, claimed.attempts)
    if (live.isHeld) return undefined
    messages.hold(live)
    if (isWaiting(live.message.status)) return live
    messages.letGo(live)
    return undefined
  }
}
