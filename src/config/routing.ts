import { z } from 'zod'
import { CHANNELS } from '../core/channel.ts'
import { TAG, TAG_ALLOWED } from '../core/message-tags.ts'
import { TRAFFIC_CLASSES } from '../core/policy.ts'
import {
  REGIONS,
  type RouteRule,
  STICKINESSES,
  STRATEGIES,
  type Strategy,
} from '../core/route-rule.ts'
import {
  choice,
  integer,
  list,
  mapping,
  optionalText,
  requiredText,
  setting,
  text,
} from '../settings/field.ts'

/** How carriers are chosen. */
export interface RoutingConfig {
  /** ISO 4217; undefined: amounts are compared as they are. */
  readonly baseCurrency: string | undefined
  /** What one unit of a currency is worth in the base currency, the base itself included. */
  readonly conversion: Readonly<Record<string, number>>
  /** In order: the first that fits a message counts. */
  readonly routes: readonly RouteRule[]
}

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/
const NAME_ALLOWED = '1 to 63 letters, digits, "-", "_" or ".", the first a letter or a digit'
const ROUTE_LIMIT = 10_000
const MAX_PATTERN = 500
const FRACTION = /^(0(\.\d{1,4})?|1(\.0{1,4})?)$/
const FRACTION_ALLOWED = 'a decimal number from 0 to 1 with at most 4 decimals, for example "0.85"'
const AMOUNT = /^\d{1,12}(\.\d{1,6})?$/
const AMOUNT_ALLOWED = 'a decimal number with at most 6 decimals, for example "0.0500"'
const RATE = /^(?!0+(\.0+)?$)\d{1,9}(\.\d{1,9})?$/
const RATE_ALLOWED = 'a decimal number above 0, for example "0.9213"'
const FACTOR = /^\d{1,6}(\.\d{1,6})?$/
const FACTOR_ALLOWED = 'a decimal number from 0, for example "1.5"'
const CLOCK = /^([01]\d|2[0-3]):[0-5]\d$|^24:00$/
const CLOCK_ALLOWED = 'a time such as "08:30", up to "24:00"'

function texts(pattern: RegExp, allowed: string, about: string) {
  const many = `a list, each ${allowed}`
  return setting(
    list(z.string({ error: allowed }).regex(pattern, { error: allowed }), many).default([]),
    { about, allowed: many, defaultText: '[]', isText: true },
  )
}

function words<const T extends readonly [string, ...string[]]>(known: T, about: string) {
  const allowed = `a list of ${known.join(', ')}`
  return setting(list(z.enum(known, { error: allowed }), allowed).default([]), {
    about,
    allowed,
    defaultText: '[]',
  })
}

const hours = mapping({
  from: requiredText(CLOCK, CLOCK_ALLOWED, { about: 'When it begins.' }),
  to: requiredText(CLOCK, CLOCK_ALLOWED, {
    about: 'When it ends; before `from`: on the next day.',
  }),
  days: words(DAYS, 'Days on which it begins; left out, all.'),
  time_zone: setting(
    z
      .string({ error: 'a time zone such as Europe/Berlin' })
      .refine(isTimeZone, { error: 'a time zone such as Europe/Berlin' })
      .default('UTC'),
    {
      about: 'Time zone of these times.',
      allowed: 'a time zone such as Europe/Berlin',
      defaultText: 'UTC',
      isText: true,
    },
  ),
})

