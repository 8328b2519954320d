import { createHash, createHmac } from 'node:crypto'

/** What signs a request: the id of a key and its secret, as `POST /v1/keys` gives them. */
export interface SigningKey {
  readonly id: string
  readonly secret: string
}

/** A request to be signed. */
export interface ToSign {
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly body?: string | Uint8Array
  readonly timestamp: number | string
  readonly nonce: string
}

/** The headers of a signed request, made as docs/api-keys.md says and not by the code that checks them. */
export function signedHeaders(
  { id, secret }: SigningKey,
  { method, path, body = '', timestamp, nonce }: ToSign,
): Record<string, string> {
  const bodyHash = createHash('sha256').update(body).digest('hex')
  const content = `${method}\n${path}\n${timestamp}\n${nonce}\n${bodyHash}`
  return {
    'x-app-key': id,
    'x-timestamp': String(timestamp),
    'x-nonce': nonce,
    'x-signature': createHmac('sha256', secret).update(content).digest('hex'),
  }
}

/** The headers of a request in the short form. */
export function shortSignedHeaders(
  { id, secret }: SigningKey,
  timestamp: number,
): Record<string, string> {
  const content = `app_key=${id}&timestamp=${timestamp}`
  return {
    'x-app-key': id,
    'x-timestamp': String(timestamp),
    'x-signature': createHmac('sha256', secret).update(content).digest('hex'),
  }
}
