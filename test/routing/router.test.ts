import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RouteCandidate } from '../../src/routing/decision.ts'
import { decisionOf, recordOf } from '../../src/routing/decision-record.ts'
import { explainCandidate, explainDecision, refusalsForSender } from '../../src/routing/explain.ts'
import { replay } from '../../src/routing/replay.ts'
import {
  CAPABILITIES,
  type RequiredMargin,
  type RouteRequest,
} from '../../src/routing/route-request.ts'
import { requestOf, routerOf, routeWith, type TestCarrier, type TestRouter } from './subject.ts'

const ANYWHERE = { '': [10_000n, 'EUR'] } as const

function decide({ router, reading }: TestRouter, request: RouteRequest = requestOf()) {
  return router.rank(request, reading)
}

const names = (list: readonly { carrier: string }[]) => list.map((each) => each.carrier)

function order(tested: TestRouter, request?: RouteRequest): string[] {
  return names(decide(tested, request).candidates)
}

const reasonsOf = (candidate: RouteCandidate | undefined) =>
  candidate === undefined ? [] : explainCandidate(candidate, 'expected_cost')

/** How often each carrier is first, over so many draws and turns. */
function firsts(tested: TestRouter, count: number, more: Partial<RouteRequest> = {}) {
  const found: Record<string, number> = {}
  for (let n = 0; n < count; n++) {
    const draw = (n * 2_654_435_761) % 2 ** 32
    const [first = ''] = order(tested, requestOf({ draw, turn: () => n, ...more }))
    found[first] = (found[first] ?? 0) + 1
  }
  return found
}

