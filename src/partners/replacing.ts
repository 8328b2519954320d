import type { Intake } from '../messages/intake.ts'
import type { JournalEntry } from '../messages/journal.ts'
import type { Message } from '../messages/message.ts'
import { type MessageRequest, readDestination, readOrigin } from '../messages/message-request.ts'
import type { PartnerMessages } from '../messages/partner-messages.ts'
import type { Superseding } from '../messages/superseding.ts'
import type { PartnerAccount } from './account.ts'

/** What a {@link Replacing} works with. */
export interface ReplacingOptions {
  readonly messages: PartnerMessages
  readonly superseding: Superseding
}

/**
 * Takes submits over whose replace_if_present_flag is 1: what waits from the same sender to the same
 * number with the same service type ends as `canceled`.
 *
 * The new message has an id of its own; the segments of one long message do not replace each other.
 *
 * @see SMPP v3.4, section 5.2.18
 */
export class Replacing {
  readonly #options: ReplacingOptions
  /** The latest submit for each partner, sender, number and service type that runs. */
  readonly #running = new Map<string, Promise<unknown>>()

  constructor(options: ReplacingOptions) {
    this.#options = options
  }

  /**
   * @param alongside - what belongs into the commit of the acceptance
   * @throws {GatewayError} what {@link Intake.accept} throws
   */
  async accept(
    account: PartnerAccount,
    request: MessageRequest,
    serviceType: string,
    alongside: (message: Message) => readonly JournalEntry[],
  ): Promise<Message> {
    const addresses = { from: readOrigin(request.from), to: readDestination(request.to) }
    const key = [account.systemId, addresses.from, addresses.to, serviceType].join('\0')
    // One after the other: of two at once neither would find the other.
    const before = this.#running.get(key)
    const work = (async () => {
      await before?.catch(() => {})
      const scope = { tenantId: account.tenant.id, partner: account.systemId }
      const waiting = await this.#options.messages.waiting(scope, addresses)
      const replaced = waiting.filter(
        (message) =>
          (message.passThrough?.serviceType ?? '') === serviceType && !isSibling(message, request),
      )
      return this.#options.superseding.accept(account.tenant.id, request, replaced, alongside)
    })()
    this.#running.set(key, work)
    try {
      return await work
    } finally {
      if (this.#running.get(key) === work) this.#running.delete(key)
    }
  }
}

/** True for two segments of one long message. */
function isSibling(one: Message, other: MessageRequest): boolean {
  const [a, b] = [one.passThrough?.concat, other.passThrough?.concat]
  return a?.reference === b?.reference && a?.total === b?.total && a?.sequence !== b?.sequence
}
