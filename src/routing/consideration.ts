import type { Channel } from '../core/channel.ts'
import { TRAFFIC_CLASSES, type TrafficClass } from '../core/policy.ts'
import { type Contenders, TIER } from './contenders.ts'
import type { RefusalCode, RouteRefusal } from './decision.ts'
import { type LiveReading, STANDING } from './live-reading.ts'
import type { DeckRate } from './rate-deck.ts'
import type { FoundRates, RateIndex } from './rate-index.ts'
import type { ProfileLayout, RouteRequest } from './route-request.ts'
import type { CompiledRoute, NamedCarrier } from './route-table.ts'

/** A carrier as the router knows it. */
export interface RouterCarrier extends NamedCarrier {
  /** Carriers with the same number are of one channel, and lay texts out the same way. */
  readonly profile: number
  readonly channel: Channel
  /** Classes it takes; undefined: all. */
  readonly trafficClasses: readonly TrafficClass[] | undefined
  /** Bits of {@link CAPABILITIES} that it has not. */
  readonly lacks: number
  /** The longest message that it takes; undefined: any. */
  readonly maxSegments: number | undefined
}

/**
 * As they are noted of a carrier, 0 standing for none, and the three that nobody wonders about first;
 * written out, because a look-up in a made object is slow.
 */
const CODE = {
  other_channel: 1,
  not_in_route: 2,
  no_rate: 3,
  tried: 4,
  closed: 5,
  class: 6,
  capability: 7,
  text: 8,
  loss: 9,
  canary_stopped: 10,
  not_in_rule: 11,
  short_code: 12,
  margin_too_small: 13,
} as const satisfies Record<RefusalCode, number>
const REFUSALS = Object.keys(CODE) as RefusalCode[]
const NOT_REFUSED = 0
const NOBODY = -1
/** Refusals for what held at the moment of the decision. */
const OF_THE_MOMENT: ReadonlySet<number> = new Set([CODE.closed, CODE.tried, CODE.not_in_rule])
const NO_REFUSALS: readonly RouteRefusal[] = []
const NO_RATES: FoundRates = { rates: new Int32Array(0), prices: new Float64Array(0) }
const AS_THEY_ARE = { amount: 1, other: 1 }
const MILLION = 1_000_000

/**
 * What a carrier takes as one number, so that one look tells of nearly all that it takes the message:
 * what it does not take as bits, the longest message, and the number of its profile.
 */
const TERMS = {
  // The lowest five bits are those of `CAPABILITIES`; from here on there is one for each traffic class.
  firstClass: 0x20,
  /** Set for all: nobody takes a text that cannot be laid out. */
  noText: 0x100,
  longestShift: 9,
  /** More segments than that no message has: 3GPP TS 23.040, section 9.2.3.24.1. */
  longest: 0xff,
  profileShift: 17,
} as const

/** Finds the carriers that may take a message, and says why the others may not. */
export class Consideration {
  readonly #carriers: readonly RouterCarrier[]
  readonly #index: RateIndex
  /** {@link TERMS} of the carriers, by their numbers. */
  readonly #terms: Int32Array
  // What is found for one message.
  #found: FoundRates = NO_RATES
  readonly #refusals: Uint8Array
  /** How many of them somebody might wonder about. */
  #notable = 0

  constructor(carriers: readonly RouterCarrier[], rates: RateIndex) {
    this.#carriers = carriers
    this.#index = rates
    this.#terms = Int32Array.from(carriers, termsOf)
    this.#refusals = new Uint8Array(carriers.length)
  }

