import { Agent } from 'undici'
import type { AddressGuard } from './address-guard.ts'

const CONNECT_TIMEOUT_MS = 2_000
const KEEP_ALIVE_MS = 30_000
const MAX_BODY_OCTETS = 65_536

/** How a {@link GuardedJson} is built. */
export interface GuardedJsonOptions {
  readonly guard: AddressGuard
  /** The gateway's version, for `User-Agent`. */
  readonly version: string
  /** Connections to one origin at most. */
  readonly connections: number
}

/** Gets JSON from services outside, at addresses that the guard lets pass, and follows no redirects. */
export class GuardedJson {
  readonly #guard: AddressGuard
  readonly #userAgent: string
  readonly #agent: Agent

  constructor({ guard, version, connections }: GuardedJsonOptions) {
    this.#guard = guard
    this.#userAgent = `Linehaul/${version}`
    this.#agent = new Agent({
      connections,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxResponseSize: MAX_BODY_OCTETS,
      connect: { timeout: CONNECT_TIMEOUT_MS, lookup: guard.lookup },
    })
  }

  /**
   * Gets a document; `body` is undefined where it is no JSON.
   *
   * @throws {GatewayError} `webhook_url_invalid`, `webhook_address_refused`; {Error} when no whole answer
   *   comes in time
   */
  readonly get = async (
    url: string,
    { token, timeoutMs }: { readonly token: string | undefined; readonly timeoutMs: number },
  ): Promise<{ status: number; body: unknown }> => {
    const { origin, path } = this.#guard.target(url)
    const { statusCode, body } = await this.#agent.request({
      origin,
      path,
      method: 'GET',
      headers: {
        accept: 'application/json',
        'user-agent': this.#userAgent,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      // One limit for connection, header and body together.
      signal: AbortSignal.timeout(timeoutMs),
    })
    const text = await body.text()
    return { status: statusCode, body: parsed(text) }
  }

  /** Cuts off what is under way and closes the connections. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
