import type { Content } from '../carriers/carrier.ts'
import type { Clock } from '../core/clock.ts'
import { GatewayError } from '../core/errors.ts'
import { newId } from '../core/id.ts'
import { type PassThrough, siblingKey } from '../core/pass-through.ts'
import type { TrafficClass } from '../core/policy.ts'
import { Recent } from '../core/recent.ts'
import { Turns } from '../core/turns.ts'
import { elapsed } from '../core/waits.ts'
import { EncodingError } from '../encoding/errors.ts'
import { countSegments } from '../encoding/segment.ts'
import type { NowOrLater } from '../limits/limit-store.ts'
import type { Limits } from '../limits/limits.ts'
import type { RouteCandidate, RouteDecision } from '../routing/decision.ts'
import { Destinations, destinationText, isShortCode } from '../routing/destination.ts'
import { explainDecision } from '../routing/explain.ts'
import type { OpenBreaker } from '../routing/guard-breakers.ts'
import { type Guards, guardCode } from '../routing/guards.ts'
import { type Network, type NetworkSource, NO_NETWORKS } from '../routing/network.ts'
import { type PhoneNumber, parseNumber } from '../routing/number.ts'
import { parseSender, type Sender, senderText } from '../routing/sender.ts'
import { SenderRules } from '../routing/sender-rules.ts'
import { type TenantPrice, type TenantTerms, tenantPriceOf } from '../routing/tenant-price.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { AcceptedEntry, JournalEntry, TimelineEvent } from './journal.ts'
import type { Message, RawContent, RequestedEncoding } from './message.ts'
import { withMoney } from './money-detail.ts'
import { type RouteQuestion, type Routes, routedEvent } from './routes.ts'
import type { PolicyFor } from './settle.ts'
import type { Spool } from './spool.ts'
import { readSendAt, scheduledEvent, timingOf } from './timing.ts'

/** A message as a front door hands it in, its fields not yet judged. */
export interface MessageRequest {
  readonly source: 'rest' | 'smpp'
  readonly partner: string | null
  /** Name of the API key that it came by; absent or null: by none. */
  readonly keyName?: string | null
  /** The id that the partner will know it by; absent or null: the message's own. */
  readonly partnerMessageId?: string | null
  readonly to: string
  readonly from: string
  readonly text: string
  readonly raw: RawContent | null
  readonly passThrough: PassThrough | null
  readonly registeredDelivery: number
  readonly encoding: RequestedEncoding
  readonly trafficClass: TrafficClass
  readonly maxSegments: number | null
  readonly clientReference: string | null
  readonly callbackUrl: string | null
  /** Not before this instant; null: at once. */
  readonly sendAt: Date | null
  /** How long carriers may be tried, from `sendAt` on; null: as the policy of its class says. */
  readonly validitySeconds: number | null
}

/** What a request would become and cost. */
export interface Quote {
  readonly number: PhoneNumber
  /** The destination as the message will have it. */
  readonly to: string
  readonly network: Network | null
  /** The sender id as it will be shown. */
  readonly from: string
  /** The sender id that was asked for, where a rule of the country has put another in its place. */
  readonly replacedFrom: string | null
  readonly encoding: string
  readonly segments: number
  readonly best: RouteCandidate
  readonly decision: RouteDecision
  /** What the tenant pays; what it costs stands in {@link best}. */
  readonly price: TenantPrice
  /** The rate deck of the carrier that the cost is from. */
  readonly carrierDeckVersion: number
}

/** What became of one request among many: a message, or the reason why not. */
export type Verdict =
  | { readonly request: MessageRequest; readonly message: Message; readonly error?: never }
  | { readonly request: MessageRequest; readonly error: GatewayError; readonly message?: never }

/** What an {@link Intake} is built with. */
export interface IntakeOptions {
  readonly routes: Routes
  readonly spool: Spool
  readonly dispatcher: Dispatcher
  readonly policyFor: PolicyFor
  /** What is agreed with a tenant about prices; nothing: it pays what carriers charge. */
  readonly termsFor?: (tenantId: string) => TenantTerms | undefined
  /** True while the tables are too far behind to take more. */
  readonly isBehind: () => boolean
  /** True while they are so far behind that calls with many messages had better wait. */
  readonly isCrowded: () => boolean
  /** Throws a {@link GatewayError} for an address that must not be called. */
  readonly checkCallbackUrl: (url: string) => void
  /** What may be taken by whom; undefined: everybody takes what he likes. */
  readonly limits?: Limits
  /** Looks for pumping and loops; undefined: nobody does. */
  readonly guards?: Guards | undefined
  /** Absent: no network is known. */
  readonly networks?: NetworkSource
  /** Absent: there are no short codes. */
  readonly destinations?: Destinations
  /** Absent: every sender may go everywhere. */
  readonly senderRules?: SenderRules
  readonly clock: Clock
}

