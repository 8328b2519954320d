import type { Carrier, Content, ContentLayout, SegmentOutcome } from '../carriers/carrier.ts'
import type { Channel } from '../core/channel.ts'
import { partsOf, readTerms } from '../core/charging.ts'
import type { Clock } from '../core/clock.ts'
import type { TrafficClass } from '../core/policy.ts'
import type { RouteRule } from '../core/route-rule.ts'
import { atOnce, Slices, Turns } from '../core/turns.ts'
import { EncodingError } from '../encoding/errors.ts'
import type { RouterCarrier } from '../routing/consideration.ts'
import type { Exclusion, RouteCandidate, RouteDecision, RouteRefusal } from '../routing/decision.ts'
import { recordOf } from '../routing/decision-record.ts'
import { Destinations, NO_NUMBER } from '../routing/destination.ts'
import { type LiveReading, STANDING } from '../routing/live-reading.ts'
import type { PhoneNumber } from '../routing/number.ts'
import { makeReading, Quality, type QualityReading } from '../routing/quality.ts'
import type { QualityOutcome } from '../routing/quality-cell.ts'
import type { DeckRates } from '../routing/rate-deck.ts'
import { RateIndex } from '../routing/rate-index.ts'
import { replay } from '../routing/replay.ts'
import {
  CAPABILITIES,
  type ProfileLayout,
  type RequiredMargin,
  type RouteRequest,
} from '../routing/route-request.ts'
import { RouteTable } from '../routing/route-table.ts'
import { Router } from '../routing/router.ts'
import type { Conversion, MinMargin, SalePrice, TenantTerms } from '../routing/tenant-price.ts'
import type { CarrierHealth } from './carrier-health.ts'
import { type CarrierOutcome, qualityCellOf } from './carrier-outcome.ts'
import { unchanged } from './endings.ts'
import type { MovedEntry, TimelineEvent } from './journal.ts'
import type { Message } from './message.ts'
import type { CarrierCost } from './message-cost.ts'
import { moneyDetail, priceOf } from './money-detail.ts'
import type { Held, NextCarrier } from './settle.ts'

/** A carrier with what the choice needs to know of it. */
export interface RoutedCarrier {
  readonly carrier: Carrier
  readonly rates: DeckRates
  /** Of the deck that the rates are from. */
  readonly deckVersion?: number
  readonly tags?: readonly string[]
  /** Classes it takes; undefined: all. */
  readonly trafficClasses?: readonly TrafficClass[] | undefined
  /** Bits of {@link CAPABILITIES} that it has not. */
  readonly lacks?: number
  readonly maxSegments?: number | undefined
  /** As it will be, where the carrier's own is about to change. */
  readonly layoutKey?: string
}

/** What {@link Routes} are made of. */
export interface RouteSetup {
  readonly carriers: readonly RoutedCarrier[]
  /** With the ids of tenants in place of their names. */
  readonly rules?: readonly RouteRule[]
  /** What a unit of a currency is worth in the base currency. */
  readonly conversion?: Readonly<Record<string, number>>
}

/** What a route is wanted for. */
export interface RouteQuestion {
  readonly tenantId: string
  readonly channel: Channel
  readonly from: string
  /** As messages have it. */
  readonly to: string
  /** {@link NO_NUMBER} where it goes to none. */
  readonly number: PhoneNumber
  /** MCC and MNC; null: not known. */
  readonly network: string | null
  readonly content: Content
  readonly trafficClass: TrafficClass
  readonly tags: readonly string[]
  readonly expectsReply: boolean
  /** As a partner asked for it, SMPP v3.4 section 5.2.17. */
  readonly registeredDelivery: number
  /** What the tenant pays; null: what the carrier charges. */
  readonly price: SalePrice | null
  /** Whether carriers that charge more than that are out of the question. */
  readonly refusesLosses: boolean
  /** What is to be left of the price; absent: none is asked for. */
  readonly minMargin?: MinMargin | undefined
  readonly siblingCarrier?: string | undefined
  readonly excluded?: ReadonlyMap<string, Exclusion>
  /** 32 random bits, where they are not to be drawn. */
  readonly draw?: number | undefined
  /** Candidates and refusals that are wanted; undefined: the best few. */
  readonly most?: number | undefined
}

const UINT32 = 2 ** 32
const RECEIPT_WANTED = 0x03
const CLASS_BITS = 0x13
/** Message class 0 (flash), 3GPP TS 23.038 section 4. */
const FLASH = 0x10
const NONE: readonly string[] = []
/** What a decision is made again with for carriers that it knew nothing of. */
const UNKNOWN = { success: 0.9, lower: 0.7, upper: 1 }

