import { resolve } from 'node:path'
import { z } from 'zod'
import { TRAFFIC_CLASSES, type TrafficClass } from '../core/policy.ts'
import {
  choice,
  flag,
  integer,
  list,
  mapping,
  optionalText,
  requiredText,
  setting,
} from '../settings/field.ts'

/** What is known of numbers and senders. */
export interface NumbersConfig {
  /** Absolute path of a CSV file of ranges; undefined: none. */
  readonly networkFile: string | undefined
  /** Absolute path of a CSV file of ported numbers; undefined: none. */
  readonly portedFile: string | undefined
  /** Undefined: numbers are not looked up. */
  readonly lookup: NumberLookupConfig | undefined
  readonly shortCodes: readonly ShortCodeConfig[]
  readonly senderRules: readonly SenderRuleConfig[]
  readonly shippedSenderRules: boolean
  readonly unregisteredSenders: 'allow' | 'refuse'
}

/** An HTTP service that tells the network of a number. */
export interface NumberLookupConfig {
  /** `{number}` in it stands for the digits of the number. */
  readonly url: string
  readonly token: string | undefined
  /** Where MCC and MNC are in the answer. */
  readonly field: string
  readonly timeoutMs: number
  readonly deadlineMs: number
  readonly concurrency: number
  readonly ttlSeconds: number
  readonly negativeTtlSeconds: number
  readonly cacheEntries: number
  readonly maxFailures: number
  readonly pauseSeconds: number
  readonly allowPrivateAddresses: boolean
}

/** A short code that messages may be sent to. */
export interface ShortCodeConfig {
  readonly code: string
  readonly country: string
  readonly carriers: readonly string[] | undefined
}

/** What is done about a sender; what is undefined fits all. */
export interface SenderRuleConfig {
  readonly countries: readonly string[] | undefined
  /** Names of tenants; they exist. */
  readonly tenants: readonly string[] | undefined
  readonly trafficClasses: readonly TrafficClass[] | undefined
  readonly kinds: readonly (typeof SENDER_KINDS)[number][] | undefined
  readonly senders: readonly string[] | undefined
  readonly action: (typeof SENDER_ACTIONS)[number]
  /** With `replace`. */
  readonly sender: string | undefined
  readonly reason: string | undefined
}

const SENDER_KINDS = ['alphanumeric', 'number', 'short_code'] as const
const SENDER_ACTIONS = ['allow', 'refuse', 'replace'] as const
const COUNTRY = /^[A-Z]{2}$/
const COUNTRY_ALLOWED = 'an ISO 3166 country, two capitals such as GB'
const NAME = /^.{1,63}$/
const PATH = /^[^\0]+$/
const URL_FORM = /^https?:\/\/[^\s{}]*\{number\}[^\s{}]*$/
const URL_ALLOWED = 'an http or https URL with {number} in it'

function texts(pattern: RegExp, allowed: string, about: string, isText = false) {
  const many = `a list of ${allowed}`
  return setting(
    list(z.string({ error: allowed }).regex(pattern, { error: allowed }), many)
      .min(1, { error: many })
      .optional(),
    { about, allowed: many, defaultText: 'none', isText },
  )
}

function words<const T extends readonly [string, ...string[]]>(values: T, about: string) {
  const allowed = `a list of ${values.join(', ')}`
  return setting(
    list(z.enum(values, { error: `one of ${values.join(', ')}` }), allowed)
      .min(1, { error: allowed })
      .optional(),
    { about, allowed, defaultText: 'none' },
  )
}

const lookup = mapping({
  url: requiredText(URL_FORM, URL_ALLOWED, {
    about: 'Asked with GET; `{number}` stands for the digits of the number without `+`.',
  }),
  token: optionalText(/^[\x21-\x7e]{1,2000}$/, '1 to 2000 ASCII characters without blanks', {
    about: 'Sent as `Authorization: Bearer`.',
    isSecret: true,
  }),
  field: setting(
    z
      .string({ error: 'names joined by "."' })
      .regex(/^[^.\s]+(\.[^.\s]+)*$/, { error: 'names joined by "."' })
      .default('mccmnc'),
    {
      about: 'Where MCC and MNC are in the answer, for example `data.network.mccmnc`.',
      allowed: 'names joined by "."',
      defaultText: 'mccmnc',
      isText: true,
    },
  ),
  timeout_ms: integer(50, 60_000, 2_000, { about: 'Time for an answer.', unit: 'milliseconds' }),
  deadline_ms: integer(1, 10_000, 300, {
    about:
      'How long a message waits for it; then the tables tell its network, and the answer counts for ' +
      'the next message.',
    unit: 'milliseconds',
  }),
  concurrency: integer(1, 1_000, 50, { about: 'Requests at once.', unit: 'requests' }),
  ttl_seconds: integer(1, 31_536_000, 86_400, {
    about: 'How long an answer is kept.',
    unit: 'seconds',
  }),
  negative_ttl_seconds: integer(1, 31_536_000, 3_600, {
    about: 'How long it is kept that the service does not know a number.',
    unit: 'seconds',
  }),
  cache_entries: integer(2, 10_000_000, 1_000_000, {
    about: 'Answers kept at most; a million take about 35 MB.',
    unit: 'numbers',
  }),
  max_failures: integer(1, 1_000, 5, {
    about: 'Failures in a row after which the service is left alone.',
    unit: 'requests',
  }),
  pause_seconds: integer(1, 3_600, 10, {
    about: 'For how long; then one request tries it again.',
    unit: 'seconds',
  }),
  allow_private_addresses: flag(false, {
    about: 'The service may be at a private, loopback or link-local address.',
  }),
})

