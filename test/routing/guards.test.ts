import { describe, expect, it } from 'vitest'
import { DEFAULT_GUARDS } from '../../src/config/guards.ts'
import type { GuardExceptions, GuardPolicy } from '../../src/core/guards.ts'
import type { OpenBreaker } from '../../src/routing/guard-breakers.ts'
import { Guards, guardCode } from '../../src/routing/guards.ts'
import type { PhoneNumber } from '../../src/routing/number.ts'

const NOW = new Date('2026-11-20T12:00:00Z')
const TO: PhoneNumber = {
  e164: '+447700900123',
  country: 'GB',
  callingCode: '44',
  region: 'europe',
  type: 'mobile',
}
const CODE = { trafficClass: 'otp', text: 'Your code is 4711' } as const

interface PartialPolicy {
  velocity?: Partial<GuardPolicy['velocity']>
  conversion?: Partial<GuardPolicy['conversion']>
  loops?: Partial<GuardPolicy['loops']>
  except?: Partial<GuardExceptions>
}

function policyOf(policy: PartialPolicy): GuardPolicy {
  const except = { tenantIds: new Set<string>(), prefixes: [], classes: new Set<never>() }
  return {
    velocity: { ...DEFAULT_GUARDS.velocity, ...policy.velocity },
    conversion: { ...DEFAULT_GUARDS.conversion, ...policy.conversion },
    loops: { ...DEFAULT_GUARDS.loops, ...policy.loops },
    except: { ...except, ...policy.except },
  }
}

function guards(policy: PartialPolicy, told: OpenBreaker[] = []): Guards {
  return new Guards(policyOf(policy), (breaker) => told.push(breaker))
}

const ONE_AT_MOST = { action: 'refuse', prefixLimit: 1 } as const

describe('guards', () => {
  it('are off, and then notice nothing', () => {
    const off = guards({})
    expect(off.isOff).toBe(true)
    for (let index = 0; index < 1_000; index++) {
      expect(off.check('t', CODE, 'ACME', TO, NOW)).toBeUndefined()
    }
    expect(off.snapshot(NOW).velocity.counts).toEqual([])
  })

  it('count the messages that a breaker concerns, and tell of each', () => {
    const told: OpenBreaker[] = []
    const on = guards({ velocity: ONE_AT_MOST }, told)
    for (let index = 0; index < 4; index++) on.check('t', CODE, 'ACME', TO, NOW)
    expect(on.open(NOW)).toMatchObject([{ guard: 'velocity', messages: 3 }])
    expect(told).toHaveLength(3)
  })

  it.each<[string, Partial<GuardExceptions>]>([
    ['a tenant', { tenantIds: new Set(['t']) }],
    ['a prefix', { prefixes: ['49', '447700'] }],
    ['a class', { classes: new Set(['otp' as const]) }],
  ])('leave %s out', (_, except) => {
    const on = guards({ velocity: ONE_AT_MOST, except })
    for (let index = 0; index < 4; index++) {
      expect(on.check('t', CODE, 'ACME', TO, NOW)).toBeUndefined()
    }
    const other = { trafficClass: 'transactional', text: 'x' } as const
    const elsewhere: PhoneNumber = { ...TO, e164: '+447911123456' }
    for (let index = 0; index < 2; index++) on.check('u', other, 'ACME', elsewhere, NOW)
    expect(on.open(NOW)).toHaveLength(1)
  })

  it('do the strictest of what several say', () => {
    const on = guards({
      velocity: { action: 'flag', prefixLimit: 1 },
      loops: { action: 'refuse', exchanges: 1 },
    })
    const actions = [1, 2, 3].map(() => {
      on.noteInbound('447700900123', '12345', 'x', NOW)
      return on.check('t', CODE, '12345', TO, NOW)?.action
    })
    expect(actions).toEqual([undefined, 'refuse', 'refuse'])
    const [flagged, refused] = on.open(NOW)
    expect([flagged && guardCode(flagged), refused && guardCode(refused)]).toEqual([
      'pumping_suspected',
      'loop_suspected',
    ])
  })

  it('watch the conversion of codes alone', () => {
    const on = guards({ conversion: { action: 'flag' } })
    const message = { tenantId: 't', createdAt: NOW }
    on.noteDelivered({ ...message, trafficClass: 'marketing' }, 'alpha', TO, NOW)
    expect(on.carriers(NOW)).toEqual([])
    on.noteDelivered({ ...message, trafficClass: 'otp' }, 'alpha', TO, NOW)
    expect(on.carriers(NOW)).toMatchObject([{ carrier: 'alpha' }])
  })

  it('close a breaker when an operator says so', () => {
    const on = guards({ velocity: ONE_AT_MOST })
    for (let index = 0; index < 3; index++) on.check('t', CODE, 'ACME', TO, NOW)
    const [open] = on.open(NOW)
    expect(on.reset(open?.id ?? '', NOW)).toBe(open)
    expect(on.open(NOW)).toEqual([])
    expect(on.reset(open?.id ?? '', NOW)).toBeUndefined()
    expect(on.check('t', CODE, 'ACME', TO, NOW)).toBeUndefined()
  })

  it('keep open breakers over a restart, with the action of now, and drop those that are off', () => {
    const on = guards({ velocity: ONE_AT_MOST, loops: { action: 'refuse', exchanges: 1 } })
    for (let index = 0; index < 3; index++) {
      on.noteInbound('447700900123', '12345', 'x', NOW)
      on.check('t', CODE, '12345', TO, NOW)
    }
    expect(on.open(NOW)).toHaveLength(2)
    const state = JSON.parse(JSON.stringify(on.snapshot(NOW)))
    const milder = guards({ velocity: { action: 'flag' } })
    milder.restore(state)
    expect(milder.check('t', CODE, 'ACME', TO, NOW)).toMatchObject({ action: 'flag' })
    const off = guards({ conversion: { action: 'flag' } })
    off.restore(state)
    expect(off.open(NOW)).toEqual([])
  })
})

describe('another policy', () => {
  it('switches guards on and off, and keeps breakers of those that stay', () => {
    const on = guards({})
    on.follow(policyOf({ velocity: ONE_AT_MOST }), NOW)
    for (let index = 0; index < 2; index++) on.check('t', CODE, 'ACME', TO, NOW)
    expect(on.open(NOW)).toMatchObject([{ action: 'refuse', messages: 1 }])
    on.follow(policyOf({ velocity: { ...ONE_AT_MOST, action: 'flag' } }), NOW)
    expect(on.check('t', CODE, 'ACME', TO, NOW)).toMatchObject({ action: 'flag', messages: 2 })
    on.follow(policyOf({}), NOW)
    expect([on.isOff, on.open(NOW)]).toEqual([true, []])
  })

  it('leaves guards alone that it does not change', () => {
    const on = guards({ velocity: { action: 'refuse', prefixLimit: 2 } })
    for (let index = 0; index < 2; index++) on.check('t', CODE, 'ACME', TO, NOW)
    const except = { tenantIds: new Set(['other']) }
    on.follow(policyOf({ velocity: { action: 'refuse', prefixLimit: 2 }, except }), NOW)
    expect(on.check('other', CODE, 'ACME', TO, NOW)).toBeUndefined()
    // The two before still count in the window.
    expect(on.check('t', CODE, 'ACME', TO, NOW)).toMatchObject({ guard: 'velocity' })
  })
})
