import { isDeepStrictEqual } from 'node:util'
import type { GuardAction, GuardPolicy } from '../core/guards.ts'
import type { TrafficClass } from '../core/policy.ts'
import { type CarrierConversion, Conversion, type ConversionState } from './conversion.ts'
import { GuardBreakers, type GuardName, type OpenBreaker } from './guard-breakers.ts'
import { Loops } from './loops.ts'
import type { PhoneNumber } from './number.ts'
import { Velocity, type VelocityState } from './velocity.ts'

/** What guards need to know of a message that somebody wants to send. */
export interface GuardedRequest {
  readonly trafficClass: TrafficClass
  readonly text: string
}

/** A message that was sent. */
export interface GuardedMessage {
  readonly tenantId: string
  readonly trafficClass: TrafficClass
  readonly createdAt: Date
}

/** What guards have learned and have open, as plain data that can be stored. */
export interface GuardsState {
  readonly velocity: VelocityState
  readonly conversion: readonly ConversionState[]
  readonly breakers: readonly (readonly [key: string, breaker: OpenBreaker])[]
}

/** Codes under which guards refuse. */
export type GuardCode = 'pumping_suspected' | 'loop_suspected'

const NOBODY: readonly string[] = []

/** Actions, the strictest last. */
const STRICTNESS: readonly GuardAction[] = ['off', 'flag', 'hold_back', 'refuse']

/**
 * Everything that looks whether traffic is what it seems: velocity and conversion against pumping, and loops.
 *
 * A guard with the action `off` costs nothing; with another it costs some hundred nanoseconds for each message.
 */
export class Guards {
  #policy: GuardPolicy
  #actions: Readonly<Record<GuardName, GuardAction>>
  readonly #breakers: GuardBreakers
  #velocity: Velocity | undefined
  #conversion: Conversion | undefined
  #loops: Loops | undefined
  readonly #onVerdict: (breaker: OpenBreaker) => void

  /**
   * @param onVerdict - told of every message that an open breaker concerns
   * @param onOpen - told of every breaker that opens
   */
  constructor(
    policy: GuardPolicy,
    onVerdict: (breaker: OpenBreaker) => void = () => {},
    onOpen: (breaker: OpenBreaker) => void = () => {},
  ) {
    this.#breakers = new GuardBreakers(onOpen)
    this.#policy = policy
    this.#actions = actionsOf(policy)
    this.#onVerdict = onVerdict
    this.#velocity = velocityOf(policy, this.#breakers)
    this.#conversion = conversionOf(policy, this.#breakers)
    this.#loops = loopsOf(policy, this.#breakers)
  }

  /**
   * Goes by another policy from now on. A guard whose policy has changed keeps what a restart would leave it;
   * the others go on as they were.
   */
  follow(policy: GuardPolicy, now: Date): void {
    const before = this.#policy
    const learned = this.snapshot(now)
    const breakers = this.#breakers.entries(now.getTime())
    this.#policy = policy
    this.#actions = actionsOf(policy)
    const isCountedAnew = !isDeepStrictEqual(before.velocity, policy.velocity)
    if (isCountedAnew) {
      this.#velocity = velocityOf(policy, this.#breakers)
      this.#velocity?.restore(learned.velocity)
    }
    if (isCountedAnew || !isDeepStrictEqual(before.conversion, policy.conversion)) {
      this.#conversion = conversionOf(policy, this.#breakers)
      this.#conversion?.restore(learned.conversion)
    }
    if (!isDeepStrictEqual(before.loops, policy.loops)) {
      this.#loops = loopsOf(policy, this.#breakers)
    }
    this.#breakers.clear()
    this.#reopen(breakers)
  }

  /** True when no guard looks at anything. */
  get isOff(): boolean {
    return !this.#velocity && !this.#conversion && !this.#loops
  }

