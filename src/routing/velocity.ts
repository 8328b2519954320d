import type { VelocityPolicy } from '../core/guards.ts'
import type { GuardBreakers, GuardScope, OpenBreaker } from './guard-breakers.ts'
import type { PhoneNumber } from './number.ts'
import { type CountState, SlidingCount } from './sliding-count.ts'

/** What has been learned, as plain data that can be stored. */
export interface VelocityState {
  /** When the first message ever was seen; null: none was. */
  readonly sinceMs: number | null
  readonly counts: readonly (readonly [key: string, state: CountState])[]
}

/** Prefixes, and as many countries of tenants, that are counted; those idle for longest leave. */
const CAPACITY = 10_000

/**
 * Messages per number prefix, and per tenant and country, in sliding windows: what goes beyond a limit, or beyond
 * many times the usual, opens a breaker. Pumping sends codes to ranges of numbers that belong to whoever profits.
 *
 * What comes while a breaker is open is counted and not learned from: a flood that goes on opens it again.
 */
export class Velocity {
  readonly #policy: VelocityPolicy
  readonly #breakers: GuardBreakers
  readonly #windowMs: number
  /** Weight that the usual keeps over one window. */
  readonly #keep: number
  readonly #prefixes = new Map<string, SlidingCount>()
  readonly #tenants = new Map<string, Map<string, SlidingCount>>()
  #countries = 0
  #sinceMs = Number.NaN

  constructor(policy: VelocityPolicy, breakers: GuardBreakers) {
    this.#policy = policy
    this.#breakers = breakers
    this.#windowMs = policy.windowSeconds * 1_000
    this.#keep = 0.5 ** (policy.windowSeconds / policy.learnSeconds)
  }

  /** Counts a message; gives the breaker that is open for it. */
  check(tenantId: string, number: PhoneNumber, nowMs: number): OpenBreaker | undefined {
    if (Number.isNaN(this.#sinceMs)) this.#sinceMs = nowMs
    const { e164, callingCode, country } = number
    const prefix = e164.slice(1, 1 + callingCode.length + this.#policy.prefixDigits)
    const ofPrefix = this.#countOf(this.#prefixes, prefix, nowMs)
    const ofCountry = this.#countOfCountry(tenantId, country, nowMs)
    const open =
      this.#breakers.size > 0 ? this.#openFor(prefix, tenantId, country, nowMs) : undefined
    const keep = open ? 1 : this.#keep
    // Whoever starts a window goes to the end: those at the front are the ones idle for longest.
    if (ofPrefix.add(nowMs, this.#windowMs, keep)) this.#refresh(prefix, ofPrefix)
    ofCountry.add(nowMs, this.#windowMs, keep)
    if (open) return open
    const { prefixLimit, countryLimit } = this.#policy
    const reason = this.#excess(ofPrefix, prefixLimit, nowMs)
    if (reason !== undefined) {
      const scope = { tenantId: null, prefix, country: null, pair: null }
      return this.#openFrom(prefixKey(prefix), scope, `+${prefix}: ${reason}`, nowMs)
    }
    const excess = this.#excess(ofCountry, countryLimit, nowMs)
    if (excess === undefined) return undefined
    const scope = { tenantId, prefix: null, country, pair: null }
    return this.#openFrom(countryKey(tenantId, country), scope, `${country}: ${excess}`, nowMs)
  }

  /** An operator has closed the breaker: what is counted now is usual. */
  accept({ prefix, tenantId, country }: GuardScope, nowMs: number): void {
    if (prefix !== null) this.#prefixes.get(prefix)?.accept(nowMs, this.#windowMs)
    if (tenantId === null || country === null) return
    this.#tenants.get(tenantId)?.get(country)?.accept(nowMs, this.#windowMs)
  }

  /** Counters in memory. */
  get size(): number {
    return this.#prefixes.size + this.#countries
  }

  snapshot(): VelocityState {
    const counts = [...this.#prefixes].map(([prefix, count]) => [prefix, count.state()] as const)
    for (const [tenantId, countries] of this.#tenants) {
      for (const [country, count] of countries)
        counts.push([`${tenantId} ${country}`, count.state()])
    }
    return { sinceMs: Number.isNaN(this.#sinceMs) ? null : this.#sinceMs, counts }
  }

  restore({ sinceMs, counts }: VelocityState): void {
    if (sinceMs !== null) this.#sinceMs = sinceMs
    for (const [key, { startMs, usual }] of counts) {
      const [first = '', country] = key.split(' ')
      const count = new SlidingCount(startMs, usual)
      if (country === undefined) this.#prefixes.set(first, count)
      else this.#addCountry(first, country, count)
    }
  }

  #openFor(
    prefix: string,
    tenantId: string,
    country: string,
    nowMs: number,
  ): OpenBreaker | undefined {
    return (
      this.#breakers.find(prefixKey(prefix), nowMs) ??
      this.#breakers.find(countryKey(tenantId, country), nowMs)
    )
  }

  /** What is too much about a count; undefined: nothing. */
  #excess(count: SlidingCount, limit: number, nowMs: number): string | undefined {
    const { burstFactor, burstLeast, windowSeconds, learnSeconds } = this.#policy
    const messages = count.peek(nowMs, this.#windowMs)
    if (limit > 0 && messages > limit) {
      return `more than ${limit} messages within ${windowSeconds} s`
    }
    if (burstFactor === 0 || messages < burstLeast) return undefined
    if (messages <= burstFactor * count.usual) return undefined
    if (nowMs - this.#sinceMs < learnSeconds * 1_000) return undefined
    const usual = Math.round(count.usual * 10) / 10
    return `${Math.round(messages)} messages within ${windowSeconds} s, usual are ${usual}`
  }

  #openFrom(key: string, scope: GuardScope, reason: string, nowMs: number): OpenBreaker {
    const { action, coolDownSeconds } = this.#policy
    const about = { guard: 'velocity', scope, action, reason } as const
    return this.#breakers.open(key, about, nowMs, coolDownSeconds)
  }

  #countOf(counts: Map<string, SlidingCount>, key: string, nowMs: number): SlidingCount {
    const known = counts.get(key)
    if (known) return known
    const count = new SlidingCount(nowMs)
    counts.set(key, count)
    if (counts.size > CAPACITY) dropFirst(counts)
    return count
  }

  #refresh(prefix: string, count: SlidingCount): void {
    this.#prefixes.delete(prefix)
    this.#prefixes.set(prefix, count)
  }

  #countOfCountry(tenantId: string, country: string, nowMs: number): SlidingCount {
    const known = this.#tenants.get(tenantId)?.get(country)
    if (known) return known
    const count = new SlidingCount(nowMs)
    this.#addCountry(tenantId, country, count)
    return count
  }

  #addCountry(tenantId: string, country: string, count: SlidingCount): void {
    if (this.#countries >= CAPACITY) {
      // A tenant has some 240 countries at most: it takes very many tenants to get here.
      const [first] = this.#tenants.values()
      this.#countries -= first?.size ?? 0
      dropFirst(this.#tenants)
    }
    const countries = this.#tenants.get(tenantId) ?? new Map<string, SlidingCount>()
    this.#tenants.set(tenantId, countries.set(country, count))
    this.#countries++
  }
}

function dropFirst(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key)
    return
  }
}

function prefixKey(prefix: string): string {
  return `velocity ${prefix}`
}

function countryKey(tenantId: string, country: string): string {
  return `velocity ${tenantId} ${country}`
}
