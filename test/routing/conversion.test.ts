import { describe, expect, it } from 'vitest'
import { DEFAULT_GUARDS } from '../../src/config/guards.ts'
import type { ConversionPolicy } from '../../src/core/guards.ts'
import { Conversion } from '../../src/routing/conversion.ts'
import { GuardBreakers } from '../../src/routing/guard-breakers.ts'
import type { PhoneNumber } from '../../src/routing/number.ts'

const START = 1_000_000_000_000
const LATER = START + 3_600_000
const GOOD: PhoneNumber = {
  e164: '+447700900123',
  country: 'GB',
  callingCode: '44',
  region: 'europe',
  type: 'mobile',
}
const BAD: PhoneNumber = { ...GOOD, e164: '+447999900123' }

function conversion(more: Partial<ConversionPolicy> = {}) {
  const breakers = new GuardBreakers()
  const policy: ConversionPolicy = {
    ...DEFAULT_GUARDS.conversion,
    action: 'refuse',
    halfLifeSeconds: 86_400,
    ...more,
  }
  return { breakers, guard: new Conversion(policy, 4, breakers) }
}

interface Codes {
  readonly to?: PhoneNumber
  readonly carrier?: string
  readonly tenant?: string
  readonly delivered: number
  readonly used: number
  readonly atMs?: number
}

function play(guard: Conversion, codes: Codes): void {
  const { to = GOOD, carrier = 'alpha', tenant = 't', delivered, used, atMs = START } = codes
  const message = { tenantId: tenant, carrier, createdMs: atMs }
  for (let index = 0; index < delivered; index++) guard.noteDelivered(message, to, atMs + 2_000)
  for (let index = 0; index < used; index++) guard.noteConverted(message, to, atMs + 20_000)
}

/** One more code, after the time for feedback on the others. */
function judge(guard: Conversion, to: PhoneNumber, nowMs = LATER, carrier = 'alpha', tenant = 't') {
  guard.noteDelivered({ tenantId: tenant, carrier, createdMs: nowMs }, to, nowMs)
  return guard.check(tenant, to, nowMs)
}

describe('a prefix', () => {
  it('whose codes nobody uses opens the breaker, for that tenant and prefix', () => {
    const { guard } = conversion()
    play(guard, { to: BAD, delivered: 100, used: 2 })
    play(guard, { to: GOOD, delivered: 100, used: 80 })
    expect(judge(guard, BAD)).toMatchObject({
      guard: 'conversion',
      action: 'refuse',
      scope: { tenantId: 't', prefix: '447999' },
      reason: '+447999: 2 of 98 delivered codes were used, less than 20 %',
    })
    expect(judge(guard, GOOD)).toBeUndefined()
    expect(guard.check('u', BAD, LATER)).toBeUndefined()
  })

  it('is given the time for feedback', () => {
    const { guard } = conversion()
    play(guard, { to: GOOD, delivered: 1, used: 1 })
    play(guard, { to: BAD, delivered: 100, used: 0 })
    expect(judge(guard, BAD, START + 500_000)).toBeUndefined()
    expect(judge(guard, BAD, START + 800_000)).toBeDefined()
  })

  it('is not judged by a few codes', () => {
    const { guard } = conversion()
    play(guard, { to: GOOD, delivered: 1, used: 1 })
    play(guard, { to: BAD, delivered: 40, used: 0 })
    expect(judge(guard, BAD)).toBeUndefined()
  })

  it('of a tenant that never reports is not judged', () => {
    const { guard } = conversion()
    play(guard, { to: BAD, delivered: 1_000, used: 0 })
    expect(judge(guard, BAD)).toBeUndefined()
  })

  it('forgets old codes', () => {
    const { guard } = conversion({ halfLifeSeconds: 3_600 })
    play(guard, { to: GOOD, delivered: 100, used: 100, atMs: START + 10 * 3_600_000 })
    play(guard, { to: BAD, delivered: 100, used: 0 })
    expect(judge(guard, BAD, START + 11 * 3_600_000)).toBeUndefined()
  })

  it('counts feedback that comes before the receipt, and after its time', () => {
    const { guard } = conversion()
    const message = { tenantId: 't', carrier: 'alpha', createdMs: START }
    guard.noteConverted(message, GOOD, START + 1_000)
    guard.noteDelivered(message, GOOD, START + 60_000)
    guard.noteConverted(message, GOOD, LATER)
    const [alpha] = guard.carriers(LATER)
    expect(alpha?.delivered).toBeCloseTo(1, 1)
    expect(alpha?.converted).toBeCloseTo(2, 1)
  })

  it('begins anew when an operator closes its breaker', () => {
    const { guard, breakers } = conversion()
    play(guard, { to: GOOD, delivered: 1, used: 1 })
    play(guard, { to: BAD, delivered: 100, used: 0 })
    const open = judge(guard, BAD)
    breakers.close(open?.id ?? '')
    guard.accept('t', '447999')
    expect(judge(guard, BAD, LATER + 1_000)).toBeUndefined()
  })
})

describe('a carrier', () => {
  it('whose deliveries nobody has is suspect where others deliver', () => {
    const { guard } = conversion()
    play(guard, { carrier: 'honest', delivered: 100, used: 75 })
    play(guard, { carrier: 'faker', delivered: 100, used: 1 })
    expect(guard.suspects('t', GOOD, LATER)).toEqual(['faker'])
    expect(guard.suspects('t', BAD, LATER)).toEqual([])
    expect(guard.suspects('other', GOOD, LATER)).toEqual([])
    expect(guard.carriers(LATER)).toMatchObject([
      { carrier: 'faker', suspect: [{ tenantId: 't', prefix: '447700' }] },
      { carrier: 'honest', suspect: [] },
    ])
    // The prefix itself is in order: 38 % of its codes are used.
    expect(judge(guard, GOOD)).toBeUndefined()
  })

  it('is not suspect any more when what it did is long ago', () => {
    const { guard } = conversion({ halfLifeSeconds: 3_600 })
    play(guard, { carrier: 'honest', delivered: 100, used: 75 })
    play(guard, { carrier: 'faker', delivered: 100, used: 0 })
    expect(guard.suspects('t', GOOD, LATER)).toEqual(['faker'])
    expect(guard.suspects('t', GOOD, LATER + 3 * 3_600_000)).toEqual([])
  })

  it('is not suspect where nobody does better', () => {
    const { guard } = conversion()
    play(guard, { delivered: 10, used: 10 })
    play(guard, { to: BAD, carrier: 'one', delivered: 100, used: 1 })
    play(guard, { to: BAD, carrier: 'two', delivered: 100, used: 2 })
    expect(guard.suspects('t', BAD, LATER)).toEqual([])
  })
})

describe('what is known', () => {
  it('is there again after a restart', () => {
    const { guard } = conversion()
    play(guard, { to: GOOD, delivered: 10, used: 10 })
    play(guard, { to: BAD, delivered: 100, used: 0 })
    const { guard: next } = conversion()
    next.restore(JSON.parse(JSON.stringify(guard.snapshot(LATER))))
    // It takes codes whose time is over to judge.
    next.noteDelivered({ tenantId: 't', carrier: 'alpha', createdMs: START }, BAD, LATER)
    expect(next.check('t', BAD, LATER)).toBeDefined()
  })

  it('is bounded', () => {
    const { guard } = conversion()
    for (let index = 0; index < 12_000; index++) {
      const message = { tenantId: `t${index}`, carrier: 'alpha', createdMs: START }
      guard.noteDelivered(message, GOOD, START + index)
    }
    expect(guard.size).toBe(10_000)
  })
})
