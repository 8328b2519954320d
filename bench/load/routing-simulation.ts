import { DEFAULT_STRATEGY, type Strategy } from '../../src/core/route-rule.ts'
import { atOnce } from '../../src/core/turns.ts'
import { STANDING } from '../../src/routing/live-reading.ts'
import { makeReading, Quality } from '../../src/routing/quality.ts'
import { RateIndex } from '../../src/routing/rate-index.ts'
import { RouteTable } from '../../src/routing/route-table.ts'
import { Router } from '../../src/routing/router.ts'
import { randomFrom } from '../support/random.ts'

/** Simulated carriers: what they ask is known, what they deliver is not. */

export const COUNTRIES = ['GB', 'DE', 'FR', 'US', 'IN', 'NG'] as const
export const CARRIERS = ['alpha', 'bravo', 'charlie', 'delta', 'echo', 'foxtrot'] as const

const DIGITS = ['44', '49', '33', '1', '91', '234'] as const
export const MESSAGES = 200_000
const MESSAGES_PER_SECOND = 20
/** The median carrier answers after so long. */
const RECEIPT_MS = 3_000
/** When the best carrier of the first country fails, and when it is well again; of all messages. */
export const FALL = 0.4
export const RECOVERY = 0.65
const FALLEN_SUCCESS = 0.2
/** By how much of the price the carrier that falls is better than the second. */
const CLEARLY = 0.1
/** The share of a country's messages by which a carrier counts as chosen, over so many messages. */
const STRETCH = 500

const STRATEGY: Strategy = { ...DEFAULT_STRATEGY, name: 'weighted', explorePercent: 5 }

/** What came of one run. */
export interface SimulationResult {
  readonly countries: readonly CountryResult[]
  /** Margin over all countries, by the margin of the best fixed choices. */
  readonly share: number
  /** Messages of the fallen carrier, from its fall until it is no longer the choice. */
  readonly detectedAfter: number
  /** Messages of its country, from its recovery until it is the choice again; undefined: never. */
  readonly returnedAfter: number | undefined
  /** Of each stretch of messages of the first country, the share of each carrier. */
  readonly shares: readonly (readonly number[])[]
  readonly fallen: number
}

/** One country, in units of money. */
export interface CountryResult {
  readonly country: string
  readonly margin: number
  /** Of the one carrier that would have been best all the time, seen afterwards. */
  readonly best: number
  readonly bestCarrier: string
}

interface World {
  /** By country and carrier: the price in micro-units, and the share delivered. */
  readonly costs: readonly (readonly number[])[]
  readonly success: readonly (readonly number[])[]
  /** By country: what the tenant pays for a delivered message. */
  readonly values: readonly number[]
}

interface Receipt {
  readonly atMs: number
  readonly carrier: number
  readonly country: number
  readonly isDelivered: boolean
}

/**
 * Routes messages one by one with nothing but the receipts that have come, and compares the margin
 * (what delivered messages earn, less what all of them cost) with the best carrier of each country in
 * hindsight. The same lots decide for every carrier whether it would have delivered a message.
 */
export function simulate(seed: number): SimulationResult {
  const random = randomFrom(seed)
  const world = makeWorld(random)
  const fallen = bestOf(world, 0)
  const router = makeRouter(world)
  const quality = new Quality()
  const indexes = CARRIERS.map((name) => quality.carrierIndex(name))
  const learned = makeReading(CARRIERS.length)
  const standing = new Uint8Array(CARRIERS.length).fill(STANDING.up)
  const suspect = new Uint8Array(CARRIERS.length)
  const receipts: Receipt[] = []
  const margins = COUNTRIES.map(() => 0)
  const fixed = COUNTRIES.map(() => CARRIERS.map(() => 0))
  const firstCountry: number[] = []
  let firstAtFall = 0
  let firstAtRecovery = 0
  if (indexes.some((index, place) => index !== place)) throw new Error('carriers are in disorder')

  for (let n = 0; n < MESSAGES; n++) {
    const nowMs = (n * 1_000) / MESSAGES_PER_SECOND
    takeReceipts(receipts, nowMs, quality)
    const isFallen = n >= FALL * MESSAGES && n < RECOVERY * MESSAGES
    const country = Math.floor(random() * COUNTRIES.length)
    const cell = cellOf(country)
    quality.read(cell, nowMs, learned)
    const decision = router.rank(
      requestFor(country, world, nowMs, Math.floor(random() * 2 ** 32)),
      { ...learned, standing, suspect },
      1,
    )
    const carrier = CARRIERS.indexOf(decision.candidates[0]?.carrier as (typeof CARRIERS)[number])
    // One lot for the message: a better carrier delivers all that a worse one would.
    const lot = random()
    for (const [other] of CARRIERS.entries()) {
      const success =
        isFallen && other === fallen ? FALLEN_SUCCESS : at(world.success, country, other)
      const isDelivered = lot < success
      const margin =
        (isDelivered ? (world.values[country] as number) : 0) - at(world.costs, country, other)
      const row = fixed[country] as number[]
      row[other] = (row[other] as number) + margin
      if (other !== carrier) continue
      margins[country] = (margins[country] as number) + margin
      const latencyMs = -Math.log(1 - random()) * RECEIPT_MS
      push(receipts, { atMs: nowMs + latencyMs, carrier, country, isDelivered })
    }
    if (country !== 0) continue
    if (n < FALL * MESSAGES) firstAtFall++
    if (n < RECOVERY * MESSAGES) firstAtRecovery++
    firstCountry.push(carrier)
  }

  const countries = COUNTRIES.map((country, index) => {
    const row = fixed[index] as number[]
    const best = Math.max(...row)
    const bestCarrier = CARRIERS[row.indexOf(best)] ?? ''
    return { country, margin: (margins[index] as number) / 1e6, best: best / 1e6, bestCarrier }
  })
  const sum = (read: (result: CountryResult) => number) =>
    countries.reduce((total, result) => total + read(result), 0)
  return {
    countries,
    share: sum(({ margin }) => margin) / sum(({ best }) => best),
    detectedAfter: detectedAfter(firstCountry, firstAtFall, fallen),
    returnedAfter: returnedAfter(firstCountry, firstAtRecovery, fallen),
    shares: sharesOf(firstCountry),
    fallen,
  }
}

