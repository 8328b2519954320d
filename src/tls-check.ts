import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { GatewayError, messageOf } from './core/errors.ts'

/**
 * Makes sure that certificate and key can be read and belong together.
 *
 * @param owner - whose they are, for the error
 * @throws {GatewayError} `config_invalid`
 */
export function checkTls(owner: string, { ca, cert, key }: SecureContextOptions): void {
  try {
    createSecureContext({ ca, cert, key })
  } catch (cause) {
    const message = `the certificates or the key of ${owner} cannot be used: ${messageOf(cause)}`
    throw new GatewayError('config_invalid', message, { cause })
  }
}
