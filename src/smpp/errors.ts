/** What an {@link SmppError} carries besides its message. */
export interface SmppErrorOptions {
  /** True when trying again may succeed. */
  readonly retryable: boolean
  /** The error that led to this one. */
  readonly cause?: unknown
  /**
   * The fault is in a peer's octets: no stack is taken, which is most of the cost of an error and
   * would say nothing. Peers can cause thousands a second.
   */
  readonly ofPeer?: boolean
}

/** The base of every error that the SMPP core raises on purpose; `code` is stable. */
export class SmppError extends Error {
  readonly code: string
  readonly retryable: boolean

  constructor(code: string, message: string, options: SmppErrorOptions) {
    const { stackTraceLimit } = Error
    if (options.ofPeer === true) Error.stackTraceLimit = 0
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    Error.stackTraceLimit = stackTraceLimit
    this.name = new.target.name
    this.code = code
    this.retryable = options.retryable
  }
}

/** The byte stream can no longer be split into PDUs: close the connection. */
export class FrameError extends SmppError {
  constructor(message: string) {
    super('frame_invalid', message, { retryable: true, ofPeer: true })
  }
}

/** The header of a PDU, as far as it could be read. */
export interface PduHeader {
  readonly command_length: number
  readonly command_id: number
  readonly command_status: number
  readonly sequence_number: number
}

/**
 * One PDU could not be decoded, but its frame was whole: the session goes on.
 *
 * Answer it with the operation's response or `generic_nack` carrying `commandStatus`.
 */
export class PduError extends SmppError {
  readonly header: PduHeader
  /** The `command_status` to answer with, for example `ESME_RINVMSGLEN`. */
  readonly commandStatus: number

  constructor(message: string, header: PduHeader, commandStatus: number) {
    super('pdu_invalid', message, { retryable: false, ofPeer: true })
    this.header = header
    this.commandStatus = commandStatus
  }
}

/**
 * A request has no answer and will not get one.
 *
 * Codes: `response_timeout`, `response_invalid` (one came that cannot be read), `session_closed`,
 * `closed` (we were shut down), `not_bound`, `queue_full` (too many wait for a place in the window).
 */
export class RequestError extends SmppError {
  /** True when the request's octets may have reached the peer: its outcome is unknown. */
  readonly written: boolean

  constructor(code: string, message: string, written: boolean, cause?: unknown) {
    super(code, message, { retryable: true, cause })
    this.written = written
  }
}

/** The peer refused our bind, or answered it in a way that makes no sense. */
export class BindError extends SmppError {
  readonly commandStatus: number

  constructor(message: string, commandStatus: number) {
    super('bind_refused', message, { retryable: true })
    this.commandStatus = commandStatus
  }
}
