import type { z } from 'zod'
import { integer, mapping, requiredText, setting, text } from '../settings/field.ts'

/** How often a carrier is looked at, and how. */
export interface CheckConfig {
  /** Between two looks at its connections; 0: never. */
  readonly everyMs: number
  readonly timeoutMs: number
  /** Undefined: no messages are sent to it. */
  readonly message: CheckMessageConfig | undefined
}

/** The message by which a carrier is tried. */
export interface CheckMessageConfig {
  readonly to: string
  readonly from: string
  readonly text: string
  readonly everyMs: number
  readonly receiptMs: number
}

const message = mapping({
  to: requiredText(/^\+[1-9]\d{6,14}$/, 'a number such as +447700900123', {
    about: 'A number of yours that it is sent to.',
  }),
  from: requiredText(/^(\+?\d{3,15}|[\x20-\x7e]{1,11})$/, 'a sender id', { about: 'Its sender.' }),
  text: text(/^[^\0]{1,70}$/, '1 to 70 characters', 'Test', { about: 'Its text.' }),
  every_seconds: integer(10, 86_400, 900, {
    about: 'Time between two; each is charged like any message.',
    unit: 'seconds',
  }),
  receipt_seconds: integer(1, 3_600, 120, {
    about: 'Time in which its receipt has to say that it is delivered.',
    unit: 'seconds',
  }),
})

/** The `check` mapping of a carrier. */
export const checkSchema = setting(
  mapping({
    every_seconds: integer(0, 86_400, 60, {
      about: 'Time between two `enquire_link` on each bind, whatever else goes over it; 0: none.',
      unit: 'seconds',
    }),
    timeout_seconds: integer(1, 300, 5, {
      about:
        'Time for the answer; without one it is a failure of the carrier. No longer than ' +
        '`response_timeout_seconds`.',
      unit: 'seconds',
    }),
    message: setting(message.optional(), {
      about:
        'A message that goes through this carrier from time to time and must be delivered: finds one that takes ' +
        'messages and drops them.',
      allowed: 'a mapping',
      defaultText: 'none',
    }),
  }).prefault({}),
  {
    about: 'How the carrier is looked at while nobody sends; see [health.md](health.md).',
    allowed: 'a mapping',
    defaultText: '{}',
  },
)

/** The `check` of a carrier without mistakes. */
export function toCheck({
  every_seconds,
  timeout_seconds,
  message: file,
}: z.output<typeof checkSchema>): CheckConfig {
  return {
    everyMs: every_seconds * 1_000,
    timeoutMs: timeout_seconds * 1_000,
    message: file && {
      to: file.to,
      from: file.from,
      text: file.text,
      everyMs: file.every_seconds * 1_000,
      receiptMs: file.receipt_seconds * 1_000,
    },
  }
}
