import { CURRENCIES } from '../core/currencies.ts'
import { parseMicros } from '../core/money.ts'
import { isPrefix } from './rate-table.ts'

/** Why a cell cannot be read, and what would be right. */
export class CellFault {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}

const NETWORK = /^(\d{3})[-/ ]?(\d{2,3})$/
// 9 digits times the segments of the longest message still fit the database's numbers.
const PRICE = /^\d{1,9}(?:\.\d{1,6})?$/
const DATE = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?(Z|[+-]\d\d:\d\d))?$/

/** Stands for every number in the column of prefixes. */
export const EVERYWHERE = '*'

/** Leading digits, empty for {@link EVERYWHERE}. */
export function readPrefix(text: string): string | CellFault {
  if (text === EVERYWHERE) return ''
  const digits = text.charCodeAt(0) === 43 ? text.slice(1) : text
  if (digits !== '' && isPrefix(digits)) return digits
  if (digits.startsWith('0')) {
    return new CellFault('begins with 0: write it in international form, for example 447')
  }
  return new CellFault('is no prefix: write 1 to 15 digits, for example 447, or * for everywhere')
}

/** MCC and MNC in one. */
export function readNetwork(text: string): string | CellFault {
  const match = NETWORK.exec(text)
  if (match) return `${match[1]}${match[2]}`
  return new CellFault('is no network: write 3 digits of MCC and 2 or 3 of MNC, for example 23415')
}

/** A mobile country code. */
export function readMcc(text: string): string | CellFault {
  return /^\d{3}$/.test(text) ? text : new CellFault('is no MCC: write 3 digits, for example 234')
}

/** A mobile network code. */
export function readMnc(text: string): string | CellFault {
  if (/^\d{2,3}$/.test(text)) return text
  return new CellFault('is no MNC: write 2 or 3 digits with zeros in front, for example 05')
}

/** Millionths. */
export function readPrice(text: string): bigint | CellFault {
  if (PRICE.test(text)) return parseMicros(text)
  if (/^-/.test(text)) return new CellFault('is negative: write 0 or more, for example 0.0350')
  if (/^\d+,\d+$/.test(text)) {
    return new CellFault(`has a comma: write a decimal point, ${text.replace(',', '.')}`)
  }
  return new CellFault(
    'is no price: write up to 9 digits with at most 6 decimals, for example 0.0350',
  )
}

/** An ISO 4217 code in capitals. */
export function readCurrency(text: string): string | CellFault {
  const code = text.toUpperCase()
  if (CURRENCIES.has(code)) return code
  return new CellFault('is no currency of ISO 4217: write its three letters, for example EUR')
}

/** Milliseconds since 1970; 0: always. A date is the beginning of that day in UTC. */
export function readEffectiveFrom(text: string): number | CellFault {
  if (text === '') return 0
  const match = DATE.exec(text)
  if (match) {
    const [, year = '', month = '', day = '', hour = '00', minute = '00', second = '00'] = match
    const zone = match[7] ?? 'Z'
    const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`)
    const dayMs = Date.parse(`${year}-${month}-${day}T00:00:00Z`)
    // `Date` reads February 30 as March 2.
    const isReal = new Date(dayMs).getUTCDate() === Number(day)
    if (!Number.isNaN(at) && isReal && at >= 0) return at
  }
  return new CellFault(
    'is no date: write 2026-01-31, or 2026-01-31T12:00:00Z, or nothing for always',
  )
}