const strategy = mapping({
  name: choice(STRATEGIES, 'expected_cost', {
    about:
      'How the carriers are put in order: by price, by price and share delivered, by share delivered, by all with ' +
      'weights, as listed, in turn, in turn by weight, by lot. docs/routing.md describes each.',
  }),
  sticky: choice(STICKINESSES, 'none', {
    about:
      'Keep all messages of a sender id, or to a recipient, with one carrier while it can take them.',
  }),
  price: text(FACTOR, FACTOR_ALLOWED, '1', { about: 'Weight of the price for `weighted`.' }),
  quality: text(FACTOR, FACTOR_ALLOWED, '1', {
    about: 'Weight of the share delivered for `weighted`.',
  }),
  latency: text(FACTOR, FACTOR_ALLOWED, '0', {
    about:
      'Weight of the time to the receipt for `weighted`; with 1, after a minute a message is worth nothing.',
  }),
  delivered_value: optionalText(AMOUNT, AMOUNT_ALLOWED, {
    about:
      'What a delivered segment is worth to `weighted`. Without it: what the tenant pays, or three times the ' +
      'lowest price.',
    unit: 'base currency',
  }),
  weights: setting(
    z
      .record(z.string(), z.int({ error: 'a whole number' }).min(0).max(10_000), {
        error: 'a mapping of carriers to whole numbers from 0 to 10000',
      })
      .default({}),
    {
      about: 'Shares of `weighted_round_robin` and `random`; carriers that are not named have 1.',
      allowed: 'a mapping of carriers to whole numbers from 0 to 10000',
      defaultText: '{}',
    },
  ),
  min_success: text(FRACTION, FRACTION_ALLOWED, '0', {
    about: 'Carriers that surely deliver less than this share come after the others.',
  }),
  explore_percent: integer(0, 50, 0, {
    about: 'Messages that try another than the best carrier, so that what it does stays known.',
    unit: 'percent',
  }),
})

const canary = mapping({
  carrier: requiredText(NAME, 'the name of a carrier of this file', { about: 'The new carrier.' }),
  percent: integer(1, 100, 5, { about: 'Share of the messages that it gets.', unit: 'percent' }),
  stop_below: text(FRACTION, FRACTION_ALLOWED, '0.8', {
    about: 'It gets nothing more when it surely delivers less than this share.',
  }),
  after_messages: integer(1, 100_000, 50, {
    about: 'Messages before it is judged.',
    unit: 'messages',
  }),
})

const route = mapping({
  name: requiredText(NAME, NAME_ALLOWED, { about: 'Name of the route, unique in the file.' }),
  tenants: texts(NAME, 'the name of a tenant', 'Whose messages; left out, all.'),
  senders: texts(
    /^[^*\0]{0,20}\*?$/,
    'a sender id, "*" at its end for anything',
    'Sender ids; left out, all.',
  ),
  channels: words(CHANNELS, 'Channels that they go by; left out, all.'),
  prefixes: texts(/^\d{1,15}$/, '1 to 15 digits', 'Leading digits of the number; left out, all.'),
  countries: texts(/^[A-Z]{2}$/, 'an ISO 3166 code such as GB', 'Countries; left out, all.'),
  regions: words(REGIONS, 'Parts of the world; left out, all.'),
  networks: texts(
    /^\d{3}(\d{2,3})?$/,
    'MCC and MNC, or an MCC',
    'Networks by MCC and MNC, or by MCC alone; left out, all.',
  ),
  traffic_classes: words(TRAFFIC_CLASSES, 'Traffic classes; left out, all.'),
  tags: texts(TAG, TAG_ALLOWED, 'Messages that have at least one of these tags; left out, all.'),
  content: setting(
    z
      .string({ error: 'a regular expression' })
      .max(MAX_PATTERN, { error: `a regular expression of up to ${MAX_PATTERN} characters` })
      .refine(isSafePattern, { error: 'a regular expression without nested repetitions' })
      .optional(),
    {
      about:
        'Regular expression that the text must match, in any case of letters; left out, any text.',
      allowed: 'a regular expression without nested repetitions',
      defaultText: 'none',
      isText: true,
    },
  ),
  hours: setting(hours.optional(), {
    about: 'When the route is in force; left out, always.',
    allowed: 'a mapping',
    defaultText: 'none',
  }),
  carriers: setting(
    list(z.string().regex(NAME, { error: NAME_ALLOWED }), 'a list of carriers')
      .min(1)
      .optional(),
    {
      about: 'Carriers that may take its messages, the preferred first; left out, all.',
      allowed: 'a list of names of carriers of this file',
      defaultText: 'none',
    },
  ),
  carrier_tags: texts(NAME, NAME_ALLOWED, 'Only carriers with one of these tags; left out, all.'),
  deny: texts(
    NAME,
    'the name of a carrier of this file',
    'Carriers that must not take its messages.',
  ),
  strategy: setting(strategy.prefault({}), {
    about: 'How its carriers are put in order.',
    allowed: 'a mapping',
    defaultText: '{}',
  }),
  canary: setting(canary.optional(), {
    about:
      'A new carrier that gets a small share, and is stopped by itself when it delivers too little.',
    allowed: 'a mapping',
    defaultText: 'none',
  }),
})

