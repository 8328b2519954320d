import type { Charges } from '../billing/charges.ts'
import type { Content } from '../carriers/carrier.ts'
import type { Channel } from '../core/channel.ts'
import { type ChargingTerms, discounted, partsOf } from '../core/charging.ts'
import type { Clock } from '../core/clock.ts'
import { GatewayError } from '../core/errors.ts'
import type { Money } from '../core/money.ts'
import { siblingKey } from '../core/pass-through.ts'
import type { TrafficClass } from '../core/policy.ts'
import { Recent } from '../core/recent.ts'
import { EncodingError } from '../encoding/errors.ts'
import { countSegments } from '../encoding/segment.ts'
import type { RouteCandidate, RouteDecision } from '../routing/decision.ts'
import { Destinations, destinationText, NO_NUMBER } from '../routing/destination.ts'
import { refusalsForSender } from '../routing/explain.ts'
import { type Network, type NetworkSource, NO_NETWORKS } from '../routing/network.ts'
import type { PhoneNumber } from '../routing/number.ts'
import { type Sender, senderText } from '../routing/sender.ts'
import { SenderRules, type SenderVerdict } from '../routing/sender-rules.ts'
import {
  type SalePrice,
  type TenantPrice,
  type TenantRate,
  type TenantTerms,
  tenantPriceOf,
  tenantRateOf,
} from '../routing/tenant-price.ts'
import type { CarrierCost } from './message-cost.ts'
import {
  checkFallback,
  type MessageRequest,
  readContent,
  readNumber,
  readOtherRecipient,
  readOtherSender,
  readSender,
} from './message-request.ts'
import { moneyDetail } from './money-detail.ts'
import type { RouteQuestion, Routes } from './routes.ts'
import { readSendAt } from './timing.ts'

/** What a request would become and cost. */
export interface Quote {
  readonly channel: Channel
  /** `NO_NUMBER` where it goes to none. */
  readonly number: PhoneNumber
  /** The destination as the message will have it. */
  readonly to: string
  readonly network: Network | null
  /** The sender id as it will be shown. */
  readonly from: string
  /** The sender id that was asked for, where a rule of the country has put another in its place. */
  readonly replacedFrom: string | null
  /** What may become of the sender in the destination's country; null: nothing is known against it. */
  readonly senderWarning: string | null
  readonly encoding: string
  readonly segments: number
  readonly best: RouteCandidate
  readonly decision: RouteDecision
  /** What the tenant pays. */
  readonly price: TenantPrice
  /** How it is charged for that; undefined: it is not. */
  readonly agreed: ChargingTerms | undefined
  /** What {@link best} charges. */
  readonly cost: CarrierCost
  /** What the timeline says of both, see {@link moneyDetail}. */
  readonly money: object | undefined
  /** What the segments of a long message share that come one by one; undefined: it is whole. */
  readonly siblings: string | undefined
}

/** What {@link Quotes} are made by. */
export interface QuotesOptions {
  readonly routes: Routes
  /** What is agreed with a tenant about prices; nothing: it pays what carriers charge. */
  readonly termsFor?: (tenantId: string) => TenantTerms | undefined
  /** Brings prices into tenants' currencies; absent: nothing is billed. */
  readonly charges?: Charges
  /** Throws a {@link GatewayError} for an address that must not be called. */
  readonly checkCallbackUrl: (url: string) => void
  /** Absent: no network is known. */
  readonly networks?: NetworkSource
  /** Absent: there are no short codes. */
  readonly destinations?: Destinations
  /** Absent: every sender may go everywhere. */
  readonly senderRules?: SenderRules
  readonly clock: Clock
}

/** Between whom a message goes. */
type Addresses = Pick<
  Quote,
  'number' | 'to' | 'network' | 'from' | 'replacedFrom' | 'senderWarning'
>

/** A request in terms of the gateway. */
interface Read extends Addresses {
  readonly channel: Channel
  readonly siblings: string | undefined
  /** What the tenant pays by; undefined: it pays the cost. */
  readonly rate: TenantRate | undefined
  readonly agreed: ChargingTerms | undefined
  readonly question: RouteQuestion
  readonly at: Date
}

