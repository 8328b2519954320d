import { newId } from '../core/id.ts'
import type { ClassPolicy } from '../core/policy.ts'
import type { OpenBreaker } from '../routing/guard-breakers.ts'
import { guardCode } from '../routing/guards.ts'
import type { AcceptedEntry, TimelineEvent } from './journal.ts'
import type { Message } from './message.ts'
import type { MessageRequest } from './message-request.ts'
import type { Quote } from './quotes.ts'
import { routedEvent } from './routes.ts'
import { scheduledEvent, type Timing, timingOf } from './timing.ts'

/** A request that is to be taken over, judged. */
export interface Acceptance {
  readonly tenantId: string
  readonly request: MessageRequest
  readonly quote: Quote
  /** Of its class. */
  readonly policy: ClassPolicy
  /** The dead letter that it repeats. */
  readonly replayOf: string | null
  /** What a guard has against it; undefined: nothing. */
  readonly suspicion: OpenBreaker | undefined
  /** See {@link Message.charging}. */
  readonly charging: string | null
}

/** The journal's entry by which a message is taken over, with the first lines of its timeline. */
export function acceptedEntry(acceptance: Acceptance, at: Date): AcceptedEntry {
  const message = messageOf(acceptance, at)
  return { kind: 'accepted', message, events: acceptedEvents(message, acceptance, at) }
}

function messageOf(
  { tenantId, request, quote, policy, replayOf, suspicion, charging }: Acceptance,
  at: Date,
): Message {
  const timing = timingOf(quote.number.country, policy, request, at)
  const dueAt = suspicion ? heldBackUntil(suspicion, timing.dueAt) : timing.dueAt
  return {
    id: newId(),
    tenantId,
    source: request.source,
    partner: request.partner,
    partnerMessageId: request.partnerMessageId ?? null,
    channel: quote.channel,
    to: quote.to,
    from: quote.from,
    text: request.text,
    template: request.template ?? null,
    mail: request.mail ?? null,
    raw: request.raw,
    passThrough: request.passThrough,
    registeredDelivery: request.registeredDelivery,
    encoding: quote.encoding,
    requestedEncoding: request.encoding,
    segments: quote.segments,
    maxSegments: request.maxSegments,
    trafficClass: request.trafficClass,
    tags: request.tags,
    expectsReply: request.expectsReply,
    clientReference: request.clientReference,
    callbackUrl: request.callbackUrl,
    country: quote.number.country,
    priceMicros: quote.price.micros,
    priceCurrency: quote.price.currency,
    costMicros: quote.cost.micros,
    costCurrency: quote.cost.currency,
    carrierDeckVersion: quote.cost.deckVersion,
    tenantDeckVersion: quote.price.deckVersion,
    createdAt: at,
    sendAt: timing.sendAt,
    expiresAt: timing.expiresAt,
    replayOf,
    status: dueAt ? 'scheduled' : 'queued',
    carrier: quote.best.carrier,
    attempt: 0,
    failures: 0,
    errorCode: null,
    errorDetail: null,
    updatedAt: at,
    finalAt: null,
    dueAt,
    deadlineAt: timing.expiresAt,
    deadLetter: null,
    replayedAs: null,
    heldBy: null,
    network: quote.network?.mccmnc ?? null,
    ...fallbackOf(request, timing, at),
    charging,
  }
}

function fallbackOf(
  { fallback = null, fallbackOf = null }: MessageRequest,
  { dueAt }: Timing,
  at: Date,
): Pick<Message, 'fallback' | 'fallbackAt' | 'fallbackAs' | 'fallbackOf'> {
  const afterSeconds = fallback?.afterSeconds ?? null
  const startAt = dueAt ?? at
  return {
    fallback,
    fallbackAt: afterSeconds === null ? null : new Date(startAt.getTime() + afterSeconds * 1_000),
    fallbackAs: null,
    fallbackOf,
  }
}

/** When a message may go that a guard holds back; what others ask for may be later. */
function heldBackUntil({ action, untilMs }: OpenBreaker, dueAt: Date | null): Date | null {
  if (action !== 'hold_back' || (dueAt && dueAt.getTime() >= untilMs)) return dueAt
  return new Date(untilMs)
}

function acceptedEvents(
  message: Message,
  { quote, suspicion }: Acceptance,
  at: Date,
): TimelineEvent[] {
  const { id: messageId, status, dueAt } = message
  const events: TimelineEvent[] = [
    {
      messageId,
      at,
      type: 'accepted',
      status: 'accepted',
      detail: acceptedDetail(message, quote, suspicion),
    },
    routedEvent(messageId, quote.decision, at, quote.money, status),
  ]
  if (dueAt) {
    const isHeldBack = suspicion?.action === 'hold_back' && suspicion.untilMs === dueAt.getTime()
    const cause = isHeldBack ? 'guard' : undefined
    events.push(scheduledEvent(messageId, message, dueAt, at, cause))
  }
  return events
}

function acceptedDetail(
  { source, encoding, segments, fallbackOf }: Message,
  { replacedFrom, senderWarning }: Quote,
  suspicion: OpenBreaker | undefined,
): object {
  return {
    source,
    encoding,
    segments,
    ...(fallbackOf === null ? {} : { fallback_of: fallbackOf }),
    ...(replacedFrom === null ? {} : { from_replaced: replacedFrom }),
    ...(senderWarning === null ? {} : { sender_warning: senderWarning }),
    ...(suspicion && { suspicion: suspicionDetail(suspicion) }),
  }
}

function suspicionDetail(breaker: OpenBreaker): object {
  const { action, reason } = breaker
  return { code: guardCode(breaker), action, reason }
}
