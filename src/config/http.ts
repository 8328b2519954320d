import { integer, mapping, setting, text } from './field.ts'
import { HOST, HOST_ALLOWED } from './forms.ts'
import { networkList } from './smpp-listeners.ts'

/** Where the HTTP API listens, and what it believes of requests. */
export interface HttpConfig {
  readonly host: string
  /** 0 takes any free one. */
  readonly port: number
  /** Addresses and networks of the proxies whose `X-Forwarded-For` counts. */
  readonly trustedProxies: readonly string[]
  /** How far the timestamp of a signed request may be from our time, either way. */
  readonly signatureWindowSeconds: number
}

/** The `http` section of the file. */
export const httpSchema = setting(
  mapping({
    host: text(HOST, HOST_ALLOWED, '0.0.0.0', { about: 'Address the HTTP server listens on.' }),
    port: integer(0, 65535, 8080, {
      about: 'Port the HTTP server listens on; 0 takes any free one.',
      variable: 'LINEHAUL_HTTP_PORT',
    }),
    trusted_proxies: networkList(
      'Proxies in front of the HTTP server: of requests that come from them, the last address of `X-Forwarded-For` ' +
        'that is not one of them counts as the client. Other senders of that header are not believed.',
    ),
    signature_window_seconds: integer(30, 600, 300, {
      about: 'How far the timestamp of a signed request may be from the time here, either way.',
      unit: 'seconds',
    }),
  }).prefault({}),
  { about: 'Where the HTTP server listens.', allowed: 'a mapping', defaultText: '{}' },
)

type FileHttp = ReturnType<(typeof httpSchema)['parse']>

/** The `http` section of a file without mistakes of form. */
export function toHttp(file: FileHttp): HttpConfig {
  return {
    host: file.host,
    port: file.port,
    trustedProxies: file.trusted_proxies,
    signatureWindowSeconds: file.signature_window_seconds,
  }
}