function makeWorld(random: () => number): World {
  const values = COUNTRIES.map(() => 60_000 + Math.floor(random() * 40_000))
  const costs = COUNTRIES.map(() => CARRIERS.map(() => 12_000 + Math.floor(random() * 25_000)))
  const success = COUNTRIES.map(() => CARRIERS.map(() => 0.7 + 0.29 * random()))
  const world = { values, costs, success }
  // The one that falls is worth going back to: it leaves a tenth of the price more than the second.
  const best = bestOf(world, 0)
  const margins = CARRIERS.map((_, carrier) => expectedMargin(world, 0, carrier))
  const second = Math.max(...margins.filter((_, carrier) => carrier !== best))
  const missing = Math.max(0, second + (values[0] as number) * CLEARLY - (margins[best] as number))
  const row = costs[0] as number[]
  row[best] = Math.round((row[best] as number) - missing)
  return world
}

function bestOf(world: World, country: number): number {
  const margins = CARRIERS.map((_, carrier) => expectedMargin(world, country, carrier))
  return margins.indexOf(Math.max(...margins))
}

function expectedMargin({ costs, success, values }: World, country: number, carrier: number) {
  return at(success, country, carrier) * (values[country] as number) - at(costs, country, carrier)
}

function makeRouter({ costs }: World): Router {
  const decks = CARRIERS.map((_, carrier) =>
    DIGITS.map((prefix, country) => ({
      prefix,
      network: null,
      priceMicros: BigInt(at(costs, country, carrier)),
      currency: 'EUR',
      effectiveFromMs: 0,
    })),
  )
  const carriers = CARRIERS.map((name) => ({
    name,
    channel: 'sms' as const,
    tags: [],
    profile: 0,
    trafficClasses: undefined,
    lacks: 0,
    maxSegments: undefined,
  }))
  return new Router({
    carriers,
    rates: atOnce(RateIndex.build(decks, 0)),
    routes: atOnce(RouteTable.build([{ name: 'all', match: {}, strategy: STRATEGY }], carriers)),
  })
}

function cellOf(country: number) {
  return {
    country: COUNTRIES[country] as string,
    network: null,
    trafficClass: 'transactional',
    tags: [],
  } as const
}

function requestFor(country: number, { values }: World, nowMs: number, draw: number) {
  return {
    tenant: 't',
    from: 'ACME',
    channel: 'sms',
    digits: `${DIGITS[country]}123456789`,
    recipient: `${DIGITS[country]}123456789`,
    region: 'europe',
    text: 'Hello',
    atMs: nowMs,
    layOut: () => ({ segments: 1, encoding: 'gsm7', needs: 0 }),
    siblingCarrier: undefined,
    excluded: undefined,
    sellMicros: values[country] as number,
    sellCurrency: 'EUR',
    sellsMessage: false,
    refusesLosses: false,
    minMargin: undefined,
    draw,
    turn: () => 0,
    ...cellOf(country),
  } as const
}

function takeReceipts(receipts: Receipt[], nowMs: number, quality: Quality): void {
  for (let next = receipts[0]; next && next.atMs <= nowMs; next = receipts[0]) {
    receipts.shift()
    quality.record({
      carrier: CARRIERS[next.carrier] as string,
      cell: cellOf(next.country),
      outcome: next.isDelivered ? 'delivered' : 'failed',
      nowMs: next.atMs,
    })
  }
}

/** Receipts under way are few: about one for each second of the slowest. */
function push(receipts: Receipt[], receipt: Receipt): void {
  let place = receipts.length
  while (place > 0 && (receipts[place - 1] as Receipt).atMs > receipt.atMs) place--
  receipts.splice(place, 0, receipt)
}

/** What it still got, until it had less than a fifth of a hundred messages. */
function detectedAfter(choices: readonly number[], fall: number, fallen: number): number {
  let sent = 0
  for (let n = fall; n < choices.length; n++) {
    if (choices[n] === fallen) sent++
    const lately = choices.slice(Math.max(fall, n - 99), n + 1)
    const share = lately.filter((carrier) => carrier === fallen).length / lately.length
    if (lately.length === 100 && share < 0.2) return sent
  }
  return sent
}

function returnedAfter(
  choices: readonly number[],
  recovery: number,
  fallen: number,
): number | undefined {
  for (let n = recovery; n + STRETCH <= choices.length; n += 50) {
    const share = choices.slice(n, n + STRETCH).filter((carrier) => carrier === fallen).length
    if (share > STRETCH / 2) return n - recovery
  }
  return undefined
}

function sharesOf(choices: readonly number[]): number[][] {
  const shares: number[][] = []
  for (let start = 0; start + STRETCH <= choices.length; start += STRETCH) {
    const stretch = choices.slice(start, start + STRETCH)
    shares.push(
      CARRIERS.map((_, carrier) => stretch.filter((chosen) => chosen === carrier).length / STRETCH),
    )
  }
  return shares
}

function at(table: readonly (readonly number[])[], country: number, carrier: number): number {
  return table[country]?.[carrier] as number
}
