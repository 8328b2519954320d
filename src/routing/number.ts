import {
  type CountryCode,
  getCountries,
  getCountryCallingCode,
  Metadata,
  parsePhoneNumberFromString,
} from 'libphonenumber-js/max'
import type { Region } from '../core/route-rule.ts'
import {
  compilePlan,
  type NumberingPlan,
  type NumberType,
  type PlanSource,
} from './numbering-plan.ts'
import { regionOf } from './regions.ts'

/** A destination number that carriers can be asked about. */
export interface PhoneNumber {
  /** `+` and up to 15 digits. */
  readonly e164: string
  /** ISO 3166-1 alpha-2; `001` for codes that no country owns, such as satellite phones. */
  readonly country: string
  /** Country calling code without `+`. */
  readonly callingCode: string
  readonly region: Region
  /** `unknown` for numbers of the right length that the numbering plan does not assign. */
  readonly type: NumberType
  /** The digits of a short code; then {@link e164} is its country's code with them, for prices. */
  readonly shortCode?: string
}

/** A number, or what would be right in its place. */
export type NumberResult =
  | { readonly ok: true; readonly number: PhoneNumber }
  | { readonly ok: false; readonly reason: string }

const MAX_DIGITS = 15
const MAX_TEXT = 60
const DECORATED = /^\+?[\d\s().\-/\u00a0\u2010-\u2015\u202f]+$/
const NOT_DIGITS = /\D+/g

/**
 * Reads a destination number.
 *
 * Blanks, dashes, dots and parentheses are tolerated, and so are a leading `+` or `00`. Bare digits
 * are taken as international unless `defaultCountry` is given. Numbers of a possible length are
 * accepted even when the numbering plan does not assign them, because ranges for tests and fiction
 * (+44 7700 900123) and newly opened ranges are such.
 *
 * @param options.defaultCountry - ISO 3166-1 alpha-2; bare digits are then read as dialled there
 */
export function parseNumber(
  text: string,
  options: { readonly defaultCountry?: string } = {},
): NumberResult {
  const trimmed = text.trim()
  if (trimmed === '') return refused('the number is empty')
  if (trimmed.length > MAX_TEXT) return refused(`the text is longer than ${MAX_TEXT} characters`)
  if (!DECORATED.test(trimmed)) {
    return refused('only digits, blanks, dashes and parentheses may stand in a number')
  }
  const digits = trimmed.replace(NOT_DIGITS, '')
  if (digits === '') return refused('there is no digit in it')
  if (trimmed.startsWith('+')) return parseInternational(withoutTrunkZero(trimmed))
  if (digits.startsWith('00')) return parseInternational(withoutTrunkZero(trimmed).slice(2))
  const { defaultCountry } = options
  if (defaultCountry === undefined) return parseInternational(digits)
  if (!isCountry(defaultCountry)) {
    return refused(`"${defaultCountry}" is no ISO 3166 country; write two capitals such as GB`)
  }
  return parseWithLibrary(digits, defaultCountry)
}

// `+44 (0)7700 900123` is a habit of letterheads: the zero is dialled only within the country.
// Italian numbers keep their zero.
function withoutTrunkZero(text: string): string {
  const digits = text.replace(NOT_DIGITS, '')
  if (!text.includes('(0)') || digits.startsWith('39') || digits.startsWith('0039')) return digits
  return text.replace('(0)', '').replace(NOT_DIGITS, '')
}

function parseInternational(digits: string): NumberResult {
  const callingCode = callingCodeOf(digits)
  if (callingCode === undefined) {
    return refused(
      `no country has a calling code that begins ${digits.slice(0, 3)}; ` +
        'write the number in international form, for example +447700900123',
    )
  }
  const national = digits.slice(callingCode.length)
  const plans = plansOf(callingCode)
  const [main] = plans
  if (main === undefined) return refused(`the calling code ${callingCode} is not in use`)
  // A national prefix within an international number is rare; the library knows how to take it off.
  if (main.mayHavePrefix(national)) return parseWithLibrary(`+${digits}`, undefined)
  return checked(callingCode, national, plans, main)
}

