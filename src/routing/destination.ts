import type { Exclusion } from './decision.ts'
import { knownCountries, type NumberResult, type PhoneNumber, parseNumber } from './number.ts'
import { regionOf } from './regions.ts'

/** A short code that messages may be sent to. */
export interface ShortCode {
  /** Three to eight digits. */
  readonly code: string
  /** ISO 3166 code of the country whose networks know it. */
  readonly country: string
  /** Carriers that reach it; undefined: any that has a price for the country. */
  readonly carriers?: readonly string[] | undefined
}

const SHORT_CODE = /^\d{3,8}$/

/** True for the form of a short code: three to eight digits without `+`. */
export function isShortCode(text: string): boolean {
  return SHORT_CODE.test(text)
}

/** Reads whom a message goes to: a number, or one of the short codes that the operator has named. */
export class Destinations {
  readonly #numbers = new Map<string, PhoneNumber>()
  readonly #excluded = new Map<string, ReadonlyMap<string, Exclusion>>()

  /**
   * @param carriers - names of all carriers
   * @throws {RangeError} for a country that has no numbers
   */
  constructor(shortCodes: readonly ShortCode[] = [], carriers: readonly string[] = []) {
    const callingCodes = new Map(
      knownCountries().map(({ country, callingCode }) => [country, callingCode]),
    )
    for (const { code, country, carriers: reaching } of shortCodes) {
      const callingCode = callingCodes.get(country)
      if (callingCode === undefined) throw new RangeError(`"${country}" is no country with numbers`)
      this.#numbers.set(code, {
        e164: `+${callingCode}${code}`,
        country,
        callingCode,
        region: regionOf(country) ?? 'global',
        type: 'short_code',
        shortCode: code,
      })
      if (reaching) {
        const others = carriers.filter((each) => !reaching.includes(each))
        this.#excluded.set(code, new Map(others.map((each) => [each, 'short_code'])))
      }
    }
  }

  /** Reads a number as {@link parseNumber} does, and short codes. */
  read(text: string): NumberResult {
    const digits = text.trim()
    if (!isShortCode(digits)) return parseNumber(text)
    const number = this.#numbers.get(digits)
    if (number) return { ok: true, number }
    const parsed = parseNumber(text)
    if (parsed.ok) return parsed
    return {
      ok: false,
      reason: `${parsed.reason}; for a short code, name it under numbers.short_codes`,
    }
  }

  /** The carriers that cannot have messages to a destination, beside those in `others`. */
  excluded(
    { shortCode }: PhoneNumber,
    others: ReadonlyMap<string, Exclusion> | undefined,
  ): ReadonlyMap<string, Exclusion> | undefined {
    const unreached = shortCode === undefined ? undefined : this.#excluded.get(shortCode)
    if (!unreached) return others
    return others ? new Map([...others, ...unreached]) : unreached
  }
}

/** The destination as messages have it: `+` and digits, or the digits of a short code. */
export function destinationText({ shortCode, e164 }: PhoneNumber): string {
  return shortCode ?? e164
}