/** One request of many; what refuses it may still be awaited. */
interface Judged {
  readonly request: MessageRequest
  readonly entry: AcceptedEntry | null
  readonly refusal: NowOrLater<GatewayError | null>
}

type Decide = (question: RouteQuestion) => RouteDecision

/** How long after the last segment of a long message the next may come. */
const SIBLINGS_MS = 300_000

/** Messages of one call that are judged in one turn of the event loop: about a millisecond. */
const SLICE = 25

/** How long such a call waits for the tables, and how often it looks, in milliseconds. */
const CROWDED_PATIENCE_MS = 2_000
const CROWDED_REST_MS = 5

/** The one way in, for every front door: judge, route, price, make durable, hand on. */
export class Intake {
  readonly #routes: Routes
  readonly #spool: Spool
  readonly #dispatcher: Dispatcher
  readonly #options: IntakeOptions
  readonly #clock: Clock
  readonly #networks: NetworkSource
  readonly #destinations: Destinations
  readonly #senderRules: SenderRules
  readonly #turns = new Turns()
  /** Where the segments go that partners send one by one: all to the same carrier. */
  readonly #siblingCarriers = new Recent<string>(10_000, SIBLINGS_MS)
  #isClosed = false

  constructor(options: IntakeOptions) {
    this.#options = options
    this.#routes = options.routes
    this.#spool = options.spool
    this.#dispatcher = options.dispatcher
    this.#clock = options.clock
    this.#networks = options.networks ?? NO_NETWORKS
    this.#destinations = options.destinations ?? new Destinations()
    this.#senderRules = options.senderRules ?? new SenderRules()
  }

  /**
   * Judges a request and gives its encoding, segments, route and price, changing nothing.
   *
   * @throws {GatewayError} with `pointer`: `to_invalid`, `from_invalid`, `sender_not_allowed`,
   *   `text_invalid`, `text_empty`, `text_too_long`, `text_not_encodable`, `no_route`,
   *   `send_at_invalid`, `webhook_url_invalid`, `webhook_address_refused`
   */
  quote(tenantId: string, request: MessageRequest): Quote {
    return this.#quote(tenantId, request, (question) => this.#routes.rehearse(question))
  }

