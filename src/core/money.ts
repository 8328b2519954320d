import { GatewayError } from './errors.ts'

const MICROS_PER_UNIT = 1_000_000n
const AMOUNT = /^(\d{1,12})(?:\.(\d{1,6}))?$/

/** An amount of money: millionths of the currency's unit, and the ISO 4217 code. */
export interface Money {
  readonly micros: bigint
  readonly currency: string
}

/**
 * Reads a decimal amount such as `0.0350` into micro-units.
 *
 * @throws {GatewayError} `amount_invalid` for anything but up to 12 digits with up to 6 decimals
 */
export function parseMicros(amount: string): bigint {
  const match = AMOUNT.exec(amount)
  if (!match) {
    throw new GatewayError(
      'amount_invalid',
      `"${amount}" is not an amount: write digits with at most 6 decimals, for example "0.0350"`,
    )
  }
  const [, units = '0', fraction = ''] = match
  return BigInt(units) * MICROS_PER_UNIT + BigInt(fraction.padEnd(6, '0'))
}

/** As {@link parseMicros}, for an amount that may have a minus in front. */
export function parseSignedMicros(amount: string): bigint {
  return amount.startsWith('-') ? -parseMicros(amount.slice(1)) : parseMicros(amount)
}

/** Writes micro-units as a decimal amount with at least 4 decimals: `35000n` is `0.0350`. */
export function formatMicros(micros: bigint): string {
  const sign = micros < 0n ? '-' : ''
  const absolute = micros < 0n ? -micros : micros
  const units = absolute / MICROS_PER_UNIT
  const fraction = (absolute % MICROS_PER_UNIT)
    .toString()
    .padStart(6, '0')
    .replace(/0{1,2}$/, '')
  return `${sign}${units}.${fraction}`
}
