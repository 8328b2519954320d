import type { z } from 'zod'
import { type Allowance, LIMIT_SCOPES, type LimitPolicy, type LimitScope } from '../core/limits.ts'
import { parseMicros } from '../core/money.ts'
import { choice, list, mapping, optionalInteger, requiredText, setting } from '../settings/field.ts'

const MANY = 1_000_000_000
/** Rates above this cannot be told from each other in the instants that they are counted by. */
const MAX_PER_SECOND = 100_000
const MAX_BURST = 1_000_000

const OTP_RULES = ['counted', 'exempt'] as const

const requestKeys = {
  requests_per_second: optionalInteger(0, MAX_PER_SECOND, {
    about: 'Requests taken per second, as a steady rate; 0: no limit.',
    unit: 'requests per second',
  }),
  requests_burst: optionalInteger(0, MAX_BURST, {
    about: 'Requests that may come at once after a pause; 0: those of one second.',
    unit: 'requests',
  }),
}

const paceKeys = {
  segments_per_second: optionalInteger(0, MAX_PER_SECOND, {
    about: 'Segments taken per second, as a steady rate; 0: no limit.',
    unit: 'segments per second',
  }),
  segments_burst: optionalInteger(0, MAX_BURST, {
    about: 'Segments that may come at once after a pause; 0: those of one second.',
    unit: 'segments',
  }),
}

const quotaKeys = {
  messages_per_hour: optionalInteger(0, MANY, {
    about: 'Messages within any 60 minutes; 0: no limit.',
    unit: 'messages',
  }),
  segments_per_day: optionalInteger(0, MANY, {
    about: 'Segments within any 24 hours; 0: no limit.',
    unit: 'segments',
  }),
  segments_per_month: optionalInteger(0, MANY, {
    about: 'Segments within a calendar month, UTC; 0: no limit.',
    unit: 'segments',
  }),
  spend_per_day: setting(
    mapping({
      amount: requiredText(
        /^\d{1,9}(\.\d{1,6})?$/,
        'a decimal number with at most 6 decimals, for example "250.00"',
        { about: 'Price of all messages within any 24 hours; 0: no limit.', unit: 'currency' },
      ),
      currency: requiredText(/^[A-Z]{3}$/, 'three capital letters, for example EUR', {
        about: 'Currency of the amount (ISO 4217); prices in others go by `routing.conversion`.',
      }),
    }).optional(),
    { about: 'Spend within any 24 hours.', allowed: 'a mapping', defaultText: 'none' },
  ),
}

const callerKeys = { ...requestKeys, ...paceKeys, ...quotaKeys }
// The segments per second of a partner are a term of its account.
const partnerKeys = { ...requestKeys, ...quotaKeys }
const messageKeys = { ...paceKeys, ...quotaKeys }

const otp = choice(OTP_RULES, 'counted', {
  about: 'Whether messages of the class `otp` count here.',
})

/** The section whose keys are described. */
const DESCRIBED = 'limits.tenant'

function section<T extends z.ZodRawShape>(shape: T, about: string) {
  return setting(mapping(shape).prefault({} as never), {
    about,
    allowed: 'a mapping',
    defaultText: '{}',
    keysAs: DESCRIBED,
  })
}

function overrides<T extends z.ZodRawShape>(shape: T, about: string) {
  return setting(list(mapping(shape), 'a list of mappings').default([]), {
    about: `${about} What is left out is as for all others.`,
    allowed: 'a list of mappings',
    defaultText: '[]',
    keysAs: DESCRIBED,
  })
}

function nameOf(pattern: RegExp, allowed: string, about: string) {
  return requiredText(pattern, allowed, { about })
}

