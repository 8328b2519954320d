import { parseMicros } from '../core/money.ts'

/** A host name or an IP address. */
export const HOST = /^[A-Za-z0-9_:][A-Za-z0-9_.:%-]{0,252}$/

/** {@link HOST} in words. */
export const HOST_ALLOWED = 'a host name or an IP address'

/** What carriers, tenants and the like are called. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/

/** {@link NAME} in words. */
export const NAME_ALLOWED =
  '1 to 63 letters, digits, "-", "_" or ".", the first a letter or a digit'

/** Where a certificate or a key is. */
export const FILE = /^[^\0]+$/

/** {@link FILE} in words. */
export const FILE_ALLOWED = 'the path of a PEM file, or the PEM text itself'

/** Account of a bind: a C-octet string, NUL not counted. SMPP v3.4, section 4.1. */
export const SYSTEM_ID = /^[\x21-\x7e]{1,15}$/

/** {@link SYSTEM_ID} in words. */
export const SYSTEM_ID_ALLOWED = '1 to 15 ASCII characters without blanks'

/** Password of a bind; as {@link SYSTEM_ID}. */
export const BIND_PASSWORD = /^[\x20-\x7e]{1,8}$/

/** {@link BIND_PASSWORD} in words. */
export const BIND_PASSWORD_ALLOWED = '1 to 8 ASCII characters'

/** A share in percent. */
export const PERCENT = /^\d{1,2}(\.\d{1,4})?$/

/** {@link PERCENT} in words. */
export const PERCENT_ALLOWED =
  'a decimal number below 100 with at most 4 decimals, for example "19"'

/** Millionths of a percentage: one percent is 10,000. */
export function ppm(percent: string): number {
  return Number(parseMicros(percent) / 100n)
}
