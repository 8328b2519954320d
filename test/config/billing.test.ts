import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/mistake.ts'

let cwd: string

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'linehaul-billing-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

function load(file: object) {
  writeFileSync(join(cwd, 'linehaul.yaml'), JSON.stringify(file))
  return loadConfig({ env: {}, cwd })
}

function mistakesOf(file: object): string[] {
  try {
    load(file)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.mistakes.map(({ path, message }) => `${path}: ${message}`)
  }
  return []
}

describe('billing', () => {
  it('is what the file says for all, and what it says for a tenant over that', () => {
    const { tenants, billing } = load({
      tenants: [
        { name: 'acme', billing: { currency: 'EUR', credit_limit: '500', tax_percent: '7.5' } },
        { name: 'other', billing: { charge_per: 'segment', charge_failed: false } },
      ],
      billing: {
        charge_per: 'message',
        charge_failed: true,
        tax_percent: '19',
        conversion: [{ from: 'USD', to: 'EUR', rate: '0.92', since: '2026-01-01' }],
      },
      balances: [{ tenant: 'acme', amount: '250.00', currency: 'EUR' }],
    })
    expect(tenants.map(({ billing: own }) => own)).toMatchObject([
      {
        currency: 'EUR',
        creditLimitMicros: 500_000_000n,
        charging: { unit: 'message', chargesFailed: true, taxPpm: 75_000 },
      },
      {
        creditLimitMicros: undefined,
        lowBalanceMicros: undefined,
        charging: { unit: 'segment', chargesFailed: false, taxPpm: 190_000 },
      },
    ])
    expect(billing).toEqual({
      enabled: true,
      conversions: [
        { from: 'USD', to: 'EUR', micros: 920_000n, since: new Date('2026-01-01T00:00:00Z') },
      ],
      balances: [{ tenant: 'acme', micros: 250_000_000n, currency: 'EUR' }],
    })
  })

  it('asks for a minimum margin for all, or for a tenant', () => {
    const amount = { amount: '0.002', currency: 'EUR' }
    const { tenants } = load({
      tenants: [
        { name: 'usual' },
        { name: 'own', billing: { min_margin_percent: '0', below_min_margin: 'flag' } },
      ],
      billing: { min_margin_percent: '12.5', min_margin: amount },
    })
    const perSegment = { micros: 2_000n, currency: 'EUR' }
    expect(tenants.map(({ billing }) => billing.minMargin)).toEqual([
      { ppm: 125_000, perSegment, isRequired: true },
      { ppm: 0, perSegment, isRequired: false },
    ])
    expect(load({ tenants: [{ name: 'a' }] }).tenants[0]?.billing.minMargin).toBeUndefined()
  })

  it('has tiers of its own for a tenant, or those of all', () => {
    const { tenants } = load({
      tenants: [
        { name: 'usual' },
        {
          name: 'own',
          billing: {
            charge_per: 'message',
            tiers: [{ above_segments: 0, discount_percent: '2.5' }],
          },
        },
        { name: 'none', billing: { tiers: [] } },
      ],
      billing: {
        tiers: [
          { above_segments: 100_000, discount_percent: '5' },
          { above_segments: 1_000_000, discount_percent: '7.5' },
        ],
      },
    })
    expect(tenants.map(({ billing }) => billing.tiers)).toMatchObject([
      [
        { unit: 'segment', tier: { aboveSegments: 100_000, discountPpm: 50_000 } },
        { unit: 'segment', tier: { aboveSegments: 1_000_000, discountPpm: 75_000 } },
      ],
      [{ unit: 'message', tier: { aboveSegments: 0, discountPpm: 25_000 } }],
      [],
    ])
  })

  it('takes rates of tenants from a list as from the tenant', () => {
    const { tenants } = load({
      tenants: [{ name: 'acme', rates: [{ prefix: '44', price: '0.04', currency: 'EUR' }] }],
      rates: [{ tenant: 'acme', prefix: '1', price: '0.02', currency: 'EUR' }],
    })
    expect(tenants[0]?.pricing.rates.map(({ prefix }) => prefix)).toEqual(['44', '1'])
  })

  it.each<[string, object, string]>([
    [
      'a balance of nobody',
      { balances: [{ tenant: 'x', amount: '1', currency: 'EUR' }] },
      'balances[0].tenant: there is no tenant "x"; allowed: one of acme',
    ],
    [
      'a rate of nobody',
      { rates: [{ tenant: 'x', prefix: '', price: '1', currency: 'EUR' }] },
      'rates[0].tenant: there is no tenant "x"; allowed: one of acme',
    ],
    [
      'two balances of one tenant',
      {
        balances: [
          { tenant: 'acme', amount: '1', currency: 'EUR' },
          { tenant: 'acme', amount: '2', currency: 'EUR' },
        ],
      },
      'balances[1]: the same tenant and currency',
    ],
    [
      'a rate that the tenant has already',
      {
        tenants: [{ name: 'acme', rates: [{ prefix: '44', price: '1', currency: 'EUR' }] }],
        rates: [{ tenant: 'acme', prefix: '44', price: '1', currency: 'EUR' }],
      },
      'rates[0].prefix: the same prefix "44" stands at tenants[0].rates[0].prefix',
    ],
    [
      'a limit without a currency',
      { tenants: [{ name: 'acme', billing: { credit_limit: '5' } }] },
      'tenants[0].billing.credit_limit: needs tenants[0].billing.currency',
    ],
    [
      'a balance in another currency than the account',
      {
        tenants: [{ name: 'acme', billing: { currency: 'EUR' } }],
        balances: [{ tenant: 'acme', amount: '1', currency: 'USD' }],
      },
      "balances[0].currency: must be EUR, the currency of that tenant's account",
    ],
    [
      'an unknown currency',
      { tenants: [{ name: 'acme', billing: { currency: 'EEE' } }] },
      'tenants[0].billing.currency: "EEE" is not allowed',
    ],
    [
      'tiers that do not ascend',
      {
        billing: {
          tiers: [
            { above_segments: 100, discount_percent: '5' },
            { above_segments: 100, discount_percent: '6' },
          ],
        },
      },
      'billing.tiers[1].above_segments: 100 is not above 100, the border before',
    ],
    [
      'tiers of a tenant that do not ascend',
      {
        tenants: [
          {
            name: 'acme',
            billing: {
              tiers: [
                { above_segments: 200, discount_percent: '5' },
                { above_segments: 100, discount_percent: '6' },
              ],
            },
          },
        ],
      },
      'tenants[0].billing.tiers[1].above_segments: 100 is not above 200, the border before',
    ],
    [
      'a discount of all and more',
      { billing: { tiers: [{ above_segments: 1, discount_percent: '100' }] } },
      'billing.tiers[0].discount_percent: "100" is not allowed',
    ],
    [
      'a border below zero',
      { billing: { tiers: [{ above_segments: -1, discount_percent: '1' }] } },
      'billing.tiers[0].above_segments: -1 is not allowed',
    ],
    [
      'a margin of which currency nobody says',
      { billing: { min_margin: { amount: '0.01' } } },
      'billing.min_margin.currency: is missing',
    ],
    [
      'a tier without a border',
      { billing: { tiers: [{ discount_percent: '1' }] } },
      'billing.tiers[0].above_segments: is missing',
    ],
    [
      'a tax of all and more',
      { billing: { tax_percent: '100' } },
      'billing.tax_percent: "100" is not allowed',
    ],
  ])('names %s', (_, file, expected) => {
    const mistakes = mistakesOf({ tenants: [{ name: 'acme' }], ...file })
    expect(
      mistakes.find((mistake) => mistake.startsWith(expected)),
      mistakes.join('\n'),
    ).toBeDefined()
  })
})
