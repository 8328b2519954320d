import { knownCountries, parseNumber } from './number.ts'

/** Whose numbers begin with a prefix. */
export interface PrefixPlace {
  readonly callingCode: string
  /** ISO 3166 code; undefined where numbers of several countries, or of none, begin so. */
  readonly country: string | undefined
}

const countriesByCode = new Map<string, string[]>()
for (const { country, callingCode } of knownCountries()) {
  const others = countriesByCode.get(callingCode)
  if (others) others.push(country)
  else countriesByCode.set(callingCode, [country])
}

const FILLERS = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']
const MAX_DIGITS = 15
const MIN_DIGITS = 7

/** Fewer digits after a shared calling code belong to no single country, whatever samples say. */
const MIN_NATIONAL = 3

/**
 * The calling code that a prefix begins with, and its country. Where countries share the code (+1, +7,
 * +44), numbers are made of the prefix and looked at: the country counts when they agree. Undefined
 * for a prefix that begins with no calling code.
 */
export function countryOfPrefix(prefix: string): PrefixPlace | undefined {
  const callingCode = [1, 2, 3]
    .map((length) => prefix.slice(0, length))
    .find((code) => countriesByCode.has(code))
  if (callingCode === undefined) return undefined
  const countries = countriesByCode.get(callingCode) ?? []
  const [only] = countries
  if (countries.length === 1) return { callingCode, country: only }
  if (prefix.length - callingCode.length < MIN_NATIONAL) return { callingCode, country: undefined }
  const found = new Set<string>()
  for (let length = Math.max(MIN_DIGITS, prefix.length); length <= MAX_DIGITS; length++) {
    for (const filler of FILLERS) {
      const parsed = parseNumber(`+${prefix}${filler.repeat(length - prefix.length)}`)
      if (parsed.ok && parsed.number.type !== 'unknown') found.add(parsed.number.country)
      if (found.size > 1) return { callingCode, country: undefined }
    }
  }
  const [country] = found
  return { callingCode, country }
}
