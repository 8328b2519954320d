import { parsePhoneNumberFromString } from 'libphonenumber-js/max'
import { DEFAULT_STRATEGY, type RouteRule, STRATEGIES } from '../src/core/route-rule.ts'
import { Turns } from '../src/core/turns.ts'
import { type PhoneNumber, parseNumber } from '../src/routing/number.ts'
import { PrefixTable } from '../src/routing/prefix-table.ts'
import type { DeckRate } from '../src/routing/rate-deck.ts'
import { RateIndexBuilder } from '../src/routing/rate-index.ts'
import { type LiveReading, type RouteRequest, Router, STANDING } from '../src/routing/router.ts'
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
/** As the gateway loads rates: so many in one turn of the event loop. */
const SLICE = 5_000
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

function builderOf(decks: readonly Deck[]): RateIndexBuilder {
  const builder = new RateIndexBuilder(0)
  for (const [carrier, { rates }] of decks.entries()) {
    for (const rate of rates) builder.add(carrier, rate)
  }
  return builder
}

function makeRouter(decks: readonly Deck[], routes: readonly RouteRule[]): Router {
  return new Router({
    carriers: decks.map(({ name }) => ({
      name,
      tags: [],
      profile: 0,
      trafficClasses: undefined,
      lacks: 0,
      maxSegments: undefined,
    })),
    rates: builderOf(decks).build(),
    routes,
    conversion: { EUR: 1 },
  })
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
    digits: e164.slice(1),
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
    refusesLosses: false,
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
  const plain = makeRouter(decks, [])
  for (const request of requests.slice(0, 50)) {
    // Shares are rounded to four digits there, so that near ties may differ.
    const ours = plain.rank(request, reading).candidates.slice(0, 2)
    const theirs = naiveRank(decks, request.digits)
    if (!ours.some(({ carrier }) => carrier === theirs)) {
      throw new Error(`${request.digits}: ${ours[0]?.carrier} against ${theirs}`)
    }
  }
  const router = makeRouter(decks, makeRoutes(decks))
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
    ...(await loading(decks, options)),
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

/** An index of all rates: at once, and in slices as the gateway changes it while it runs. */
async function loading(decks: readonly Deck[], { rounds }: BenchOptions): Promise<BenchRow[]> {
  const atOnce: number[] = []
  const longest: number[] = []
  for (let round = 0; round < rounds; round++) {
    const start = performance.now()
    builderOf(decks).build()
    atOnce.push(performance.now() - start)
    longest.push(await longestSlice(decks))
  }
  return [
    rowFrom('loading all rates, at most 2,000', 'ms', atOnce, null),
    rowFrom('– in slices, the longest, at most 20', 'ms', longest, null),
  ]
}

async function longestSlice(decks: readonly Deck[]): Promise<number> {
  const turns = new Turns()
  const builder = new RateIndexBuilder(0)
  let longest = 0
  let start = performance.now()
  let added = 0
  const look = () => {
    longest = Math.max(longest, performance.now() - start)
  }
  for (const [carrier, { rates }] of decks.entries()) {
    for (const rate of rates) {
      builder.add(carrier, rate)
      if (++added % SLICE !== 0) continue
      look()
      await turns.next()
      start = performance.now()
    }
  }
  look()
  await turns.next()
  start = performance.now()
  const index = builder.build()
  look()
  if (index.rates.length === 0) throw new Error('the index has no rates')
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
