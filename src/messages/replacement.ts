import type { Charges } from '../billing/charges.ts'
import { readTerms } from '../core/charging.ts'
import type { Clock } from '../core/clock.ts'
import { GatewayError } from '../core/errors.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Intake } from './intake.ts'
import type { ReplacedEntry, TimelineEvent } from './journal.ts'
import type { LiveMessage, LiveMessages } from './live.ts'
import type { Message } from './message.ts'
import type { MessageRequest } from './message-request.ts'
import { routedEvent } from './routes.ts'
import type { PolicyFor } from './settle.ts'
import type { Spool } from './spool.ts'
import { scheduledEvent, type Timing, timingOf } from './timing.ts'
import type { Withdrawal } from './withdrawal.ts'

/** What is to be another in a message; what is left out stays. */
export interface MessageChangeWish {
  readonly text?: string | undefined
  /** For a message whose octets pass through: what stands in their place. */
  readonly octets?: Buffer | undefined
  /** null: at once. */
  readonly sendAt?: Date | null | undefined
  /** The end of its validity; without it that keeps its length. */
  readonly expiresAt?: Date | undefined
  /** SMPP v3.4 section 5.2.17. */
  readonly registeredDelivery?: number | undefined
}

/** What a {@link Replacement} is built with. */
export interface ReplacementOptions {
  readonly withdrawal: Withdrawal
  readonly intake: Intake
  readonly dispatcher: Dispatcher
  readonly live: LiveMessages
  readonly spool: Spool
  readonly policyFor: PolicyFor
  /** Absent: nothing is billed. */
  readonly charges?: Charges
  readonly clock: Clock
}

/** Changes messages that wait for their first submit: no carrier has seen them yet. */
export class Replacement {
  readonly #options: ReplacementOptions

  constructor(options: ReplacementOptions) {
    this.#options = options
  }

  /**
   * Changes a message; it is judged, routed and priced anew. Resolves when that is durable.
   *
   * @param partner - the message must be one of this partner's; null: any of the tenant's
   * @throws {GatewayError} `not_found`, `not_replaceable`, `validity_invalid`, what
   *   {@link Intake.quote} throws; `busy` or `closed` (retryable): then the message is as it was
   */
  async replace(
    tenantId: string,
    id: string,
    wish: MessageChangeWish,
    partner: string | null = null,
  ): Promise<void> {
    const { withdrawal, intake } = this.#options
    intake.checkTenant(tenantId)
    const taken = await withdrawal.take(tenantId, id, partner)
    const { message } = taken
    if (!taken.isTaken) {
      throw notReplaceable(message, 'only what waits for its first carrier can be changed')
    }
    try {
      const entry = this.#entry(message, wish)
      await this.#write(taken.live, entry)
      // Its validity may have ended meanwhile.
      if (message.status !== entry.to) throw notReplaceable(message, 'it has ended')
    } finally {
      this.#handBack(taken.live)
    }
  }

  /** What it costs more is set aside first; what cannot be written, or comes too late, costs nothing. */
  async #write(live: LiveMessage, entry: ReplacedEntry): Promise<void> {
    const { charges, spool } = this.#options
    const { message } = live
    const number = live.replacements + 1
    const { segments, priceMicros, priceCurrency } = entry
    charges?.holdDifference(message, { ...message, segments, priceMicros, priceCurrency }, number)
    try {
      await spool.write(entry)
    } finally {
      if (live.replacements < number) charges?.giveBackDifference(message, number)
    }
  }

  #entry(message: Message, wish: MessageChangeWish): ReplacedEntry {
    const { intake, policyFor, clock } = this.#options
    if (message.attempt > 0) {
      throw notReplaceable(message, 'a carrier has been asked to send it')
    }
    if (message.raw && wish.text !== undefined && wish.octets === undefined) {
      throw notReplaceable(message, 'its octets pass through as the partner sent them')
    }
    if (message.mail?.html != null && wish.text !== undefined) {
      throw notReplaceable(message, 'its HTML would go on saying what the text said')
    }
    const at = clock()
    const request = requestOf(message, wish, at)
    // It keeps the terms of its acceptance, the tier of that moment with them.
    const agreed = message.charging === null ? null : readTerms(message.charging)
    const quote = intake.quotes.quote(message.tenantId, request, { agreed })
    const timing =
      wish.sendAt === undefined
        ? presentTiming(message, wish, at)
        : timingOf(message.country, policyFor(message.trafficClass), request, at)
    const to = timing.dueAt ? 'scheduled' : 'queued'
    const { price, cost, money } = quote
    return {
      kind: 'replaced',
      message,
      at,
      to,
      text: request.text,
      encoding: quote.encoding,
      segments: quote.segments,
      priceMicros: price.micros,
      priceCurrency: price.currency,
      carrier: quote.best.carrier,
      sendAt: timing.sendAt,
      expiresAt: timing.expiresAt,
      dueAt: timing.dueAt,
      events: [
        replacedEvent(message, { ...wish, ...quote }, to, at),
        routedEvent(message.id, quote.decision, at, money, to),
        ...waitOf(message, timing, wish, at),
      ],
      octets: (message.raw && wish.octets) ?? null,
      registeredDelivery: request.registeredDelivery,
      costMicros: cost.micros,
      costCurrency: cost.currency,
      carrierDeckVersion: cost.deckVersion,
      tenantDeckVersion: price.deckVersion,
    }
  }

  /** The sweeper finds what is scheduled. */
  #handBack(held: LiveMessage): void {
    const { live, dispatcher } = this.#options
    live.letGo(held)
    const { message } = held
    if (message.status === 'queued' && message.dueAt === null) dispatcher.enqueue(message)
  }
}