const shortCode = mapping({
  code: requiredText(/^\d{3,8}$/, '3 to 8 digits', {
    about: 'The short code, unique in the file.',
  }),
  country: requiredText(COUNTRY, COUNTRY_ALLOWED, {
    about: "The country whose networks know it; its price is that of the country's calling code.",
  }),
  carriers: texts(
    NAME,
    'names of carriers of this file',
    'The carriers that reach it; left out, all.',
  ),
})

const senderRule = mapping({
  countries: texts(
    COUNTRY,
    'ISO 3166 countries, two capitals each',
    'Destinations; left out, all.',
  ),
  tenants: texts(NAME, 'names of tenants of this file', "Whose messages; left out, everybody's."),
  classes: words(TRAFFIC_CLASSES, 'Traffic classes; left out, all.'),
  kinds: words(SENDER_KINDS, 'Kinds of senders; left out, all.'),
  senders: texts(
    /^\+?[^+\0]{1,15}$/,
    'senders',
    'The senders themselves, in any case; left out, all.',
    true,
  ),
  action: setting(z.enum(SENDER_ACTIONS, { error: `one of ${SENDER_ACTIONS.join(', ')}` }), {
    about: 'What is done: `replace` puts `sender` in the place of what was asked for.',
    allowed: `one of ${SENDER_ACTIONS.join(', ')}`,
    defaultText: 'required',
  }),
  sender: optionalText(/^[^\0]{1,20}$/, 'a sender id', {
    about: 'With `replace`: the sender in its place.',
  }),
  reason: optionalText(/^[^\0]{1,200}$/, 'up to 200 characters', {
    about: 'With `refuse`: told to the sender of the message.',
  }),
})

/** The `numbers` section of the file. */
export const numbersSchema = setting(
  mapping({
    network_file: optionalText(PATH, 'the path of a CSV file', {
      about:
        'Ranges of numbers and their networks (`prefix,mccmnc,name`), taken in at the start when the ' +
        'file has changed.',
    }),
    ported_file: optionalText(PATH, 'the path of a CSV file', {
      about:
        'Numbers that were ported (`number,mccmnc`), taken in at the start when the file has changed; ' +
        'it replaces those that are known.',
    }),
    lookup: setting(lookup.optional(), {
      about: 'A service that is asked for the network of a number.',
      allowed: 'a mapping',
      defaultText: 'none',
    }),
    short_codes: setting(list(shortCode, 'a list of short codes').default([]), {
      about:
        'Short codes that messages may be sent to; any other is refused as a malformed number.',
      allowed: 'a list of { code, country, carriers }',
      defaultText: '[]',
    }),
    sender_rules: setting(list(senderRule, 'a list of rules').default([]), {
      about:
        'Rules for sender ids; the first that fits counts, before those that come with Linehaul.',
      allowed: 'a list of mappings',
      defaultText: '[]',
    }),
    shipped_sender_rules: flag(true, {
      about: 'Follow the rules that come with Linehaul; see [numbers.md](numbers.md).',
    }),
    unregistered_senders: choice(['allow', 'refuse'], 'allow', {
      about:
        'Names as senders in countries that want them registered, where no rule of `sender_rules` fits.',
    }),
  }).prefault({}),
  {
    about: 'Networks of numbers, short codes and senders.',
    allowed: 'a mapping',
    defaultText: '{}',
  },
)

/** The section as the gateway has it; relative paths start at `folder`. */
export function toNumbers(content: z.output<typeof numbersSchema>, folder: string): NumbersConfig {
  const path = (file: string | undefined) =>
    file === undefined ? undefined : resolve(folder, file)
  return {
    networkFile: path(content.network_file),
    portedFile: path(content.ported_file),
    lookup: content.lookup && {
      url: content.lookup.url,
      token: content.lookup.token,
      field: content.lookup.field,
      timeoutMs: content.lookup.timeout_ms,
      deadlineMs: content.lookup.deadline_ms,
      concurrency: content.lookup.concurrency,
      ttlSeconds: content.lookup.ttl_seconds,
      negativeTtlSeconds: content.lookup.negative_ttl_seconds,
      cacheEntries: content.lookup.cache_entries,
      maxFailures: content.lookup.max_failures,
      pauseSeconds: content.lookup.pause_seconds,
      allowPrivateAddresses: content.lookup.allow_private_addresses,
    },
    shortCodes: content.short_codes.map(({ code, country, carriers }) => ({
      code,
      country,
      carriers,
    })),
    senderRules: content.sender_rules.map(({ classes, ...rule }) => ({
      countries: rule.countries,
      tenants: rule.tenants,
      trafficClasses: classes,
      kinds: rule.kinds,
      senders: rule.senders,
      action: rule.action,
      sender: rule.sender,
      reason: rule.reason,
    })),
    shippedSenderRules: content.shipped_sender_rules,
    unregisteredSenders: content.unregistered_senders,
  }
}
