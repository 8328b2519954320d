import { GatewayError } from '../core/errors.ts'

/** Hours, days or months, all in UTC. */
export type Period = 'hour' | 'day' | 'month'

/** Some whole periods. */
export interface PeriodRange {
  /** Start of the first. */
  readonly from: Date
  /** End of the last. */
  readonly before: Date
}

/** As many periods may be asked for at once: a month of hours, two years of days. */
const MAX_PERIODS = 800

const HOUR_MS = 3_600_000

/** The start of the period that is so many periods later than that of an instant. */
export function startOf(period: Period, at: Date, later = 0): Date {
  switch (period) {
    case 'hour':
      return new Date((Math.floor(at.getTime() / HOUR_MS) + later) * HOUR_MS)
    case 'day':
      return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate() + later))
    case 'month':
      return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + later))
  }
}

/**
 * The same range, when it is one of whole periods.
 *
 * @throws {GatewayError} `range_invalid` for an instant within a period, for none, or for too many
 */
export function checkedRange(period: Period, { from, before }: PeriodRange): PeriodRange {
  for (const [name, at] of Object.entries({ from, before })) {
    if (startOf(period, at).getTime() === at.getTime()) continue
    throw invalid(`"${at.toISOString()}" is not the start of a ${period} in UTC`, name)
  }
  if (from >= before) throw invalid('"before" must be after "from"', 'before')
  if (startOf(period, from, MAX_PERIODS) < before) {
    throw invalid(`from "from" to "before" there are more than ${MAX_PERIODS} ${period}s`, 'from')
  }
  return { from, before }
}

function invalid(message: string, field: string): GatewayError {
  return new GatewayError('range_invalid', message, { pointer: `/${field}` })
}
