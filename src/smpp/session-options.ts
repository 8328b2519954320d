import type { Duplex } from 'node:stream'
import type { PduError } from './errors.ts'
import type { SmppLogger } from './logger.ts'
import type { Pacer } from './pacer.ts'
import type { CommandName, Pdu } from './pdu.ts'
import type { Recording } from './recorder.ts'
import type { SessionReply } from './reply.ts'
import type { Session } from './session.ts'
import type { SessionRole, SessionState } from './session-rules.ts'

/** Why a session ended. */
export type SessionEndReason =
  /** `close` was called. */
  | 'closed'
  /** We sent `unbind` and the peer answered, or did not in time. */
  | 'unbound'
  | 'unbound_by_peer'
  /** The peer closed the connection. */
  | 'peer_closed'
  | 'socket_error'
  /** The peer's octets could not be split into PDUs. */
  | 'frame_invalid'
  /** No sign of life after `enquire_link`. */
  | 'no_answer'
  | 'inactive'
  /** No bind in time, or requests instead of one. */
  | 'not_bound'
  /** We refused the peer's bind. */
  | 'bind_refused'
  /** The peer did not read what we wrote. */
  | 'slow_reader'
  | 'internal_error'

/** How a session ended. */
export interface SessionEnd {
  readonly reason: SessionEndReason
  readonly error?: Error
}

/**
 * Answers a request of the peer.
 *
 * `undefined` says that the operation is not offered (`ESME_RINVCMDID`); for `outbind` and
 * `alert_notification`, which have no response, the result is ignored. A throw is answered with
 * `ESME_RSYSERR`. The promise must settle: too many open ones stop the reading. Octets in the PDU are
 * views of the received chunk: copy what is kept.
 */
export type RequestHandler = (
  pdu: Pdu,
  session: Session,
) => Promise<SessionReply | undefined> | SessionReply | undefined

/** The figures of a session; times are milliseconds, and 0 switches a timer off. */
export interface SessionLimits {
  /** Requests of ours that may wait for a response (10). */
  readonly windowSize?: number
  /** Requests of ours that may wait for a place in the window (1,000). */
  readonly queueLimit?: number
  /** From the socket write to the response (10,000). */
  readonly requestTimeoutMs?: number
  /** Silence of the peer before an `enquire_link` (30,000). */
  readonly enquireLinkMs?: number
  /** Silence after `enquire_link` or `unbind` before we close (`requestTimeoutMs`). */
  readonly answerTimeoutMs?: number
  /** Silence of the peer before we close (0). */
  readonly inactivityMs?: number
  /** From the connection to the bind (10,000). */
  readonly sessionInitMs?: number
  /** How long the peer may leave our octets unread (30,000). */
  readonly writeTimeoutMs?: number
  /** How long open requests may still finish when the peer unbinds (2,000). */
  readonly peerUnbindDrainMs?: number
  /** Largest PDU accepted, in octets (70,000). */
  readonly maxPduOctets?: number
  /** Requests of the peer that may be in work; as many again are read ahead (500). */
  readonly maxInboundPending?: number
  /** How often the session looks at its timers (250); 0 leaves `tick` to the caller. */
  readonly tickMs?: number
}

/** The figures that an open session may be given anew; what is absent stays. */
export type SessionChanges = Pick<
  SessionLimits,
  'windowSize' | 'enquireLinkMs' | 'inactivityMs' | 'maxInboundPending'
>

/** How a session is ended in order. */
export interface UnbindOptions {
  /** How long open requests may still finish (5,000). */
  readonly drainMs?: number
  /** Rejects at once what is not written, instead of sending it first. */
  readonly handsBack?: boolean
}

/** What a {@link Session} is built from. */
export interface SessionOptions extends SessionLimits {
  /** A connected stream; the session owns it from now on. */
  readonly stream: Duplex
  readonly role: SessionRole
  /** A clock that never goes back, in milliseconds (`performance.now`). */
  readonly now?: () => number
  /** Holds our requests back, binds apart; sessions of one account share it. */
  readonly pacer?: Pacer
  readonly onRequest: RequestHandler
  readonly onStateChange?: (state: SessionState, session: Session) => void
  /**
   * Requests are about to be handed to the stream: the tags of those that have one, in order. From now
   * on the peer may have them.
   */
  readonly onWrite?: (tags: readonly unknown[]) => void
  /** Places became free in the window; called at most once per turn. */
  readonly onWindowFree?: (session: Session) => void
  /** One side begins to unbind: no new requests are taken, the open ones may finish. */
  readonly onDraining?: (session: Session) => void
  /** A PDU could not be decoded; it has been answered already where it can be. */
  readonly onPduError?: (error: PduError, session: Session) => void
  /** A request of the peer, a bind apart, was not granted; undefined: its command is not known. */
  readonly onRequestRefused?: (command: CommandName | undefined, status: number) => void
  /** Called once, after every waiting request has been settled. */
  readonly onClose?: (end: SessionEnd, session: Session) => void
  /** Gets a copy of every PDU, and is told how the session stands. */
  readonly recording?: Recording
  readonly logger?: SmppLogger
}

/** All the figures of a session, with the defaults where the options are silent. */
export function limitsOf(options: SessionLimits): Required<SessionLimits> {
  const requestTimeoutMs = options.requestTimeoutMs ?? 10_000
  return {
    windowSize: options.windowSize ?? 10,
    queueLimit: options.queueLimit ?? 1000,
    requestTimeoutMs,
    enquireLinkMs: options.enquireLinkMs ?? 30_000,
    answerTimeoutMs: options.answerTimeoutMs ?? requestTimeoutMs,
    inactivityMs: options.inactivityMs ?? 0,
    sessionInitMs: options.sessionInitMs ?? 10_000,
    writeTimeoutMs: options.writeTimeoutMs ?? 30_000,
    peerUnbindDrainMs: options.peerUnbindDrainMs ?? 2000,
    maxPduOctets: options.maxPduOctets ?? 70_000,
    maxInboundPending: options.maxInboundPending ?? 500,
    tickMs: options.tickMs ?? 250,
  }
}
