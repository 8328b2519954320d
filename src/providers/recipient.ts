const MAINLAND = '+86'

/** True for a number of mainland China. */
export function isMainland(e164: string): boolean {
  return e164.startsWith(MAINLAND) && e164.length === 14
}

/** As Chinese providers write numbers: of the mainland without a country code, others after a prefix. */
export function mainlandOr(foreignPrefix: string, e164: string): string {
  return isMainland(e164) ? e164.slice(3) : foreignPrefix + e164.slice(1)
}

/**
 * E.164 with `+` from what a Chinese provider writes: `13800138000`, `86138…`, `0086138…`, `+86138…`,
 * or another country's number after `00`, `+` or nothing; null where there are no digits.
 */
export function e164Of(written: string): string | null {
  const digits = written.replaceAll(/[\s-]/g, '')
  if (!/^\+?\d{4,20}$/.test(digits)) return null
  if (digits.startsWith('+')) return digits
  if (digits.startsWith('00')) return `+${digits.slice(2)}`
  return /^1[3-9]\d{9}$/.test(digits) ? MAINLAND + digits : `+${digits}`
}

/** Country codes are 1 to 3 digits, and none is the beginning of another one; what is not named here has 3. */
const SHORT_COUNTRY_CODE = /^(?:[17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58])/

/**
 * The country code of an E.164 number, without `+`.
 *
 * @see ITU-T E.164, annex: list of assigned country codes
 */
export function countryCodeOf(e164: string): string {
  const digits = e164.slice(1)
  return SHORT_COUNTRY_CODE.exec(digits)?.[0] ?? digits.slice(0, 3)
}