  /**
   * What the router says to a request that is not to be sent: every carrier, and why.
   *
   * @param draw - 32 random bits; left out, they are drawn
   * @throws {GatewayError} what {@link quote} throws, except `no_route`
   */
  rehearse(
    tenantId: string,
    request: MessageRequest,
    draw?: number,
  ): { number: PhoneNumber; network: Network | null; from: string; decision: RouteDecision } {
    return this.#judge(tenantId, request, (question) =>
      this.#routes.rehearse({ ...question, draw, most: Number.POSITIVE_INFINITY }),
    )
  }

  #quote(tenantId: string, request: MessageRequest, decide: Decide): Quote {
    const judged = this.#judge(tenantId, request, decide)
    const { number, to, network, from, replacedFrom, content, decision } = judged
    const [best] = decision.candidates
    const layout = best && this.#routes.layOut(best.carrier, content)
    if (!best || !layout) throw textFault(content) ?? noRoute(number, decision)
    const at = this.#clock().getTime()
    const tariff = this.#options.termsFor?.(tenantId)?.tariff
    const cost = { micros: best.priceMicros, currency: best.currency }
    const mccmnc = network?.mccmnc ?? null
    const price = tenantPriceOf(tariff, number.e164, mccmnc, layout.segments, at, cost)
    return {
      number,
      to,
      network,
      from,
      replacedFrom,
      encoding: layout.encoding,
      segments: layout.segments,
      best,
      decision,
      price,
      carrierDeckVersion: this.#routes.deckVersionOf(best.carrier),
    }
  }

  #judge(tenantId: string, request: MessageRequest, decide: Decide) {
    readSendAt(request.sendAt, this.#clock())
    if (request.callbackUrl !== null) this.#options.checkCallbackUrl(request.callbackUrl)
    const number = readNumber(request.to, this.#destinations)
    const to = destinationText(number)
    const asked = readSender(request.from)
    const sender = this.#allowedSender(asked, number.country, request.trafficClass, tenantId)
    const from = senderText(sender)
    const replacedFrom = sender === asked ? null : senderText(asked)
    const content = readContent(request)
    const network = number.shortCode === undefined ? this.#networks.find(to) : null
    const siblings = siblingKey(request, from, to)
    const decision = decide({
      tenantId,
      from,
      network: network?.mccmnc ?? null,
      number,
      content,
      trafficClass: request.trafficClass,
      registeredDelivery: request.registeredDelivery,
      siblingCarrier: siblings && this.#siblingCarriers.get(siblings, this.#clock().getTime()),
    })
    return { number, to, network, from, replacedFrom, content, decision }
  }

  /**
   * Asks for the networks of destinations that are not known yet; undefined: there is nothing to wait
   * for. What is not told in time is taken from the tables.
   */
  resolveNetworks(requests: readonly MessageRequest[]): Promise<void> | undefined {
    if (!this.#networks.looksUp) return undefined
    const numbers: string[] = []
    for (const { to } of requests) {
      const parsed = this.#destinations.read(to)
      if (parsed.ok && parsed.number.shortCode === undefined) numbers.push(parsed.number.e164)
    }
    return this.#networks.resolve(numbers)
  }

  /**
   * Takes a message over: resolves once it is durable and on its way.
   *
   * @param replayOf - the dead letter that it repeats: the list loses it in the same commit
   * @throws {GatewayError} what {@link quote} throws; `message_over_limit`; `busy`, `queue_full`,
   *   `storage_unavailable`, `pumping_suspected`, `loop_suspected`, `rate_limited`, `quota_exceeded` or
   *   `closed`, all retryable, when it cannot be taken now
   */
  async accept(
    tenantId: string,
    request: MessageRequest,
    replayOf: Message | null = null,
  ): Promise<Message> {
    this.#refuseIfFull()
    const resolving = this.resolveNetworks([request])
    if (resolving) {
      await resolving
      this.#refuseIfFull()
    }
    const at = this.#clock()
    const entry = this.#acceptedEntry(tenantId, request, at, replayOf)
    const { message } = entry
    const asked = this.#options.limits?.takeMessage(message, request.keyName ?? null)
    const refusal = asked instanceof Promise ? await asked : asked
    if (refusal) throw refusal
    await (replayOf
      ? this.#spool.write(
          { kind: 'replayed', message: replayOf, replayedAs: message.id, at },
          entry,
        )
      : this.#spool.write(entry))
    this.#handOn(message)
    return message
  }

  /**
   * Takes many messages over in one commit: those that are in order, the others are refused one by
   * one. Resolves once they are durable and on their way.
   *
   * @param alongside - gives what belongs into the same commit
   * @throws {GatewayError} `busy`, `queue_full`, `storage_unavailable` or `closed`, all retryable, when
   *   none can be taken now
   */
  async acceptAll(
    tenantId: string,
    requests: readonly MessageRequest[],
    alongside: (verdicts: readonly Verdict[]) => readonly JournalEntry[] = () => [],
  ): Promise<readonly Verdict[]> {
    if (requests.length > 1) await this.#uncrowded()
    this.#refuseIfFull()
    const resolving = this.resolveNetworks(requests)
    if (resolving) {
      await resolving
      this.#refuseIfFull()
    }
    const at = this.#clock()
    const judged: Judged[] = []
    for (const [index, request] of requests.entries()) {
      // A campaign must not hold up a code that somebody waits for.
      if (index % SLICE === 0 && requests.length > 1) await this.#turns.next()
      judged.push(this.#judged(tenantId, request, at))
    }
    const entries: JournalEntry[] = []
    const verdicts: Verdict[] = []
    for (const { request, entry, refusal } of judged) {
      const error = refusal instanceof Promise ? await refusal : refusal
      if (error) {
        verdicts.push({ request, error })
      } else if (entry) {
        entries.push(entry)
        verdicts.push({ request, message: entry.message })
      }
    }
    entries.push(...alongside(verdicts))
    if (entries.length > 0) await this.#spool.write(...entries)
    for (const { message } of verdicts) if (message) this.#handOn(message)
    return verdicts
  }

  /** Judges one request of many. What limits say of it may come later: all are asked at once. */
  #judged(tenantId: string, request: MessageRequest, at: Date): Judged {
    try {
      const entry = this.#acceptedEntry(tenantId, request, at, null)
      const refusal = this.#options.limits?.takeMessage(entry.message, request.keyName ?? null)
      return { request, entry, refusal: refusal ?? null }
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      return { request, entry: null, refusal: error }
    }
  }

  /** Gives the tables time for what they do not hold yet; resolves in any case before long. */
  async #uncrowded(): Promise<void> {
    const until = performance.now() + CROWDED_PATIENCE_MS
    while (this.#options.isCrowded() && performance.now() < until) await elapsed(CROWDED_REST_MS)
  }

  #acceptedEntry(
    tenantId: string,
    request: MessageRequest,
    at: Date,
    replayOf: Message | null,
  ): AcceptedEntry {
    const quote = this.#quote(tenantId, request, (question) => this.#routes.decide(question))
    const suspicion = this.#suspicionOf(tenantId, request, quote, at, replayOf)
    const message = this.#messageOf(tenantId, request, quote, at, replayOf?.id ?? null, suspicion)
    const siblings = siblingKey(message, message.from, message.to)
    if (siblings !== undefined) {
      this.#siblingCarriers.set(siblings, message.carrier, at.getTime())
    }
    return { kind: 'accepted', message, events: acceptedEvents(message, quote, at, suspicion) }
  }

  /**
   * What a guard has against a message, and lets pass; what an operator sends again, none looks at.
   *
   * @throws {GatewayError} `pumping_suspected`, `loop_suspected`
   */
  #suspicionOf(
    tenantId: string,
    request: MessageRequest,
    { number, from }: Quote,
    at: Date,
    replayOf: Message | null,
  ): OpenBreaker | undefined {
    const { guards } = this.#options
    if (!guards || replayOf) return undefined
    const breaker = guards.check(tenantId, request, from, number, at)
    if (breaker?.action !== 'refuse') return breaker
    const until = new Date(breaker.untilMs).toISOString()
    throw new GatewayError(guardCode(breaker), `refused until ${until}: ${breaker.reason}`, {
      pointer: '/to',
      retryable: true,
      retryAfterSeconds: Math.max(1, Math.ceil((breaker.untilMs - at.getTime()) / 1_000)),
    })
  }

  /** The sweeper finds what is scheduled. */
  #handOn(message: Message): void {
    if (message.status === 'queued') this.#dispatcher.enqueue(message)
  }

  #refuseIfFull(): void {
    if (this.#isClosed) {
      throw new GatewayError('closed', 'the gateway is shutting down', { retryable: true })
    }
    if (this.#options.isBehind()) {
      throw new GatewayError('busy', 'the database is behind: try again in a second', {
        retryable: true,
      })
    }
    if (this.#dispatcher.isFull) {
      throw new GatewayError('queue_full', 'too many messages wait for their carriers', {
        retryable: true,
      })
    }
  }

  #messageOf(
    tenantId: string,
    request: MessageRequest,
    quote: Quote,
    at: Date,
    replayOf: string | null,
    suspicion: OpenBreaker | undefined,
  ): Message {
    const policy = this.#options.policyFor(request.trafficClass)
    const timing = timingOf(quote.number.country, policy, request, at)
    const dueAt = suspicion ? heldBackUntil(suspicion, timing.dueAt) : timing.dueAt
    return {
      id: newId(),
      tenantId,
      source: request.source,
      partner: request.partner,
      partnerMessageId: request.partnerMessageId ?? null,
      to: quote.to,
      from: quote.from,
      text: request.text,
      raw: request.raw,
      passThrough: request.passThrough,
      registeredDelivery: request.registeredDelivery,
      encoding: quote.encoding,
      requestedEncoding: request.encoding,
      segments: quote.segments,
      maxSegments: request.maxSegments,
      trafficClass: request.trafficClass,
      clientReference: request.clientReference,
      callbackUrl: request.callbackUrl,
      country: quote.number.country,
      priceMicros: quote.price.micros,
      priceCurrency: quote.price.currency,
      costMicros: quote.best.priceMicros,
      costCurrency: quote.best.currency,
      carrierDeckVersion: quote.carrierDeckVersion,
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
    }
  }

  /**
   * The sender as the rules of the destination's country let it be.
   *
   * @throws {GatewayError} `sender_not_allowed`
   */
  #allowedSender(
    sender: Sender,
    country: string,
    trafficClass: TrafficClass,
    tenantId: string | null,
  ): Sender {
    const verdict = this.#senderRules.judge({ country, tenantId, trafficClass, sender })
    if (verdict.action === 'allow') return sender
    if (verdict.action === 'replace') return verdict.sender
    throw new GatewayError(
      'sender_not_allowed',
      `"${senderText(sender)}" may not be the sender of messages to ${country}: ${verdict.reason}`,
      { pointer: '/from' },
    )
  }

  /** Refuses everything from now on. */
  close(): void {
    this.#isClosed = true
  }
}

