import type { Clock } from '../core/clock.ts'
import { GatewayError } from '../core/errors.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Intake, MessageRequest } from './intake.ts'
import type { ReplacedEntry, TimelineEvent } from './journal.ts'
import type { LiveMessage, LiveMessages } from './live.ts'
import type { Message } from './message.ts'
import { routedEvent } from './routes.ts'
import type { PolicyFor } from './settle.ts'
import type { Spool } from './spool.ts'
import { scheduledEvent, type Timing, timingOf } from './timing.ts'
import type { Withdrawal } from './withdrawal.ts'

/** What is to be another in a message; what is left out stays. */
export interface MessageChangeWish {
  readonly text?: string | undefined
  /** null: at once. */
  readonly sendAt?: Date | null | undefined
}

/** What a {@link Replacement} is built with. */
export interface ReplacementOptions {
  readonly withdrawal: Withdrawal
  readonly intake: Intake
  readonly dispatcher: Dispatcher
  readonly live: LiveMessages
  readonly spool: Spool
  readonly policyFor: PolicyFor
  readonly clock: Clock
}

/** Changes messages that wait for their first submit: no carrier has seen them yet. */
export class Replacement {
  readonly #options: ReplacementOptions

  constructor(options: ReplacementOptions) {
    this.#options = options
  }

  /**
   * Changes a message; it is judged, routed and priced anew, and keeps the length of its validity.
   * Resolves when that is durable.
   *
   * @throws {GatewayError} `not_found`, `not_replaceable`, what {@link Intake.quote} throws; `busy` or
   *   `closed` (retryable): then the message is as it was
   */
  async replace(tenantId: string, id: string, wish: MessageChangeWish): Promise<void> {
    const { withdrawal, spool } = this.#options
    const taken = await withdrawal.take(tenantId, id)
    const { message } = taken
    if (!taken.isTaken) {
      throw notReplaceable(message, 'only what waits for its first carrier can be changed')
    }
    try {
      const entry = this.#entry(message, wish)
      await spool.write(entry)
      // Its validity may have ended meanwhile.
      if (message.status !== entry.to) throw notReplaceable(message, 'it has ended')
    } finally {
      this.#handBack(taken.live)
    }
  }

  #entry(message: Message, wish: MessageChangeWish): ReplacedEntry {
    const { intake, policyFor, clock } = this.#options
    if (message.attempt > 0) {
      throw notReplaceable(message, 'a carrier has been asked to send it')
    }
    if (message.raw && wish.text !== undefined) {
      throw notReplaceable(message, 'its octets pass through as the partner sent them')
    }
    const at = clock()
    const request = requestOf(message, wish)
    const quote = intake.quote(request)
    const timing =
      wish.sendAt === undefined
        ? presentTiming(message)
        : timingOf(message.country, policyFor(message.trafficClass), request, at)
    const to = timing.dueAt ? 'scheduled' : 'queued'
    return {
      kind: 'replaced',
      message,
      at,
      to,
      text: request.text,
      encoding: quote.encoding,
      segments: quote.segments,
      priceMicros: quote.best.priceMicros,
      priceCurrency: quote.best.currency,
      carrier: quote.best.carrier,
      sendAt: timing.sendAt,
      expiresAt: timing.expiresAt,
      dueAt: timing.dueAt,
      events: [
        replacedEvent(message, { ...wish, ...quote }, to, at),
        { ...routedEvent(message.id, quote.decision, at), status: to },
        ...waitOf(message, timing, wish, at),
      ],
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
function presentTiming({ status, sendAt, dueAt, expiresAt }: Message): Timing {
  return { sendAt, dueAt: status === 'scheduled' ? dueAt : null, expiresAt }
}

function requestOf(message: Message, { text, sendAt }: MessageChangeWish): MessageRequest {
  const startAt = message.dueAt ?? message.sendAt ?? message.createdAt
  return {
    source: message.source,
    partner: message.partner,
    to: message.to,
    from: message.from,
    text: text ?? message.text,
    raw: message.raw,
    passThrough: message.passThrough,
    registeredDelivery: message.registeredDelivery,
    encoding: message.requestedEncoding,
    trafficClass: message.trafficClass,
    maxSegments: message.maxSegments,
    clientReference: message.clientReference,
    // It was judged at acceptance.
    callbackUrl: null,
    sendAt: sendAt ?? null,
    validitySeconds: Math.round((message.expiresAt.getTime() - startAt.getTime()) / 1_000),
  }
}

function replacedEvent(
  message: Message,
  change: MessageChangeWish & { readonly encoding: string; readonly segments: number },
  status: ReplacedEntry['to'],
  at: Date,
): TimelineEvent {
  const { text, sendAt, encoding, segments } = change
  return {
    messageId: message.id,
    at,
    type: 'replaced',
    status,
    detail: {
      ...(text === undefined ? {} : { text: 'changed' }),
      ...(sendAt === undefined ? {} : { send_at: sendAt }),
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