describe('without a route', () => {
  it('prefers the lower cost per delivered message over the lower price', () => {
    const tested = routerOf([
      { name: 'cheap', rates: { '44': [30_000n, 'EUR'] }, success: 0.5 },
      { name: 'good', rates: { '44': [40_000n, 'EUR'] }, success: 0.98 },
    ])
    const { candidates, route, strategy } = decide(tested)
    expect({ route, strategy }).toEqual({ route: null, strategy: 'expected_cost' })
    expect(candidates[0]).toMatchObject({
      carrier: 'good',
      rate: { prefix: '44', priceMicros: 40_000n, currency: 'EUR' },
      segments: 1,
      priceMicros: 40_000n,
      success: 0.98,
      score: 40_000 / 0.98,
      standing: 'up',
      preference: null,
      comparison: 'same',
    })
    expect(candidates[1]).toMatchObject({ carrier: 'cheap', score: 60_000 })
    expect(reasonsOf(candidates[0])).toEqual([
      'rate for prefix 44: 0.0400 EUR per segment',
      '98.0 % delivered lately',
      'expected cost 0.040816 EUR per delivered message',
    ])
  })

  it('counts segments profile by profile', () => {
    const tested = routerOf([
      { name: 'gsm', rates: { '': [35_000n, 'EUR'] } },
      { name: 'latin1', rates: { '': [50_000n, 'EUR'] } },
    ])
    const layOut = (profile: number) => ({
      segments: profile === 1 ? 2 : 3,
      encoding: 'gsm7',
      needs: 0,
    })
    const { candidates } = decide(tested, requestOf({ layOut }))
    expect(candidates.map((each) => [each.carrier, each.segments, each.priceMicros])).toEqual([
      ['latin1', 2, 100_000n],
      ['gsm', 3, 105_000n],
    ])
    expect(reasonsOf(candidates[1])[0]).toBe(
      'rate for everywhere: 0.0350 EUR per segment x 3 segments = 0.1050 EUR',
    )
  })

  it('takes the longest prefix, and the network before any prefix', () => {
    const rates = {
      '': [1n, 'EUR'],
      '44': [2n, 'EUR'],
      '4477': [3n, 'EUR'],
      'mcc:234': [4n, 'EUR'],
      'mcc:23415': [5n, 'EUR'],
    } as const
    const tested = routerOf([{ name: 'a', rates }])
    const priceFor = (network: string | null, to?: string) =>
      decide(tested, requestOf({ network, ...(to ? { to } : {}) })).candidates[0]?.priceMicros
    expect([priceFor(null), priceFor('23415'), priceFor('23410'), priceFor('26201')]).toEqual([
      3n,
      5n,
      4n,
      3n,
    ])
    expect(priceFor(null, '+442071838750')).toBe(2n)
    expect(priceFor(null, '+14155550123')).toBe(1n)
  })

  it('places carriers that cannot take it now after those that can', () => {
    const tested = routerOf([
      { name: 'a', rates: { '': [1n, 'EUR'] }, standing: 'down' },
      { name: 'b', rates: { '': [9n, 'EUR'] } },
    ])
    const { candidates } = decide(tested)
    expect(names(candidates)).toEqual(['b', 'a'])
    expect(reasonsOf(candidates[1]).at(-1)).toMatch(/cannot take it now/)
  })

  it('places the carrier of the other segments first, unless it is down', () => {
    const carriers = (standing: 'up' | 'down'): TestCarrier[] => [
      { name: 'a', rates: { '': [1n, 'EUR'] } },
      { name: 'b', rates: { '': [9n, 'EUR'] }, standing },
    ]
    const request = requestOf({ siblingCarrier: 'b' })
    expect(order(routerOf(carriers('up')), request)).toEqual(['b', 'a'])
    expect(order(routerOf(carriers('down')), request)).toEqual(['a', 'b'])
  })

  describe('with a minimum margin', () => {
    // The tenant pays 40,000; `a` leaves 10,000 of a segment and 25 %, `b` 2,000 and 5 %.
    const tested = routerOf(
      [
        { name: 'a', rates: { '': [30_000n, 'EUR'] } },
        { name: 'b', rates: { '': [19_000n, 'GBP'] } },
        { name: 'c', rates: { '': [1n, 'CHF'] } },
      ],
      { conversion: { EUR: 1, GBP: 2, USD: 0.5 } },
    )
    const least = (more: Partial<RequiredMargin>) => ({
      ppm: 0,
      micros: 0,
      currency: 'EUR',
      ...more,
    })
    const layOut = () => ({ segments: 2, encoding: 'gsm7', needs: 0 })

    it.each<[string, Partial<RouteRequest>, string[]]>([
      ['both leave it', { minMargin: least({ ppm: 50_000, micros: 2_000 }) }, []],
      ['one leaves less of the price', { minMargin: least({ ppm: 50_001 }) }, ['b']],
      ['one leaves less of a segment', { minMargin: least({ micros: 2_001 }) }, ['b']],
      ['in another currency', { minMargin: least({ micros: 4_001, currency: 'USD' }) }, ['b']],
      ['none leaves it', { minMargin: least({ micros: 10_001 }) }, ['a', 'b']],
      ['in a currency that nobody knows', { minMargin: least({ micros: 1, currency: 'XAF' }) }, []],
      ['the price is the cost', { sellMicros: null, minMargin: least({ ppm: 900_000 }) }, []],
      [
        'the price is for the message, whose two segments cost more',
        { sellMicros: 79_000, sellsMessage: true, layOut, minMargin: least({ ppm: 50_000 }) },
        ['b'],
      ],
      [
        'the margin is of each segment, the price of the message',
        { sellMicros: 80_000, sellsMessage: true, layOut, minMargin: least({ micros: 2_001 }) },
        ['b'],
      ],
    ])('refuses carriers where %s', (_, more, expected) => {
      const { refused } = decide(tested, requestOf({ sellMicros: 40_000, ...more }))
      expect(refused).toEqual(expected.map((carrier) => ({ carrier, code: 'margin_too_small' })))
    })

    it('names a loss before it', () => {
      const request = requestOf({
        sellMicros: 35_000,
        refusesLosses: true,
        minMargin: least({ ppm: 500_000 }),
      })
      const decision = decide(tested, request)
      expect(decision.refused).toEqual([
        { carrier: 'a', code: 'margin_too_small' },
        { carrier: 'b', code: 'loss' },
      ])
      expect(explainDecision(decision).refused[0]?.reason).toContain('minimum margin')
      expect(refusalsForSender(decision)[0]?.reason).toBe('not open to this tenant')
    })
  })

  it('breaks ties by name', () => {
    expect(order(routerOf(['c', 'a', 'b'].map((name) => ({ name, rates: ANYWHERE }))))).toEqual([
      'a',
      'b',
      'c',
    ])
  })

  it('refuses with a reason, and an empty list is a result', () => {
    const tested = routerOf([
      { name: 'asia', rates: { '86': [1n, 'EUR'] } },
      { name: 'closed', rates: ANYWHERE, standing: 'closed' },
      { name: 'dear', rates: { '': [20_000n, 'EUR'] } },
      { name: 'none', rates: ANYWHERE },
      { name: 'otp', rates: ANYWHERE, trafficClasses: ['otp'] },
      { name: 'plain', rates: ANYWHERE, lacks: CAPABILITIES.unicode },
      { name: 'short', rates: ANYWHERE, maxSegments: 1 },
      { name: 'tried', rates: ANYWHERE },
    ])
    const none = 3
    const request = requestOf({
      excluded: new Map([['tried', 'tried']] as const),
      sellMicros: 15_000,
      refusesLosses: true,
      layOut: (profile) =>
        profile === none
          ? undefined
          : { segments: 2, encoding: 'ucs2', needs: CAPABILITIES.unicode },
    })
    expect(decide(tested, request)).toMatchObject({
      candidates: [],
      refused: [
        { carrier: 'asia', code: 'no_rate' },
        { carrier: 'closed', code: 'closed' },
        { carrier: 'dear', code: 'loss' },
        { carrier: 'none', code: 'text' },
        { carrier: 'otp', code: 'class' },
        { carrier: 'plain', code: 'capability' },
        { carrier: 'short', code: 'capability' },
        { carrier: 'tried', code: 'tried' },
      ],
    })
    expect(decide(routerOf([]))).toMatchObject({ candidates: [], refused: [] })
  })

  it('names all that a failure rule leaves out, beside those that were tried', () => {
    const carriers = Array.from({ length: 9 }, (_, n) => ({ name: `c${n}`, rates: ANYWHERE }))
    const others = carriers.slice(2).map(({ name }) => [name, 'not_in_rule'] as const)
    const excluded = new Map([['c0', 'tried'] as const, ...others])
    const decision = decide(routerOf(carriers), requestOf({ excluded }))
    expect(names(decision.candidates)).toEqual(['c1'])
    const [tried, ...left] = explainDecision(decision).refused
    expect(tried).toEqual({ carrier: 'c0', reason: 'already tried for this message' })
    expect(left).toHaveLength(7)
    expect(new Set(left.map(({ reason }) => reason))).toEqual(
      new Set(['the failure rule that sends it elsewhere does not name it']),
    )
  })

  it('compares currencies by the conversion table', () => {
    const carriers = [
      { name: 'euro', rates: { '': [30_000n, 'EUR'] } },
      { name: 'yuan', rates: { '': [80_000n, 'CNY'] } },
    ] as const
    const { candidates } = decide(routerOf(carriers, { conversion: { EUR: 1, CNY: 0.125 } }))
    expect(candidates.map(({ carrier, score }) => [carrier, score])).toEqual([
      ['yuan', 10_000],
      ['euro', 30_000],
    ])
    expect(reasonsOf(candidates[0])[2]).toContain('expected cost 0.0100 in the base currency')
    const [, nominal] = decide(routerOf(carriers)).candidates
    expect(nominal?.comparison).toBe('nominal')
    expect(reasonsOf(nominal)).toContain(
      'no conversion rate for CNY: its amounts are compared as they are',
    )
  })

  it('gives the best five of many, in order', () => {
    const carriers = Array.from({ length: 30 }, (_, n) => ({
      name: `c${String(n).padStart(2, '0')}`,
      rates: { '': [BigInt(1_000 + ((n * 7) % 30)), 'EUR'] } as const,
    }))
    const { candidates, candidateCount } = decide(routerOf(carriers))
    expect(candidateCount).toBe(30)
    expect(candidates.map(({ priceMicros }) => Number(priceMicros))).toEqual([
      1_000, 1_001, 1_002, 1_003, 1_004,
    ])
  })
})