/** What a quote goes by besides the request. */
export interface QuoteBasis {
  /** Segments of others that would be accepted before it. */
  readonly segmentsBefore?: number
  /** The terms of a message that is to be replaced; null: it is not billed. */
  readonly agreed?: ChargingTerms | null
}

/** How long after the last segment of a long message the next may come. */
const SIBLINGS_MS = 300_000

/** Judges requests: who they go to and are from, what they say, by whom they go, and for how much. */
export class Quotes {
  readonly #options: QuotesOptions
  readonly #routes: Routes
  readonly #networks: NetworkSource
  readonly #destinations: Destinations
  readonly #senderRules: SenderRules
  /** Where the segments go that partners send one by one: all to the same carrier. */
  readonly #siblingCarriers = new Recent<string>(10_000, SIBLINGS_MS)

  constructor(options: QuotesOptions) {
    this.#options = options
    this.#routes = options.routes
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
  quote(tenantId: string, request: MessageRequest, basis?: QuoteBasis): Quote {
    const read = this.#read(tenantId, request, this.#options.clock(), basis)
    return this.#priced(read, this.#routes.rehearse(read.question))
  }

  /** The same for a message that is taken over now: it takes its turn. */
  decide(tenantId: string, request: MessageRequest, at: Date): Quote {
    const read = this.#read(tenantId, request, at)
    const quote = this.#priced(read, this.#routes.decide(read.question))
    if (quote.siblings !== undefined) {
      this.#siblingCarriers.set(quote.siblings, quote.best.carrier, at.getTime())
    }
    return quote
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
  ): Pick<Quote, 'channel' | 'to' | 'number' | 'network' | 'from' | 'decision'> {
    const { question, channel, to, number, network, from } = this.#read(
      tenantId,
      request,
      this.#options.clock(),
    )
    const most = Number.POSITIVE_INFINITY
    return {
      channel,
      to,
      number,
      network,
      from,
      decision: this.#routes.rehearse({ ...question, draw, most }),
    }
  }