/** The `limits` section of the file. */
export const limitsSchema = setting(
  mapping({
    tenant: setting(mapping(callerKeys).prefault({}), {
      about: 'What each tenant may take, over all its keys and partners.',
      allowed: 'a mapping',
      defaultText: '{}',
    }),
    tenants: overrides(
      {
        tenant: nameOf(/^.{1,63}$/, 'the name of a tenant', 'Name of the tenant.'),
        ...callerKeys,
      },
      'Tenants with limits of their own.',
    ),
    key: section(callerKeys, 'What each API key may take; keys as `limits.tenant`.'),
    keys: overrides(
      {
        key: nameOf(
          /^.{1,63}$/,
          'the name of an API key',
          'Name of the key, see `GET /v1/limits`.',
        ),
        ...callerKeys,
      },
      'Keys with limits of their own.',
    ),
    partner: section(
      partnerKeys,
      'What each partner may take; keys as `limits.tenant`, but its segments per second stand in its account.',
    ),
    partners: overrides(
      {
        partner: nameOf(/^.{1,15}$/, 'the system_id of a partner of this file', 'Its account.'),
        ...partnerKeys,
      },
      'Partners with limits of their own.',
    ),
    sender: section(
      messageKeys,
      'What each sender id of each tenant may take; keys as `limits.tenant`, but no requests.',
    ),
    senders: overrides(
      {
        sender: nameOf(/^.{1,20}$/, 'a sender id', 'The sender id, as messages show it.'),
        ...messageKeys,
      },
      'Sender ids with limits of their own, of every tenant that uses them.',
    ),
    recipient: section(
      { otp, ...messageKeys },
      'What each recipient may get from one tenant, against harassment; keys as `limits.sender`.',
    ),
    recipient_everywhere: section(
      { otp, ...messageKeys },
      'What each recipient may get from all tenants together; keys as `limits.sender`.',
    ),
    otp_recipient: section(
      messageKeys,
      'What each recipient may get from one tenant in messages of the class `otp`; keys as `limits.sender`.',
    ),
    otp_recipient_everywhere: section(
      messageKeys,
      'What each recipient may get from all tenants together in messages of the class `otp`; keys as `limits.sender`.',
    ),
    country: section(
      messageKeys,
      'What each tenant may send to each country; keys as `limits.sender`.',
    ),
    countries: overrides(
      {
        country: nameOf(/^[A-Z]{2}$/, 'two capital letters, for example GB', 'ISO 3166 code.'),
        ...messageKeys,
      },
      'Countries with limits of their own, for every tenant.',
    ),
  }).prefault({}),
  {
    about: 'What keys, tenants, partners, senders, recipients and countries may take.',
    allowed: 'a mapping',
    defaultText: '{}',
  },
)

type FileLimits = ReturnType<(typeof limitsSchema)['parse']>

/** Any of the sections: what a scope has no key for is left out. */
type FileAllowance = Partial<z.output<z.ZodObject<typeof callerKeys>>>

/** The limits of a file without mistakes. */
export function toLimits(file: FileLimits): LimitPolicy {
  const usual = Object.fromEntries(
    LIMIT_SCOPES.map((scope) => [scope, toAllowance(file[scope], {})]),
  ) as Record<LimitScope, Allowance>
  return {
    usual,
    own: {
      key: own(file.keys, ({ key }) => key, file.key),
      tenant: own(file.tenants, ({ tenant }) => tenant, file.tenant),
      partner: own(file.partners, ({ partner }) => partner, file.partner),
      sender: own(file.senders, ({ sender }) => sender, file.sender),
      country: own(file.countries, ({ country }) => country, file.country),
    },
    withoutOtp: new Set(
      (['recipient', 'recipient_everywhere'] as const).filter(
        (scope) => file[scope].otp === 'exempt',
      ),
    ),
  }
}

function own<Entry extends FileAllowance>(
  entries: readonly Entry[],
  nameIn: (entry: Entry) => string,
  usual: FileAllowance,
): ReadonlyMap<string, Allowance> {
  return new Map(entries.map((entry) => [nameIn(entry), toAllowance(entry, usual)]))
}

function toAllowance(file: FileAllowance, usual: FileAllowance): Allowance {
  const spend = file.spend_per_day ?? usual.spend_per_day
  const number = (key: Exclude<keyof FileAllowance, 'spend_per_day'>) =>
    file[key] ?? usual[key] ?? 0
  return {
    requestsPerSecond: number('requests_per_second'),
    requestsBurst: number('requests_burst'),
    segmentsPerSecond: number('segments_per_second'),
    segmentsBurst: number('segments_burst'),
    messagesPerHour: number('messages_per_hour'),
    segmentsPerDay: number('segments_per_day'),
    segmentsPerMonth: number('segments_per_month'),
    spendPerDay: spend ? { micros: parseMicros(spend.amount), currency: spend.currency } : null,
  }
}

/** What holds where the file says nothing: there are no limits. */
export const NO_LIMITS: LimitPolicy = toLimits(limitsSchema.parse(undefined))
