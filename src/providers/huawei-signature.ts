import { createHash } from 'node:crypto'
import { hexHash, hmac } from './digests.ts'
import { percentEncoded } from './http-call.ts'
import { utcText } from './utc-time.ts'

/** What SDK-HMAC-SHA256 signs. */
export interface SdkRequest {
  readonly method: string
  /** Without the query and not encoded. */
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** Exactly the headers to sign, `x-sdk-date` among them; names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * The value of `authorization` for SDK-HMAC-SHA256.
 *
 * @see https://support.huaweicloud.com/intl/en-us/api-msgsms/sms_05_0002.html
 */
export function sdkAuthorization(request: SdkRequest, key: string, secret: string): string {
  const names = Object.keys(request.headers).sort()
  const pairs = Object.entries(request.query).map(
    ([name, value]) => `${percentEncoded(name)}=${percentEncoded(value)}`,
  )
  const path = request.path.split('/').map(percentEncoded).join('/')
  const canonical = [
    request.method,
    // Signed with a slash at its end, whatever is called.
    path.endsWith('/') ? path : `${path}/`,
    pairs.sort().join('&'),
    ...names.map((name) => `${name}:${request.headers[name]?.trim()}`),
    '',
    names.join(';'),
    hexHash('sha256', request.body),
  ].join('\n')
  const toSign = `SDK-HMAC-SHA256\n${request.headers['x-sdk-date']}\n${hexHash('sha256', canonical)}`
  const signature = hmac('sha256', secret, toSign).toString('hex')
  return `SDK-HMAC-SHA256 Access=${key}, SignedHeaders=${names.join(';')}, Signature=${signature}`
}

/** An instant as `x-sdk-date` has it: `20240520T083000Z`. */
export function sdkDate(at: Date): string {
  return utcText(at).replaceAll(/[-:]/g, '')
}

/**
 * How the octets of a WSSE digest are written before Base64: as they are, or as 64 hexadecimal digits.
 *
 * Both are in the vendor's own samples, the first in newer ones; it is not documented which of them the server wants.
 */
export type DigestForm = 'raw' | 'hex'

/** The headers of X-WSSE. */
export function wsseHeaders(
  key: string,
  secret: string,
  form: DigestForm,
  nonce: string,
  created: string,
): { readonly authorization: string; readonly 'x-wsse': string } {
  const hash = createHash('sha256').update(nonce + created + secret, 'utf8')
  const digest =
    form === 'raw' ? hash.digest('base64') : Buffer.from(hash.digest('hex')).toString('base64')
  return {
    authorization: 'WSSE realm="SDP",profile="UsernameToken",type="Appkey"',
    'x-wsse': `UsernameToken Username="${key}",PasswordDigest="${digest}",Nonce="${nonce}",Created="${created}"`,
  }
}
