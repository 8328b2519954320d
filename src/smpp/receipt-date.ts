import { fullYear, instantOf, type LocalTime, parseSmppTime, twoDigits } from './time.ts'

const ZERO = 48

/** A date out of a receipt's text. */
export interface ReceiptDate {
  /** The wall-clock time as written, `2024-01-15T10:30:00`. */
  readonly local: string
  /** Minutes ahead of UTC, when the text itself names a zone. */
  readonly offsetMinutes?: number
  /** The instant, by the zone named or else by the offset assumed. */
  readonly at: Date
}

/**
 * Reads a receipt's date: `yyMMddHHmm`, `yyMMddHHmmss`, `yyyyMMddHHmm`, `yyyyMMddHHmmss`, or
 * SMPP's own format with an offset, with or without the tenths.
 *
 * Twelve digits are read with a two-digit year and seconds, unless that gives no date: the years
 * 2013 to 2099 in four digits would be months 13 to 99.
 *
 * @param assumedOffsetMinutes - minutes that the SMSC's clock is ahead of UTC
 * @returns null for what is no date, for example all zeros
 */
export function parseReceiptDate(
  text: string | null,
  assumedOffsetMinutes: number,
): ReceiptDate | null {
  if (text === null) return null
  const local = localTimeOf(text)
  if (local !== undefined) {
    const at = instantOf(local, assumedOffsetMinutes)
    return at === undefined ? null : { local: isoLocal(local), at }
  }
  const withTenths = /^\d{14}[-+]$/.test(text) ? `${text.slice(0, 12)}0${text.slice(12)}` : text
  const time = parseSmppTime(withTenths)
  if (time === undefined || time.kind === 'relative') return null
  const { at, offsetMinutes } = time
  const wallClock = new Date(at.getTime() + offsetMinutes * 60_000).toISOString()
  return { local: wallClock.slice(0, 19), offsetMinutes, at }
}

function localTimeOf(text: string): LocalTime | undefined {
  if (!/^(?:\d{10}|\d{12}|\d{14})$/.test(text)) return undefined
  if (text.length === 14) return fields(Number(text.slice(0, 4)), text.slice(4))
  const shortYear = fields(fullYear(Number(text.slice(0, 2))), text.slice(2))
  if (text.length === 10 || instantOf(shortYear, 0) !== undefined) return shortYear
  return fields(Number(text.slice(0, 4)), text.slice(4))
}

/** MMddHHmm with or without ss. */
function fields(year: number, digits: string): LocalTime {
  return {
    year,
    month: twoDigitNumber(digits, 0),
    day: twoDigitNumber(digits, 2),
    hour: twoDigitNumber(digits, 4),
    minute: twoDigitNumber(digits, 6),
    second: digits.length > 8 ? twoDigitNumber(digits, 8) : 0,
  }
}

/** From the character codes; cutting two digits out and converting them takes several times as long. */
function twoDigitNumber(digits: string, index: number): number {
  return (digits.charCodeAt(index) - ZERO) * 10 + digits.charCodeAt(index + 1) - ZERO
}

function isoLocal({ year, month, day, hour, minute, second }: LocalTime): string {
  const date = `${String(year).padStart(4, '0')}-${twoDigits(month)}-${twoDigits(day)}`
  return `${date}T${twoDigits(hour)}:${twoDigits(minute)}:${twoDigits(second)}`
}