describe('strategies', () => {
  const cheap: TestCarrier = {
    name: 'cheap',
    rates: { '': [10_000n, 'EUR'] },
    success: 0.6,
    lower: 0.55,
    upper: 0.65,
    latencyMs: 2_000,
  }
  const fine: TestCarrier = {
    name: 'fine',
    rates: { '': [25_000n, 'EUR'] },
    success: 0.97,
    lower: 0.9,
    upper: 0.99,
    latencyMs: 30_000,
  }
  const fresh: TestCarrier = {
    name: 'fresh',
    rates: { '': [24_000n, 'EUR'] },
    success: 0.98,
    lower: 0.5,
    upper: 1,
    latencyMs: 3_000,
  }
  const three = [cheap, fine, fresh]
  const by = (strategy: Parameters<typeof routeWith>[0], more = {}) =>
    routerOf(three, { routes: [routeWith(strategy, more)] })

  it('lowest_cost: the price alone', () => {
    expect(order(by({ name: 'lowest_cost' }))).toEqual(['cheap', 'fresh', 'fine'])
  })

  it('best_quality: what is certain, so that a new carrier is not the best', () => {
    expect(order(by({ name: 'best_quality' }))).toEqual(['fine', 'cheap', 'fresh'])
  })

  it('weighted: the expected margin, with what the message is worth', () => {
    const weighted = { name: 'weighted' } as const
    // Worth 0.02 delivered, only the cheap one pays; worth 0.20, quality does.
    expect(order(by({ ...weighted, deliveredValueMicros: 20_000 }))[0]).toBe('cheap')
    expect(order(by({ ...weighted, deliveredValueMicros: 200_000 }))[0]).toBe('fresh')
    // What the tenant pays is what it is worth.
    expect(order(by(weighted), requestOf({ sellMicros: 20_000 }))[0]).toBe('cheap')
    expect(order(by(weighted), requestOf({ sellMicros: 200_000 }))[0]).toBe('fresh')
    const [first] = decide(by({ ...weighted, deliveredValueMicros: 200_000 })).candidates
    expect(first?.score).toBeCloseTo(24_000 - 0.98 * 200_000)
    expect(first && explainCandidate(first, 'weighted')).toContain(
      'worth 0.2000 delivered: weighted result 0.1720 EUR',
    )
  })

  it('weighted: price, quality and latency count as much as they are told to', () => {
    const value = { name: 'weighted', deliveredValueMicros: 200_000 } as const
    expect(order(by({ ...value, price: 20 }))[0]).toBe('cheap')
    const slow = [
      { ...fine, success: 0.97 },
      { ...cheap, success: 0.95, latencyMs: 1_000, rates: fine.rates },
    ]
    const with0 = routerOf(slow, { routes: [routeWith({ ...value, latency: 0 })] })
    const with1 = routerOf(slow, { routes: [routeWith({ ...value, latency: 1 })] })
    expect([order(with0)[0], order(with1)[0]]).toEqual(['fine', 'cheap'])
  })

  it('sequential: as the route lists them', () => {
    const route = { carriers: ['fresh', 'cheap'] }
    expect(order(by({ name: 'sequential' }, route))).toEqual(['fresh', 'cheap'])
    const down = routerOf([cheap, { ...fresh, standing: 'down' }], {
      routes: [routeWith({ name: 'sequential' }, route)],
    })
    expect(order(down)).toEqual(['cheap', 'fresh'])
  })

  it('round_robin: each in turn, of those that can take it', () => {
    const turns = (tested: TestRouter) =>
      [0, 1, 2, 3].map((turn) => order(tested, requestOf({ turn: () => turn }))[0])
    expect(turns(by({ name: 'round_robin' }))).toEqual(['cheap', 'fine', 'fresh', 'cheap'])
    const without = routerOf([cheap, { ...fine, standing: 'down' }, fresh], {
      routes: [routeWith({ name: 'round_robin' })],
    })
    expect(turns(without)).toEqual(['cheap', 'fresh', 'cheap', 'fresh'])
  })

  it('weighted_round_robin: by weight, and evenly spread', () => {
    const weights = { cheap: 5, fine: 3, fresh: 2 }
    const tested = by({ name: 'weighted_round_robin', weights })
    expect(firsts(tested, 1_000)).toEqual({
      cheap: expect.closeTo(500, -1),
      fine: expect.closeTo(300, -1),
      fresh: expect.closeTo(200, -1),
    })
    // In any ten messages in a row nobody is off its share by more than two.
    for (let start = 0; start < 200; start += 7) {
      const ten = Array.from({ length: 10 }, (_, n) => {
        return order(tested, requestOf({ turn: () => start + n }))[0]
      })
      expect(Math.abs(ten.filter((name) => name === 'cheap').length - 5)).toBeLessThanOrEqual(2)
    }
    expect(
      firsts(by({ name: 'weighted_round_robin', weights: { fine: 0, fresh: 0 } }), 50),
    ).toEqual({
      cheap: 50,
    })
  })

  it('random: by weight, and the same for the same draw', () => {
    const tested = by({ name: 'random', weights: { cheap: 8, fine: 1, fresh: 1 } })
    const found = firsts(tested, 4_000)
    expect(found.cheap).toBeGreaterThan(3_050)
    expect(found.cheap).toBeLessThan(3_350)
    expect(found.fine).toBeGreaterThan(300)
    const draw = 123_456_789
    expect(order(tested, requestOf({ draw }))).toEqual(order(tested, requestOf({ draw })))
  })

  it('sticky: one carrier for a recipient; only those of a lost carrier move', () => {
    const route = routeWith({ name: 'lowest_cost', sticky: 'recipient' })
    const all = routerOf(three, { routes: [route] })
    const less = routerOf([cheap, { ...fine, standing: 'down' }, fresh], { routes: [route] })
    const places = Array.from({ length: 300 }, (_, n) => {
      const request = requestOf({ to: `+44770090${String(1_000 + n)}` })
      return [order(all, request)[0], order(less, request)[0]]
    })
    for (const [before, after] of places) {
      if (before !== 'fine') expect(after).toBe(before)
      else expect(after).not.toBe('fine')
    }
    const shares = ['cheap', 'fine', 'fresh'].map(
      (name) => places.filter(([before]) => before === name).length,
    )
    for (const share of shares) expect(share).toBeGreaterThan(60)
    const sender = routerOf(three, { routes: [routeWith({ sticky: 'sender' })] })
    expect(Object.keys(firsts(sender, 20))).toHaveLength(1)
  })

  it('min_success: what surely delivers less comes after the others', () => {
    const [first, , last] = decide(by({ name: 'lowest_cost', minSuccess: 0.8 })).candidates
    expect([first?.carrier, last?.carrier]).toEqual(['fresh', 'cheap'])
    expect(reasonsOf(last)).toContain(
      'surely delivers less than the strategy asks for: placed after the others',
    )
  })

  it('explore: a share of the messages tries somebody, the others are not touched', () => {
    const found = firsts(by({ name: 'best_quality', explorePercent: 10 }), 5_000)
    expect(found.fine).toBeGreaterThan(4_400)
    expect(found.cheap).toBeGreaterThan(180)
    expect(found.fresh).toBeGreaterThan(180)
  })

  it('explore: nobody is tried who could not be better whatever it delivers', () => {
    const tested = routerOf([fine, { ...cheap, rates: { '': [90_000n, 'EUR'] } }, fresh], {
      routes: [routeWith({ name: 'expected_cost', explorePercent: 50 })],
    })
    const found = firsts(tested, 500)
    expect(found.cheap).toBeUndefined()
    // The best of the two others is certain enough of its lead, or is tried about every second time.
    expect(Object.keys(found).sort()).toEqual(['fine', 'fresh'].filter((name) => name in found))
  })

  it('a carrier that is tried again after failures comes first', () => {
    const tested = routerOf([cheap, { ...fine, standing: 'probe' }])
    const [first] = decide(tested).candidates
    expect(first).toMatchObject({ carrier: 'fine', preference: 'probe' })
  })
})