  /**
   * Asks for the networks of destinations that are not known yet; undefined: there is nothing to wait
   * for. What is not told in time is taken from the tables.
   */
  resolveNetworks(requests: readonly MessageRequest[]): Promise<void> | undefined {
    if (!this.#networks.looksUp) return undefined
    const numbers: string[] = []
    for (const { channel = 'sms', to } of requests) {
      if (channel !== 'sms') continue
      const parsed = this.#destinations.read(to)
      if (parsed.ok && parsed.number.shortCode === undefined) numbers.push(parsed.number.e164)
    }
    return this.#networks.resolve(numbers)
  }

  #read(tenantId: string, request: MessageRequest, at: Date, basis: QuoteBasis = {}): Read {
    readSendAt(request.sendAt, at)
    if (request.callbackUrl !== null) this.#options.checkCallbackUrl(request.callbackUrl)
    const addresses = this.#addresses(tenantId, request)
    if (request.fallback) checkFallback(request, this.#destinations)
    const { number, to, network, from } = addresses
    const { channel = 'sms' } = request
    const content = readContent(request)
    const mccmnc = network?.mccmnc ?? null
    const siblings = siblingKey(request, from, to)
    const atMs = at.getTime()
    const terms = this.#options.termsFor?.(tenantId)
    const rate = tenantRateOf(terms?.tariff, number.e164, mccmnc, atMs)
    const agreed =
      basis.agreed === undefined
        ? this.#options.charges?.agreedAt(tenantId, at, basis.segmentsBefore)
        : (basis.agreed ?? undefined)
    return {
      ...addresses,
      channel,
      siblings,
      rate,
      agreed,
      at,
      question: {
        tenantId,
        channel,
        from,
        to,
        network: mccmnc,
        number,
        content,
        trafficClass: request.trafficClass,
        tags: request.tags,
        expectsReply: request.expectsReply,
        registeredDelivery: request.registeredDelivery,
        siblingCarrier: siblings && this.#siblingCarriers.get(siblings, atMs),
        price: salePriceOf(rate, agreed),
        refusesLosses: terms?.lossMaking === 'refuse',
        minMargin: terms?.minMargin,
      },
    }
  }

  #addresses(tenantId: string, request: MessageRequest): Addresses {
    const { channel = 'sms' } = request
    if (channel !== 'sms') {
      return {
        number: NO_NUMBER,
        to: readOtherRecipient(channel, request.to),
        network: null,
        from: readOtherSender(channel, request.from),
        replacedFrom: null,
        senderWarning: null,
      }
    }
    const number = readNumber(request.to, this.#destinations)
    const to = destinationText(number)
    const asked = readSender(request.from)
    const verdict = this.#senderVerdict(asked, number.country, request.trafficClass, tenantId)
    const isReplaced = verdict.action === 'replace'
    return {
      number,
      to,
      network: number.shortCode === undefined ? this.#networks.find(to) : null,
      from: senderText(isReplaced ? verdict.sender : asked),
      replacedFrom: isReplaced ? senderText(asked) : null,
      senderWarning: isReplaced ? null : (verdict.warning ?? null),
    }
  }

  #priced(read: Read, decision: RouteDecision): Quote {
    const { channel, number, to, network, from, replacedFrom, senderWarning, siblings, agreed } =
      read
    const { encoding } = decision
    const [best] = decision.candidates
    if (!best || encoding === null) {
      const fault = channel === 'sms' ? textFault(read.question.content) : null
      throw fault ?? noRoute(channel, number, decision)
    }
    const cost = this.#routes.costOf(best)
    const price = this.#priceOf(read, best.segments, cost)
    return {
      channel,
      number,
      to,
      network,
      from,
      replacedFrom,
      senderWarning,
      encoding,
      segments: best.segments,
      best,
      decision,
      price,
      agreed,
      cost,
      money: moneyDetail(
        cost,
        { ...price, agreed, segments: best.segments },
        this.#routes.conversion,
        read.question.minMargin,
      ),
      siblings,
    }
  }

  #priceOf({ rate, agreed, question, at }: Read, segments: number, cost: Money): TenantPrice {
    const { charges } = this.#options
    const listed = tenantPriceOf(rate, partsOf(agreed, segments), cost)
    if (!charges) return listed
    const { micros, currency } = charges.toPay(question.tenantId, listed, segments, agreed, at)
    return { micros, currency, deckVersion: listed.deckVersion, rate: listed.rate }
  }

  /**
   * What the rules of the destination's country make of a sender.
   *
   * @throws {GatewayError} `sender_not_allowed`
   */
  #senderVerdict(
    sender: Sender,
    country: string,
    trafficClass: TrafficClass,
    tenantId: string | null,
  ): Exclude<SenderVerdict, { action: 'refuse' }> {
    const verdict = this.#senderRules.judge({ country, tenantId, trafficClass, sender })
    if (verdict.action !== 'refuse') return verdict
    throw new GatewayError(
      'sender_not_allowed',
      `"${senderText(sender)}" may not be the sender of messages to ${country}: ${verdict.reason}`,
      { pointer: '/from' },
    )
  }
}

function salePriceOf(
  by: TenantRate | undefined,
  agreed: ChargingTerms | undefined,
): SalePrice | null {
  if (!by) return null
  const { priceMicros, currency } = by.rate
  const micros = discounted(priceMicros, agreed?.tier)
  return { micros, currency, per: agreed?.unit ?? 'segment' }
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

function noRoute(channel: Channel, number: PhoneNumber, decision: RouteDecision): GatewayError {
  const reasons = refusalsForSender(decision)
    .map(({ carrier, reason }) => `${carrier}: ${reason}`)
    .join('; ')
  const destination =
    channel === 'sms' ? `to ${number.country} (+${number.callingCode})` : `by ${channel}`
  return new GatewayError(
    'no_route',
    `no carrier takes messages ${destination}. ${reasons || 'No carrier is configured'}`,
    { pointer: '/to' },
  )
}
