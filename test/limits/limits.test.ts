import { expect, test } from 'vitest'
import { LimitError } from '../../src/limits/limit-error.ts'
import type { LimitedMessage } from '../../src/limits/limits.ts'
import { limitsBy, policyOf, termsBy } from './policies.ts'

const NOW = new Date('2026-05-06T07:08:09.010Z')

function message(changes: Partial<LimitedMessage> = {}): LimitedMessage {
  return {
    tenantId: 't1',
    partner: null,
    from: 'ACME',
    to: '+447700900001',
    country: 'GB',
    segments: 1,
    trafficClass: 'transactional',
    priceMicros: 35_000n,
    priceCurrency: 'EUR',
    ...changes,
  }
}

function opened(section: object) {
  const refused: string[] = []
  const limits = limitsBy(policyOf(section), {
    clock: () => NOW,
    onRefused: (scope, kind) => refused.push(`${scope} ${kind}`),
  })
  /** The code of the refusal, or `taken`. */
  const take = (changes: Partial<LimitedMessage> = {}, key: string | null = 'k1') => {
    const error = limits.takeMessage(message(changes), key)
    if (error instanceof Promise) throw new Error('the memory answers at once')
    return error?.code ?? 'taken'
  }
  return { limits, take, refused }
}

test('without limits everything is taken', () => {
  const { take, limits } = opened({})
  for (let index = 0; index < 1_000; index++) expect(take()).toBe('taken')
  expect(limits.takeRequest({ tenantId: 't1', key: 'k1', partner: null })).toBeNull()
})

test.each([
  ['key', { key: { messages_per_hour: 1 } }, {}, 'k2'],
  ['tenant', { tenant: { messages_per_hour: 1 } }, { tenantId: 't2' }, 'k1'],
  ['partner', { partner: { messages_per_hour: 1 } }, { partner: 'p2' }, null],
  ['sender', { sender: { messages_per_hour: 1 } }, { from: 'OTHER' }, 'k1'],
  ['sender', { sender: { messages_per_hour: 1 } }, { tenantId: 't2' }, 'k1'],
  ['recipient', { recipient: { messages_per_hour: 1 } }, { to: '+447700900002' }, 'k1'],
  ['recipient', { recipient: { messages_per_hour: 1 } }, { tenantId: 't2' }, 'k1'],
  [
    'recipient_everywhere',
    { recipient_everywhere: { messages_per_hour: 1 } },
    { to: '+447700900002' },
    'k1',
  ],
  ['country', { country: { messages_per_hour: 1 } }, { country: 'FR' }, 'k1'],
  ['country', { country: { messages_per_hour: 1 } }, { tenantId: 't2' }, 'k1'],
] as const)('each %s has its own', (scope, section, other, otherKey) => {
  const { take, refused } = opened(section)
  const first = scope === 'partner' ? { partner: 'p1' } : {}
  const key = scope === 'partner' ? null : 'k1'
  expect([take(first, key), take(first, key)]).toEqual(['taken', 'quota_exceeded'])
  expect(take(other, otherKey)).toBe('taken')
  expect(refused).toEqual([`${scope} messages_per_hour`])
})

test('a recipient is protected from all tenants together', () => {
  const { take } = opened({ recipient_everywhere: { messages_per_hour: 1 } })
  expect([take(), take({ tenantId: 't2' })]).toEqual(['taken', 'quota_exceeded'])
})

test('codes count with all others, not at all, or for limits of their own', () => {
  const otp = { trafficClass: 'otp' } as const
  const counted = opened({ recipient: { messages_per_hour: 1 } })
  expect([counted.take(otp), counted.take()]).toEqual(['taken', 'quota_exceeded'])
  const exempt = opened({ recipient: { messages_per_hour: 1, otp: 'exempt' } })
  expect([exempt.take(otp), exempt.take(otp)]).toEqual(['taken', 'taken'])
  expect([exempt.take(), exempt.take()]).toEqual(['taken', 'quota_exceeded'])
  const own = opened({
    recipient: { messages_per_hour: 1, otp: 'exempt' },
    otp_recipient: { messages_per_hour: 2 },
    otp_recipient_everywhere: { messages_per_hour: 3 },
  })
  expect([own.take(otp), own.take(otp), own.take(otp)]).toEqual([
    'taken',
    'taken',
    'quota_exceeded',
  ])
  expect(own.take()).toBe('taken')
  const second = { ...otp, tenantId: 't2' }
  expect([own.take(second), own.take(second)]).toEqual(['taken', 'quota_exceeded'])
})

