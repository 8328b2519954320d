import type { KeyObject } from 'node:crypto'
import { Agent } from 'undici'
import type { AddressGuard, WebhookTarget } from './address-guard.ts'
import { Exchange, type ExchangeResult } from './exchange.ts'
import { keyOf, signatureOf } from './signature.ts'

const TIMEOUT_MS = 10_000
const CONNECT_TIMEOUT_MS = 5_000

/** A status has come and decides; its body is not waited for longer, in milliseconds. */
const BODY_TIMEOUT_MS = 2_000

/** Unused connections stay open so long, in milliseconds, unless the endpoint's server says less. */
const KEEP_ALIVE_MS = 4_000

/** Connections to one origin at most, for all recipients there; each has its own limit before that. */
const MAX_CONNECTIONS = 256

/** Keys remembered as read. */
const MAX_KEYS = 1_000

/** One request to be signed and sent. */
export interface Posting {
  readonly target: WebhookTarget
  /** The `webhook-id`. */
  readonly id: string
  /** The `webhook-timestamp`: seconds since 1970. */
  readonly timestamp: number
  readonly body: string
  /** What to sign with: two during a rotation. */
  readonly secrets: readonly string[]
}

/** Sends what {@link WebhookSender} decides to send. */
export interface Poster {
  /** @param settle - called once, whatever happens; never before this has returned */
  post(posting: Posting, settle: (result: ExchangeResult) => void): void
  /** Cuts off what is under way and closes the connections. */
  close(): Promise<void>
}

/** How a poster is built. */
export interface PosterOptions {
  readonly guard: AddressGuard
  /** The gateway's version, for `User-Agent`. */
  readonly version: string
  /** Time for an answer, and for a connection, in milliseconds. */
  readonly timeoutMs?: number
  readonly connectTimeoutMs?: number
}

/** Signs and sends in the thread that it is called in, over connections that are kept open. */
export class LocalPoster implements Poster {
  readonly #userAgent: string
  readonly #timeoutMs: number
  readonly #agent: Agent
  readonly #keys = new Map<string, KeyObject>()

  constructor({ guard, version, ...options }: PosterOptions) {
    this.#userAgent = `Linehaul/${version}`
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS
    this.#agent = new Agent({
      connections: MAX_CONNECTIONS,
      // Pipelined requests would wait for each other, and many servers and proxies mishandle them.
      pipelining: 1,
      headersTimeout: this.#timeoutMs,
      bodyTimeout: Math.min(this.#timeoutMs, BODY_TIMEOUT_MS),
      keepAliveTimeout: KEEP_ALIVE_MS,
      connect: { timeout: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS, lookup: guard.lookup },
    })
  }

  post(posting: Posting, settle: (result: ExchangeResult) => void): void {
    const { target, id, timestamp, body, secrets } = posting
    const keys = secrets.map((secret) => this.#keyOf(secret))
    this.#agent.dispatch(
      {
        origin: target.origin,
        path: target.path,
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': this.#userAgent,
          'webhook-id': id,
          'webhook-timestamp': String(timestamp),
          'webhook-signature': signatureOf(id, timestamp, body, keys),
        },
        body,
      },
      new Exchange(this.#timeoutMs, settle),
    )
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  #keyOf(secret: string): KeyObject {
    let key = this.#keys.get(secret)
    if (!key) {
      key = keyOf(secret)
      if (this.#keys.size >= MAX_KEYS) this.#keys.clear()
      this.#keys.set(secret, key)
    }
    return key
  }
}