/** What is learnt of carriers while messages go through them. */
export interface CarrierKnowledge {
  readonly quality?: Quality
  /** Every carrier that is bound can be used, unless given. */
  readonly health?: Pick<CarrierHealth, 'read' | 'takes' | 'modeOf'>
  /** What is agreed with a tenant about losses; nothing: they are allowed. */
  readonly termsFor?:
    | ((tenantId: string) => Pick<TenantTerms, 'lossMaking' | 'minMargin'> | undefined)
    | undefined
  /** Carriers that seem to fake receipts of a tenant's messages to a number; nothing: nobody looks. */
  readonly suspects?: (
    tenantId: string,
    trafficClass: TrafficClass,
    number: PhoneNumber,
    now: Date,
  ) => readonly string[]
  /** A canary delivers too little: it gets no message any more. */
  readonly onCanaryStopped?: ((carrier: string, route: string) => void) | undefined
  /** Short codes and who takes messages for them; nothing: there are none. */
  readonly destinations?: Destinations | undefined
  /** Numbers in [0, 1), for lots. */
  readonly random?: () => number
}

/** Asks the router with the carriers as they are now, and keeps count of how well they do. */
export class Routes {
  readonly quality: Quality
  readonly #health: CarrierKnowledge['health']
  readonly #termsFor: CarrierKnowledge['termsFor']
  readonly #suspects: CarrierKnowledge['suspects']
  readonly #onCanaryStopped: CarrierKnowledge['onCanaryStopped']
  readonly #destinations: Destinations
  readonly #clock: Clock
  readonly #random: () => number
  #built: Built
  /** Of each route, how many messages it has had. */
  readonly #turns = new Map<string | null, number>()

  constructor(setup: RouteSetup, clock: Clock, knowledge: CarrierKnowledge = {}) {
    this.quality = knowledge.quality ?? new Quality()
    this.#health = knowledge.health
    this.#termsFor = knowledge.termsFor
    this.#suspects = knowledge.suspects
    this.#onCanaryStopped = knowledge.onCanaryStopped
    this.#destinations = knowledge.destinations ?? new Destinations()
    this.#clock = clock
    this.#random = knowledge.random ?? Math.random
    this.#built = atOnce(build(setup, clock().getTime(), this.quality))
  }

