import type { Channel } from '../../src/core/channel.ts'
import type { TrafficClass } from '../../src/core/policy.ts'
import { DEFAULT_STRATEGY, type RouteRule, type Strategy } from '../../src/core/route-rule.ts'
import { atOnce } from '../../src/core/turns.ts'
import { type LiveReading, STANDING } from '../../src/routing/live-reading.ts'
import { type PhoneNumber, parseNumber } from '../../src/routing/number.ts'
import type { DeckRate } from '../../src/routing/rate-deck.ts'
import { RateIndex } from '../../src/routing/rate-index.ts'
import type { RouteRequest } from '../../src/routing/route-request.ts'
import { RouteTable } from '../../src/routing/route-table.ts'
import { Router } from '../../src/routing/router.ts'

/** A carrier of a test, with what it asks by prefix or, with `mcc:`, by network. */
export interface TestCarrier {
  readonly name: string
  readonly rates: Readonly<Record<string, readonly [priceMicros: bigint, currency: string]>>
  readonly success?: number
  readonly lower?: number
  readonly upper?: number
  readonly latencyMs?: number
  readonly messages?: number
  readonly standing?: keyof typeof STANDING
  readonly isSuspect?: boolean
  readonly trafficClasses?: readonly TrafficClass[]
  readonly lacks?: number
  readonly maxSegments?: number
  readonly channel?: Channel
  readonly tags?: readonly string[]
}

/** A router with its reading. */
export interface TestRouter {
  readonly router: Router
  readonly reading: LiveReading
}

export function numberOf(text: string): PhoneNumber {
  const result = parseNumber(text)
  if (!result.ok) throw new Error(result.reason)
  return result.number
}

/** Carriers stand in the order of their names, as the router wants them. */
export function routerOf(
  carriers: readonly TestCarrier[],
  options: {
    readonly routes?: readonly RouteRule[]
    readonly conversion?: Readonly<Record<string, number>>
  } = {},
): TestRouter {
  const sorted = [...carriers].sort((a, b) => (a.name < b.name ? -1 : 1))
  const { routes = [], conversion = {} } = options
  const decks = sorted.map(({ rates }) =>
    Object.entries(rates).map(([by, [priceMicros, currency]]) => rateOf(by, priceMicros, currency)),
  )
  const named = sorted.map(
    ({ name, channel = 'sms', tags = [], trafficClasses, lacks = 0, maxSegments }, profile) => {
      return { name, channel, tags, profile, trafficClasses, lacks, maxSegments }
    },
  )
  const router = new Router({
    carriers: named,
    rates: atOnce(RateIndex.build(decks, 0, conversion)),
    routes: atOnce(RouteTable.build(routes, named)),
  })
  // As readings are: four digits, and whole milliseconds.
  const figures = (read: (carrier: TestCarrier) => number) =>
    Float64Array.from(sorted, (carrier) => Math.round(read(carrier) * 10_000) / 10_000)
  const reading = {
    standing: Uint8Array.from(sorted, ({ standing = 'up' }) => STANDING[standing]),
    success: figures(({ success = 1 }) => success),
    lower: figures(({ success = 1, lower = success }) => lower),
    upper: figures(({ success = 1, upper = success }) => upper),
    latencyMs: figures(({ latencyMs = Number.NaN }) => Math.round(latencyMs)),
    messages: figures(({ messages = 100 }) => messages),
    suspect: Uint8Array.from(sorted, ({ isSuspect = false }) => (isSuspect ? 1 : 0)),
  }
  return { router, reading }
}

export function rateOf(by: string, priceMicros: bigint, currency = 'EUR'): DeckRate {
  const network = by.startsWith('mcc:') ? by.slice(4) : null
  const prefix = network === null ? by : null
  return { prefix, network, priceMicros, currency, effectiveFromMs: 0 }
}

/** A request for a text of one segment; `to` is written as a person would. */
export function requestOf(
  more: Partial<RouteRequest> & { readonly to?: string } = {},
): RouteRequest {
  const { to = '+447700900123', ...rest } = more
  const number = numberOf(to)
  return {
    tenant: 'acme',
    from: 'ACME',
    channel: 'sms',
    digits: number.e164.slice(1),
    recipient: number.e164.slice(1),
    country: number.country,
    region: number.region,
    network: null,
    trafficClass: 'transactional',
    tags: [],
    text: 'Hello',
    atMs: Date.UTC(2026, 0, 5, 12),
    layOut: () => ({ segments: 1, encoding: 'gsm7', needs: 0 }),
    siblingCarrier: undefined,
    excluded: undefined,
    sellMicros: null,
    sellCurrency: 'EUR',
    sellsMessage: false,
    refusesLosses: false,
    minMargin: undefined,
    draw: 0,
    turn: () => 0,
    ...rest,
  }
}

/** A route for all messages. */
export function routeWith(strategy: Partial<Strategy>, more: Partial<RouteRule> = {}): RouteRule {
  return { name: 'all', match: {}, strategy: { ...DEFAULT_STRATEGY, ...strategy }, ...more }
}
