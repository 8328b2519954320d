import { parseMicros } from '../core/money.ts'
import { choice, list, mapping, requiredText, setting } from '../settings/field.ts'

/** The price of one segment to a prefix. */
export interface RateConfig {
  /** Leading digits of the E.164 number without `+`; empty: everywhere. */
  readonly prefix: string
  /** Millionths of {@link currency}. */
  readonly priceMicros: bigint
  /** ISO 4217, three capitals. */
  readonly currency: string
}

/** What a tenant pays. */
export interface PricingConfig {
  /** Until a deck is imported; where none of them fits, the tenant pays what the carrier charges. */
  readonly rates: readonly RateConfig[]
  readonly lossMaking: (typeof LOSS_MAKING)[number]
}

const LOSS_MAKING = ['allow', 'refuse'] as const

const rateShape = {
  prefix: requiredText(/^\d{0,15}$/, 'up to 15 digits, without "+"; "" means everywhere', {
    about: 'Leading digits of the destination in international form; the longest match counts.',
  }),
  price: requiredText(
    /^\d{1,12}(\.\d{1,6})?$/,
    'a decimal number with at most 6 decimals, for example "0.0350"',
    { about: 'Price of one segment, kept exactly as written.', unit: 'currency per segment' },
  ),
  currency: requiredText(/^[A-Z]{3}$/, 'three capital letters, for example EUR', {
    about: 'Currency of the price (ISO 4217).',
  }),
}

const rate = mapping(rateShape)

/** The `rates` of the file: what tenants pay, where that is better kept in one list. */
export const tenantRatesSchema = setting(
  list(
    mapping({
      tenant: requiredText(/^.{1,63}$/, 'the name of a tenant', {
        about: 'Who pays it.',
      }),
      ...rateShape,
    }),
    'a list of rates',
  ).default([]),
  {
    about: 'Rates of tenants, besides those that stand with each (`tenants[].rates`).',
    allowed: 'a list of { tenant, prefix, price, currency }',
    defaultText: '[]',
  },
)

/** A list of rates, as it is written in the file. */
export function ratesOf(about: string) {
  return setting(list(rate, 'a list of rates').default([]), {
    about,
    allowed: 'a list of { prefix, price, currency }',
    defaultText: '[]',
  })
}

/** The keys of a tenant that are about money. */
export const pricingShape = {
  rates: ratesOf(
    'What the tenant pays, until a rate deck is imported; for a number without a rate it pays what ' +
      'the carrier charges.',
  ),
  loss_making: choice(LOSS_MAKING, 'allow', {
    about:
      'Whether a carrier may have a message that costs more than the tenant pays; then the event ' +
      '`routed` says so.',
  }),
}

interface FileRate {
  readonly prefix: string
  readonly price: string
  readonly currency: string
}

/** Rates of the file. */
export function toRates(rates: readonly FileRate[]): RateConfig[] {
  return rates.map(({ prefix, price, currency }) => ({
    prefix,
    priceMicros: parseMicros(price),
    currency,
  }))
}

/** What the file says of a tenant's money. */
export function toPricing(
  tenant: {
    readonly name: string
    readonly rates: readonly FileRate[]
    readonly loss_making: PricingConfig['lossMaking']
  },
  ofAll: readonly (FileRate & { readonly tenant: string })[],
): PricingConfig {
  const own = ofAll.filter(({ tenant: name }) => name === tenant.name)
  return { rates: toRates([...tenant.rates, ...own]), lossMaking: tenant.loss_making }
}
