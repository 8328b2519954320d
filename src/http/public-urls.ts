import type { Context } from 'hono'
import type { ClientAddresses } from './client-address.ts'
import type { AppEnv } from './env.ts'

/** Path and query of a request as it came. Proxies may ask for a whole address; without a port there is nothing else. */
export function requestTarget(c: Context<AppEnv>): string {
  return (c.env?.incoming?.url ?? c.req.url).replace(/^[a-z]+:\/\/[^/?]*/i, '')
}

/** Tells how a request was called by whoever sent it. */
export class PublicUrls {
  readonly #publicUrl: string | undefined
  readonly #addresses: ClientAddresses

  /**
   * @param publicUrl - what stands before the path, without a slash at its end; undefined: what the request and
   *   trusted proxies say
   */
  constructor(publicUrl: string | undefined, addresses: ClientAddresses) {
    this.#publicUrl = publicUrl
    this.#addresses = addresses
  }

  /** The whole address, path and query as they came. */
  of(c: Context<AppEnv>): string {
    const target = requestTarget(c)
    return (this.#publicUrl ?? this.#originOf(c)) + target
  }

  #originOf(c: Context<AppEnv>): string {
    const asked = new URL(c.req.url)
    const isProxied = this.#addresses.isFromProxy(c)
    const told = (name: string) => (isProxied ? firstOf(c.req.header(name)) : undefined)
    const scheme = told('x-forwarded-proto') === 'https' ? 'https:' : asked.protocol
    const host = told('x-forwarded-host') ?? c.req.header('host') ?? asked.host
    const origin = `${scheme}//${host}`
    return URL.canParse(origin) ? origin : asked.origin
  }
}

/** Proxies in a row each add theirs: the first is the one that was called. */
function firstOf(header: string | undefined): string | undefined {
  const first = header?.split(',', 1)[0]?.trim()
  return first === '' ? undefined : first
}
