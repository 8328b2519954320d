import { setImmediate } from 'node:timers/promises'
import { parsePhoneNumberFromString } from 'libphonenumber-js/max'
import { DEFAULT_STRATEGY, type RouteRule, STRATEGIES } from '../src/core/route-rule.ts'
import { atOnce, Slices, Turns } from '../src/core/turns.ts'
import { type LiveReading, STANDING } from '../src/routing/live-reading.ts'
import { type PhoneNumber, parseNumber } from '../src/routing/number.ts'
import { PrefixTable } from '../src/routing/prefix-table.ts'
import type { DeckRate } from '../src/routing/rate-deck.ts'
import { RateIndex } from '../src/routing/rate-index.ts'
import type { RouteRequest } from '../src/routing/route-request.ts'
import { RouteTable } from '../src/routing/route-table.ts'
import { Router } from '../src/routing/router.ts'
import { type BenchOptions, type BenchRow, compare, rowFrom } from './harness.ts'
import { randomFrom } from './support/random.ts'

/** Choosing carriers for a message, against a scan of every rate; and reading numbers. */
export const subject = 'routing'

const CARRIERS = 100
const PREFIXES = 2_000
const ROUTES = 1_000
const TENANTS = 200
const NUMBERS = 1_000
const RANK_BATCH = 200
const NAIVE_RANK_BATCH = 4
const PARSE_BATCH = 500
const SINGLE_DECISIONS = 50_000
const NOW_MS = Date.UTC(2026, 0, 1)
const PLANS = ['4477', '86138', '1202555', '49151', '336', '9198', '5511', '23480']
const COUNTRIES = ['GB', 'CN', 'US', 'DE', 'FR', 'IN', 'BR', 'NG']

interface Deck {
  readonly name: string
  readonly success: number
  readonly rates: readonly DeckRate[]
}

function makeDecks(): Deck[] {
  const random = randomFrom(1)
  return Array.from({ length: CARRIERS }, (_, index) => {
    const prefixes = new Set<string>()
    while (prefixes.size < PREFIXES) {
      // A deck prices the beginnings of real plans, and a lot that no message goes to.
      const plan = random() < 0.5 ? (PLANS[Math.floor(random() * PLANS.length)] ?? '') : ''
      const length = 1 + Math.floor(random() * 6)
      const tail = String(Math.floor(10 ** length * (0.1 + 0.9 * random())))
      prefixes.add((plan.slice(0, 1 + Math.floor(random() * plan.length)) + tail).slice(0, 9))
    }
    for (const plan of PLANS) prefixes.add(plan.slice(0, 2))
    const rates = [...prefixes].map((prefix) => ({
      prefix,
      network: null,
      priceMicros: BigInt(10_000 + Math.floor(random() * 50_000)),
      currency: 'EUR',
      effectiveFromMs: 0,
    }))
    return { name: `c${String(index).padStart(3, '0')}`, success: 0.8 + random() * 0.2, rates }
  })
}

/** Routes as operators write them: for tenants, for countries, for beginnings of numbers, for codes. */
function makeRoutes(decks: readonly Deck[]): RouteRule[] {
  const random = randomFrom(3)
  const one = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T
  return Array.from({ length: ROUTES }, (_, index) => {
    const match =
      index % 3 === 0
        ? { tenants: [`t${Math.floor(random() * TENANTS)}`], countries: [one(COUNTRIES)] }
        : index % 3 === 1
          ? { prefixes: [`${one(PLANS)}${Math.floor(random() * 90) + 10}`] }
          : { countries: [one(COUNTRIES)], senders: [`BRAND${index}*`] }
    const deny = [one(decks).name]
    const strategy = { ...DEFAULT_STRATEGY, name: one(STRATEGIES) }
    return { name: `route${index}`, match, deny, strategy }
  })
}

/** As the gateway makes it, with its pauses. */
function* makeRouter(decks: readonly Deck[], rules: readonly RouteRule[]): Generator<void, Router> {
  const carriers = decks.map(({ name }) => ({
    name,
    tags: [],
    profile: 0,
    trafficClasses: undefined,
    channel: 'sms' as const,
    lacks: 0,
    maxSegments: undefined,
  }))
  const rates = yield* RateIndex.build(
    decks.map((deck) => deck.rates),
    NOW_MS,
    { EUR: 1 },
  )
  const routes = yield* RouteTable.build(rules, carriers)
  return new Router({ carriers, rates, routes })
}