  /**
   * Makes other carriers, rates and routes ready, messages going on meanwhile; decisions are made by them
   * from the call of what it gives.
   */
  async prepare(setup: RouteSetup): Promise<() => void> {
    const work = build(setup, this.#clock().getTime(), this.quality)
    const built = await new Slices(new Turns()).run(work)
    return () => {
      this.#built = built
    }
  }

  /** Ranks the carriers for a message that is about to be sent; best first. */
  decide(question: RouteQuestion): RouteDecision {
    const decision = this.rehearse(question)
    if (decision.stoppedCanary !== null) {
      this.#onCanaryStopped?.(decision.stoppedCanary, decision.route ?? '')
    }
    this.#turns.set(decision.route, (decision.turn + 1) % UINT32)
    return decision
  }

  /** The same for one that is not sent: it takes nobody's turn. */
  rehearse(question: RouteQuestion): RouteDecision {
    const { draw = Math.floor(this.#random() * UINT32), most } = question
    const request = this.#request(question, this.#clock().getTime(), draw)
    return this.#built.router.rank(request, this.#read(question), most)
  }

  /**
   * Makes an earlier decision about a message again, by these carriers, rates and routes and by what was
   * known of the carriers then; undefined where its number can no longer be read.
   */
  replay(decision: RouteDecision, message: Message, at: Date): RouteDecision | undefined {
    const question = this.#questionOf(message, new Map(decision.refused.flatMap(exclusionOf)))
    if (!question) return undefined
    const request = this.#request(question, at.getTime(), decision.draw)
    return replay(decision, request, this.#built.router, UNKNOWN)
  }

  readonly #turnOf = (route: string | null): number => this.#turns.get(route) ?? 0

  #request(question: RouteQuestion, atMs: number, draw: number): RouteRequest {
    const { channel, number, content, price } = question
    const digits = number.e164.slice(1)
    return {
      tenant: question.tenantId,
      channel,
      from: question.from,
      digits,
      recipient: channel === 'sms' ? digits : question.to,
      country: number.country,
      region: number.region,
      network: question.network,
      trafficClass: question.trafficClass,
      tags: question.tags,
      text: content.text,
      atMs,
      layOut: this.#layouts(question),
      siblingCarrier: question.siblingCarrier,
      excluded: this.#destinations.excluded(number, question.excluded),
      sellMicros: price && Number(price.micros),
      sellCurrency: price?.currency ?? '',
      sellsMessage: price?.per === 'message',
      refusesLosses: question.refusesLosses,
      minMargin: requiredMarginOf(question.minMargin),
      draw,
      turn: this.#turnOf,
    }
  }

  /** What a candidate of a decision that was just made charges. */
  costOf({ carrier, priceMicros: micros, currency }: RouteCandidate): CarrierCost {
    return { micros, currency, deckVersion: this.#built.deckVersions.get(carrier) ?? 0 }
  }

  /** What a unit of each currency is worth at present. */
  get conversion(): Conversion {
    return this.#built.conversion
  }

  /** When a rate begins to hold that is not in force yet: {@link prepare} is due then. */
  get nextChangeAtMs(): number {
    return this.#built.nextChangeAtMs
  }

  /**
   * The next carrier for a message that others have refused; undefined when none is left.
   *
   * @param among - the carriers that may have it; empty: all
   */
  readonly choose = (
    message: Message,
    tried: ReadonlySet<string>,
    at: Date,
    among: readonly string[] = [],
  ): NextCarrier | undefined => {
    const excluded = new Map<string, Exclusion>()
    if (among.length > 0) {
      for (const { name } of this.#built.router.carriers) {
        if (!among.includes(name)) excluded.set(name, 'not_in_rule')
      }
    }
    for (const name of tried) excluded.set(name, 'tried')
    const question = this.#questionOf(message, excluded)
    const decision = question && this.decide(question)
    const [best] = decision?.candidates ?? []
    if (!decision || !best) return undefined
    const cost = this.costOf(best)
    const least = this.#termsFor?.(message.tenantId)?.minMargin
    const money = moneyDetail(cost, priceOf(message), this.conversion, least)
    return { carrier: best.carrier, cost, event: routedEvent(message.id, decision, at, money) }
  }

  /**
   * The move of a waiting message away from a carrier that is down; undefined to leave it there.
   *
   * @param mayBeDown - the other may be down as well
   */
  reroute(held: Held, at: Date, mayBeDown = false): MovedEntry | undefined {
    const { message } = held
    const next = this.choose(message, held.tried, at)
    if (!next || next.carrier === message.carrier) return undefined
    if (!mayBeDown && !this.#isUsable(next.carrier)) return undefined
    return moveTo(message, next, at)
  }

  /** Whether receipts are to be expected of a carrier. */
  givesReceipts(name: string): boolean {
    return this.#built.carriers.get(name)?.givesReceipts ?? true
  }

  /** Counts refusals of a carrier against it; what it accepts is judged by the receipt. */
  note(message: Message, outcomes: readonly SegmentOutcome[]): void {
    if (outcomes.some((outcome) => outcome.kind === 'refused' && outcome.class === 'passing')) {
      this.#record(message, message.carrier, 'failed')
    }
  }

  /** Counts that a carrier has put a segment off. */
  noteThrottled(message: Message, carrier: string): void {
    this.#record(message, carrier, 'throttled')
  }

  /** Counts what a receipt, or its absence, tells of a carrier. */
  noteOutcome({ message, carrier, outcome, latencyMs }: CarrierOutcome): void {
    // From one that is asked for none, none comes.
    if (this.givesReceipts(carrier) || outcome !== 'unanswered')
      this.#record(message, carrier, outcome, latencyMs)
  }

  #record(
    message: Message,
    carrier: string,
    outcome: QualityOutcome,
    latencyMs?: number | undefined,
  ): void {
    const nowMs = this.#clock().getTime()
    this.quality.record({ carrier, cell: qualityCellOf(message), outcome, latencyMs, nowMs })
  }

  #questionOf(
    message: Message,
    excluded: ReadonlyMap<string, Exclusion>,
  ): RouteQuestion | undefined {
    const number = this.#numberOf(message)
    if (!number) return undefined
    const terms = this.#termsFor?.(message.tenantId)
    return {
      tenantId: message.tenantId,
      channel: message.channel,
      from: message.from,
      to: message.to,
      number,
      network: message.network,
      content: message,
      trafficClass: message.trafficClass,
      tags: message.tags,
      expectsReply: message.expectsReply,
      registeredDelivery: message.registeredDelivery,
      price: salePriceOf(message),
      refusesLosses: terms?.lossMaking === 'refuse',
      minMargin: terms?.minMargin,
      excluded,
    }
  }

  #numberOf({ channel, to }: Message): PhoneNumber | undefined {
    if (channel !== 'sms') return NO_NUMBER
    const parsed = this.#destinations.read(to)
    return parsed.ok ? parsed.number : undefined
  }

  /** Each way of laying texts out is asked once, however many carriers have it. */
  #layouts(question: RouteQuestion) {
    const { channel, content } = question
    const known: (ProfileLayout | undefined)[] = []
    const needs = needsOf(question)
    return (profile: number): ProfileLayout | undefined => {
      if (profile in known) return known[profile]
      const carrier = this.#built.profiles[profile]
      const layout = carrier?.channel === channel ? layoutAt(carrier, content) : undefined
      known[profile] = layout && {
        segments: layout.segments,
        encoding: layout.encoding,
        needs: needs | capabilityFor(layout.encoding),
      }
      return known[profile]
    }
  }

  #isUsable(name: string): boolean {
    if (this.#health) return this.#health.takes(name, this.#clock().getTime()) > 0
    return this.#built.carriers.get(name)?.isUp ?? false
  }

  /** Whether the operator wants nothing new to go there. */
  #isTakenOut(name: string): boolean {
    const mode = this.#health?.modeOf(name)
    return mode === 'drained' || mode === 'disabled'
  }

