import { type Dispatcher, Pool } from 'undici'
import { messageOf } from '../core/errors.ts'
import type { HttpRequest, HttpResponse } from '../providers/http-call.ts'
import { tunnelThrough } from './proxy-tunnel.ts'

/** What became of one request. */
export type Exchanged =
  | { readonly kind: 'answered'; readonly response: HttpResponse }
  /** It surely has not reached the provider. */
  | { readonly kind: 'not_sent'; readonly reason: string }
  /** It was sent, at least in part, and no whole answer came. */
  | { readonly kind: 'unknown'; readonly reason: string }

/** How a provider is reached. */
export interface HttpClientOptions {
  readonly connections: number
  /** For the whole answer, from when the request is written; and as long for a connection that is free. */
  readonly timeoutMs: number
  /** URL of a proxy; undefined: none. */
  readonly proxy: string | undefined
}

const CONNECT_TIMEOUT_MS = 5_000
/** Shorter than servers keep silent connections: one that is just being closed would swallow a request. */
const KEEP_ALIVE_MS = 10_000
/** No provider answers with more; receipts come 1,000 at a time at the most. */
const MAX_ANSWER_OCTETS = 4 * 1024 * 1024
const CLOSED: Exchanged = { kind: 'not_sent', reason: 'its connections are being closed' }

/** Connections to a provider: kept open, each with one request at a time. */
export class HttpClient {
  readonly #options: HttpClientOptions
  /** By origin: an account may have its tokens from another host. */
  readonly #pools = new Map<string, Pool>()
  #isClosed = false

  constructor(options: HttpClientOptions) {
    this.#options = options
  }

  /** Makes a request. Never rejects. */
  exchange({ method, url, headers, body }: HttpRequest): Promise<Exchanged> {
    if (this.#isClosed) return Promise.resolve(CLOSED)
    return new Promise((settle) => {
      const exchange = new Exchange(this.#options.timeoutMs, settle)
      try {
        const { origin, pathname, search } = new URL(url)
        this.#poolFor(origin).dispatch(
          { method, path: pathname + search, headers, body: body === '' ? null : body },
          exchange,
        )
      } catch (error) {
        exchange.fail(error)
      }
    })
  }

  /** Closes idle connections now, others when they are answered, and those at once that are not in time. */
  async close(drainMs: number): Promise<void> {
    const pools = [...this.#pools.values()]
    // Called again it has no more patience.
    if (!this.#isClosed && drainMs > 0) {
      this.#isClosed = true
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, drainMs)
      })
      await Promise.race([Promise.all(pools.map((pool) => pool.close())), late])
      clearTimeout(timer)
    }
    this.#isClosed = true
    await Promise.all(pools.map((pool) => pool.destroy()))
  }

  #poolFor(origin: string): Pool {
    const known = this.#pools.get(origin)
    if (known) return known
    const { connections, proxy } = this.#options
    const pool = new Pool(origin, {
      connections,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxResponseSize: MAX_ANSWER_OCTETS,
      // Each exchange has a deadline of its own, for all of it.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect:
        proxy === undefined
          ? { timeout: CONNECT_TIMEOUT_MS }
          : tunnelThrough(proxy, CONNECT_TIMEOUT_MS),
    })
    this.#pools.set(origin, pool)
    return pool
  }
}

/** One request on its way: it settles once, and knows whether any of it may have left. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #timeoutMs: number
  readonly #settle: (exchanged: Exchanged) => void
  readonly #timer: NodeJS.Timeout
  #isSettled = false
  /** Set when the request is about to be written to a connection. */
  #controller: Dispatcher.DispatchController | undefined
  #status = 0
  #headers: Record<string, string> = {}
  readonly #chunks: Buffer[] = []

  constructor(timeoutMs: number, settle: (exchanged: Exchanged) => void) {
    this.#timeoutMs = timeoutMs
    this.#settle = settle
    this.#timer = setTimeout(() => this.#onTimeout(), timeoutMs)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#isSettled) {
      // Nobody waits for it any more, and nothing of it has been written.
      controller.abort(new Error('given up'))
      return
    }
    this.#controller = controller
    this.#timer.refresh()
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    this.#status = status
    this.#headers = flatHeaders(headers)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    const [first] = this.#chunks
    const octets = first && this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks)
    const response = { status: this.#status, headers: this.#headers, body: textOf(octets) }
    this.#end({ kind: 'answered', response })
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: unknown): void {
    this.fail(error)
  }

  fail(error: unknown): void {
    this.#end({ kind: this.#controller ? 'unknown' : 'not_sent', reason: messageOf(error) })
  }

  #onTimeout(): void {
    const missing = this.#controller ? 'no whole answer' : 'no free connection'
    const error = new Error(`${missing} in ${this.#timeoutMs} ms`)
    this.fail(error)
    this.#controller?.abort(error)
  }

  #end(exchanged: Exchanged): void {
    clearTimeout(this.#timer)
    if (this.#isSettled) return
    this.#isSettled = true
    this.#settle(exchanged)
  }
}

function textOf(octets: Buffer): string {
  const hasMark = octets[0] === 0xef && octets[1] === 0xbb && octets[2] === 0xbf
  return octets.toString('utf8', hasMark ? 3 : 0)
}

function flatHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string> {
  const flat: Record<string, string> = {}
  for (const name in headers) {
    const value = headers[name]
    flat[name] = Array.isArray(value) ? value.join(', ') : (value ?? '')
  }
  return flat
}