/** The same decks, of which every rate holds from another instant on, and has one before it. */
function dated(decks: readonly Deck[]): Deck[] {
  const random = randomFrom(4)
  return decks.map((deck) => ({
    ...deck,
    rates: deck.rates.slice(0, deck.rates.length / 2).flatMap((rate) => {
      const effectiveFromMs = Math.floor(random() * NOW_MS)
      return [
        { ...rate, effectiveFromMs },
        { ...rate, effectiveFromMs: Math.floor(effectiveFromMs / 2) },
      ]
    }),
  }))
}

function makeReading(decks: readonly Deck[]): LiveReading {
  const success = Float64Array.from(decks, (deck) => deck.success)
  return {
    standing: new Uint8Array(decks.length).fill(STANDING.up),
    success,
    lower: success.map((share) => share - 0.05),
    upper: success.map((share) => share + 0.02),
    latencyMs: new Float64Array(decks.length).fill(4_000),
    messages: new Float64Array(decks.length).fill(150),
    suspect: new Uint8Array(decks.length),
  }
}

function makeNumbers(): string[] {
  const random = randomFrom(2)
  const lengths: Record<string, number> = { '49151': 13, '336': 11, '1202555': 11, '5511': 13 }
  return Array.from({ length: NUMBERS }, (_, index) => {
    const start = PLANS[index % PLANS.length] ?? '4477'
    const length = lengths[start] ?? (start === '4477' || start === '9198' ? 12 : 13)
    const tail = Array.from({ length: length - start.length }, () => Math.floor(random() * 10))
    return `+${start}${tail.join('')}`
  })
}

function naiveMatch(rates: readonly DeckRate[], digits: string): DeckRate | undefined {
  let best: DeckRate | undefined
  for (const rate of rates) {
    const prefix = rate.prefix ?? ''
    if (digits.startsWith(prefix) && prefix.length >= (best?.prefix?.length ?? 0)) best = rate
  }
  return best
}

/** The cheapest by expected cost, with no route, which is less than we decide. */
function naiveRank(decks: readonly Deck[], digits: string): string | undefined {
  const found: { name: string; score: number }[] = []
  for (const { name, rates, success } of decks) {
    const rate = naiveMatch(rates, digits)
    if (rate !== undefined) found.push({ name, score: Number(rate.priceMicros) / success })
  }
  found.sort((a, b) => a.score - b.score || (a.name < b.name ? -1 : 1))
  return found[0]?.name
}

function requestFor(number: PhoneNumber, index: number): RouteRequest {
  const { e164, country, region } = number
  return {
    tenant: `t${index % TENANTS}`,
    from: `BRAND${index}`,
    channel: 'sms',
    digits: e164.slice(1),
    recipient: e164.slice(1),
    country,
    region,
    network: null,
    trafficClass: 'transactional',
    tags: [],
    text: 'Your order is on its way.',
    atMs: 0,
    layOut: () => ({ segments: 1, encoding: 'gsm7', needs: 0 }),
    siblingCarrier: undefined,
    excluded: undefined,
    sellMicros: null,
    sellCurrency: 'EUR',
    sellsMessage: false,
    refusesLosses: false,
    minMargin: undefined,
    draw: Math.imul(index + 1, 0x9e3779b9) >>> 0,
    turn: () => index,
  }
}