/** When a message may go that a guard holds back; what others ask for may be later. */
function heldBackUntil({ action, untilMs }: OpenBreaker, dueAt: Date | null): Date | null {
  if (action !== 'hold_back' || (dueAt && dueAt.getTime() >= untilMs)) return dueAt
  return new Date(untilMs)
}

function acceptedEvents(
  message: Message,
  quote: Quote,
  at: Date,
  suspicion: OpenBreaker | undefined,
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
    withMoney(routedEvent(messageId, quote.decision, at, status), message),
  ]
  if (dueAt) {
    const isHeldBack = suspicion?.action === 'hold_back' && suspicion.untilMs === dueAt.getTime()
    const cause = isHeldBack ? 'guard' : undefined
    events.push(scheduledEvent(messageId, message, dueAt, at, cause))
  }
  return events
}

function acceptedDetail(
  { source, encoding, segments }: Message,
  { replacedFrom }: Quote,
  suspicion: OpenBreaker | undefined,
): object {
  return {
    source,
    encoding,
    segments,
    ...(replacedFrom === null ? {} : { from_replaced: replacedFrom }),
    ...(suspicion && { suspicion: suspicionDetail(suspicion) }),
  }
}

function suspicionDetail(breaker: OpenBreaker): object {
  const { action, reason } = breaker
  return { code: guardCode(breaker), action, reason }
}

