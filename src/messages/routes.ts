import type { Carrier, Content, ContentLayout, SegmentOutcome } from '../carriers/carrier.ts'
import type { Clock } from '../core/clock.ts'
import type { TrafficClass } from '../core/policy.ts'
import { EncodingError } from '../encoding/errors.ts'
import { explainCandidate } from '../routing/explain.ts'
import { type PhoneNumber, parseNumber } from '../routing/number.ts'
import type { PrefixTable } from '../routing/prefix-table.ts'
import { Quality } from '../routing/quality.ts'
import type { QualityOutcome } from '../routing/quality-cell.ts'
import {
  type CarrierSnapshot,
  type Rate,
  type RouteCandidate,
  type RouteDecision,
  type RouteRefusal,
  rank,
} from '../routing/router.ts'
import type { CarrierHealth } from './carrier-health.ts'
import { type CarrierOutcome, qualityCellOf } from './carrier-outcome.ts'
import { unchanged } from './endings.ts'
import type { MovedEntry, TimelineEvent } from './journal.ts'
import type { Message } from './message.ts'
import type { Held, NextCarrier } from './settle.ts'

/** A carrier with what it charges. */
export interface PricedCarrier {
  readonly carrier: Carrier
  readonly rates: PrefixTable<Rate>
}

/** What a route is wanted for. */
export interface RouteQuestion {
  readonly number: PhoneNumber
  readonly content: Content
  readonly trafficClass: TrafficClass
  readonly siblingCarrier?: string | undefined
  readonly excluded?: ReadonlySet<string>
}

/** Candidates and refusals beyond these are left out of the timeline. */
const MAX_LISTED = 5

/** What is learnt of carriers while messages go through them. */
export interface CarrierKnowledge {
  readonly quality?: Quality
  /** Every carrier that is bound can be used, unless given. */
  readonly health?: Pick<CarrierHealth, 'takes' | 'modeOf' | 'standing'>
}

/** Asks the router with the carriers as they are now, and keeps count of how well they do. */
export class Routes {
  readonly quality: Quality
  readonly #health: CarrierKnowledge['health']
  readonly #carriers: ReadonlyMap<string, PricedCarrier>
  readonly #clock: Clock

  constructor(
    carriers: readonly PricedCarrier[],
    clock: Clock,
    { quality = new Quality(), health }: CarrierKnowledge = {},
  ) {
    this.quality = quality
    this.#health = health
    this.#carriers = new Map(carriers.map((priced) => [priced.carrier.name, priced]))
    this.#clock = clock
  }

  /** Ranks the carriers for a content; best first. */
  decide(question: RouteQuestion): RouteDecision {
    const { number, content, trafficClass, siblingCarrier, excluded } = question
    const decision = rank(
      {
        number,
        trafficClass,
        siblingCarrier,
        segments: (name) => this.layOut(name, content)?.segments ?? 0,
        ...(excluded ? { excluded } : {}),
      },
      { carriers: this.#snapshot() },
    )
    const out = this.#takenOut()
    return out.length === 0 ? decision : { ...decision, refused: [...decision.refused, ...out] }
  }

  /** What the content takes at a carrier; undefined when it cannot be sent there. */
  layOut(carrierName: string, content: Content): ContentLayout | undefined {
    try {
      return this.#carriers.get(carrierName)?.carrier.layOut(content)
    } catch (error) {
      // Too long or not encodable there: for the router that is a reason, not an error.
      if (error instanceof EncodingError) return undefined
      throw error
    }
  }

  /** The next carrier for a message that others have refused; undefined when none is left. */
  readonly choose = (
    message: Message,
    excluded: ReadonlySet<string>,
    at: Date,
  ): NextCarrier | undefined => {
    const decision = this.#decideFor(message, excluded)
    const [best] = decision?.candidates ?? []
    if (!decision || !best) return undefined
    return { carrier: best.carrier, event: routedEvent(message.id, decision, at) }
  }

  /** The move of a waiting message away from a carrier that is down; undefined to leave it there. */
  reroute(held: Held, at: Date): MovedEntry | undefined {
    const { message } = held
    const next = this.choose(message, held.tried, at)
    if (!next || next.carrier === message.carrier) return undefined
    if (!this.#isUsable(next.carrier)) return undefined
    return moveTo(message, next, at)
  }

  /** Whether receipts are to be expected of a carrier. */
  givesReceipts(name: string): boolean {
    return this.#carriers.get(name)?.carrier.givesReceipts ?? true
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

  #decideFor(message: Message, excluded: ReadonlySet<string>): RouteDecision | undefined {
    const parsed = parseNumber(message.to)
    if (!parsed.ok) return undefined
    return this.decide({
      number: parsed.number,
      content: message,
      trafficClass: message.trafficClass,
      excluded,
    })
  }

  #snapshot(): CarrierSnapshot[] {
    const nowMs = this.#clock().getTime()
    return [...this.#carriers.values()]
      .filter(({ carrier }) => !this.#isTakenOut(carrier.name))
      .map(({ carrier, rates }) => ({
        name: carrier.name,
        rates,
        isUp: this.#isUsable(carrier.name),
        success: this.quality.estimate(carrier.name, null, nowMs).success,
      }))
  }

  #isUsable(name: string): boolean {
    if (this.#health) return this.#health.takes(name, this.#clock().getTime()) > 0
    return this.#carriers.get(name)?.carrier.isUp ?? false
  }

  /** Whether the operator wants nothing new to go there. */
  #isTakenOut(name: string): boolean {
    const mode = this.#health?.modeOf(name)
    return mode === 'drained' || mode === 'disabled'
  }

  #takenOut(): RouteRefusal[] {
    const out: RouteRefusal[] = []
    for (const carrier of this.#carriers.keys()) {
      if (!this.#isTakenOut(carrier)) continue
      out.push({ carrier, reason: this.#health?.standing(carrier).reason ?? '' })
    }
    return out
  }
}

/** The move of a message that nobody has yet to the queue of another carrier. */
export function moveTo(message: Message, next: NextCarrier, at: Date): MovedEntry {
  return {
    ...unchanged(message, at),
    to: 'queued',
    carrier: next.carrier,
    events: [next.event],
    dueAt: null,
  }
}

/** The timeline's line about a choice: who was in question, in order, and why. */
export function routedEvent(
  messageId: string,
  decision: RouteDecision,
  at: Date,
  status: TimelineEvent['status'] = 'queued',
): TimelineEvent {
  return {
    messageId,
    at,
    type: 'routed',
    status,
    carrier: decision.candidates[0]?.carrier,
    detail: describeDecision(decision),
  }
}

/** A decision as the API and the timeline show it. */
export function describeDecision(decision: RouteDecision): object {
  return {
    candidates: decision.candidates.slice(0, MAX_LISTED).map((candidate: RouteCandidate) => ({
      carrier: candidate.carrier,
      reasons: explainCandidate(candidate),
    })),
    refused: decision.refused.slice(0, MAX_LISTED),
  }
}
