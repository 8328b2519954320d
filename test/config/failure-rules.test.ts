import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/mistake.ts'
import type { Config } from '../../src/config/schema.ts'

let cwd: string

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'linehaul-failure-rules-'))
})

afterEach(() => rmSync(cwd, { recursive: true }))

const SECRET = `whsec_${Buffer.alloc(24, 1).toString('base64')}`
const CARRIER = {
  type: 'smpp',
  host: '127.0.0.1',
  port: 2775,
  system_id: 'a',
  password: 'b',
  rates: [{ prefix: '44', price: '0.01', currency: 'EUR' }],
}

/** Loads a file with two carriers, a tenant and what is given. */
function load(more: Readonly<Record<string, unknown>>, env: Record<string, string> = {}): Config {
  const file = {
    tenants: [{ name: 'shop' }],
    carriers: [
      { ...CARRIER, name: 'alpha' },
      { ...CARRIER, name: 'beta' },
    ],
    ...more,
  }
  writeFileSync(join(cwd, 'linehaul.yaml'), JSON.stringify(file))
  return loadConfig({ env, cwd })
}

function withRule(rule: object, more: object = {}): Config {
  const base = { name: 'one', scene: 'send_failure', action: 'hold' }
  return load({ failure_rules: [{ ...base, ...rule }], ...more })
}

function mistakesOf(read: () => unknown): string[] {
  try {
    read()
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes.map((m) => `${m.path}: ${m.message}`)
    throw error
  }
  return []
}

describe('failure_rules', () => {
  it('are none unless written', () => {
    expect(load({}).failureRules).toEqual([])
    expect(load({}).alerts).toMatchObject({ webhook: undefined, mail: undefined, downMs: 60_000 })
  })

  it('keep what they match, codes and attempts as they are written', () => {
    const { failureRules } = withRule({
      priority: 5,
      match: {
        carriers: ['alpha'],
        channels: ['sms'],
        codes: ['0x45', 69, '007', 'recipient_absent'],
        keywords: ['spam'],
        tenants: ['shop'],
        traffic_classes: ['otp'],
        countries: ['GB'],
        attempts: ['1-3', 5],
      },
    })
    expect(failureRules).toEqual([
      {
        name: 'one',
        priority: 5,
        scene: 'send_failure',
        match: {
          carriers: ['alpha'],
          channels: ['sms'],
          codes: ['0x45', '69', '007', 'recipient_absent'],
          keywords: ['spam'],
          tenants: ['shop'],
          trafficClasses: ['otp'],
          countries: ['GB'],
          attempts: [
            { from: 1, to: 3 },
            { from: 5, to: 5 },
          ],
        },
        action: { kind: 'hold' },
      },
    ])
    expect(withRule({ match: { attempts: 2 } }).failureRules[0]?.match.attempts).toEqual([
      { from: 2, to: 2 },
    ])
  })

  it.each([
    [
      { action: 'retry' },
      { kind: 'retry', max: 3, delaySeconds: 10, backoff: 'fixed', maxDelaySeconds: 3_600 },
    ],
    [
      { action: 'retry', max: 5, delay_seconds: 0, backoff: 'linear', max_delay_seconds: 60 },
      { kind: 'retry', max: 5, delaySeconds: 0, backoff: 'linear', maxDelaySeconds: 60 },
    ],
    [{ action: 'switch_provider' }, { kind: 'switch_provider', delaySeconds: 0, to: [] }],
    [
      { action: 'switch_provider', to: ['beta'], delay_seconds: 9 },
      { kind: 'switch_provider', delaySeconds: 9, to: ['beta'] },
    ],
    [{ action: 'fail' }, { kind: 'fail', code: null }],
    [
      { action: 'fail', code: 'rejected' },
      { kind: 'fail', code: 'rejected' },
    ],
    [{ action: 'policy' }, { kind: 'policy' }],
  ])('%j', (written, action) => expect(withRule(written).failureRules[0]?.action).toEqual(action))

  it.each<[object, string]>([
    [
      { match: { carriers: ['alpha', 'gama'] } },
      'failure_rules[0].match.carriers[1]: there is no carrier "gama"; allowed: one of alpha, beta',
    ],
    [
      { match: { tenants: ['shop2'] } },
      'failure_rules[0].match.tenants[0]: there is no tenant "shop2"; allowed: one of shop',
    ],
    [
      { match: { codes: ['0x45', 'recipient_absnt'] } },
      'failure_rules[0].match.codes[1]: there is no code "recipient_absnt"; did you mean recipient_absent?',
    ],
    [
      { action: 'fail', code: 'spam' },
      'failure_rules[0].code: there is no code "spam"; docs/errors.md lists them',
    ],
    [
      { action: 'switch_provider', to: ['delta'] },
      'failure_rules[0].to[0]: there is no carrier "delta"; allowed: one of alpha, beta',
    ],
    [
      { action: 'fail', max: 3 },
      'failure_rules[0].max: means nothing with fail; it belongs to retry',
    ],
    [
      { delay_seconds: 3 },
      'failure_rules[0].delay_seconds: means nothing with hold; it belongs to retry, switch_provider',
    ],
    [
      { match: { attempts: '3-1' } },
      'failure_rules[0].match.attempts: "3-1" ends before it begins; write "1-3"',
    ],
    [
      { action: 'alert' },
      'failure_rules[0].action: nobody would be told: alerts has neither webhook_url nor mail',
    ],
    [
      { action: 'explode' },
      'failure_rules[0].action: "explode" is not allowed; allowed: one of retry, switch_provider, fail, alert, hold, policy',
    ],
    [
      { match: { carrier: ['alpha'] } },
      'failure_rules[0].match.carrier: there is no such key; did you mean carriers?',
    ],
  ])('%j is a mistake', (rule, mistake) => {
    expect(mistakesOf(() => withRule(rule))).toEqual([mistake])
  })

  it('have names of their own', () => {
    const one = { name: 'one', scene: 'send_failure', action: 'hold' }
    expect(mistakesOf(() => load({ failure_rules: [one, one] }))).toEqual([
      'failure_rules[1].name: the same name "one" stands at failure_rules[0].name; each must be unique',
    ])
  })
})

