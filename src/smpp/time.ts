import { SmppError } from './errors.ts'

/** A point in time, as the peer wrote it. */
export interface AbsoluteTime {
  readonly kind: 'absolute'
  readonly at: Date
  /** Minutes that the writer's local time is ahead of UTC; a multiple of 15. */
  readonly offsetMinutes: number
}

/** A span of time, counted from the moment that the SMSC takes the message. */
export interface RelativeTime {
  readonly kind: 'relative'
  readonly years: number
  readonly months: number
  readonly days: number
  readonly hours: number
  readonly minutes: number
  readonly seconds: number
}

/** A wall-clock time without a zone; `month` is 1 to 12. */
export interface LocalTime {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
}

const TWO_DIGITS = Array.from({ length: 100 }, (_, value) => String(value).padStart(2, '0'))
const PATTERN = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d)(\d\d)([-+R])$/
const MAX_QUARTERS = 48
const LAST_YEAR = 2037
const MAX_RELATIVE_DAYS = 31

/**
 * Reads a schedule_delivery_time, validity_period or final_date.
 *
 * @returns undefined for text that is no time, the empty string included
 * @see SMPP v3.4, section 7.1.1
 */
export function parseSmppTime(text: string): AbsoluteTime | RelativeTime | undefined {
  const match = PATTERN.exec(text)
  if (match === null) return undefined
  const [years, months, days, hours, minutes, seconds, tenths, quarters] = match
    .slice(1, 9)
    .map(Number) as [number, number, number, number, number, number, number, number]
  const sign = match[9]
  if (sign === 'R') {
    return { kind: 'relative', years, months, days, hours, minutes, seconds }
  }
  if (quarters > MAX_QUARTERS) return undefined
  const local: LocalTime = {
    year: fullYear(years),
    month: months,
    day: days,
    hour: hours,
    minute: minutes,
    second: seconds,
  }
  const offsetMinutes = quarters === 0 ? 0 : quarters * (sign === '-' ? -15 : 15)
  const at = instantOf(local, offsetMinutes)
  if (at === undefined) return undefined
  return { kind: 'absolute', at: new Date(at.getTime() + tenths * 100), offsetMinutes }
}

/**
 * The instant that a time means.
 *
 * @param now - what a relative time counts from; years and months are counted in the UTC calendar
 */
export function resolveSmppTime(time: AbsoluteTime | RelativeTime, now: Date): Date {
  if (time.kind === 'absolute') return time.at
  return new Date(
    Date.UTC(
      now.getUTCFullYear() + time.years,
      now.getUTCMonth() + time.months,
      now.getUTCDate() + time.days,
      now.getUTCHours() + time.hours,
      now.getUTCMinutes() + time.minutes,
      now.getUTCSeconds() + time.seconds,
      now.getUTCMilliseconds(),
    ),
  )
}

/**
 * Writes an instant as an absolute time, cut to tenths of a second.
 *
 * @param offsetMinutes - the zone to write it in: a multiple of 15 in -720..720
 * @throws {SmppError} `time_out_of_range` for years that two digits cannot say (2000 to 2037) and
 *   for other offsets
 */
export function formatAbsoluteTime(at: Date, offsetMinutes = 0): string {
  const quarters = Math.abs(offsetMinutes) / 15
  if (!Number.isInteger(quarters) || quarters > MAX_QUARTERS) {
    throw outOfRange(`offset ${offsetMinutes} is not a multiple of 15 minutes in -720..720`)
  }
  const local = new Date(at.getTime() + offsetMinutes * 60_000)
  const year = local.getUTCFullYear()
  if (!(year >= 2000 && year <= LAST_YEAR)) {
    throw outOfRange(`year ${year} is not in 2000..${LAST_YEAR}`)
  }
  const tenths = Math.floor(local.getUTCMilliseconds() / 100)
  const sign = offsetMinutes < 0 ? '-' : '+'
  return `${formatDigits(local, true)}${tenths}${twoDigits(quarters)}${sign}`
}

/**
 * Writes a span of time as a relative time.
 *
 * Only days and smaller units are used, because a month or a year has no fixed length.
 *
 * @param seconds - whole seconds, at most 31 days; use an absolute time for more
 * @throws {SmppError} `time_out_of_range`
 */
export function formatRelativeTime(seconds: number): string {
  const days = Math.floor(seconds / 86_400)
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > MAX_RELATIVE_DAYS * 86_400) {
    throw outOfRange(`${seconds} s is not a whole number in 0..${MAX_RELATIVE_DAYS * 86_400}`)
  }
  const hours = Math.floor(seconds / 3600) % 24
  const minutes = Math.floor(seconds / 60) % 60
  const time = twoDigits(hours) + twoDigits(minutes) + twoDigits(seconds % 60)
  return `0000${twoDigits(days)}${time}000R`
}

/** A two-digit year of SMPP in four digits: 00 to 37 are 2000 to 2037, the rest 1938 to 1999. */
export function fullYear(twoDigitYear: number): number {
  return twoDigitYear + (twoDigitYear <= LAST_YEAR - 2000 ? 2000 : 1900)
}

/**
 * The instant of a wall-clock time.
 *
 * @param offsetMinutes - minutes that this clock is ahead of UTC
 * @returns undefined when there is no such date or time of day
 */
export function instantOf(local: LocalTime, offsetMinutes: number): Date | undefined {
  const { year, month, day, hour, minute, second } = local
  if (hour > 23 || minute > 59 || second > 59) return undefined
  const utc = new Date(Date.UTC(year, month - 1, day, hour, minute, second))
  // Days that a month lacks roll over, and years below 100 become 19xx: both are no date.
  if (utc.getUTCFullYear() !== year || utc.getUTCMonth() !== month - 1) return undefined
  if (utc.getUTCDate() !== day) return undefined
  return new Date(utc.getTime() - offsetMinutes * 60_000)
}

/** An instant as `yyMMddHHmm` in UTC, with `ss` behind it when asked. */
export function formatDigits(at: Date, withSeconds: boolean): string {
  const year = twoDigits(at.getUTCFullYear() % 100)
  const month = twoDigits(at.getUTCMonth() + 1)
  const day = twoDigits(at.getUTCDate())
  const time = twoDigits(at.getUTCHours()) + twoDigits(at.getUTCMinutes())
  return year + month + day + time + (withSeconds ? twoDigits(at.getUTCSeconds()) : '')
}

/** Read from a list: every receipt has ten of them. */
export function twoDigits(value: number): string {
  return TWO_DIGITS[value] ?? String(value)
}

function outOfRange(message: string): SmppError {
  return new SmppError('time_out_of_range', message, { retryable: false })
}
