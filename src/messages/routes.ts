import type { Carrier, Content, ContentLayout, SegmentOutcome } from '../carriers/carrier.ts'
import type { Clock } from '../core/clock.ts'
import type { TrafficClass } from '../core/policy.ts'
import { EncodingError } from '../encoding/errors.ts'
import { Destinations } from '../routing/destination.ts'
import { explainCandidate } from '../routing/explain.ts'
import type { PhoneNumber } from '../routing/number.ts'
import type { PrefixTable } from '../routing/prefix-table.ts'
import { Quality } from '../routing/quality.ts'
import {
  type CarrierSnapshot,
  type Rate,
  type RouteCandidate,
  type RouteDecision,
  rank,
} from '../routing/router.ts'
import { unchanged } from './endings.ts'
import type { Ending, MovedEntry, TimelineEvent } from './journal.ts'
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

/** Asks the router with the carriers as they are now, and keeps count of how well they do. */
export class Routes {
  readonly quality = new Quality()
  readonly #carriers: ReadonlyMap<string, PricedCarrier>
  readonly #clock: Clock

  readonly #destinations: Destinations

  constructor(
    carriers: readonly PricedCarrier[],
    clock: Clock,
    destinations: Destinations = new Destinations(),
  ) {
    this.#destinations = destinations
    this.#carriers = new Map(carriers.map((priced) => [priced.carrier.name, priced]))
    this.#clock = clock
  }

  /** Ranks the carriers for a content; best first. */
  decide(question: RouteQuestion): RouteDecision {
    const { number, content, trafficClass, siblingCarrier } = question
    const excluded = this.#destinations.excluded(number, question.excluded)
    return rank(
      {
        number,
        trafficClass,
        siblingCarrier,
        segments: (name) => this.layOut(name, content)?.segments ?? 0,
        ...(excluded ? { excluded } : {}),
      },
      { carriers: this.#snapshot() },
    )
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
    if (!this.#carriers.get(next.carrier)?.carrier.isUp) return undefined
    return moveTo(message, next, at)
  }

  /** Counts refusals of a carrier against it; what it accepts is judged by the receipt. */
  note(carrier: string, outcomes: readonly SegmentOutcome[]): void {
    if (outcomes.some((outcome) => outcome.kind === 'refused' && outcome.class === 'passing')) {
      this.quality.record(carrier, false, this.#clock())
    }
  }

  /** Counts the end of a message for or against its carrier. */
  noteEnd({ carrier, status }: Ending): void {
    this.quality.record(carrier, status === 'delivered', this.#clock())
  }

  #decideFor(message: Message, excluded: ReadonlySet<string>): RouteDecision | undefined {
    const parsed = this.#destinations.read(message.to)
    if (!parsed.ok) return undefined
    return this.decide({
      number: parsed.number,
      content: message,
      trafficClass: message.trafficClass,
      excluded,
    })
  }

  #snapshot(): CarrierSnapshot[] {
    const now = this.#clock()
    return [...this.#carriers.values()].map(({ carrier, rates }) => ({
      name: carrier.name,
      rates,
      isUp: carrier.isUp,
      success: this.quality.estimate(carrier.name, now).success,
    }))
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