describe('alerts', () => {
  it('go to a webhook and by mail', () => {
    const mail = { host: 'mail.example', from: 'sms@example.org', to: ['ops@example.org'] }
    const alerts = { webhook_url: 'https://ops.example/x', webhook_secret: SECRET, mail }
    expect(withRule({ action: 'alert' }, { alerts }).alerts).toMatchObject({
      webhook: { url: 'https://ops.example/x', secret: SECRET },
      mail: { ...mail, port: 587, tls: 'starttls', login: undefined },
    })
  })

  it('need a secret with their address', () => {
    expect(mistakesOf(() => load({ alerts: { webhook_url: 'https://ops.example' } }))).toEqual([
      'alerts.webhook_secret: is missing; alerts.webhook_url needs it',
    ])
  })

  it('say by which way each event is told: by both unless the file says otherwise', () => {
    const alerts = {
      webhook_url: 'https://ops.example',
      webhook_secret: SECRET,
      events: { guard: [], check: ['webhook'] },
      down_seconds: 5,
    }
    const both = ['webhook', 'mail']
    expect(load({ alerts }).alerts).toMatchObject({
      events: { breaker: both, connection: both, canary: both, guard: [], check: ['webhook'] },
      downMs: 5_000,
    })
    const mistakes = (events: object) => mistakesOf(() => load({ alerts: { ...alerts, events } }))
    expect(mistakes({ breaker: ['webhook', 'mail'] })).toEqual([
      'alerts.events.breaker[1]: nobody would be told: alerts has no mail',
    ])
    expect(mistakes({ breaker: ['pager'] })).toEqual([
      'alerts.events.breaker[0]: "pager" is not allowed; allowed: a list of webhook, mail; empty for none',
    ])
    expect(mistakes({ braker: [] })).toEqual([
      'alerts.events.braker: there is no such key; did you mean breaker?',
    ])
  })

  it('never show the secret that is wrong', () => {
    const alerts = { webhook_url: 'https://ops.example', webhook_secret: 'hunter2' }
    expect(mistakesOf(() => load({ alerts })).join()).not.toContain('hunter2')
  })
})

describe('docs/failure-rules.md and docs/alerts.md', () => {
  function examplesOf(page: string): string[] {
    const guide = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8')
    return [...guide.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, each = '']) => each)
  }

  it('show examples that are accepted', () => {
    const examples = [...examplesOf('alerts.md'), ...examplesOf('failure-rules.md')]
    expect(examples).toHaveLength(4)
    const env = { ALERT_SECRET: SECRET, MAIL_PASSWORD: 'x' }
    const [alerts, ...rules] = examples.map((each) => parse(each) as Record<string, unknown>)
    for (const each of rules) expect(load({ ...alerts, ...each }, env).failureRules).toHaveLength(2)
  })
})
