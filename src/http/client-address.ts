import { isIP } from 'node:net'
import type { Context } from 'hono'
import { Networks } from '../core/networks.ts'
import type { AppEnv } from './env.ts'

/** IPv4 as sockets of both families have it. */
const MAPPED_V4 = '::ffff:'
const V4_WITH_PORT = /^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/
const V6_IN_BRACKETS = /^\[([0-9a-f:.]+)\](?::\d{1,5})?$/i

/** Tells where requests come from, through proxies that are trusted. */
export class ClientAddresses {
  readonly #trusted: Networks | undefined

  /** @param trustedProxies - addresses and networks whose `X-Forwarded-For` counts */
  constructor(trustedProxies: readonly string[]) {
    this.#trusted = trustedProxies.length > 0 ? new Networks(trustedProxies) : undefined
  }

  /** The address that a request comes from; undefined for one without a socket. */
  of(c: Context<AppEnv>): string | undefined {
    const peer = c.env?.incoming?.socket.remoteAddress
    if (peer === undefined) return undefined
    if (!this.#trusted?.has(peer)) return unmapped(peer)
    return this.#forwarded(c.req.header('x-forwarded-for')) ?? unmapped(peer)
  }

  /** True for a request that a trusted proxy has passed on: what it says of the request counts. */
  isFromProxy(c: Context<AppEnv>): boolean {
    const peer = c.env?.incoming?.socket.remoteAddress
    return peer !== undefined && this.#trusted?.has(peer) === true
  }

  /**
   * The last address of the header that is no proxy of ours: all before it is the client's word. Where there
   * are only proxies, the first. Undefined for a header that is not a list of addresses as far as it is read.
   */
  #forwarded(header: string | undefined): string | undefined {
    let address: string | undefined
    for (const entry of header?.split(',').reverse() ?? []) {
      address = readAddress(entry.trim())
      if (address === undefined || !this.#trusted?.has(address)) return address
    }
    return address
  }
}

/** Some proxies write the port as well. */
function readAddress(text: string): string | undefined {
  const address = V4_WITH_PORT.exec(text)?.[1] ?? V6_IN_BRACKETS.exec(text)?.[1] ?? text
  return isIP(address) === 0 ? undefined : unmapped(address)
}

/** For every request: several times faster than a regular expression. */
function unmapped(address: string): string {
  const isMapped = address.startsWith(MAPPED_V4) && address.includes('.')
  return isMapped ? address.slice(MAPPED_V4.length) : address
}
