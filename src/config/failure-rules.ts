import { z } from 'zod'
import { CHANNELS } from '../core/channel.ts'
import {
  type AttemptRange,
  FAILURE_ACTIONS,
  FAILURE_SCENES,
  type FailureAction,
  type FailureRule,
} from '../core/failure-rule.ts'
import { BACKOFF_SHAPES, TRAFFIC_CLASSES } from '../core/policy.ts'
import {
  choice,
  integer,
  list,
  mapping,
  optionalInteger,
  optionalText,
  requiredText,
  setting,
} from '../settings/field.ts'

const NAME = /^.{1,63}$/
const DAY_SECONDS = 86_400
const RETRY_SECONDS = 10
const RANGE = /^[1-9]\d{0,4}(-[1-9]\d{0,4})?$/
const RANGES = 'an attempt as in 2, a range as in "1-3", or a list of those'

function texts(pattern: RegExp, item: string, about: string, isText = false) {
  const allowed = `a list of ${item}`
  return setting(
    list(z.string({ error: allowed }).regex(pattern, { error: allowed }), allowed)
      .min(1, { error: allowed })
      .optional(),
    { about, allowed, defaultText: 'none', isText },
  )
}

function words<const T extends readonly [string, ...string[]]>(all: T, about: string) {
  const allowed = `a list of ${all.join(', ')}`
  return setting(
    list(z.enum(all, { error: allowed }), allowed)
      .min(1, { error: allowed })
      .optional(),
    { about, allowed, defaultText: 'none' },
  )
}

const range = z.string({ error: RANGES }).regex(RANGE, { error: RANGES })

const match = mapping({
  carriers: texts(NAME, 'names of carriers of this file', 'Carriers at which it failed.'),
  channels: words(CHANNELS, 'Channels that it went by.'),
  codes: texts(
    /^[^\s\0]{1,64}$/,
    'codes',
    'Codes of [errors.md](errors.md), or raw ones: `0x00000045` for a `command_status`, the `err` of a ' +
      'receipt as it comes.',
    true,
  ),
  keywords: texts(
    /^.{1,100}$/,
    'texts of 1 to 100 characters',
    "Texts of which one is part of the carrier's reason or of its receipt, in any case.",
    true,
  ),
  tenants: texts(NAME, 'names of tenants of this file', 'Whose message it is.'),
  traffic_classes: words(TRAFFIC_CLASSES, 'Traffic classes.'),
  countries: texts(/^[A-Z]{2}$/, 'countries as in GB', 'ISO 3166 codes of the destination.'),
  attempts: setting(
    z.union([range, list(range, RANGES).min(1, { error: RANGES })], { error: RANGES }).optional(),
    {
      about: 'The attempt that failed, counted from 1 over all carriers.',
      allowed: RANGES,
      defaultText: 'none',
      isText: true,
    },
  ),
}).prefault({})

const rule = mapping({
  name: requiredText(NAME, '1 to 63 characters', {
    about: 'Name of the rule, unique in the file; it stands in timelines, metrics and alerts.',
  }),
  priority: integer(0, 1_000_000, 100, {
    about: 'The smaller is asked first; of equals, the one that stands first.',
  }),
  scene: requiredText(
    new RegExp(`^(${FAILURE_SCENES.join('|')})$`),
    `one of ${FAILURE_SCENES.join(', ')}`,
    { about: 'The carrier did not take it, or its final receipt says that it is not delivered.' },
  ),
  match: setting(match, {
    about: 'What the failure must be like; what is left out fits all.',
    allowed: 'a mapping',
    defaultText: '{}',
  }),
  action: requiredText(
    new RegExp(`^(${FAILURE_ACTIONS.join('|')})$`),
    `one of ${FAILURE_ACTIONS.join(', ')}`,
    { about: 'What is done; see [failure-rules.md](failure-rules.md).' },
  ),
  max: integer(1, 100, 3, {
    about: '`retry`: submits to the same carrier after the first; then the next rule is asked.',
    unit: 'submits',
  }),
  delay_seconds: optionalInteger(0, DAY_SECONDS, {
    about: `Wait before the next submit, with \`retry\` the first. Without it: ${RETRY_SECONDS} for \`retry\`, none for \`switch_provider\`.`,
    unit: 'seconds',
  }),
  backoff: choice(BACKOFF_SHAPES, 'fixed', { about: '`retry`: how the waits grow.' }),
  max_delay_seconds: integer(1, DAY_SECONDS, 3_600, {
    about: '`retry`: longest wait.',
    unit: 'seconds',
  }),
  to: texts(
    NAME,
    'names of carriers of this file',
    '`switch_provider`: the carriers that may get it; without it all that take the message.',
  ),
  code: optionalText(/^[a-z_]{1,64}$/, 'a code of errors.md', {
    about: '`fail`: the code that the message ends with, where not that of the failure.',
  }),
})

/** The `failure_rules` section of the file. */
export const failureRulesSchema = setting(list(rule, 'a list of rules').default([]), {
  about: 'What follows a failure, where it is not what the policies say.',
  allowed: 'a list of mappings',
  defaultText: '[]',
})

type FileRule = ReturnType<(typeof failureRulesSchema)['parse']>[number]

/** The rules of a file without mistakes; `match.tenants` has the names of the file. */
export function toFailureRules(rules: readonly FileRule[]): FailureRule[] {
  return rules.map(({ name, priority, scene, match: wanted, ...more }) => ({
    name,
    priority,
    scene: scene as FailureRule['scene'],
    match: {
      carriers: wanted.carriers,
      channels: wanted.channels,
      codes: wanted.codes,
      keywords: wanted.keywords,
      tenants: wanted.tenants,
      trafficClasses: wanted.traffic_classes,
      countries: wanted.countries,
      attempts: wanted.attempts === undefined ? undefined : [wanted.attempts].flat().map(toRange),
    },
    action: toAction(more),
  }))
}

function toRange(text: string): AttemptRange {
  const [from, to = from] = text.split('-').map(Number) as [number, number?]
  return { from, to }
}

function toAction(rule: Omit<FileRule, 'name' | 'priority' | 'scene' | 'match'>): FailureAction {
  const kind = rule.action as FailureAction['kind']
  switch (kind) {
    case 'retry':
      return {
        kind,
        max: rule.max,
        delaySeconds: rule.delay_seconds ?? RETRY_SECONDS,
        backoff: rule.backoff,
        maxDelaySeconds: rule.max_delay_seconds,
      }
    case 'switch_provider':
      return { kind, delaySeconds: rule.delay_seconds ?? 0, to: rule.to ?? [] }
    case 'fail':
      return { kind, code: rule.code ?? null }
    default:
      return { kind }
  }
}
