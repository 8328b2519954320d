import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/mistake.ts'

const folder = mkdtempSync(join(tmpdir(), 'linehaul-numbers-'))
afterAll(() => rmSync(folder, { recursive: true }))

const REST = `
tenants: [{ name: shop, api_keys: [k1] }]
carriers: [{ name: alpha, type: smpp, host: h, port: 1, system_id: s, password: p }]
`

function load(numbers: string) {
  const file = join(folder, 'linehaul.yaml')
  writeFileSync(file, `${REST}numbers:\n${numbers}`)
  return loadConfig({ env: { TOKEN: 'secret' }, cwd: '/elsewhere', file }).numbers
}

function mistakesOf(numbers: string): string[] {
  try {
    load(numbers)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.mistakes.map(({ path, message }) => `${path}: ${message}`)
  }
  return []
}

describe('numbers', () => {
  it('are read', () => {
    expect(
      load(`
  network_file: ranges.csv
  ported_file: /data/ported.csv
  lookup: { url: "https://hlr.example/{number}", token: "\${TOKEN}", field: data.code, deadline_ms: 100 }
  short_codes: [{ code: 60123, country: GB, carriers: [alpha] }]
  sender_rules:
    - { countries: [US], tenants: [shop], classes: [otp], kinds: [alphanumeric], senders: [60123, ACME], action: replace, sender: "+12025550123" }
  unregistered_senders: refuse
`),
    ).toEqual({
      networkFile: join(folder, 'ranges.csv'),
      portedFile: '/data/ported.csv',
      lookup: {
        url: 'https://hlr.example/{number}',
        token: 'secret',
        field: 'data.code',
        timeoutMs: 2_000,
        deadlineMs: 100,
        concurrency: 50,
        ttlSeconds: 86_400,
        negativeTtlSeconds: 3_600,
        cacheEntries: 1_000_000,
        maxFailures: 5,
        pauseSeconds: 10,
        allowPrivateAddresses: false,
      },
      shortCodes: [{ code: '60123', country: 'GB', carriers: ['alpha'] }],
      senderRules: [
        {
          countries: ['US'],
          tenants: ['shop'],
          trafficClasses: ['otp'],
          kinds: ['alphanumeric'],
          senders: ['60123', 'ACME'],
          action: 'replace',
          sender: '+12025550123',
          reason: undefined,
        },
      ],
      shippedSenderRules: true,
      unregisteredSenders: 'refuse',
    })
  })

  it.each([
    ['  lookup: { url: "https://hlr.example/" }', /^numbers\.lookup\.url: .*\{number\}/],
    ['  lookup: { url: "ftp://x/{number}" }', /^numbers\.lookup\.url: /],
    ['  lookup: { url: "https://x/{number}", field: "a..b" }', /^numbers\.lookup\.field: "a\.\.b"/],
    ['  short_codes: [{ code: "12", country: GB }]', /^numbers\.short_codes\[0\]\.code: "12"/],
    ['  short_codes: [{ code: "60123", country: gb }]', /\.country: "gb".*two capitals/],
    [
      '  short_codes: [{ code: "60123", country: GB }, { code: "60123", country: DE }]',
      /^numbers\.short_codes\[1\]\.code: the same code "60123" stands at numbers\.short_codes\[0\]\.code/,
    ],
    [
      '  short_codes: [{ code: "60123", country: GB, carriers: [beta] }]',
      /^numbers\.short_codes\[0\]\.carriers\[0\]: there is no carrier "beta"; allowed: alpha$/,
    ],
    ['  sender_rules: [{ action: deny }]', /\.action: "deny".*allow, refuse, replace/],
    [
      '  sender_rules: [{ tenants: [bank], action: allow }]',
      /^numbers\.sender_rules\[0\]\.tenants\[0\]: there is no tenant "bank"; allowed: shop$/,
    ],
    ['  sender_rules: [{ action: replace }]', /^numbers\.sender_rules\[0\]\.sender: is missing/],
    ['  sender_rules: [{ action: refuse, sender: X }]', /only "replace" has a sender/],
    ['  sender_rules: [{ action: allow, countries: [] }]', /\.countries: /],
  ])('refuse %s', (yaml, mistake) => {
    expect(mistakesOf(yaml)).toEqual([expect.stringMatching(mistake)])
  })

  it('do not tell the token', () => {
    const mistakes = mistakesOf('  lookup: { url: "https://x/{number}", token: "with blank" }')
    expect(mistakes).toHaveLength(1)
    expect(mistakes.join()).not.toContain('with blank')
  })
})
