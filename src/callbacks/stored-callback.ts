import { createHash } from 'node:crypto'
import { GatewayError } from '../core/errors.ts'
import type { CallbackRequest } from '../providers/provider.ts'
import type { Cipher, SealContext } from '../store/cipher.ts'

/** What it is about, by the address it was sent to. */
export type CallbackKind = CallbackRequest['kind']

/** A callback that was found to be genuine, before it is stored. */
export interface StoredCallback {
  /** UUIDv7. */
  readonly id: string
  readonly carrier: string
  readonly request: CallbackRequest
  readonly receivedAt: Date
  readonly address: string | undefined
  /** See {@link digestOf}. */
  readonly digest: string
  /** See {@link onceKeyOf}. */
  readonly onceKey: string
}

/** Where a callback is stored. */
export function inCallback(rowId: string): SealContext {
  return { tenantId: '', column: 'provider_callbacks.request', rowId }
}

/** What tells one callback from another: method, kind, query and body. */
export function digestOf({ method, kind, url, body }: CallbackRequest): string {
  const query = url.includes('?') ? url.slice(url.indexOf('?')) : ''
  return createHash('sha256')
    .update(`${method} ${kind} ${query}\n`)
    .update(body)
    .digest('base64url')
}

/** What a carrier sends once only: a nonce, or where there is none what the callback says. */
export function onceKeyOf(digest: string, nonce: string | null): string {
  if (nonce === null) return `content ${digest}`
  return `nonce ${createHash('sha256').update(nonce).digest('base64url')}`
}

/** Headers of every request, of proxies, or with what is to be known to nobody. */
const NOT_KEPT =
  /^(?:accept|authorization|cache-control|cf-|connection$|content-(?:length|encoding)$|cookie|expect$|forwarded|host$|keep-alive|pragma|proxy-|te$|trace|traceparent|transfer-encoding|upgrade|user-agent|via$|x-(?:amzn|forwarded|real-ip|request-id))/
const MAX_HEADERS = 20
const MAX_HEADER_CHARACTERS = 512

/** The headers that say something of a callback: its content type, and those that it is signed with. */
function keptHeaders(headers: CallbackRequest['headers']): Record<string, string> {
  const kept = Object.entries(headers).filter(
    ([name, value]) => !NOT_KEPT.test(name) && value.length <= MAX_HEADER_CHARACTERS,
  )
  // Whoever fills them up must not push the one out that reading needs.
  const first = kept.filter(([name]) => name === 'content-type')
  const others = kept.filter(([name]) => name !== 'content-type')
  return Object.fromEntries([...first, ...others].slice(0, MAX_HEADERS))
}

interface Written {
  readonly method: CallbackRequest['method']
  readonly url: string
  readonly headers: Record<string, string>
  /** Base64. */
  readonly body: string
}

/** The stored form of a request. */
export function sealRequest(cipher: Cipher, { id, request }: StoredCallback): string {
  const written: Written = {
    method: request.method,
    url: request.url,
    headers: keptHeaders(request.headers),
    body: request.body.toString('base64'),
  }
  return cipher.seal(JSON.stringify(written), inCallback(id))
}

/**
 * The request of a stored form.
 *
 * @throws {GatewayError} as {@link Cipher.open}; `callback_damaged` for what is none
 */
export function openRequest(
  cipher: Cipher,
  { id, kind, request }: { readonly id: string; readonly kind: string; readonly request: string },
): CallbackRequest {
  const text = cipher.open(request, inCallback(id))
  let written: Written
  try {
    written = JSON.parse(text) as Written
  } catch (cause) {
    throw new GatewayError('callback_damaged', `the callback ${id} is stored damaged`, { cause })
  }
  const { method, url, headers, body } = written
  return {
    method,
    kind: kind === 'mo' ? 'mo' : 'delivery',
    url,
    headers,
    body: Buffer.from(body, 'base64'),
  }
}
