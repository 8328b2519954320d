import { z } from 'zod'
import {
  CHARGE_MOMENTS,
  CHARGE_UNITS,
  type ChargingTerms,
  type TieredTerms,
} from '../core/charging.ts'
import { CURRENCIES } from '../core/currencies.ts'
import { type Money, parseMicros } from '../core/money.ts'
import {
  choice,
  flag,
  list,
  mapping,
  optionalText,
  requiredText,
  setting,
} from '../settings/field.ts'
import { PERCENT, PERCENT_ALLOWED, ppm } from '../settings/forms.ts'
import { TIERS_ALLOWED, tier, toTiers } from './volume-tiers.ts'

/** Whether and how messages are paid for. */
export interface BillingConfig {
  /** False: nothing is booked, and nobody's balance is looked at. */
  readonly enabled: boolean
  readonly conversions: readonly ConversionConfig[]
  /** Money that tenants begin with. */
  readonly balances: readonly OpeningBalance[]
}

/** What one unit of a currency is worth in another, from an instant on. */
export interface ConversionConfig {
  readonly from: string
  readonly to: string
  /** Millionths of {@link to}. */
  readonly micros: bigint
  readonly since: Date
}

/** Booked once for each tenant and currency. */
export interface OpeningBalance {
  /** Name of a tenant; it exists. */
  readonly tenant: string
  readonly micros: bigint
  readonly currency: string
}

/** What is agreed with one tenant about its account. */
export interface TenantBilling {
  /** Below all tiers. */
  readonly charging: ChargingTerms
  /** By the tiers, the lowest first. */
  readonly tiers: readonly TieredTerms[]
  /** Undefined: that of each price. */
  readonly currency: string | undefined
  /** Undefined: it has none; without any money it is unlimited. */
  readonly creditLimitMicros: bigint | undefined
  /** Undefined: none is asked for. */
  readonly minMargin: MinMarginConfig | undefined
  /** Operators and the tenant are told when less may be spent; undefined: never. */
  readonly lowBalanceMicros: bigint | undefined
}

/** What is to be left of a tenant's price after the carrier's cost. */
export interface MinMarginConfig {
  /** Of the price, in millionths. */
  readonly ppm: number
  /** Of each segment; undefined: as the percentage says. */
  readonly perSegment: Money | undefined
  /** Carriers that leave less are out of the question; otherwise the message's timeline says so. */
  readonly isRequired: boolean
}

const BELOW_MIN_MARGIN = ['refuse', 'flag'] as const

const AMOUNT = /^\d{1,12}(\.\d{1,6})?$/
const AMOUNT_ALLOWED = 'a decimal number with at most 6 decimals, for example "250.00"'
const CURRENCY_ALLOWED = 'three capital letters of ISO 4217, for example EUR'
const SINCE = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z)?$/
const SINCE_ALLOWED = 'a date or an instant in UTC, for example 2026-12-01 or 2026-12-01T06:00:00Z'

const ABOUT = {
  per: 'What the price of a rate is for: each segment, or the message however long it is.',
  on: '`submit`: a segment is paid for once the carrier has taken it; `end`: by what has become of it.',
  failed: 'With `end`: segments that receipts say are lost are paid for all the same.',
  unconfirmed: 'With `end`: segments without a final receipt until the deadline are paid for.',
  tax: 'Tax that is added to the price.',
  tiers:
    'What is paid less from so many segments in a calendar month (UTC) on, the lowest border first. A message is ' +
    'priced by what was accepted before it.',
  minPercent: "Least share of the tenant's price that is to be left after the carrier's cost.",
  minMargin: "Least amount for each segment that is to be left after the carrier's cost.",
  below:
    'Whether a carrier may have a message of which less is left: `refuse` keeps it away, `flag` only says so in the ' +
    'event `routed`.',
} as const

function currencyCode() {
  return z
    .string({ error: CURRENCY_ALLOWED })
    .refine((code) => CURRENCIES.has(code), { error: CURRENCY_ALLOWED })
}

function currency(about: string) {
  return setting(currencyCode(), {
    about,
    allowed: CURRENCY_ALLOWED,
    defaultText: 'required',
    isText: true,
  })
}

