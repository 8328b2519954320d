import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { NO_LIMITS } from '../../src/config/limits.ts'
import { loadConfig } from '../../src/config/load.ts'

let cwd: string

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'linehaul-limits-'))
})

afterEach(() => rmSync(cwd, { recursive: true }))

function load(yaml: string, env: Record<string, string> = {}) {
  writeFileSync(join(cwd, 'linehaul.yaml'), yaml)
  return loadConfig({ env, cwd })
}

const WHO = `
tenants: [{ name: acme }]
partners: [{ system_id: p1, password: pw, tenant: acme }]
`

it('has no limits where the file says nothing', () => {
  const { limits, redis } = load(WHO)
  expect(limits).toEqual(NO_LIMITS)
  expect(redis).toBeUndefined()
})

it('reads what the file says; what an entry leaves out is as for all others', () => {
  const { limits } = load(`${WHO}
limits:
  tenant: { requests_per_second: 10, segments_per_day: 1000, spend_per_day: { amount: 12.50, currency: EUR } }
  tenants: [{ tenant: acme, segments_per_day: 0, segments_burst: 7 }]
  partners: [{ partner: p1, messages_per_hour: 5 }]
  keys: [{ key: 0123456789ab, segments_per_month: 9 }]
  recipient: { messages_per_hour: 3, otp: exempt }
  countries: [{ country: NO, segments_per_second: 2 }]
`)
  expect(limits.usual.tenant).toMatchObject({ requestsPerSecond: 10, segmentsPerDay: 1_000 })
  expect(limits.own.tenant?.get('acme')).toEqual({
    ...limits.usual.tenant,
    segmentsPerDay: 0,
    segmentsBurst: 7,
    spendPerDay: { micros: 12_500_000n, currency: 'EUR' },
  })
  expect(limits.own.partner?.get('p1')).toMatchObject({ messagesPerHour: 5 })
  expect(limits.own.key?.get('0123456789ab')).toMatchObject({ segmentsPerMonth: 9 })
  expect(limits.own.country?.get('NO')).toMatchObject({ segmentsPerSecond: 2 })
  expect([...limits.withoutOtp]).toEqual(['recipient'])
})

it('finds Redis in the environment and in the file', () => {
  expect(load(WHO, { REDIS_URL: 'redis://h:1/2' }).redis).toEqual({
    url: 'redis://h:1/2',
    prefix: 'linehaul',
  })
  const file = `${WHO}\nredis_url: rediss://h\nredis_prefix: mine`
  expect(load(file).redis).toEqual({ url: 'rediss://h', prefix: 'mine' })
  expect(() => load(`${WHO}\nredis_url: "http://user:secret@h"`)).toThrow(/redis_url: .*\*\*\*/)
})

it.each([
  ['tenant: { segments_per_day: -1 }', 'limits.tenant.segments_per_day: -1 is not allowed'],
  [
    'partner: { segments_per_second: 1 }',
    'limits.partner.segments_per_second: there is no such key',
  ],
  ['sender: { requests_per_second: 1 }', 'limits.sender.requests_per_second: there is no such key'],
  ['tenants: [{ tenant: nobody }]', 'limits.tenants[0].tenant: there is no tenant "nobody"'],
  ['partners: [{ partner: p2 }]', 'limits.partners[0].partner: there is no partner "p2"'],
  ['countries: [{ country: gb }]', 'limits.countries[0].country: "gb" is not allowed'],
  [
    'senders: [{ sender: A }, { sender: A }]',
    'limits.senders[1].sender: the same sender "A" stands at limits.senders[0].sender',
  ],
  [
    'tenant: { spend_per_day: { amount: "1" } }',
    'limits.tenant.spend_per_day.currency: is missing',
  ],
])('refuses %s', (section, message) => {
  expect(() => load(`${WHO}\nlimits:\n  ${section}\n`)).toThrow(message)
})