test('whoever is named has limits of his own; what is left out is as for all others', () => {
  const { take } = opened({
    tenant: { messages_per_hour: 1, segments_per_day: 3 },
    tenants: [{ tenant: 'big', messages_per_hour: 0 }],
    countries: [{ country: 'FR', segments_per_day: 1 }],
  })
  expect([take(), take()]).toEqual(['taken', 'quota_exceeded'])
  const big = { tenantId: 'big', segments: 2 }
  expect([take(big), take(big)]).toEqual(['taken', 'quota_exceeded'])
  const french = { tenantId: 'big', country: 'FR' }
  expect([take({ ...french, tenantId: 'third' }), take({ ...french, tenantId: 'third' })]).toEqual([
    'taken',
    'quota_exceeded',
  ])
})

test('spend is counted in the currency of the limit', () => {
  const { take, refused } = opened({
    tenant: { spend_per_day: { amount: '0.10', currency: 'EUR' } },
  })
  expect(take({ priceMicros: 60_000n })).toBe('taken')
  // 0.09 dollars are 0.045 euros.
  expect(take({ priceMicros: 90_000n, priceCurrency: 'USD' })).toBe('quota_exceeded')
  expect(take({ priceMicros: 80_000n, priceCurrency: 'USD' })).toBe('taken')
  expect(take({ priceMicros: 0n })).toBe('taken')
  expect(take({ priceMicros: 1n })).toBe('quota_exceeded')
  // What cannot be counted, or is more than the whole limit, never passes.
  expect(take({ priceCurrency: 'XAF' })).toBe('message_over_limit')
  expect(take({ priceMicros: 100_001n })).toBe('message_over_limit')
  expect(refused).toHaveLength(4)
})

test('a refusal names field, limit and time', () => {
  const { limits } = opened({ recipient: { segments_per_day: 5 } })
  const take = (segments: number) => limits.takeMessage(message({ segments }), null)
  expect(take(5)).toBeNull()
  const error = take(1)
  if (!(error instanceof LimitError)) throw new Error('it was taken')
  const back = error.freeAt.getTime() - NOW.getTime()
  expect(back).toBeGreaterThan(24 * 3_600_000)
  expect(back).toBeLessThanOrEqual(24 * 3_600_000 + 360_000)
  expect(error).toMatchObject({
    code: 'quota_exceeded',
    retryable: true,
    pointer: '/to',
    retryAfterSeconds: Math.ceil(back / 1_000),
    message:
      'the limit of 5 segments per day to this recipient is reached: ' +
      `try again at ${error.freeAt.toISOString()}`,
  })
  expect(take(6)).toMatchObject({
    code: 'message_over_limit',
    retryable: false,
    message: 'the message takes 6 of the limit of 5 segments per day to this recipient',
  })
})

test('requests are taken of key, partner and tenant, all or none', () => {
  const { limits, refused } = opened({
    key: { requests_per_second: 2 },
    partner: { requests_per_second: 1 },
    tenant: { requests_per_second: 4, requests_burst: 4 },
  })
  const byKey = (key: string) => limits.takeRequest({ tenantId: 't1', key, partner: null })
  const bySmpp = () => limits.takeRequest({ tenantId: 't1', key: null, partner: 'p1' })
  expect([byKey('a'), byKey('a')]).toEqual([null, null])
  expect(byKey('a')).toMatchObject({ code: 'rate_limited', retryAfterSeconds: 1 })
  expect([byKey('b'), bySmpp()]).toEqual([null, null])
  expect([bySmpp(), byKey('b')]).toMatchObject([
    { rule: { scope: 'partner' } },
    { rule: { scope: 'tenant' } },
  ])
  expect(limits.requestStandings({ tenantId: 't1', key: 'b', partner: null })).toMatchObject([
    { rule: { scope: 'key' }, used: 1 },
    { rule: { scope: 'tenant' }, used: 4 },
  ])
  expect(refused).toHaveLength(3)
})

test('nobody is told what counts over all tenants', () => {
  const { limits, take } = opened({
    recipient: { messages_per_hour: 3 },
    recipient_everywhere: { messages_per_hour: 5 },
  })
  take({ tenantId: 't2' })
  take()
  const caller = { tenantId: 't1', key: 'k1', partner: null }
  const nobody = { from: null, to: null, country: null }
  expect(limits.standings(caller, { ...nobody, to: '+447700900001' })).toMatchObject([
    { rule: { scope: 'recipient' }, used: 1 },
    { rule: { scope: 'recipient_everywhere' }, used: null },
  ])
  expect(limits.standings(caller, nobody)).toMatchObject([{ used: null }, { used: null }])
})

test('other limits count on from what was taken', () => {
  const { limits, take } = opened({ tenant: { messages_per_hour: 1 } })
  expect([take(), take()]).toEqual(['taken', 'quota_exceeded'])
  limits.replace(termsBy(policyOf({ tenant: { messages_per_hour: 2 } })))
  expect([take(), take()]).toEqual(['taken', 'quota_exceeded'])
})