describe('canary', () => {
  const canary = { carrier: 'new', percent: 5, stopBelow: 0.8, afterMessages: 50 }
  const route = routeWith({ name: 'lowest_cost' }, { carriers: ['old'], canary })
  const withNew = (figures: Partial<TestCarrier>) =>
    routerOf(
      [
        { name: 'new', rates: { '': [1n, 'EUR'] }, ...figures },
        { name: 'old', rates: ANYWHERE },
      ],
      { routes: [route] },
    )

  it('gets its share, although it would be the cheapest', () => {
    const found = firsts(withNew({}), 4_000)
    expect(found.new).toBeGreaterThan(120)
    expect(found.new).toBeLessThan(280)
  })

  it('is the last resort of the others', () => {
    const tested = routerOf(
      [
        { name: 'new', rates: ANYWHERE },
        { name: 'old', rates: ANYWHERE, standing: 'down' },
      ],
      { routes: [route] },
    )
    expect(firsts(tested, 20)).toEqual({ new: 20 })
  })

  it('is stopped when it surely delivers too little, not before', () => {
    const early = withNew({ success: 0.3, upper: 0.5, messages: 20 })
    expect(decide(early).stoppedCanary).toBeNull()
    const unsure = withNew({ success: 0.7, upper: 0.85, messages: 60 })
    expect(decide(unsure).stoppedCanary).toBeNull()
    const bad = withNew({ success: 0.6, upper: 0.7, messages: 60 })
    const decision = decide(bad)
    expect(decision).toMatchObject({
      stoppedCanary: 'new',
      candidates: [{ carrier: 'old' }],
      refused: [{ carrier: 'new', code: 'canary_stopped' }],
    })
    expect(explainDecision(decision).refused[0]?.reason).toMatch(/stopped/)
  })
})

