import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import { messageOf } from '../core/errors.ts'
import type { WebhookAnswer } from './schedule.ts'

/** How much of an answer is read, so that its connection can be used again, in octets. */
const MAX_BODY_OCTETS = 64 * 1024

/** What came of one request. */
export interface ExchangeResult extends WebhookAnswer {
  readonly durationMs: number
  /** Null when the endpoint has answered. */
  readonly error: string | null
  /** True when it took too long. */
  readonly isTimeout: boolean
}

const TIMEOUTS: Readonly<Record<string, string>> = {
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
}

/**
 * One request at undici's lowest level, which costs the least: no stream and no signal for each.
 *
 * The status decides; the body is only read away, and cut off when it is long or slow.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #settle: (result: ExchangeResult) => void
  readonly #maxDurationMs: number
  readonly #startedMs = performance.now()
  #status: number | null = null
  #retryAfter: string | null = null
  #octets = 0

  /** @param settle - called once, whatever happens */
  constructor(maxDurationMs: number, settle: (result: ExchangeResult) => void) {
    this.#maxDurationMs = maxDurationMs
    this.#settle = settle
  }

  onRequestStart(): void {}

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    // 1xx come before the answer.
    if (status < 200) return
    this.#status = status
    this.#retryAfter = headers['retry-after'] ?? null
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#octets += chunk.length
    if (this.#octets > MAX_BODY_OCTETS || this.#durationMs() > this.#maxDurationMs) {
      controller.abort(new Error('enough of this body'))
    }
  }

  onResponseEnd(): void {
    this.#end(null, false)
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#status !== null) {
      // A fault in the body changes nothing about the status.
      this.#end(null, false)
      return
    }
    const { code } = error as NodeJS.ErrnoException
    const timeout = code === undefined ? undefined : TIMEOUTS[code]
    this.#end(timeout ?? (messageOf(error) || String(code)), timeout !== undefined)
  }

  #end(error: string | null, isTimeout: boolean): void {
    this.#settle({
      status: this.#status,
      retryAfter: this.#retryAfter,
      durationMs: this.#durationMs(),
      error,
      isTimeout,
    })
  }

  #durationMs(): number {
    return Math.round(performance.now() - this.#startedMs)
  }
}