function parseWithLibrary(text: string, defaultCountry: CountryCode | undefined): NumberResult {
  const options = { extract: false, ...(defaultCountry && { defaultCountry }) }
  const found = parsePhoneNumberFromString(text, options)
  if (found === undefined) {
    return refused('it has too few or too many digits for a phone number')
  }
  const plans = plansOf(found.countryCallingCode)
  const [main] = plans
  if (main === undefined)
    return refused(`the calling code ${found.countryCallingCode} is not in use`)
  // The library takes off one prefix at a time; what is left of "+20 000…" has another.
  if (found.number.length < text.length && main.mayHavePrefix(found.nationalNumber)) {
    return parseWithLibrary(found.number, undefined)
  }
  return checked(found.countryCallingCode, found.nationalNumber, plans, main)
}

function checked(
  callingCode: string,
  national: string,
  plans: readonly NumberingPlan[],
  main: NumberingPlan,
): NumberResult {
  const { plan, type } = ownerOf(national, plans, main)
  if (!plan.lengths.includes(national.length)) {
    return refused(wrongLength(callingCode, national.length, plan))
  }
  if (callingCode.length + national.length > MAX_DIGITS) {
    return refused(`it has more than ${MAX_DIGITS} digits`)
  }
  return {
    ok: true,
    number: {
      e164: `+${callingCode}${national}`,
      country: plan.country,
      callingCode,
      region: regionOf(plan.country) ?? 'global',
      type,
    },
  }
}

/** The plan that a number belongs to, and its type there; the main one where no plan assigns it. */
function ownerOf(
  national: string,
  plans: readonly NumberingPlan[],
  main: NumberingPlan,
): { plan: NumberingPlan; type: NumberType } {
  for (const plan of plans) {
    if (plan.leads === undefined) {
      const type = plan.typeOf(national)
      if (type !== 'unknown') return { plan, type }
    } else if (plan.leads(national)) {
      return { plan, type: plan.typeOf(national) }
    }
  }
  // Without leading digits it has been asked already.
  return { plan: main, type: main.leads === undefined ? 'unknown' : main.typeOf(national) }
}

function wrongLength(callingCode: string, count: number, plan: NumberingPlan): string {
  const where = plan.country === '001' ? `+${callingCode}` : `+${callingCode} (${plan.country})`
  const first = plan.lengths.at(0) ?? 0
  const last = plan.lengths.at(-1) ?? 0
  const problem = count < first ? 'too short' : count > last ? 'too long' : 'of a wrong length'
  return `it is ${problem}: ${listed(plan.lengths)} digits must follow ${where}, there are ${count}`
}

function listed(lengths: readonly number[]): string {
  if (lengths.length === 1) return String(lengths[0])
  return `${lengths.slice(0, -1).join(', ')} or ${lengths.at(-1)}`
}

function refused(reason: string): NumberResult {
  return { ok: false, reason }
}

function isCountry(text: string): text is CountryCode {
  return regionOf(text) !== undefined && text !== '001'
}

// The library's type declarations leave out the part of this class that describes plans.
interface PlanData {
  selectNumberingPlan(countryOrCallingCode: string): unknown
  readonly numberingPlan: PlanSource | undefined
  hasCallingCode(callingCode: string): boolean | undefined
  getCountryCodesForCallingCode(callingCode: string): readonly string[] | undefined
}

const data = new Metadata() as unknown as PlanData

// Codes are prefix-free, so the first hit of one to three digits is the calling code.
const CALLING_CODES: ReadonlySet<string> = new Set(
  Array.from({ length: 999 }, (_, index) => String(index + 1)).filter((code) =>
    data.hasCallingCode(code),
  ),
)

// One entry for each of the about 230 calling codes at most.
const compiled = new Map<string, readonly NumberingPlan[]>()

/** The plans that share a calling code, the main country first. */
function plansOf(callingCode: string): readonly NumberingPlan[] {
  const known = compiled.get(callingCode)
  if (known !== undefined) return known
  const countries = data.getCountryCodesForCallingCode(callingCode) ?? ['001']
  const plans = countries.flatMap((country) => {
    data.selectNumberingPlan(country === '001' ? callingCode : country)
    return data.numberingPlan === undefined ? [] : [compilePlan(country, data.numberingPlan)]
  })
  compiled.set(callingCode, plans)
  return plans
}

function callingCodeOf(digits: string): string | undefined {
  for (let length = 1; length <= 3 && length < digits.length; length++) {
    const code = digits.slice(0, length)
    if (CALLING_CODES.has(code)) return code
  }
  return undefined
}

/** Every country the numbering plans know, with its calling code. */
export function knownCountries(): { country: string; callingCode: string }[] {
  return getCountries().map((country) => ({
    country,
    callingCode: getCountryCallingCode(country),
  }))
}
