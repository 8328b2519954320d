import { NO_COUNTRY } from '../core/channel.ts'
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

/** Stands for the number of what goes to none: no prefix of it has a price but the empty one. */
export const NO_NUMBER: PhoneNumber = {
  e164: '+',
  country: NO_COUNTRY,
  callingCode: '',
  region: 'global',
  type: 'unknown',
}

/** Reads whom a message goes to: a number, or one of the short codes that the operator has named. */
export class Destinations {
  #numbers: ReadonlyMap<string, PhoneNumber>
  #shortCodes: readonly ShortCode[]
  #excluded: ReadonlyMap<string, ReadonlyMap<string, Exclusion>>

  /**
   * @param carriers - names of all carriers
   * @throws {RangeError} for a country that has no numbers
   */
  constructor(shortCodes: readonly ShortCode[] = [], carriers: readonly string[] = []) {
    this.#numbers = numbersOf(shortCodes)
    this.#shortCodes = shortCodes
    this.#excluded = excludedFrom(shortCodes, carriers)
  }

  /** Knows other short codes from now on; throws as the constructor, and changes nothing then. */
  replace(shortCodes: readonly ShortCode[], carriers: readonly string[]): void {
    this.#numbers = numbersOf(shortCodes)
    this.#shortCodes = shortCodes
    this.#excluded = excludedFrom(shortCodes, carriers)
  }

  /** Other carriers are there: none of them reaches a short code that does not name it. */
  follow(carriers: readonly string[]): void {
    this.#excluded = excludedFrom(this.#shortCodes, carriers)
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

function numbersOf(shortCodes: readonly ShortCode[]): Map<string, PhoneNumber> {
  const callingCodes = new Map(
    knownCountries().map(({ country, callingCode }) => [country, callingCode]),
  )
  return new Map(
    shortCodes.map(({ code, country }) => {
      const callingCode = callingCodes.get(country)
      if (callingCode === undefined) throw new RangeError(`"${country}" is no country with numbers`)
      const e164 = `+${callingCode}${code}`
      const region = regionOf(country) ?? 'global'
      return [
        code,
        { e164, country, callingCode, region, type: 'short_code', shortCode: code },
      ] as const
    }),
  )
}

/** Of each short code that not all carriers reach, those that do not. */
function excludedFrom(
  shortCodes: readonly ShortCode[],
  carriers: readonly string[],
): Map<string, ReadonlyMap<string, Exclusion>> {
  return new Map(
    shortCodes.flatMap(({ code, carriers: reaching }) => {
      if (!reaching) return []
      const others = carriers.filter((each) => !reaching.includes(each))
      return [[code, new Map(others.map((each) => [each, 'short_code'] as const))] as const]
    }),
  )
}

/** The destination as messages have it: `+` and digits, or the digits of a short code. */
export function destinationText({ shortCode, e164 }: PhoneNumber): string {
  return shortCode ?? e164
}