/** The `routing` section of the file. */
export const routingSchema = setting(
  mapping({
    base_currency: optionalText(/^[A-Z]{3}$/, 'three capital letters, for example EUR', {
      about: 'Currency in which prices of different currencies are compared (ISO 4217).',
    }),
    conversion: setting(
      z
        .record(
          z.string().regex(/^[A-Z]{3}$/, { error: 'three capital letters' }),
          z.string({ error: RATE_ALLOWED }).regex(RATE, { error: RATE_ALLOWED }),
          { error: 'a mapping of currencies to decimal numbers' },
        )
        .default({}),
      {
        about: 'What one unit of another currency is worth in the base currency.',
        allowed: 'a mapping of currencies to decimal numbers, for example { USD: "0.9213" }',
        defaultText: '{}',
        isText: true,
      },
    ),
    routes: setting(list(route, 'a list of routes').max(ROUTE_LIMIT).default([]), {
      about:
        'Which carriers may take which messages, and in what order: the first route that fits a message counts. ' +
        'Messages that none fits go to any carrier by expected cost.',
      allowed: 'a list of mappings',
      defaultText: '[]',
    }),
  }).prefault({}),
  { about: 'How carriers are chosen.', allowed: 'a mapping', defaultText: '{}' },
)

type FileRouting = z.output<typeof routingSchema>
type FileRoute = FileRouting['routes'][number]

/** The section of a file without mistakes. */
export function toRouting({ base_currency, conversion, routes }: FileRouting): RoutingConfig {
  return {
    baseCurrency: base_currency,
    conversion: {
      ...(base_currency === undefined ? {} : { [base_currency]: 1 }),
      ...Object.fromEntries(Object.entries(conversion).map(([key, rate]) => [key, Number(rate)])),
    },
    routes: routes.map(toRoute),
  }
}

/** What holds where the file says nothing: for tests and the sandbox. */
export const DEFAULT_ROUTING: RoutingConfig = toRouting(routingSchema.parse(undefined))

function toRoute(route: FileRoute): RouteRule {
  return {
    name: route.name,
    match: {
      tenants: route.tenants,
      senders: route.senders,
      channels: route.channels,
      prefixes: route.prefixes,
      countries: route.countries,
      regions: route.regions,
      networks: route.networks,
      trafficClasses: route.traffic_classes,
      tags: route.tags,
      content: route.content === undefined ? undefined : new RegExp(route.content, 'iu'),
      hours: route.hours && {
        timeZone: route.hours.time_zone,
        days: route.hours.days.map((day) => DAYS.indexOf(day) + 1),
        fromMinute: minuteOf(route.hours.from),
        toMinute: minuteOf(route.hours.to),
      },
    },
    carriers: route.carriers,
    carrierTags: route.carrier_tags,
    deny: route.deny,
    strategy: toStrategy(route.strategy),
    canary: route.canary && {
      carrier: route.canary.carrier,
      percent: route.canary.percent,
      stopBelow: Number(route.canary.stop_below),
      afterMessages: route.canary.after_messages,
    },
  }
}

const MICROS = 1_000_000

function toStrategy(strategy: FileRoute['strategy']): Strategy {
  const { delivered_value: value } = strategy
  return {
    name: strategy.name,
    sticky: strategy.sticky,
    price: Number(strategy.price),
    quality: Number(strategy.quality),
    latency: Number(strategy.latency),
    deliveredValueMicros: value === undefined ? undefined : Math.round(Number(value) * MICROS),
    weights: strategy.weights,
    minSuccess: Number(strategy.min_success),
    explorePercent: strategy.explore_percent,
  }
}

function minuteOf(clock: string): number {
  const [hour = '0', minute = '0'] = clock.split(':')
  return Number(hour) * 60 + Number(minute)
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

/** A repetition of a repetition takes exponential time on some texts. */
const NESTED_REPETITION = /\([^()]*[*+}][^()]*\)[*+{]/

function isSafePattern(pattern: string): boolean {
  try {
    new RegExp(pattern, 'iu')
  } catch {
    return false
  }
  return !NESTED_REPETITION.test(pattern)
}
