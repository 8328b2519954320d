import { integer, mapping, setting } from '../settings/field.ts'

/** How long users of the console stay signed in. */
export interface SessionsConfig {
  readonly idleSeconds: number
  readonly maxSeconds: number
}

/** The `sessions` section of the file. */
export const sessionsSchema = setting(
  mapping({
    idle_seconds: integer(60, 2_592_000, 43_200, {
      about: 'Time without a request after which a session ends.',
      unit: 'seconds',
    }),
    max_seconds: integer(60, 7_776_000, 604_800, {
      about: 'Time after which a session ends in any case.',
      unit: 'seconds',
    }),
  }).prefault({}),
  {
    about: 'How long users of the console stay signed in.',
    allowed: 'a mapping',
    defaultText: '{}',
  },
)

/** The sessions of a file without mistakes. */
export function toSessions(file: ReturnType<(typeof sessionsSchema)['parse']>): SessionsConfig {
  return { idleSeconds: file.idle_seconds, maxSeconds: file.max_seconds }
}