describe('a carrier that seems to fake its receipts', () => {
  const faker: TestCarrier = { name: 'faker', rates: { '': [1n, 'EUR'] }, isSuspect: true }
  const dear: TestCarrier = { name: 'dear', rates: ANYWHERE, success: 0.4, upper: 0.5 }

  it('comes after all others that can take it, and before those that cannot', () => {
    const poor = routeWith({ minSuccess: 0.9 })
    const tested = routerOf([faker, dear, { name: 'away', rates: ANYWHERE, standing: 'down' }], {
      routes: [poor],
    })
    const decision = decide(tested)
    expect(names(decision.candidates)).toEqual(['dear', 'faker', 'away'])
    expect(decision.suspects).toEqual(['faker'])
    expect(reasonsOf(decision.candidates[1])).toContain(
      'nobody uses the codes that it says are delivered here, though those by others are used: ' +
        'placed after the others',
    )
  })

  it.each([
    ['round_robin', {}],
    ['random', {}],
    ['lowest_cost', { sticky: 'recipient' }],
    ['lowest_cost', { explorePercent: 50 }],
  ] as const)('gets no turn, no lot and no exploration: %s %j', (name, more) => {
    const tested = routerOf([faker, dear], { routes: [routeWith({ name, ...more })] })
    expect(firsts(tested, 200)).toEqual({ dear: 200 })
  })

  it('is not tried again with such messages after failures, and takes them when nobody else does', () => {
    const probed = { ...faker, standing: 'probe' } as const
    expect(order(routerOf([probed, dear]))).toEqual(['dear', 'faker'])
    expect(order(routerOf([faker]))).toEqual(['faker'])
  })

  it('is known to a decision that is made again, though it is not among the best', () => {
    const others = Array.from({ length: 6 }, (_, n) => ({ name: `c${n}`, rates: ANYWHERE }))
    const tested = routerOf([faker, ...others])
    const decision = decide(tested)
    expect(names(decision.candidates)).toEqual(['c0', 'c1', 'c2', 'c3', 'c4'])
    const kept = decisionOf(JSON.parse(JSON.stringify(recordOf(decision))))
    const again = replay(kept, requestOf(), tested.router, { success: 1, lower: 1, upper: 1 })
    expect(names(again.candidates)).toEqual(names(decision.candidates))
  })
})