  /** How all carriers are now, for messages of one kind. */
  #read(question: RouteQuestion): LiveReading {
    const { tenantId, number, network, trafficClass } = question
    const { reading, learned, takes, indexes } = this.#built
    const { carriers } = this.#built.router
    const now = this.#clock()
    const nowMs = now.getTime()
    const cell = { country: number.country, network, trafficClass }
    this.quality.read(cell, nowMs, learned)
    this.#health?.read(nowMs, takes)
    for (let place = 0; place < carriers.length; place++) {
      const index = indexes[place] as number
      reading.standing[place] = this.#standingOf(
        (carriers[place] as RouterCarrier).name,
        takes[index],
      )
      reading.success[place] = learned.success[index] as number
      reading.lower[place] = learned.lower[index] as number
      reading.upper[place] = learned.upper[index] as number
      reading.latencyMs[place] = learned.latencyMs[index] as number
      reading.messages[place] = learned.messages[index] as number
    }
    reading.suspect.fill(0)
    for (const name of this.#suspects?.(tenantId, trafficClass, number, now) ?? NONE) {
      const place = carriers.findIndex((carrier) => carrier.name === name)
      if (place >= 0) reading.suspect[place] = 1
    }
    return reading
  }

  #standingOf(name: string, takes: number | undefined): number {
    if (this.#health === undefined) {
      return this.#built.carriers.get(name)?.isUp ? STANDING.up : STANDING.down
    }
    if (takes === 0) return this.#isTakenOut(name) ? STANDING.closed : STANDING.down
    return takes === 2 ? STANDING.probe : STANDING.up
  }
}

/** All that a decision needs, changed at once. */
interface Built {
  readonly carriers: ReadonlyMap<string, Carrier>
  /** A carrier for each way of laying texts out. */
  readonly profiles: readonly Carrier[]
  readonly router: Router
  readonly deckVersions: ReadonlyMap<string, number>
  readonly conversion: Conversion
  readonly nextChangeAtMs: number
  /** By the router's numbers. */
  readonly reading: LiveReading
  /** By the numbers of {@link Quality}, which {@link indexes} has by the router's. */
  readonly learned: QualityReading
  readonly takes: Uint8Array
  readonly indexes: Int32Array
}

