import { fullYear, instantOf, type LocalTime, parseSmppTime } from './time.ts'

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
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = (digits.match(/../g) ?? []).map(
    Number,
  )
  return { year, month, day, hour, minute, second }
}

function isoLocal(local: LocalTime): string {
  const pad = (value: number) => String(value).padStart(2, '0')
  const date = `${String(local.year).padStart(4, '0')}-${pad(local.month)}-${pad(local.day)}`
  return `${date}T${pad(local.hour)}:${pad(local.minute)}:${pad(local.second)}`
}