/** Measures a decision, loading, a look-up and reading a number; the answers are compared first. */
export async function run(options: BenchOptions): Promise<BenchRow[]> {
  const decks = makeDecks()
  const reading = makeReading(decks)
  const texts = makeNumbers()
  const requests = texts.map((text, index) => {
    const result = parseNumber(text)
    if (!result.ok) throw new Error(`${text}: ${result.reason}`)
    return requestFor(result.number, index)
  })
  const plain = atOnce(makeRouter(decks, []))
  for (const request of requests.slice(0, 50)) {
    // Shares are rounded to four digits there, so that near ties may differ.
    const ours = plain.rank(request, reading).candidates.slice(0, 2)
    const theirs = naiveRank(decks, request.digits)
    if (!ours.some(({ carrier }) => carrier === theirs)) {
      throw new Error(`${request.digits}: ${ours[0]?.carrier} against ${theirs}`)
    }
  }
  const rules = makeRoutes(decks)
  const router = atOnce(makeRouter(decks, rules))
  const digits = texts.map((text) => text.slice(1))
  const [first] = decks
  if (first === undefined) throw new Error('there are no carriers')
  const table = new PrefixTable<DeckRate>()
  for (const rate of first.rates) table.set(rate.prefix ?? '', rate)
  const rates = decks.reduce((sum, deck) => sum + deck.rates.length, 0)
  return [
    compare(
      `a decision: ${CARRIERS} carriers, ${rates} prefixes, ${ROUTES} routes`,
      'decisions/s',
      batch(RANK_BATCH, requests, (each) => router.rank(each, reading).candidates.length),
      batch(NAIVE_RANK_BATCH, digits, (each) => naiveRank(decks, each)?.length ?? 0),
      options,
    ),
    ...singleDecisions(requests, (each) => router.rank(each, reading).candidates.length, options),
    ...(await loading(decks, rules, options)),
    compare(
      `longest prefix of ${table.size}`,
      'look-ups/s',
      batch(RANK_BATCH, digits, (each) => table.longestMatch(each)?.prefix.length ?? 0),
      batch(RANK_BATCH, digits, (each) => naiveMatch(first.rates, each)?.prefix?.length ?? 0),
      options,
    ),
    compare(
      'parseNumber, country and type',
      'numbers/s',
      batch(PARSE_BATCH, texts, (each) => (parseNumber(each).ok ? 1 : 0)),
      batch(PARSE_BATCH, texts, (each) => {
        const found = parsePhoneNumberFromString(each)
        return found?.isPossible() && found.getType() !== undefined ? 1 : 0
      }),
      options,
    ),
  ]
}

/** One decision at a time: what the slowest take. */
function singleDecisions(
  requests: readonly RouteRequest[],
  decide: (request: RouteRequest) => number,
  { rounds }: BenchOptions,
): BenchRow[] {
  const p50: number[] = []
  const p99: number[] = []
  const took = new Float64Array(SINGLE_DECISIONS)
  for (let round = 0; round < rounds; round++) {
    for (let n = 0; n < SINGLE_DECISIONS; n++) {
      const request = requests[n % requests.length] as RouteRequest
      const start = performance.now()
      decide(request)
      took[n] = (performance.now() - start) * 1_000
    }
    took.sort()
    p50.push(took[SINGLE_DECISIONS / 2] as number)
    p99.push(took[Math.floor(SINGLE_DECISIONS * 0.99)] as number)
  }
  return [
    rowFrom('– one by one, p50', 'us', p50, null),
    rowFrom('– one by one, p99, at most 50', 'us', p99, null),
  ]
}

/** A router with all rates and routes: at once, and in slices as the gateway changes it while it runs. */
async function loading(
  decks: readonly Deck[],
  rules: readonly RouteRule[],
  { rounds }: BenchOptions,
): Promise<BenchRow[]> {
  const datedDecks = dated(decks)
  const atOnceMs: number[] = []
  const longest: number[] = []
  const longestDated: number[] = []
  for (let round = 0; round < rounds; round++) {
    const start = performance.now()
    atOnce(makeRouter(decks, rules))
    atOnceMs.push(performance.now() - start)
    longest.push(await longestSlice(makeRouter(decks, rules)))
    longestDated.push(await longestSlice(makeRouter(datedDecks, rules)))
  }
  return [
    rowFrom('loading all rates and routes, at most 2,000', 'ms', atOnceMs, null),
    rowFrom('– in slices, the longest, at most 20', 'ms', longest, null),
    rowFrom('– the same with dates, two rates for each prefix', 'ms', longestDated, null),
  ]
}

/** The longest time that everything else waits while the work is done. */
async function longestSlice(work: Generator<void, Router>): Promise<number> {
  let isDone = false
  let longest = 0
  let last = performance.now()
  const done = new Slices(new Turns()).run(work).finally(() => {
    isDone = true
  })
  while (!isDone) {
    await setImmediate()
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }
  await done
  return longest
}

/** Walks through the inputs; adds the results up so that no engine can leave the work out. */
function batch<T>(size: number, inputs: readonly T[], operation: (input: T) => number) {
  let next = 0
  let sum = 0
  return () => {
    for (let count = 0; count < size; count++) {
      const input = inputs[next % inputs.length]
      if (input !== undefined) sum += operation(input)
      next++
    }
    if (!Number.isFinite(sum)) throw new Error('the operation gave no number')
    return size
  }
}
