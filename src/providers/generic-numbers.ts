/** How a provider writes numbers. */
export interface NumberForm {
  /** `as_is` where recipients are no numbers. */
  readonly format: 'e164' | 'plain' | '00' | 'national' | 'as_is'
  /** Of the numbers that are national. */
  readonly country: string
  /** How many digits a national number has. */
  readonly digits: number
  /** What stands before the country code of other numbers where the format is national. */
  readonly foreign: string
}

/** A number as the provider wants it. */
export function writtenNumber(e164: string, form: NumberForm): string {
  if (form.format === 'e164' || form.format === 'as_is') return e164
  if (form.format === 'plain') return e164.slice(1)
  if (form.format === '00') return `00${e164.slice(1)}`
  const isNational =
    e164.startsWith(`+${form.country}`) && e164.length === 1 + form.country.length + form.digits
  return isNational ? e164.slice(1 + form.country.length) : form.foreign + e164.slice(1)
}

/** E.164 with `+` from a number as a provider writes it; null where it is none. */
export function readNumber(written: string, form: NumberForm): string | null {
  if (form.format === 'as_is') return written === '' ? null : written
  const digits = written.replaceAll(/[\s-]/g, '')
  if (!/^\+?\d{4,20}$/.test(digits)) return null
  if (digits.startsWith('+')) return digits
  if (digits.startsWith('00')) return `+${digits.slice(2)}`
  const isNational = form.format === 'national' && digits.length === form.digits
  return isNational ? `+${form.country}${digits}` : `+${digits}`
}