  /**
   * Fills the contenders, with what the message costs there and how far the carriers can take it.
   *
   * @param stoppedCanary - the number of a carrier that gets no more of the route's messages; -1: there is none
   */
  fill(
    contenders: Contenders,
    request: RouteRequest,
    route: CompiledRoute,
    reading: LiveReading,
    stoppedCanary: number,
  ): void {
    const found = this.#index.find(request.digits, request.network)
    const { rates, prices } = found
    const { places } = route
    const { excluded } = request
    const { standing, upper, suspect } = reading
    const { minSuccess } = route.strategy
    // In constants: what stands behind `this` is read again after every call.
    const all = this.#terms
    this.#found = found
    // Where one of these is so, a carrier that takes such messages may be refused all the same.
    const judgesPrice = request.refusesLosses || request.minMargin !== undefined
    const isParticular = stoppedCanary !== NOBODY || judgesPrice || excluded !== undefined
    const classBit = TERMS.firstClass << TRAFFIC_CLASSES.indexOf(request.trafficClass)
    // Most carriers share a few profiles, and the last is asked for again and again.
    let profile = -1
    let layout: ProfileLayout | undefined
    let asks: number = TERMS.noText
    let segments = 0
    this.#refusals.fill(NOT_REFUSED)
    this.#notable = 0
    const { carriers, costs, tiers, segments: parts } = contenders
    let count = 0
    let probe = NOBODY
    let lowestPrice = Number.POSITIVE_INFINITY
    for (let carrier = 0; carrier < rates.length; carrier++) {
      const how = standing[carrier] as number
      const terms = all[carrier] as number
      const isOpen =
        (places[carrier] as number) >= 0 &&
        (rates[carrier] as number) >= 0 &&
        how !== STANDING.closed &&
        // What was tried is not asked again how it would lay the text out.
        (excluded === undefined || !excluded.has(this.#nameOf(carrier)))
      if (isOpen && terms >> TERMS.profileShift !== profile) {
        profile = terms >> TERMS.profileShift
        layout = request.layOut(profile)
        asks = layout === undefined ? TERMS.noText : layout.needs | classBit
        segments = layout?.segments ?? 0
      }
      const takes = isOpen && (terms & asks) === 0 && segments <= longestOf(terms)
      const code =
        takes && !isParticular
          ? NOT_REFUSED
          : this.#refusalOf(carrier, request, route, reading, stoppedCanary, layout)
      if (code === NOT_REFUSED) {
        const isPoor = minSuccess > 0 && (upper[carrier] as number) < minSuccess
        const isSuspect = suspect[carrier] === 1
        const price = prices[carrier] as number
        carriers[count] = carrier
        parts[count] = segments
        costs[count] = price * segments
        tiers[count] = tierOf(how, isPoor, isSuspect)
        if (price < lowestPrice) lowestPrice = price
        if (how === STANDING.probe && !isSuspect && probe === NOBODY) probe = count
        count++
      } else this.#refuse(carrier, code)
    }
    contenders.begin(count, probe, lowestPrice)
  }

  /** The rate of a carrier for the number of the message. */
  rateOf(carrier: number): DeckRate {
    return this.#index.rates[this.#found.rates[carrier] as number] as DeckRate
  }

  /**
   * Carriers that are left out; where somebody may take it, without those that never would. What the
   * configuration does not say is all named: without it the decision could not be made again.
   */
  refused(isAll: boolean, most: number): readonly RouteRefusal[] {
    if (!isAll && this.#notable === 0) return NO_REFUSALS
    const refused: RouteRefusal[] = []
    for (let carrier = 0; carrier < this.#carriers.length; carrier++) {
      const code = this.#refusals[carrier] as number
      if (code === NOT_REFUSED) continue
      if (!isAll) {
        if (code <= CODE.no_rate) continue
        if (refused.length >= most && !OF_THE_MOMENT.has(code)) continue
      }
      refused.push({ carrier: this.#nameOf(carrier), code: REFUSALS[code - 1] as RefusalCode })
    }
    return refused
  }

  #refuse(carrier: number, code: number): void {
    this.#refusals[carrier] = code
    if (code > CODE.no_rate) this.#notable++
  }

  /** Why a carrier may not take it, the first reason of all; {@link NOT_REFUSED}: it may. */
  #refusalOf(
    carrier: number,
    request: RouteRequest,
    { places }: CompiledRoute,
    { standing }: LiveReading,
    stoppedCanary: number,
    layout: ProfileLayout | undefined,
  ): number {
    const terms = this.#terms[carrier] as number
    const classBit = TERMS.firstClass << TRAFFIC_CLASSES.indexOf(request.trafficClass)
    const { channel } = this.#carriers[carrier] as RouterCarrier
    if (channel !== request.channel) return CODE.other_channel
    if ((places[carrier] as number) < 0) return CODE.not_in_route
    if ((this.#found.rates[carrier] as number) < 0) return CODE.no_rate
    if (standing[carrier] === STANDING.closed) return CODE.closed
    const exclusion = request.excluded?.get(this.#nameOf(carrier))
    if (exclusion !== undefined) return CODE[exclusion]
    if (carrier === stoppedCanary) return CODE.canary_stopped
    if ((terms & classBit) !== 0) return CODE.class
    if (layout === undefined) return CODE.text
    if ((terms & layout.needs) !== 0) return CODE.capability
    if (layout.segments > longestOf(terms)) return CODE.capability
    return this.#priceRefusalOf(carrier, request, layout.segments)
  }

  #nameOf(carrier: number): string {
    return (this.#carriers[carrier] as RouterCarrier).name
  }

  /** Whether a carrier costs too much of what the tenant pays. */
  #priceRefusalOf(carrier: number, request: RouteRequest, segments: number): number {
    const { sellMicros, sellCurrency, sellsMessage, refusesLosses, minMargin } = request
    if (sellMicros === null || (!refusesLosses && minMargin === undefined)) return NOT_REFUSED
    const { priceMicros, currency } = this.rateOf(carrier)
    // Amounts that cannot be compared are no loss that is known.
    const worth = this.#worthOf(currency, sellCurrency)
    if (worth === undefined) return NOT_REFUSED
    const parts = sellsMessage ? segments : 1
    const cost = Number(priceMicros) * worth.amount * parts
    const price = sellMicros * worth.other
    if (refusesLosses && cost > price) return CODE.loss
    if (minMargin === undefined) return NOT_REFUSED
    const margin = price - cost
    if (margin * MILLION < price * minMargin.ppm) return CODE.margin_too_small
    const least = this.#worthOf(minMargin.currency, sellCurrency)
    if (least === undefined) return NOT_REFUSED
    const wanted = minMargin.micros * least.amount * parts
    return margin * least.other < wanted * worth.other ? CODE.margin_too_small : NOT_REFUSED
  }

  /** By what amounts in two currencies are multiplied before they are compared; undefined: they cannot be. */
  #worthOf(currency: string, other: string): { amount: number; other: number } | undefined {
    if (currency === other) return AS_THEY_ARE
    const { [currency]: amount, [other]: ofOther } = this.#index.conversion
    return amount === undefined || ofOther === undefined ? undefined : { amount, other: ofOther }
  }
}

function termsOf({ lacks, trafficClasses, maxSegments, profile }: RouterCarrier): number {
  const longest = Math.min(maxSegments ?? TERMS.longest, TERMS.longest)
  let terms = TERMS.noText | lacks | (longest << TERMS.longestShift)
  for (const [index, each] of TRAFFIC_CLASSES.entries()) {
    if (trafficClasses && !trafficClasses.includes(each)) terms |= TERMS.firstClass << index
  }
  return terms | (profile << TERMS.profileShift)
}

function longestOf(terms: number): number {
  return (terms >> TERMS.longestShift) & TERMS.longest
}

function tierOf(standing: number, isPoor: boolean, isSuspect: boolean): number {
  const isDown = standing === STANDING.down
  return (
    TIER.ordinary |
    (isDown ? TIER.down : 0) |
    (isSuspect ? TIER.suspect : 0) |
    (isPoor ? TIER.poor : 0)
  )
}
