import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { GatewayError } from '../core/errors.ts'

const PREFIX = 'whsec_'

/** Bounds of the specification, in octets. */
const MIN_OCTETS = 24
const MAX_OCTETS = 64

const NEW_OCTETS = 32

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/** A new random secret: `whsec_` and 32 octets in base64. */
export function newSecret(): string {
  return PREFIX + randomBytes(NEW_OCTETS).toString('base64')
}

/**
 * The key that a secret stands for.
 *
 * @throws {GatewayError} `webhook_secret_invalid` unless it is `whsec_` and 24 to 64 octets in base64;
 *   the message does not repeat the secret
 * @see Standard Webhooks 1.0, "Signature scheme"
 */
export function keyOf(secret: string): KeyObject {
  const encoded = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : ''
  const octets = Buffer.from(encoded, 'base64')
  const isWhole =
    BASE64.test(encoded) &&
    octets.toString('base64').replace(/=+$/, '') === encoded.replace(/=+$/, '')
  if (!isWhole || octets.length < MIN_OCTETS || octets.length > MAX_OCTETS) {
    throw new GatewayError(
      'webhook_secret_invalid',
      `a secret is "${PREFIX}" and ${MIN_OCTETS} to ${MAX_OCTETS} octets in base64`,
      { pointer: '/secret' },
    )
  }
  return createSecretKey(octets)
}

/**
 * The value of `webhook-signature`: one signature for each key, divided by spaces, so that during a
 * rotation the receiver finds the one it knows.
 *
 * @param timestamp - the value of `webhook-timestamp`: seconds since 1970
 * @param body - exactly what is sent
 */
export function signatureOf(
  id: string,
  timestamp: number,
  body: string,
  keys: readonly KeyObject[],
): string {
  const content = `${id}.${timestamp}.${body}`
  return keys
    .map((key) => `v1,${createHmac('sha256', key).update(content).digest('base64')}`)
    .join(' ')
}
