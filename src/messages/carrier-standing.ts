import type { Carrier, SegmentOutcome } from '../carriers/carrier.ts'
import { Breaker, type BreakerChange, type BreakerOptions } from '../routing/breaker.ts'
import type { LaneGate } from './lane.ts'

/** The operator's word about a carrier. */
export type CarrierMode = (typeof CARRIER_MODES)[number]

/**
 * What an operator can say.
 *
 * - `enabled`: its circuit breaker and its connections decide
 * - `drained`: it gets nothing new; what is queued for it goes out
 * - `disabled`: nothing goes out, and what is queued for it is routed elsewhere
 * - `forced`: as `enabled`, its circuit breaker being ignored
 */
export const CARRIER_MODES = ['enabled', 'drained', 'disabled', 'forced'] as const

/** What a carrier takes: nothing, everything, or one message to see whether it works again. */
export type Takes = 0 | 1 | 2

/** A mode with who wanted it so. */
export interface ModeSetting {
  readonly mode: CarrierMode
  /** As the operator gave it. */
  readonly reason: string | null
  readonly at: Date
}

/** What a look at a carrier is made with: its connections, or a message of our own. */
export type CheckKind = 'link' | 'message'

/** What came of a look at a carrier. */
export interface CarrierCheck {
  readonly kind: CheckKind
  readonly at: Date
  /** Null: it is well. */
  readonly error: string | null
  /** To the answer, or to the receipt of the message; null: there was none. */
  readonly latencyMs: number | null
  /** False where nobody could be asked: that is told by connections and orders already. */
  readonly isAsked: boolean
}

/** A probe that was promised and has not come to the lane after so long will not come. */
const PROBE_PATIENCE_MS = 30_000

/** How one carrier stands: its connections, its circuit breaker and the operator's word. */
export class CarrierStanding implements LaneGate {
  readonly carrier: Carrier
  readonly breaker: Breaker
  setting: ModeSetting
  /** Why the breaker is as it is; empty: it has not changed. */
  breakerCause = ''
  /** Connections that had been lost when somebody looked last. */
  lost = 0
  wasUp = false
  /** The last look of each kind. */
  readonly checks = new Map<CheckKind, CarrierCheck>()
  /** When a lost connection was counted last. */
  lostAtMs = 0
  /** Messages on their way to the lane, to be sent as probes. */
  #expected = 0
  #expectedAtMs = 0

  constructor(carrier: Carrier, options: BreakerOptions) {
    this.carrier = carrier
    this.breaker = new Breaker(options)
    this.setting = { mode: 'enabled', reason: null, at: new Date(0) }
  }

  /** Whether the breaker decides. */
  get isForced(): boolean {
    return this.setting.mode === 'forced'
  }

  /** What may be routed to it now. */
  takes(nowMs: number): Takes {
    const { mode } = this.setting
    if (mode === 'drained' || mode === 'disabled' || !this.carrier.isUp) return 0
    return this.#passes(nowMs)
  }

  /** Whether its lane may give a message out. */
  get isOpen(): boolean {
    const { mode } = this.setting
    if (mode === 'disabled') return false
    if (mode === 'forced' || this.breaker.state === 'closed') return true
    return this.breaker.freeProbes > 0
  }

  /** Whether a message may join its lane: what was drained goes out, but no more than a probe is one. */
  mayJoin(nowMs: number): boolean {
    return this.setting.mode !== 'disabled' && this.#passes(nowMs) > 0
  }

  /** A message is on its way to the lane; while half-open it is one of few. */
  expect(nowMs: number): void {
    if (this.isForced || this.breaker.state !== 'half_open') return
    this.#expected = this.#expectedAt(nowMs) + 1
    this.#expectedAtMs = nowMs
  }

  /** A message is given out; true when it is a probe. */
  take(): boolean {
    if (this.isForced || this.breaker.state !== 'half_open') return false
    this.#expected = Math.max(0, this.#expected - 1)
    this.breaker.startProbe()
    return true
  }

  /** What the answers to a submit tell of the carrier. */
  note(
    outcomes: readonly SegmentOutcome[],
    nowMs: number,
    isProbe: boolean,
  ): BreakerChange | undefined {
    if (this.isForced) return undefined
    const failure = outcomes.find(isFailure)
    if (failure) return this.breaker.fail(nowMs, isProbe, failureText(failure))
    if (outcomes.some(({ kind }) => kind === 'accepted')) {
      return this.breaker.succeed(nowMs, isProbe)
    }
    if (isProbe) this.breaker.dropProbe()
    return undefined
  }

  /**
   * What a look at the carrier tells. An answer on its connections says that somebody is there, and no
   * more: it makes up for no failure. A message that was delivered says that others may try.
   */
  noteCheck(check: CarrierCheck, nowMs: number): BreakerChange | undefined {
    this.checks.set(check.kind, check)
    if (this.isForced || !check.isAsked) return undefined
    if (check.error !== null) {
      // Its submit counts as any other. That its receipt is missing is for people: the next message that is
      // taken would make up for it.
      if (check.kind === 'message') return undefined
      return this.breaker.fail(nowMs, false, `a check failed: ${check.error}`)
    }
    if (check.kind === 'link') return undefined
    return this.breaker.halfOpen(nowMs, 'its check message was delivered')
  }

  /** What a carrier takes that is bound and may get something new. */
  #passes(nowMs: number): Takes {
    if (this.isForced || this.breaker.state === 'closed') return 1
    return this.breaker.freeProbes > this.#expectedAt(nowMs) ? 2 : 0
  }

  #expectedAt(nowMs: number): number {
    return nowMs - this.#expectedAtMs > PROBE_PATIENCE_MS ? 0 : this.#expected
  }
}

type Failure = Extract<SegmentOutcome, { kind: 'refused' | 'uncertain' }>

/**
 * What says that the carrier does not work. A message that it will never take is its sender's fault, and
 * what breaks with a connection is counted with it.
 */
function isFailure(outcome: SegmentOutcome): outcome is Failure {
  if (outcome.kind === 'uncertain') return !outcome.isLost
  return outcome.kind === 'refused' && outcome.class === 'passing'
}

function failureText(failure: Failure): string {
  if (failure.kind === 'uncertain') return `it did not answer: ${failure.reason}`
  return `it refused: ${failure.reason} (${failure.code})`
}
