import { z } from 'zod'
import {
  type ConversionPolicy,
  GUARD_ACTIONS,
  type LoopPolicy,
  type VelocityPolicy,
} from '../core/guards.ts'
import { TRAFFIC_CLASSES, type TrafficClass } from '../core/policy.ts'
import { choice, flag, integer, list, mapping, setting } from '../settings/field.ts'

/** What guards go by, and what none looks at. */
export interface GuardsConfig {
  readonly velocity: VelocityPolicy
  readonly conversion: ConversionPolicy
  readonly loops: LoopPolicy
  readonly except: {
    /** Names of tenants; they exist. */
    readonly tenants: readonly string[]
    /** Digits. */
    readonly prefixes: readonly string[]
    readonly classes: readonly TrafficClass[]
  }
}

const DAY_SECONDS = 86_400
const MANY = 1_000_000_000
const CLASSES = `one of ${TRAFFIC_CLASSES.join(', ')}`

function action(about: string) {
  return choice(GUARD_ACTIONS, 'off', { about })
}

function coolDown(fallback: number) {
  return integer(1, 30 * DAY_SECONDS, fallback, {
    about: 'How long an open breaker stays open.',
    unit: 'seconds',
  })
}

function words(pattern: RegExp, allowed: string, about: string) {
  const item = z.string({ error: allowed }).regex(pattern, { error: allowed })
  return setting(list(item, 'a list').default([]), {
    about,
    allowed: `a list; each ${allowed}`,
    defaultText: '[]',
    isText: true,
  })
}

const velocity = setting(
  mapping({
    action: action('What is done with messages beyond a limit or the usual.'),
    prefix_digits: integer(0, 10, 4, {
      about: 'Digits after the country code that make a prefix, for `conversion` too.',
      unit: 'digits',
    }),
    window_seconds: integer(1, 3_600, 60, {
      about: 'Messages are counted in a window of this length that slides.',
      unit: 'seconds',
    }),
    prefix_limit: integer(0, MANY, 0, {
      about: 'Messages to one prefix within a window; 0: no fixed limit.',
      unit: 'messages',
    }),
    country_limit: integer(0, MANY, 0, {
      about: 'Messages of one tenant to one country within a window; 0: no fixed limit.',
      unit: 'messages',
    }),
    burst_factor: integer(0, 1_000_000, 10, {
      about: 'So many times the usual is a burst; 0: nothing is compared with the usual.',
    }),
    burst_least: integer(1, MANY, 50, {
      about: 'Messages within a window below which nothing is a burst.',
      unit: 'messages',
    }),
    learn_seconds: integer(1, 30 * DAY_SECONDS, DAY_SECONDS, {
      about:
        'After this time a window counts half in what is usual; nothing is a burst before so much time was seen.',
      unit: 'seconds',
    }),
    cool_down_seconds: coolDown(900),
  }).prefault({}),
  {
    about: 'Against pumping: messages per number prefix, and per tenant and country.',
    allowed: 'a mapping',
    defaultText: '{}',
  },
)

const conversion = setting(
  mapping({
    action: action('What is done with codes to a prefix where too few are used.'),
    least_percent: integer(1, 100, 20, {
      about: 'Share of delivered codes that must be used.',
      unit: 'percent',
    }),
    least_messages: integer(1, MANY, 50, {
      about: 'Delivered codes below which nothing is said.',
      unit: 'messages',
    }),
    feedback_seconds: integer(4, DAY_SECONDS, 600, {
      about: 'After this time a code that nobody has reported on counts as not used.',
      unit: 'seconds',
    }),
    half_life_seconds: integer(60, 30 * DAY_SECONDS, 3_600, {
      about: 'After this time a code counts half.',
      unit: 'seconds',
    }),
    avoid_suspects: flag(true, {
      about:
        'Carriers that deliver codes nobody uses, though those by others are used, come after the others ' +
        'for that tenant and prefix, whatever `action` says.',
    }),
    cool_down_seconds: coolDown(1_800),
  }).prefault({}),
  {
    about: 'Against pumping and faked receipts: how many codes (`otp`) are used.',
    allowed: 'a mapping',
    defaultText: '{}',
  },
)

const loops = setting(
  mapping({
    action: action('What is done with messages that go on in a loop.'),
    exchanges: integer(1, 10_000, 10, {
      about: 'Answers at once to one number within the window: more is a loop.',
    }),
    window_seconds: integer(1, DAY_SECONDS, 300, {
      about: 'Exchanges are counted for this time.',
      unit: 'seconds',
    }),
    reply_seconds: integer(1, 3_600, 5, {
      about: 'A message so soon after one of the handset is an answer by a machine.',
      unit: 'seconds',
    }),
    equal_texts: integer(3, 10_000, 5, {
      about: 'The same two texts so often in turn are a loop at any speed.',
    }),
    cool_down_seconds: coolDown(600),
  }).prefault({}),
  {
    about: 'Against applications that answer each other for ever.',
    allowed: 'a mapping',
    defaultText: '{}',
  },
)

/** The `guards` section of the file. */
export const guardsSchema = setting(
  mapping({
    velocity,
    conversion,
    loops,
    except: setting(
      mapping({
        tenants: words(/^.{1,63}$/, 'the name of a tenant', 'Whose messages pass.'),
        prefixes: words(/^\d{1,15}$/, 'digits without +', 'Recipients whose messages pass.'),
        classes: setting(list(z.enum(TRAFFIC_CLASSES, { error: CLASSES }), 'a list').default([]), {
          about: 'Classes of messages that pass.',
          allowed: `a list; each ${CLASSES}`,
          defaultText: '[]',
        }),
      }).prefault({}),
      { about: 'What no guard looks at.', allowed: 'a mapping', defaultText: '{}' },
    ),
  }).prefault({}),
  {
    about: 'Against pumping, faked receipts and loops; all are off unless switched on.',
    allowed: 'a mapping',
    defaultText: '{}',
  },
)

type FileGuards = ReturnType<(typeof guardsSchema)['parse']>

/** The guards of a file without mistakes. */
export function toGuards({ velocity, conversion, loops, except }: FileGuards): GuardsConfig {
  return {
    velocity: {
      action: velocity.action,
      prefixDigits: velocity.prefix_digits,
      windowSeconds: velocity.window_seconds,
      prefixLimit: velocity.prefix_limit,
      countryLimit: velocity.country_limit,
      burstFactor: velocity.burst_factor,
      burstLeast: velocity.burst_least,
      learnSeconds: velocity.learn_seconds,
      coolDownSeconds: velocity.cool_down_seconds,
    },
    conversion: {
      action: conversion.action,
      leastPercent: conversion.least_percent,
      leastMessages: conversion.least_messages,
      feedbackSeconds: conversion.feedback_seconds,
      halfLifeSeconds: conversion.half_life_seconds,
      avoidSuspects: conversion.avoid_suspects,
      coolDownSeconds: conversion.cool_down_seconds,
    },
    loops: {
      action: loops.action,
      exchanges: loops.exchanges,
      windowSeconds: loops.window_seconds,
      replySeconds: loops.reply_seconds,
      equalTexts: loops.equal_texts,
      coolDownSeconds: loops.cool_down_seconds,
    },
    except: { tenants: except.tenants, prefixes: except.prefixes, classes: except.classes },
  }
}

/** What holds where the file says nothing: every guard is off. */
export const DEFAULT_GUARDS: GuardsConfig = toGuards(guardsSchema.parse(undefined))
