import { hexHash, hmac } from './digests.ts'
import { percentEncoded } from './http-call.ts'

/** A key pair of an account, as its owner has it. */
export interface AliyunKey {
  readonly id: string
  readonly secret: string
}

/** Names and values, in any order; the same name may stand twice. */
export type Pairs = Iterable<readonly [name: string, value: string]>

/** A request as its signature covers it. */
export interface Acs3Request {
  readonly method: string
  /** Encoded. */
  readonly path: string
  /** Decoded. */
  readonly query: Pairs
  /** Those of `host`, `content-type` and `x-acs-…` are signed, in whatever case they are written. */
  readonly headers: Pairs
  /** Lower hexadecimal SHA-256 of the body's octets. */
  readonly bodyHash: string
}

const ALGORITHM = 'ACS3-HMAC-SHA256'

/** A query with its names in order and all but unreserved characters encoded: as it is signed, and as it can be sent. */
export function canonicalQuery(query: Pairs): string {
  return [...query]
    .map(([name, value]) => `${percentEncoded(name)}=${percentEncoded(value)}`)
    .sort()
    .join('&')
}

/**
 * The value of `authorization` for a request in the third version of the signature.
 *
 * @see https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature
 */
export function acs3Authorization(key: AliyunKey, request: Acs3Request): string {
  const headers = new Map<string, string>()
  for (const [name, value] of request.headers) {
    const lower = name.toLowerCase()
    if (lower !== 'host' && lower !== 'content-type' && !lower.startsWith('x-acs-')) continue
    const before = headers.get(lower)
    headers.set(lower, before === undefined ? value.trim() : `${before},${value.trim()}`)
  }
  const names = [...headers.keys()].sort()
  const signedHeaders = names.join(';')
  const canonical = [
    request.method,
    request.path,
    canonicalQuery(request.query),
    ...names.map((name) => `${name}:${headers.get(name)}`),
    '',
    signedHeaders,
    request.bodyHash,
  ].join('\n')
  const signature = hmac('sha256', key.secret, `${ALGORITHM}\n${hexHash('sha256', canonical)}`)
  return `${ALGORITHM} Credential=${key.id},SignedHeaders=${signedHeaders},Signature=${signature.toString('hex')}`
}

/**
 * `Signature` of the older form, over all parameters wherever they travel, and over the method.
 *
 * @param parameters - decoded, without `Signature`
 * @see https://help.aliyun.com/zh/sdk/product-overview/rpc-mechanism
 */
export function rpcSignature(secret: string, method: string, parameters: Pairs): string {
  const signed = `${method}&%2F&${percentEncoded(canonicalQuery(parameters))}`
  return hmac('sha1', `${secret}&`, signed).toString('base64')
}