function optionalCurrency(about: string) {
  return setting(currencyCode().optional(), {
    about,
    allowed: CURRENCY_ALLOWED,
    defaultText: 'none',
    isText: true,
  })
}

function optionalFlag(about: string) {
  return setting(z.boolean({ error: 'true or false' }).optional(), {
    about,
    allowed: 'true or false',
    defaultText: 'as in billing',
  })
}

function optionalChoice<const Words extends readonly [string, ...string[]]>(
  words: Words,
  about: string,
) {
  const allowed = `one of ${words.join(', ')}`
  return setting(z.enum(words, { error: allowed }).optional(), {
    about,
    allowed,
    defaultText: 'as in billing',
    isText: true,
  })
}

const conversion = mapping({
  from: currency('Currency of a price.'),
  to: currency('Currency of an account.'),
  rate: requiredText(AMOUNT, AMOUNT_ALLOWED, {
    about: 'What one unit of `from` is worth in `to`.',
  }),
  since: requiredText(SINCE, SINCE_ALLOWED, {
    about: 'From when on; of several, the one that began last counts.',
  }),
})

const MIN_MARGIN_ALLOWED = 'a mapping of amount and currency'

function minMargin(defaultText: string) {
  return setting(
    mapping({
      amount: requiredText(AMOUNT, AMOUNT_ALLOWED, { about: 'How much, for each segment.' }),
      currency: currency('Currency of the amount.'),
    }).optional(),
    { about: ABOUT.minMargin, allowed: MIN_MARGIN_ALLOWED, defaultText },
  )
}

/** The `billing` section of the file. */
export const billingSchema = setting(
  mapping({
    enabled: flag(true, {
      about: 'Book what messages cost, and refuse those that a tenant cannot pay for.',
    }),
    charge_per: choice(CHARGE_UNITS, 'segment', { about: ABOUT.per }),
    charge_on: choice(CHARGE_MOMENTS, 'end', { about: ABOUT.on }),
    charge_failed: flag(false, { about: ABOUT.failed }),
    charge_unconfirmed: flag(true, { about: ABOUT.unconfirmed }),
    tax_percent: setting(
      z.string({ error: PERCENT_ALLOWED }).regex(PERCENT, { error: PERCENT_ALLOWED }).default('0'),
      {
        about: ABOUT.tax,
        allowed: PERCENT_ALLOWED,
        defaultText: '"0"',
        unit: 'percent',
        isText: true,
      },
    ),
    tiers: setting(list(tier, TIERS_ALLOWED).default([]), {
      about: ABOUT.tiers,
      allowed: TIERS_ALLOWED,
      defaultText: '[]',
    }),
    min_margin_percent: optionalText(PERCENT, PERCENT_ALLOWED, {
      about: ABOUT.minPercent,
      unit: 'percent',
    }),
    min_margin: minMargin('none'),
    below_min_margin: choice(BELOW_MIN_MARGIN, 'refuse', { about: ABOUT.below }),
    conversion: setting(list(conversion, 'a list of { from, to, rate, since }').default([]), {
      about: 'How prices are brought into the currency of a tenant.',
      allowed: 'a list of { from, to, rate, since }',
      defaultText: '[]',
    }),
  }).prefault({}),
  {
    about: 'What messages are paid for; see docs/billing.md.',
    allowed: 'a mapping',
    defaultText: '{}',
  },
)

