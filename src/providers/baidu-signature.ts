import { hexHash, hmac } from './digests.ts'
import { percentEncoded } from './http-call.ts'

/** What bce-auth-v1 signs. */
export interface BceRequest {
  readonly method: string
  /** As it is called, without the query and not encoded. */
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** Exactly the headers to sign, names in lower case. */
  readonly headers: Readonly<Record<string, string>>
}

/** Who signs, when, and for how long it holds. */
export interface BceSigner {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** `2024-05-20T08:30:00Z` */
  readonly timestamp: string
  readonly expirationSeconds: number
}

/**
 * The value of `authorization` that Baidu wants.
 *
 * @see https://cloud.baidu.com/doc/Reference/s/njwvz1yfu
 */
export function bceAuthorization(request: BceRequest, signer: BceSigner): string {
  const { accessKeyId, secretAccessKey, timestamp, expirationSeconds } = signer
  const prefix = `bce-auth-v1/${accessKeyId}/${timestamp}/${expirationSeconds}`
  // The digits as a text are the next key, and not the octets that they stand for.
  const signingKey = hmac('sha256', secretAccessKey, prefix).toString('hex')
  const names = Object.keys(request.headers).sort()
  const canonical = [
    request.method,
    request.path.split('/').map(percentEncoded).join('/'),
    bceCanonicalQuery(request.query),
    canonicalHeaders(request.headers),
  ].join('\n')
  const signature = hmac('sha256', signingKey, canonical).toString('hex')
  return `${prefix}/${names.join(';')}/${signature}`
}

/** The pairs of a query, each encoded, in the order of what they are then. */
export function bceCanonicalQuery(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .map(([name, value]) => `${percentEncoded(name)}=${percentEncoded(value)}`)
    .sort()
    .join('&')
}

function canonicalHeaders(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .map(([name, value]) => [name, value.trim()] as const)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${percentEncoded(name)}:${percentEncoded(value)}`)
    .sort()
    .join('\n')
}

/**
 * The header `signature` of Baidu's callbacks.
 *
 * @param token - as the console has it
 * @param timestamp - the header of that name
 */
export function baiduCallbackSignature(token: string, timestamp: string, body: Buffer): string {
  return hexHash('md5', Buffer.concat([Buffer.from(token + timestamp, 'utf8'), body]))
}
