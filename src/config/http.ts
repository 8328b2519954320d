import { MAX_SIGNATURE_WINDOW_SECONDS } from '../core/signature-window.ts'
import { integer, mapping, optionalText, setting, text } from '../settings/field.ts'
import { HOST, HOST_ALLOWED } from '../settings/forms.ts'
import { networkList } from './smpp-listeners.ts'

/** Where the HTTP API listens, and what it believes of requests. */
export interface HttpConfig {
  readonly host: string
  /** 0 takes any free one. */
  readonly port: number
  /** What callers put before the path, without a slash at its end; undefined: what requests say. */
  readonly publicUrl: string | undefined
  /** Addresses and networks of the proxies whose `X-Forwarded-For` counts. */
  readonly trustedProxies: readonly string[]
  /** How far the timestamp of a signed request may be from our time, either way. */
  readonly signatureWindowSeconds: number
}

const PUBLIC_URL = /^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/
const PUBLIC_URL_ALLOWED = 'a URL without query, for example "https://sms.example.com"'

/** The `http` section of the file. */
export const httpSchema = setting(
  mapping({
    host: text(HOST, HOST_ALLOWED, '0.0.0.0', { about: 'Address the HTTP server listens on.' }),
    port: integer(0, 65535, 8080, {
      about: 'Port the HTTP server listens on; 0 takes any free one.',
      variable: 'LINEHAUL_HTTP_PORT',
    }),
    public_url: optionalText(PUBLIC_URL, PUBLIC_URL_ALLOWED, {
      about:
        'How the HTTP server is called from outside, before the path. Providers sign the address that they call; ' +
        'without this it is taken from `Host`, and from `X-Forwarded-Proto` and `X-Forwarded-Host` of trusted proxies.',
    }),
    trusted_proxies: networkList(
      'Proxies in front of the HTTP server: of requests that come from them, the last address of `X-Forwarded-For` ' +
        'that is not one of them counts as the client. Other senders of that header are not believed.',
    ),
    signature_window_seconds: integer(30, MAX_SIGNATURE_WINDOW_SECONDS, 300, {
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
    publicUrl: file.public_url?.replace(/\/+$/, ''),
    trustedProxies: file.trusted_proxies,
    signatureWindowSeconds: file.signature_window_seconds,
  }
}