/**
 * Reads who a message that was accepted before goes to, and gives it as messages have it. Whether a
 * short code is one that messages are taken for does not matter any more.
 *
 * @throws {GatewayError} `to_invalid`
 */
export function readDestination(to: string): string {
  const digits = to.trim()
  const parsed = parseNumber(to)
  if (!parsed.ok && isShortCode(digits)) return digits
  return readNumber(to, ANY_NUMBER).e164
}

/**
 * Reads who a message that was accepted before is from, and gives it as messages have it.
 *
 * @throws {GatewayError} `from_invalid`
 */
export function readOrigin(from: string): string {
  return senderText(readSender(from))
}

const ANY_NUMBER = new Destinations()

/** @throws {GatewayError} `to_invalid` */
function readNumber(to: string, destinations: Destinations): PhoneNumber {
  const parsed = destinations.read(to)
  if (parsed.ok) return parsed.number
  throw new GatewayError('to_invalid', `"${to}" is not a phone number: ${parsed.reason}`, {
    pointer: '/to',
  })
}

/** @throws {GatewayError} `from_invalid` */
function readSender(from: string): Sender {
  const parsed = parseSender(from)
  if (parsed.ok) return parsed.sender
  throw new GatewayError('from_invalid', `"${from}" is not a sender id: ${parsed.reason}`, {
    pointer: '/from',
  })
}

/** Judges what holds for any carrier. */
function readContent(request: MessageRequest): Content {
  const content = {
    text: request.text,
    raw: request.raw,
    passThrough: request.passThrough,
    requestedEncoding: request.encoding,
    maxSegments: request.maxSegments,
  }
  if (request.raw) return content
  const { text } = request
  if (text === '') {
    throw new GatewayError('text_empty', 'the text is empty: write at least one character', {
      pointer: '/text',
    })
  }
  const nul = text.indexOf('\0')
  if (nul >= 0) {
    throw new GatewayError('text_invalid', `the text has the character U+0000 at index ${nul}`, {
      pointer: '/text',
    })
  }
  return content
}

/** What is wrong with a text that no carrier can carry, when the fault is the text's own. */
function textFault({ raw, text, requestedEncoding, maxSegments }: Content): GatewayError | null {
  if (raw) return null
  try {
    countSegments(text, { encoding: requestedEncoding, maxSegments: maxSegments ?? undefined })
    return null
  } catch (error) {
    if (!(error instanceof EncodingError)) throw error
    return new GatewayError(error.code, error.message, { pointer: '/text', cause: error })
  }
}

function noRoute(number: PhoneNumber, decision: RouteDecision): GatewayError {
  const reasons = explainDecision(decision)
    .refused.map(({ carrier, reason }) => `${carrier}: ${reason}`)
    .join('; ')
  return new GatewayError(
    'no_route',
    `no carrier takes messages to ${number.country} (+${number.callingCode}). ${reasons || 'No carrier is configured'}`,
    { pointer: '/to' },
  )
}