/** A queued message may rest until a carrier takes it; this one has a new route. */
function presentTiming(message: Message, wish: MessageChangeWish, at: Date): Timing {
  const { status, sendAt } = message
  const dueAt = status === 'scheduled' ? message.dueAt : null
  if (wish.expiresAt) secondsBetween(dueAt ?? at, wish.expiresAt)
  return { sendAt, dueAt, expiresAt: wish.expiresAt ?? message.expiresAt }
}

function secondsBetween(startAt: Date, expiresAt: Date): number {
  const seconds = Math.round((expiresAt.getTime() - startAt.getTime()) / 1_000)
  if (seconds > 0) return seconds
  throw new GatewayError(
    'validity_invalid',
    `the validity ends at ${expiresAt.toISOString()}, before it begins`,
  )
}

function requestOf(
  message: Message,
  { text, octets, sendAt, expiresAt, registeredDelivery }: MessageChangeWish,
  at: Date,
): MessageRequest {
  const startAt = message.dueAt ?? message.sendAt ?? message.createdAt
  return {
    source: message.source,
    partner: message.partner,
    channel: message.channel,
    to: message.to,
    from: message.from,
    text: text ?? message.text,
    // Another text is not what the template says.
    template: text === undefined || text === message.text ? message.template : null,
    mail: message.mail,
    raw: message.raw && octets ? { ...message.raw, octets } : message.raw,
    passThrough: message.passThrough,
    registeredDelivery: registeredDelivery ?? message.registeredDelivery,
    encoding: message.requestedEncoding,
    trafficClass: message.trafficClass,
    tags: message.tags,
    expectsReply: message.expectsReply,
    maxSegments: message.maxSegments,
    clientReference: message.clientReference,
    // It was judged at acceptance.
    callbackUrl: null,
    sendAt: sendAt ?? null,
    validitySeconds:
      sendAt !== undefined && expiresAt
        ? secondsBetween(sendAt ?? at, expiresAt)
        : Math.round((message.expiresAt.getTime() - startAt.getTime()) / 1_000),
  }
}

function replacedEvent(
  message: Message,
  change: MessageChangeWish & { readonly encoding: string; readonly segments: number },
  status: ReplacedEntry['to'],
  at: Date,
): TimelineEvent {
  const { text, octets, sendAt, expiresAt, encoding, segments } = change
  return {
    messageId: message.id,
    at,
    type: 'replaced',
    status,
    detail: {
      ...(text === undefined && octets === undefined ? {} : { text: 'changed' }),
      ...(sendAt === undefined ? {} : { send_at: sendAt }),
      ...(expiresAt === undefined ? {} : { expires_at: expiresAt }),
      encoding,
      segments,
    },
  }
}

function waitOf(
  message: Message,
  timing: Timing,
  wish: MessageChangeWish,
  at: Date,
): TimelineEvent[] {
  if (wish.sendAt === undefined || !timing.dueAt) return []
  return [scheduledEvent(message.id, timing, timing.dueAt, at)]
}

function notReplaceable(message: Message, reason: string): GatewayError {
  return new GatewayError('not_replaceable', `the message is ${message.status}: ${reason}`)
}
