import { TRAFFIC_CLASSES, type TrafficClass } from '../core/policy.ts'
import { type Contenders, TIER } from './contenders.ts'
import type { Exclusion, RefusalCode, RouteRefusal } from './decision.ts'
import { type LiveReading, STANDING } from './live-reading.ts'
import type { DeckRate } from './rate-deck.ts'
import type { RateIndex } from './rate-index.ts'
import type { ProfileLayout, RouteRequest } from './route-request.ts'
import type { CompiledRoute, NamedCarrier } from './route-table.ts'

/** A carrier as the router knows it. */
export interface RouterCarrier extends NamedCarrier {
  /** Carriers with the same number lay texts out the same way. */
  readonly profile: number
  /** Classes it takes; undefined: all. */
  readonly trafficClasses: readonly TrafficClass[] | undefined
  /** Bits of {@link CAPABILITIES} that it has not. */
  readonly lacks: number
  /** The longest message that it takes; undefined: any. */
  readonly maxSegments: number | undefined
}

/**
 * As they are noted of a carrier, 0 standing for none, and the two that nobody wonders about first;
 * written out, because a look-up in a made object is slow.
 */
const CODE = {
  not_in_route: 1,
  no_rate: 2,
  tried: 3,
  closed: 4,
  class: 5,
  capability: 6,
  text: 7,
  loss: 8,
  canary_stopped: 9,
  not_in_rule: 10,
  short_code: 11,
} as const satisfies Record<RefusalCode, number>
const REFUSALS = Object.keys(CODE) as RefusalCode[]
/** Refusals for what held at the moment of the decision. */
const OF_THE_MOMENT: ReadonlySet<number> = new Set([CODE.closed, CODE.tried, CODE.not_in_rule])
const NO_REFUSALS: readonly RouteRefusal[] = []

/** Finds the carriers that may take a message, and says why the others may not. */
export class Consideration {
  readonly #carriers: readonly RouterCarrier[]
  readonly #rates: RateIndex
  // Of the carriers, by their numbers.
  readonly #profiles: Int32Array
  readonly #classes: Uint8Array
  readonly #lacks: Uint8Array
  readonly #maxSegments: Float64Array
  // What is found for one message.
  readonly #rateIds: Int32Array
  readonly #refusals: Uint8Array
  /** How many of them somebody might wonder about. */
  #notable = 0

  constructor(carriers: readonly RouterCarrier[], rates: RateIndex) {
    this.#carriers = carriers
    this.#rates = rates
    this.#profiles = Int32Array.from(carriers, ({ profile }) => profile)
    this.#classes = Uint8Array.from(carriers, ({ trafficClasses }) => classBits(trafficClasses))
    this.#lacks = Uint8Array.from(carriers, ({ lacks }) => lacks)
    this.#maxSegments = Float64Array.from(carriers, ({ maxSegments }) => {
      return maxSegments ?? Number.POSITIVE_INFINITY
    })
    this.#rateIds = new Int32Array(carriers.length)
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
    { places, strategy: { minSuccess } }: CompiledRoute,
    { standing, upper, suspect }: LiveReading,
    stoppedCanary: number,
  ): void {
    const { excluded } = request
    const { prices } = this.#rates
    // In constants: what stands behind `this` is read again after every call.
    const [rates, refusals, classes] = [this.#rateIds, this.#refusals, this.#classes]
    const classBit = 1 << TRAFFIC_CLASSES.indexOf(request.trafficClass)
    // Most carriers share a few profiles, and the last is asked for again and again.
    let profile = -1
    let layout: ProfileLayout | undefined
    let notable = 0
    contenders.clear()
    this.#rates.find(request.digits, request.network, rates)
    for (let carrier = 0; carrier < rates.length; carrier++) {
      const rate = rates[carrier] as number
      let code = 0
      if ((places[carrier] as number) < 0) code = CODE.not_in_route
      else if (rate < 0) code = CODE.no_rate
      else if (standing[carrier] === STANDING.closed) code = CODE.closed
      else if (excluded?.has(this.#nameOf(carrier))) {
        code = CODE[excluded.get(this.#nameOf(carrier)) as Exclusion]
      } else if (carrier === stoppedCanary) code = CODE.canary_stopped
      else if (((classes[carrier] as number) & classBit) === 0) code = CODE.class
      else {
        if (this.#profiles[carrier] !== profile) {
          profile = this.#profiles[carrier] as number
          layout = request.layOut(profile)
        }
        code = this.#objection(carrier, rate, layout, request)
        if (layout !== undefined && code === 0) {
          const isPoor = (upper[carrier] as number) < minSuccess
          const isSuspect = suspect[carrier] === 1
          const tier = tierOf(standing[carrier] === STANDING.down, isSuspect, isPoor)
          contenders.add(carrier, rate, layout.segments, prices[rate] as number, tier)
          if (standing[carrier] === STANDING.probe && !isSuspect) contenders.noteProbe()
        }
      }
      refusals[carrier] = code
      if (code > CODE.no_rate) notable++
    }
    this.#notable = notable
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
      if (code === 0) continue
      if (!isAll) {
        if (code <= CODE.no_rate) continue
        if (refused.length >= most && !OF_THE_MOMENT.has(code)) continue
      }
      refused.push({ carrier: this.#nameOf(carrier), code: REFUSALS[code - 1] as RefusalCode })
    }
    return refused
  }

  #nameOf(carrier: number): string {
    return (this.#carriers[carrier] as RouterCarrier).name
  }

  /** Why a carrier does not take what it takes there, or not at that price; 0: it does. */
  #objection(
    carrier: number,
    rate: number,
    layout: ProfileLayout | undefined,
    request: RouteRequest,
  ): number {
    if (layout === undefined) return CODE.text
    if (((this.#lacks[carrier] as number) & layout.needs) !== 0) return CODE.capability
    if (layout.segments > (this.#maxSegments[carrier] as number)) return CODE.capability
    if (request.refusesLosses && this.#isLoss(rate, request)) return CODE.loss
    return 0
  }

  #isLoss(rate: number, { sellMicros, sellCurrency }: RouteRequest): boolean {
    if (sellMicros === null) return false
    const { rates, conversion } = this.#rates
    const { priceMicros, currency } = rates[rate] as DeckRate
    if (currency === sellCurrency) return Number(priceMicros) > sellMicros
    const [bought, sold] = [conversion[currency], conversion[sellCurrency]]
    // Amounts that cannot be compared are no loss that is known.
    if (bought === undefined || sold === undefined) return false
    return Number(priceMicros) * bought > sellMicros * sold
  }
}

function tierOf(isDown: boolean, isSuspect: boolean, isPoor: boolean): number {
  return (
    TIER.ordinary |
    (isDown ? TIER.down : 0) |
    (isSuspect ? TIER.suspect : 0) |
    (isPoor ? TIER.poor : 0)
  )
}

function classBits(classes: readonly TrafficClass[] = TRAFFIC_CLASSES): number {
  return classes.reduce((bits, each) => bits | (1 << TRAFFIC_CLASSES.indexOf(each)), 0)
}