/** The `billing` of a tenant, which beats the section of the file key by key. */
export const tenantBillingSchema = setting(
  mapping({
    currency: optionalCurrency("Currency of the tenant's account; prices are brought into it."),
    credit_limit: optionalText(AMOUNT, AMOUNT_ALLOWED, {
      about: 'How far below zero the account may go; it needs `currency`.',
      unit: 'currency',
    }),
    low_balance: optionalText(AMOUNT, AMOUNT_ALLOWED, {
      about:
        "Operators ([alerts.md](alerts.md)) and the tenant's webhooks are told when less than that may still be spent; for a tenant with a balance or a credit limit.",
      unit: 'currency',
    }),
    charge_per: optionalChoice(CHARGE_UNITS, ABOUT.per),
    charge_on: optionalChoice(CHARGE_MOMENTS, ABOUT.on),
    charge_failed: optionalFlag(ABOUT.failed),
    charge_unconfirmed: optionalFlag(ABOUT.unconfirmed),
    tax_percent: optionalText(PERCENT, PERCENT_ALLOWED, { about: ABOUT.tax, unit: 'percent' }),
    tiers: setting(list(tier, TIERS_ALLOWED).optional(), {
      about: `${ABOUT.tiers} They stand in the place of those of all; \`[]\` is none.`,
      allowed: TIERS_ALLOWED,
      defaultText: 'as in billing',
    }),
    min_margin_percent: optionalText(PERCENT, PERCENT_ALLOWED, {
      about: ABOUT.minPercent,
      unit: 'percent',
      defaultText: 'as in billing',
    }),
    min_margin: minMargin('as in billing'),
    below_min_margin: optionalChoice(BELOW_MIN_MARGIN, ABOUT.below),
  }).prefault({}),
  {
    about: 'How the tenant pays; beats `billing` for it.',
    allowed: 'a mapping',
    defaultText: '{}',
  },
)

const balance = mapping({
  tenant: requiredText(/^.{1,63}$/, 'the name of a tenant', { about: 'Who gets it.' }),
  amount: requiredText(AMOUNT, AMOUNT_ALLOWED, { about: 'What it begins with.' }),
  currency: currency('Currency of the amount.'),
})

/** The `balances` of the file. */
export const balancesSchema = setting(
  list(balance, 'a list of { tenant, amount, currency }').default([]),
  {
    about:
      'Money that tenants begin with: booked once for each tenant and currency, however often the file is read.',
    allowed: 'a list of { tenant, amount, currency }',
    defaultText: '[]',
  },
)

type FileBilling = ReturnType<(typeof billingSchema)['parse']>
type FileTenantBilling = ReturnType<(typeof tenantBillingSchema)['parse']>
type FileBalances = ReturnType<(typeof balancesSchema)['parse']>

/** The billing of a file without mistakes. */
export function toBilling(file: FileBilling, balances: FileBalances): BillingConfig {
  return {
    enabled: file.enabled,
    conversions: file.conversion.map(({ from, to, rate, since }) => ({
      from,
      to,
      micros: parseMicros(rate),
      since: new Date(since),
    })),
    balances: balances.map(({ tenant, amount, currency: code }) => ({
      tenant,
      micros: parseMicros(amount),
      currency: code,
    })),
  }
}

/** The billing of the file, with what one tenant says put over it. */
export function toTenantBilling(file: FileBilling, tenant: FileTenantBilling): TenantBilling {
  const { credit_limit: limit, low_balance: low } = tenant
  const charging: ChargingTerms = {
    unit: tenant.charge_per ?? file.charge_per,
    on: tenant.charge_on ?? file.charge_on,
    chargesFailed: tenant.charge_failed ?? file.charge_failed,
    chargesUnconfirmed: tenant.charge_unconfirmed ?? file.charge_unconfirmed,
    taxPpm: ppm(tenant.tax_percent ?? file.tax_percent),
  }
  return {
    charging,
    tiers: toTiers(tenant.tiers ?? file.tiers, charging),
    currency: tenant.currency,
    creditLimitMicros: limit === undefined ? undefined : parseMicros(limit),
    lowBalanceMicros: low === undefined ? undefined : parseMicros(low),
    minMargin: toMinMargin(file, tenant),
  }
}

function toMinMargin(file: FileBilling, tenant: FileTenantBilling): MinMarginConfig | undefined {
  const percent = tenant.min_margin_percent ?? file.min_margin_percent
  const amount = tenant.min_margin ?? file.min_margin
  if (percent === undefined && amount === undefined) return undefined
  return {
    ppm: ppm(percent ?? '0'),
    perSegment: amount && { micros: parseMicros(amount.amount), currency: amount.currency },
    isRequired: (tenant.below_min_margin ?? file.below_min_margin) === 'refuse',
  }
}
