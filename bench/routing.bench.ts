import { parsePhoneNumberFromString } from 'libphonenumber-js/max'
import { parseNumber } from '../src/routing/number.ts'
import { PrefixTable } from '../src/routing/prefix-table.ts'
import { type CarrierSnapshot, type Rate, rank } from '../src/routing/router.ts'
import { type BenchOptions, type BenchRow, compare } from './harness.ts'

/** Choosing carriers for a message, against a scan of every rate; and reading numbers. */
export const subject = 'routing'

const CARRIERS = 20
const PREFIXES = 5_000
const NUMBERS = 1_000
const RANK_BATCH = 200
const NAIVE_RANK_BATCH = 4
const PARSE_BATCH = 500
const PLANS = ['4477', '86138', '1202555', '49151', '336', '9198', '5511', '23480']

/** A small generator with a fixed start (mulberry32), so that every run measures the same data. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface NaiveRate extends Rate {
  readonly prefix: string
}

interface Pair {
  readonly carrier: CarrierSnapshot
  readonly rates: readonly NaiveRate[]
}

function makeCarriers(): Pair[] {
  const random = randomFrom(1)
  return Array.from({ length: CARRIERS }, (_, index) => {
    const table = new PrefixTable<Rate>()
    while (table.size < PREFIXES) {
      const length = 1 + Math.floor(random() * 7)
      const prefix = String(Math.floor(10 ** length * (0.1 + 0.9 * random())))
      table.set(prefix, {
        priceMicros: BigInt(10_000 + Math.floor(random() * 50_000)),
        currency: 'EUR',
      })
    }
    const carrier = { name: `c${index}`, rates: table, isUp: true, success: 0.8 + random() * 0.2 }
    const rates = [...table.entries()].map(({ prefix, value }) => ({ prefix, ...value }))
    return { carrier, rates }
  })
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

function naiveMatch(rates: readonly NaiveRate[], digits: string): NaiveRate | undefined {
  let best: NaiveRate | undefined
  for (const rate of rates) {
    const isLonger = best === undefined || rate.prefix.length > best.prefix.length
    if (isLonger && digits.startsWith(rate.prefix)) best = rate
  }
  return best
}

function naiveRank(carriers: readonly Pair[], digits: string): string | undefined {
  const found: { name: string; score: number }[] = []
  for (const { carrier, rates } of carriers) {
    const rate = naiveMatch(rates, digits)
    if (rate !== undefined) {
      found.push({ name: carrier.name, score: Number(rate.priceMicros) / carrier.success })
    }
  }
  found.sort((a, b) => a.score - b.score || (a.name < b.name ? -1 : 1))
  return found[0]?.name
}

/** Measures a decision, a look-up and reading a number; the answers are compared first. */
export async function run(options: BenchOptions): Promise<BenchRow[]> {
  const carriers = makeCarriers()
  const snapshot = { carriers: carriers.map(({ carrier }) => carrier) }
  const texts = makeNumbers()
  const requests = texts.map((text) => {
    const result = parseNumber(text)
    if (!result.ok) throw new Error(`${text}: ${result.reason}`)
    return { number: result.number, segments: () => 1, trafficClass: 'transactional' as const }
  })
  for (const request of requests.slice(0, 50)) {
    const ours = rank(request, snapshot).candidates[0]?.carrier
    const theirs = naiveRank(carriers, request.number.e164.slice(1))
    if (ours !== theirs) throw new Error(`${request.number.e164}: ${ours} against ${theirs}`)
  }
  const [first] = carriers
  if (first === undefined) throw new Error('there are no carriers')
  const digits = texts.map((text) => text.slice(1))
  return [
    compare(
      `rank, ${CARRIERS} carriers x ${PREFIXES} prefixes`,
      'decisions/s',
      batch(RANK_BATCH, requests, (each) => rank(each, snapshot).candidates.length),
      batch(NAIVE_RANK_BATCH, digits, (each) => naiveRank(carriers, each)?.length ?? 0),
      options,
    ),
    compare(
      `longest prefix of ${PREFIXES}`,
      'look-ups/s',
      batch(
        RANK_BATCH,
        digits,
        (each) => first.carrier.rates.longestMatch(each)?.prefix.length ?? 0,
      ),
      batch(RANK_BATCH, digits, (each) => naiveMatch(first.rates, each)?.prefix.length ?? 0),
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