/** Makes a router with all that stands around it, with many pauses. */
function* build(
  { carriers: inDisorder, rules = [], conversion = {} }: RouteSetup,
  nowMs: number,
  quality: Quality,
): Generator<void, Built> {
  const routed = [...inDisorder].sort((a, b) => (a.carrier.name < b.carrier.name ? -1 : 1))
  const profiles: Carrier[] = []
  const numbers = new Map<string, number>()
  const carriers = routed.map((each): RouterCarrier => {
    const { carrier, tags = NONE, trafficClasses, lacks = 0, maxSegments } = each
    const { layoutKey = carrier.layoutKey } = each
    const { name, channel } = carrier
    const key = `${channel} ${layoutKey}`
    let profile = numbers.get(key)
    if (profile === undefined) {
      profile = profiles.push(carrier) - 1
      numbers.set(key, profile)
    }
    return { name, channel, tags, profile, trafficClasses, lacks, maxSegments }
  })
  const decks = routed.map(({ rates }) => rates)
  const rates = yield* RateIndex.build(decks, nowMs, conversion)
  const routes = yield* RouteTable.build(rules, carriers)
  const indexes = Int32Array.from(carriers, ({ name }) => quality.carrierIndex(name))
  const count = Math.max(0, ...indexes) + 1
  return {
    carriers: new Map(routed.map(({ carrier }) => [carrier.name, carrier])),
    profiles,
    router: new Router({ carriers, rates, routes }),
    conversion,
    deckVersions: new Map(
      routed.map(({ carrier, deckVersion = 0 }) => [carrier.name, deckVersion]),
    ),
    nextChangeAtMs: rates.nextChangeAtMs,
    reading: readingFor(carriers.length),
    learned: makeReading(count),
    takes: new Uint8Array(count),
    indexes,
  }
}

/** What a decision was told of a carrier before it was made; short codes are looked up again. */
function exclusionOf({ carrier, code }: RouteRefusal): (readonly [string, Exclusion])[] {
  return code === 'tried' || code === 'not_in_rule' ? [[carrier, code]] : []
}

function readingFor(length: number): LiveReading {
  return {
    standing: new Uint8Array(length),
    success: new Float64Array(length),
    lower: new Float64Array(length),
    upper: new Float64Array(length),
    latencyMs: new Float64Array(length).fill(Number.NaN),
    messages: new Float64Array(length),
    suspect: new Uint8Array(length),
  }
}

/** A price stays as it was agreed, whoever gets the message. */
function salePriceOf(message: Message): SalePrice | null {
  if (message.tenantDeckVersion === null) return null
  const { priceMicros, priceCurrency: currency, segments, charging } = message
  const terms = charging === null ? undefined : readTerms(charging)
  const micros = priceMicros / BigInt(partsOf(terms, segments))
  return { micros, currency, per: terms?.unit ?? 'segment' }
}

function requiredMarginOf(least: MinMargin | undefined): RequiredMargin | undefined {
  if (!least?.isRequired) return undefined
  const { ppm, perSegment } = least
  return { ppm, micros: Number(perSegment?.micros ?? 0n), currency: perSegment?.currency ?? '' }
}

function layoutAt(carrier: Carrier, content: Content): ContentLayout | undefined {
  try {
    const layout = carrier.layOut(content)
    return layout.segments > 0 ? layout : undefined
  } catch (error) {
    // Too long or not encodable there: for the router that is a reason, not an error.
    if (error instanceof EncodingError) return undefined
    throw error
  }
}

/** What a message needs however it is encoded, as bits of {@link CAPABILITIES}. */
function needsOf({ content, registeredDelivery, expectsReply }: RouteQuestion): number {
  return (
    ((registeredDelivery & RECEIPT_WANTED) === 0 ? 0 : CAPABILITIES.receipts) |
    (isFlash(content) ? CAPABILITIES.flash : 0) |
    (expectsReply ? CAPABILITIES.inbound : 0)
  )
}

function capabilityFor(encoding: string): number {
  if (encoding === 'ucs2') return CAPABILITIES.unicode
  return encoding === 'binary' ? CAPABILITIES.binary : 0
}

function isFlash({ raw, passThrough }: Content): boolean {
  const dataCoding = raw?.dataCoding ?? passThrough?.dataCoding ?? 0
  return (dataCoding & CLASS_BITS) === FLASH
}

/** The move of a message that nobody has yet to the queue of another carrier. */
export function moveTo(message: Message, next: NextCarrier, at: Date): MovedEntry {
  return {
    ...unchanged(message, at),
    to: 'queued',
    carrier: next.carrier,
    cost: next.cost,
    events: [next.event],
    dueAt: null,
  }
}

/**
 * The timeline's line about a choice: who was in question, in order, and why.
 *
 * @param money - see {@link moneyDetail}
 */
export function routedEvent(
  messageId: string,
  decision: RouteDecision,
  at: Date,
  money: object | undefined,
  status: TimelineEvent['status'] = 'queued',
): TimelineEvent {
  return {
    messageId,
    at,
    type: 'routed',
    status,
    carrier: decision.candidates[0]?.carrier,
    detail: money === undefined ? recordOf(decision) : { ...recordOf(decision), money },
  }
}
