import type { Clock } from '../core/clock.ts'
import { GatewayError } from '../core/errors.ts'
import type { Archive } from '../messages/archive.ts'
import type { Cancellation } from '../messages/cancellation.ts'
import type { Message } from '../messages/message.ts'
import { readDestination, readOrigin } from '../messages/message-request.ts'
import type { PartnerMessages, PartnerScope } from '../messages/partner-messages.ts'
import type { Replacement } from '../messages/replacement.ts'
import type { CancelSm, QuerySm, ReplaceSm } from '../smpp/pdu.ts'
import { STATES } from '../smpp/receipt-state.ts'
import type { SessionReply } from '../smpp/session.ts'
import { formatAbsoluteTime } from '../smpp/time.ts'
import type { PartnerAccount } from './account.ts'
import { changeOf } from './command-mapping.ts'
import { senderOf } from './mapping.ts'
import { knownAs } from './message-ids.ts'
import { finalAtOf, speakerOf, stateOf } from './message-state.ts'

/** What an {@link ExistingMessages} works with. */
export interface ExistingMessagesOptions {
  readonly messages: PartnerMessages
  readonly archive: Archive
  readonly cancellation: Cancellation
  readonly replacement: Replacement
  readonly clock: Clock
}

/** Messages that are canceled or changed at once. */
const AT_ONCE = 50

const MAX_ERROR_CODE = 0xff

/**
 * Answers what partners ask about messages that they have submitted before: query_sm, cancel_sm and
 * replace_sm. An id of a submit_multi means all of its messages.
 *
 * Every method throws a GatewayError for what is refused.
 */
export class ExistingMessages {
  readonly #options: ExistingMessagesOptions

  constructor(options: ExistingMessagesOptions) {
    this.#options = options
  }

  /** @see SMPP v3.4, section 4.8 */
  async query(
    pdu: QuerySm,
    account: PartnerAccount,
    interfaceVersion: number,
  ): Promise<SessionReply> {
    const found = await this.#find(pdu.message_id, account)
    if (pdu.source_addr !== '') requireSource(found, pdu)
    const speaker = speakerOf(found) as Message
    const finalAt = finalAtOf(found)
    return {
      message_id: knownAs(speaker),
      final_date: finalAt === null ? '' : formatAbsoluteTime(finalAt),
      message_state: STATES[stateOf(speaker.status, interfaceVersion)].number,
      error_code: await this.#errorCodeOf(speaker),
    }
  }

  /**
   * Cancels one message, or without an id all that wait and have the addresses, and the service type
   * if one is given.
   *
   * @see SMPP v3.4, section 4.9
   */
  async cancel(pdu: CancelSm, account: PartnerAccount): Promise<SessionReply> {
    const named =
      pdu.message_id === ''
        ? await this.#waiting(pdu, account)
        : await this.#find(pdu.message_id, account)
    const { cancellation } = this.#options
    const meant = withAddresses(named, pdu)
    await eachOf(meant, ({ tenantId, id, partner }) => cancellation.cancel(tenantId, id, partner))
    return {}
  }

  /** @see SMPP v3.4, section 4.10 */
  async replace(pdu: ReplaceSm, account: PartnerAccount): Promise<SessionReply> {
    const { replacement, clock } = this.#options
    const found = await this.#find(pdu.message_id, account)
    requireSource(found, pdu)
    await eachOf(found, (message) => {
      const wish = changeOf(pdu, message, clock())
      return replacement.replace(message.tenantId, message.id, wish, message.partner)
    })
    return {}
  }

  async #find(id: string, account: PartnerAccount): Promise<Message[]> {
    const found = await this.#options.messages.byId(scopeOf(account), id)
    if (found.length > 0) return found
    throw new GatewayError('not_found', `there is no message with the id "${id}"`)
  }

  async #waiting(pdu: CancelSm, account: PartnerAccount): Promise<Message[]> {
    const addresses = { from: readOrigin(senderOf(pdu)), to: readDestination(pdu.destination_addr) }
    const waiting = await this.#options.messages.waiting(scopeOf(account), addresses)
    const found = waiting.filter(
      (message) =>
        pdu.service_type === '' || (message.passThrough?.serviceType ?? '') === pdu.service_type,
    )
    if (found.length > 0) return found
    throw new GatewayError(
      'not_cancelable',
      `no message from ${addresses.from} to ${addresses.to} with the service_type "${pdu.service_type}" waits`,
    )
  }

  /** The carrier's own code of a failure, where it is a number that the field can hold; 0: none. */
  async #errorCodeOf({ tenantId, id, status, finalAt }: Message): Promise<number> {
    if (finalAt === null || status === 'delivered' || status === 'canceled') return 0
    const found = await this.#options.archive.find(tenantId, id)
    const raw = found?.timeline.findLast(({ raw_code }) => raw_code !== null)?.raw_code ?? ''
    const code = /^\d{1,3}$/.test(raw) ? Number(raw) : 0
    return code <= MAX_ERROR_CODE ? code : 0
  }
}

function scopeOf({ tenant, systemId }: PartnerAccount): PartnerScope {
  return { tenantId: tenant.id, partner: systemId }
}

/** Refuses an id that comes with another sender than its messages have. */
function requireSource(
  found: readonly Message[],
  pdu: { readonly source_addr_ton: number; readonly source_addr: string },
): void {
  const from = readOrigin(senderOf(pdu))
  if (found.every((message) => message.from === from)) return
  throw new GatewayError('from_invalid', `the message was not submitted with the sender "${from}"`)
}

/** Those with the addresses that are given. */
function withAddresses(found: readonly Message[], pdu: CancelSm): readonly Message[] {
  if (pdu.source_addr !== '') requireSource(found, pdu)
  if (pdu.destination_addr === '') return found
  const to = readDestination(pdu.destination_addr)
  const meant = found.filter((message) => message.to === to)
  if (meant.length > 0) return meant
  throw new GatewayError('to_invalid', `the message does not go to ${to}`)
}

/** Does it to all; throws what the first throws when it can be done to none. */
async function eachOf(
  messages: readonly Message[],
  run: (message: Message) => Promise<void>,
): Promise<void> {
  let isDone = false
  let refusal: unknown
  for (let start = 0; start < messages.length; start += AT_ONCE) {
    const batch = messages.slice(start, start + AT_ONCE)
    for (const result of await Promise.allSettled(batch.map(run))) {
      if (result.status === 'fulfilled') isDone = true
      else if (!(result.reason instanceof GatewayError)) throw result.reason
      else refusal ??= result.reason
    }
  }
  if (!isDone) throw refusal
}
