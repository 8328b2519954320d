import { integer, mapping, setting } from '../settings/field.ts'

/** How long the sums of what messages have done are kept. */
export interface UsageConfig {
  /** Days until those of an hour are deleted; 0: never. */
  readonly hourlyDays: number
  /** Days until those of a day are deleted; 0: never. */
  readonly dailyDays: number
}

const MAX_DAYS = 3650

/** The `usage` section of the file. */
export const usageSchema = setting(
  mapping({
    hourly_days: integer(0, MAX_DAYS, 92, {
      about: 'Age at which the usage of single hours is deleted; 0 keeps it.',
      unit: 'days',
    }),
    daily_days: integer(0, MAX_DAYS, 1827, {
      about: 'Age at which the usage of single days is deleted; 0 keeps it. That of months stays.',
      unit: 'days',
    }),
  }).prefault({}),
  {
    about: 'How long usage is kept, see [usage.md](usage.md).',
    allowed: 'a mapping',
    defaultText: '{}',
  },
)

type FileUsage = ReturnType<(typeof usageSchema)['parse']>

/** The usage section of a file without mistakes. */
export function toUsage({ hourly_days, daily_days }: FileUsage): UsageConfig {
  return { hourlyDays: hourly_days, dailyDays: daily_days }
}