describe('decisions', () => {
  const carrier = fc.record({
    price: fc.bigInt({ min: 1n, max: 1_000_000n }),
    success: fc.double({ min: 0, max: 1, noNaN: true }),
    standing: fc.constantFrom('up', 'down', 'closed', 'probe'),
    latencyMs: fc.option(fc.double({ min: 0, max: 90_000, noNaN: true }), { nil: Number.NaN }),
    isSuspect: fc.boolean(),
  })
  const strategy = fc.record({
    name: fc.constantFrom(
      'lowest_cost',
      'expected_cost',
      'best_quality',
      'weighted',
      'sequential',
      'round_robin',
      'weighted_round_robin',
      'random',
    ),
    sticky: fc.constantFrom('none', 'sender', 'recipient'),
    minSuccess: fc.constantFrom(0, 0.5),
    explorePercent: fc.constantFrom(0, 20),
  } as const)
  const scene = fc.record({
    carriers: fc.array(carrier, { minLength: 1, maxLength: 12 }),
    strategy,
    draw: fc.nat(2 ** 31),
    turn: fc.nat(10_000),
  })

  it('are kept as JSON, explained alike, and come out the same when they are made again', () => {
    fc.assert(
      fc.property(scene, ({ carriers, strategy: chosen, draw, turn }) => {
        const tested = routerOf(
          carriers.map((each, index) => ({
            name: `c${String(index).padStart(2, '0')}`,
            rates: { '': [each.price, 'EUR'] },
            success: each.success,
            standing: each.standing as 'up',
            latencyMs: each.latencyMs,
            isSuspect: each.isSuspect,
          })),
          { routes: [routeWith(chosen)] },
        )
        const request = requestOf({ draw, turn: () => turn })
        const decision = decide(tested, request)
        const kept = decisionOf(JSON.parse(JSON.stringify(recordOf(decision))))
        expect(explainDecision(kept)).toEqual(explainDecision(decision))
        const again = replay(kept, request, tested.router, { success: 1, lower: 1, upper: 1 })
        if (decision.candidateCount <= 5) {
          expect(explainDecision(again)).toEqual(explainDecision(decision))
        }
      }),
    )
  })

  it('do not depend on the order in which carriers are given, and leave the reading as it was', () => {
    fc.assert(
      fc.property(scene, fc.nat(), ({ carriers, strategy: chosen, draw, turn }, seed) => {
        const named = carriers.map((each, index) => ({
          name: `c${String(index).padStart(2, '0')}`,
          rates: { '': [each.price, 'EUR'] } as const,
          success: each.success,
        }))
        const shuffled = [...named].sort((a, b) => (a.name + seed < b.name + seed ? 1 : -1))
        const options = { routes: [routeWith(chosen)] }
        const request = requestOf({ draw, turn: () => turn })
        const tested = routerOf(named, options)
        const before = structuredClone(tested.reading)
        expect(order(tested, request)).toEqual(order(routerOf(shuffled, options), request))
        expect(tested.reading).toEqual(before)
      }),
    )
  })
})
