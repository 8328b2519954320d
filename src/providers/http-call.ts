/** A request to a provider, whole: what is signed is what is sent. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Absolute, the query encoded. */
  readonly url: string
  /** Names in lower case; without `host` and `content-length`, which follow from the rest. */
  readonly headers: Readonly<Record<string, string>>
  /** Empty: none. */
  readonly body: string
}

/** What a provider has answered, read to its end. */
export interface HttpResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The content type of form bodies. */
export const FORM = 'application/x-www-form-urlencoded;charset=utf-8'

/** The content type of JSON bodies. */
export const JSON_UTF8 = 'application/json;charset=utf-8'

/** Pairs as an `application/x-www-form-urlencoded` text; undefined values are left out. */
export function formOf(fields: Readonly<Record<string, string | undefined>>): string {
  const form = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) form.append(name, value)
  }
  return form.toString()
}

/**
 * Percent-encodes all but the unreserved characters, as most signature schemes want it.
 *
 * @see RFC 3986, section 2.3
 */
export function percentEncoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** The value of `authorization` for a user and a password, RFC 7617. */
export function basicAuthorization(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`
}

/** The path of a URL below the endpoint of an account, which may itself have a path. */
export function urlBelow(endpoint: string, path: string): string {
  return endpoint.replace(/\/+$/, '') + path
}