  /**
   * Counts a message that would be accepted; gives the strictest breaker that is open for it.
   *
   * @param from - the sender as messages have it
   */
  check(
    tenantId: string,
    request: GuardedRequest,
    from: string,
    number: PhoneNumber,
    now: Date,
  ): OpenBreaker | undefined {
    const { trafficClass, text } = request
    if (this.#isExcepted(tenantId, trafficClass, number.e164)) return undefined
    const nowMs = now.getTime()
    let found = this.#velocity?.check(tenantId, number, nowMs)
    if (trafficClass === 'otp' && this.#conversion) {
      found = stricter(found, this.#conversion.check(tenantId, number, nowMs))
    }
    if (this.#loops) found = stricter(found, this.#loops.check(from, number.e164, text, nowMs))
    if (!found) return undefined
    found.messages++
    this.#onVerdict(found)
    return found
  }

  /** A handset has written to us. */
  noteInbound(from: string, to: string, text: string, now: Date): void {
    this.#loops?.noteInbound(from, to, text, now.getTime())
  }

  /** A carrier says that it has delivered a message. */
  noteDelivered(message: GuardedMessage, carrier: string, number: PhoneNumber, now: Date): void {
    if (this.#conversion && this.#isCode(message, number)) {
      this.#conversion.noteDelivered(codeOf(message, carrier), number, now.getTime())
    }
  }

  /** An application says that a message was of use. */
  noteConverted(message: GuardedMessage, carrier: string, number: PhoneNumber, now: Date): void {
    if (this.#conversion && this.#isCode(message, number)) {
      this.#conversion.noteConverted(codeOf(message, carrier), number, now.getTime())
    }
  }

  /** True when conversion is watched at all: nothing needs to be noted otherwise. */
  get watchesConversion(): boolean {
    return this.#conversion !== undefined
  }

  /**
   * Carriers that routing had better avoid for a message: they claim to deliver the tenant's codes to the
   * prefix of the number and nobody uses them, though those by other carriers are used.
   */
  suspects(
    tenantId: string,
    trafficClass: TrafficClass,
    number: PhoneNumber,
    now: Date,
  ): readonly string[] {
    if (!this.#conversion || !this.#policy.conversion.avoidSuspects || trafficClass !== 'otp')
      return NOBODY
    if (this.#isExcepted(tenantId, trafficClass, number.e164)) return NOBODY
    return this.#conversion.suspects(tenantId, number, now.getTime())
  }

  /** What is open, oldest first. */
  open(now: Date): OpenBreaker[] {
    return this.#breakers.entries(now.getTime()).map(([, breaker]) => breaker)
  }

  /** How many of the delivered codes are used, by carrier. */
  carriers(now: Date): CarrierConversion[] {
    return this.#conversion?.carriers(now.getTime()) ?? []
  }

  /** Closes a breaker; what has opened it counts as usual from now on. Undefined for an unknown id. */
  reset(id: string, now: Date): OpenBreaker | undefined {
    const breaker = this.#breakers.close(id)
    if (!breaker) return undefined
    const { guard, scope } = breaker
    if (guard === 'velocity') this.#velocity?.accept(scope, now.getTime())
    if (guard === 'conversion' && scope.tenantId !== null && scope.prefix !== null) {
      this.#conversion?.accept(scope.tenantId, scope.prefix)
    }
    return breaker
  }

  /** What the next run should know. Loops are left out: they are over in minutes, and name numbers. */
  snapshot(now: Date): GuardsState {
    const nowMs = now.getTime()
    return {
      velocity: this.#velocity?.snapshot() ?? { sinceMs: null, counts: [] },
      conversion: this.#conversion?.snapshot(nowMs) ?? [],
      breakers: this.#breakers.entries(nowMs).filter(([, { guard }]) => guard !== 'loop'),
    }
  }

  /** Takes over what an earlier run has learned, as far as its guards are still on. */
  restore({ velocity, conversion, breakers }: GuardsState): void {
    this.#velocity?.restore(velocity)
    this.#conversion?.restore(conversion)
    this.#reopen(breakers)
  }

  #reopen(breakers: GuardsState['breakers']): void {
    const kept = breakers.filter(([, { guard }]) => this.#actions[guard] !== 'off')
    // What is done about them may have changed meanwhile.
    this.#breakers.restore(
      kept.map(([key, breaker]) => [key, { ...breaker, action: this.#actions[breaker.guard] }]),
    )
  }

  #isCode({ tenantId, trafficClass }: GuardedMessage, { e164 }: PhoneNumber): boolean {
    return trafficClass === 'otp' && !this.#isExcepted(tenantId, trafficClass, e164)
  }

  #isExcepted(tenantId: string, trafficClass: TrafficClass, e164: string): boolean {
    const { tenantIds, classes, prefixes } = this.#policy.except
    if (tenantIds.size > 0 && tenantIds.has(tenantId)) return true
    if (classes.size > 0 && classes.has(trafficClass)) return true
    for (const prefix of prefixes) if (e164.startsWith(prefix, 1)) return true
    return false
  }
}

function actionsOf({ velocity, conversion, loops }: GuardPolicy): Record<GuardName, GuardAction> {
  return { velocity: velocity.action, conversion: conversion.action, loop: loops.action }
}

function velocityOf({ velocity }: GuardPolicy, breakers: GuardBreakers): Velocity | undefined {
  return velocity.action === 'off' ? undefined : new Velocity(velocity, breakers)
}

function conversionOf(
  { conversion, velocity }: GuardPolicy,
  breakers: GuardBreakers,
): Conversion | undefined {
  if (conversion.action === 'off') return undefined
  return new Conversion(conversion, velocity.prefixDigits, breakers)
}

function loopsOf({ loops }: GuardPolicy, breakers: GuardBreakers): Loops | undefined {
  return loops.action === 'off' ? undefined : new Loops(loops, breakers)
}

/** The code that a guard refuses with. */
export function guardCode({ guard }: OpenBreaker): GuardCode {
  return guard === 'loop' ? 'loop_suspected' : 'pumping_suspected'
}

function codeOf({ tenantId, createdAt }: GuardedMessage, carrier: string) {
  return { tenantId, carrier, createdMs: createdAt.getTime() }
}

function stricter(a: OpenBreaker | undefined, b: OpenBreaker | undefined): OpenBreaker | undefined {
  if (!a || !b) return a ?? b
  return STRICTNESS.indexOf(b.action) > STRICTNESS.indexOf(a.action) ? b : a
}
