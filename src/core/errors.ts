/** What a {@link GatewayError} carries besides its message. */
export interface GatewayErrorOptions {
  /** True when the same request may succeed later without a change. */
  readonly retryable?: boolean
  /** When it may succeed at the earliest, in seconds from now, where that is known. */
  readonly retryAfterSeconds?: number
  /** The error that led to this one. */
  readonly cause?: unknown
  /** JSON pointer of the offending field in the caller's input, for example `/to`. */
  readonly pointer?: string
}

/**
 * An error raised on purpose anywhere outside `smpp/` and `encoding/`.
 *
 * `code` is stable and part of the public contract; `http/problem.ts` maps it to an HTTP status and
 * `partners/status.ts` to a `command_status`.
 */
export class GatewayError extends Error {
  readonly code: string
  readonly retryable: boolean
  readonly retryAfterSeconds: number | undefined
  readonly pointer: string | undefined

  constructor(code: string, message: string, options: GatewayErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.retryable = options.retryable ?? false
    this.retryAfterSeconds = options.retryAfterSeconds
    this.pointer = options.pointer
  }
}

/** The text of anything thrown, for a log line or an event. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // A failed query names all its parameters, texts and numbers among them; its cause says what failed.
  if ('params' in error && error.cause instanceof Error) return messageOf(error.cause)
  return error.message
}
