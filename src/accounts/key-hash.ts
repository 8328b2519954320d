import { hash, randomBytes } from 'node:crypto'

/** Enough to tell the keys of one gateway apart. */
const KEY_NAME_DIGITS = 12

const BEARER_OCTETS = 24
/** As many as the hash has: RFC 2104, section 3. */
const SIGNING_OCTETS = 32

/** API keys are long and random, so a plain SHA-256 keeps them; SMPP passwords are another matter. */
export function hashKey(key: string): string {
  return hash('sha256', key, 'hex')
}

/** What a key is called where it must not be shown: the first 12 hexadecimal digits of its SHA-256. */
export function nameOfKey(keyHash: string): string {
  return keyHash.slice(0, KEY_NAME_DIGITS)
}

/** A new random key that is sent along with each request. */
export function newBearerKey(): string {
  return `lh_${randomBytes(BEARER_OCTETS).toString('base64url')}`
}

/** A new random secret that signs requests and is never sent. */
export function newSigningSecret(): string {
  return `lhs_${randomBytes(SIGNING_OCTETS).toString('base64url')}`
}
