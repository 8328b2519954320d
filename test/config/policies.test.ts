import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/mistake.ts'
import { DEFAULT_POLICIES } from '../../src/config/policies.ts'
import { RETRYABLE_CLASSES, TRAFFIC_CLASSES } from '../../src/core/policy.ts'

let cwd: string

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'linehaul-policies-'))
})

afterEach(() => rmSync(cwd, { recursive: true }))

function load(yaml: string, env: Record<string, string> = {}) {
  writeFileSync(join(cwd, 'linehaul.yaml'), yaml)
  return loadConfig({ env, cwd })
}

function mistakesOf(yaml: string, env: Record<string, string> = {}): string[] {
  try {
    load(yaml, env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.mistakes.map(({ path, message }) => `${path}: ${message}`)
  }
  throw new Error('the configuration was accepted')
}

describe('policies', () => {
  it('never send twice unless told to, and hold only marketing back', () => {
    for (const trafficClass of TRAFFIC_CLASSES) {
      const policy = DEFAULT_POLICIES[trafficClass]
      expect(policy.uncertain).toBe('wait_receipt')
      expect(policy.quietHours).toBe(trafficClass === 'marketing' ? 'country' : 'off')
      expect(policy.receiptDeadlineSeconds).toBeUndefined()
      expect(policy.retry.nextCarrier).toBe('prefer')
      for (const errorClass of RETRYABLE_CLASSES) {
        const { firstSeconds, maxSeconds, backoff, jitter } = policy.retry[errorClass]
        expect({ backoff, jitter }).toEqual({ backoff: 'exponential', jitter: 'full' })
        expect(firstSeconds).toBeLessThanOrEqual(maxSeconds)
      }
    }
    const validity = TRAFFIC_CLASSES.map((each) => DEFAULT_POLICIES[each].validitySeconds)
    expect(validity).toEqual([600, 259_200, 259_200])
  })

  it('are read key by key over the defaults of their class', () => {
    const config = load(`
policies:
  otp:
    uncertain: resend
    uncertain_seconds: 5
    validity_seconds: 300
    receipt_deadline_seconds: 3600
    quiet_hours: country
    missing_receipt: resend
    missing_receipt_seconds: 20
    missing_receipt_percentile: 95
    missing_receipt_margin_percent: 200
    retry:
      next_carrier: never
      max_age_seconds: 120
      throttled: { backoff: linear, first_seconds: 3, max_seconds: 9, jitter: none, max_attempts: 4 }`)
    const { otp } = config.policies
    expect(otp).toEqual({
      uncertain: 'resend',
      uncertainSeconds: 5,
      validitySeconds: 300,
      receiptDeadlineSeconds: 3600,
      missingReceipt: 'resend',
      missingReceiptSeconds: 20,
      missingReceiptQuantile: 0.95,
      missingReceiptFactor: 2,
      quietHours: 'country',
      retry: {
        nextCarrier: 'never',
        maxAgeSeconds: 120,
        passing: DEFAULT_POLICIES.otp.retry.passing,
        throttled: {
          backoff: 'linear',
          firstSeconds: 3,
          maxSeconds: 9,
          jitter: 'none',
          maxAttempts: 4,
        },
        connection: DEFAULT_POLICIES.otp.retry.connection,
      },
    })
    expect(config.policies.marketing).toEqual(DEFAULT_POLICIES.marketing)
  })

  it('have their mistakes told all at once, with what is allowed', () => {
    const mistakes = mistakesOf(`
policies:
  otp: { uncertain: guess, retry: { passing: { first_seconds: 20 }, throttled: { backof: fixed } } }
  marketing: { quiet_hours: true, retry: { connection: { first_seconds: 9, max_seconds: 3 } } }
  bulk: {}`)
    expect(mistakes.sort()).toEqual([
      'policies.bulk: there is no such key; allowed: otp, transactional, marketing',
      'policies.marketing.quiet_hours: true is not allowed; allowed: one of off, country',
      'policies.marketing.retry.connection: first_seconds 9 is above max_seconds 3; it must not be larger',
      'policies.otp.retry.passing: first_seconds 20 is above max_seconds 10; it must not be larger',
      'policies.otp.retry.throttled.backof: there is no such key; did you mean backoff?',
      'policies.otp.uncertain: "guess" is not allowed; allowed: one of query, wait_receipt, resend, hold',
    ])
  })
})

describe('webhooks', () => {
  it('go to public addresses only, unless the file says otherwise', () => {
    expect(load('log_level: info').webhooks).toEqual({ allowPrivateAddresses: false })
    expect(load('webhooks: { allow_private_addresses: true }').webhooks).toEqual({
      allowPrivateAddresses: true,
    })
    expect(mistakesOf('webhooks: { allow_private_addresses: "yes" }')).toEqual([
      'webhooks.allow_private_addresses: "yes" is not allowed; allowed: true or false',
    ])
  })
})

describe('retention', () => {
  it('of a tenant beats that of the file key by key, and 0 keeps', () => {
    const config = load(`
retention: { days: 400, body_days: 30 }
tenants:
  - { name: a }
  - { name: b, retention: { body_days: 1 } }
  - { name: c, retention: { days: 0, body_days: 0 } }`)
    expect(config.retention).toEqual({
      days: 400,
      bodyDays: 30,
      auditDays: 400,
      callbackDays: 7,
    })
    expect(config.tenants.map(({ retention }) => retention)).toEqual([
      { days: 400, bodyDays: 30 },
      { days: 400, bodyDays: 1 },
      { days: undefined, bodyDays: undefined },
    ])
  })

  it('refuses a text that outlives its record, once', () => {
    expect(
      mistakesOf(`
retention: { days: 10, body_days: 30 }
tenants: [{ name: a }, { name: b, retention: { days: 5 } }, { name: c, retention: { days: 30 } }]`),
    ).toEqual([
      'retention: body_days 30 is above days 10; the record goes with its text',
      'tenants[1].retention: body_days 30 is above days 5; the record goes with its text',
    ])
  })
})

describe('encryption', () => {
  const key = Buffer.alloc(32, 0xa5)
  const text = key.toString('base64')

  it('takes keys from the file and from the environment', () => {
    const other = Buffer.from(Array.from({ length: 32 }, (_, index) => 255 - index))
    const config = load(
      `
encryption:
  active: 2026
  keys: [{ id: 2025, key: "${text}" }, { id: 2026, key: "\${KEY_2026}" }]`,
      { KEY_2026: other.toString('base64') },
    )
    expect(config.encryption).toEqual({
      active: '2026',
      keys: [
        { id: '2025', key },
        { id: '2026', key: other },
      ],
    })
  })

  it.each([
    Buffer.alloc(31, 0xa5).toString('base64'),
    Buffer.alloc(33, 0xa5).toString('base64'),
    `${text.slice(0, -2)}h=`,
    text.slice(0, -1),
    key.toString('hex'),
    ` ${text}`,
  ])('refuses %j as a key without showing it', (wrong) => {
    const mistakes = mistakesOf(`encryption: { keys: [{ id: a, key: ${JSON.stringify(wrong)} }] }`)
    expect(mistakes).toEqual([
      'encryption.keys[0].key: "***" is not allowed; allowed: 32 octets in base64, 44 characters',
    ])
  })

  it('refuses two keys of one id, one key twice, an unknown active key and a variable not set', () => {
    const mistakes = mistakesOf(`
encryption:
  active: c
  keys: [{ id: a, key: "${text}" }, { id: a, key: "${text}" }, { id: b, key: "\${NO_SUCH}" }]`)
    expect(mistakes.sort()).toEqual([
      'encryption.active: there is no key of this id; allowed: a, a, b',
      'encryption.keys[1].id: the same id "a" stands at encryption.keys[0].id; each must be unique',
      'encryption.keys[1].key: the same key stands at encryption.keys[0].key; each must be unique',
      'encryption.keys[2].key: the environment variable NO_SUCH is not set or is empty',
    ])
    expect(mistakesOf('encryption: { active: c }')).toEqual([
      'encryption.active: there is no key of this id; allowed: the file has no keys',
    ])
    expect(mistakesOf(`encryption: { keys: ["${text}"], active: "a:b" }`).join()).not.toContain(
      text,
    )
  })
})
