import { connect, type Socket } from 'node:net'
import type { TlsOptions } from 'node:tls'
import { plainAddress } from './address.ts'
import {
  type CapFigures,
  type CapLimits,
  ConnectionCaps,
  type ConnectionSlot,
} from './connection-caps.ts'
import { SmppError } from './errors.ts'
import { type ConnectionOrigin, Listener, type ListenerOptions } from './listener.ts'
import { type SmppLogger, silentSmppLogger } from './logger.ts'
import type { BindPdu, Pdu } from './pdu.ts'
import type { Recording } from './recorder.ts'
import type { SessionReply } from './reply.ts'
import { Session } from './session.ts'
import type {
  SessionChanges,
  SessionEnd,
  SessionLimits,
  SessionOptions,
} from './session-options.ts'
import { isBind, isBoundState } from './session-rules.ts'
import { CommandStatus } from './status.ts'
import { intTlv } from './tlv.ts'

/** Where a bind comes from. */
export interface BindOrigin extends ConnectionOrigin {
  /** False once the connection is gone: nobody waits for the verdict any more. */
  isOpen(): boolean
}

/** The answer to a bind. */
export interface BindVerdict<Context> extends SessionChanges {
  /** 0 accepts; anything else refuses and is the `command_status` of the response. */
  readonly status: number
  /** What the application wants to find again with every request; needed when accepting. */
  readonly context?: Context
  /** Our name in the bind response; the server's `system_id` when absent. */
  readonly systemId?: string
  /** Called once when an accepted peer is gone, even if it went before it was bound. */
  readonly release?: () => void
}

/** A peer that is bound. */
export interface BoundPeer<Context> extends ConnectionOrigin {
  /** The bind request; its password is blanked. */
  readonly bind: BindPdu
  readonly context: Context
}

/** Our end for partners who bind to us. */
export interface SmppServerOptions<Context> extends SessionLimits, ListenerOptions, CapLimits {
  /** Counts the connections of several servers together; without, this one has its own limits. */
  readonly caps?: ConnectionCaps
  /** Our name in bind responses, at most 15 characters. */
  readonly system_id: string
  /** The version told to peers of 3.4 and above (0x34). */
  readonly interfaceVersion?: number
  readonly now?: () => number
  /** Judges a bind; a throw is answered with `ESME_RSYSERR`. */
  readonly authenticate: (
    bind: BindPdu,
    origin: BindOrigin,
  ) => Promise<BindVerdict<Context>> | BindVerdict<Context>
  /** Answers a request of a bound peer; see `RequestHandler` for the result. */
  readonly onRequest: (
    pdu: Pdu,
    session: Session,
    peer: BoundPeer<Context>,
  ) => Promise<SessionReply | undefined> | SessionReply | undefined
  /** A peer is bound; requests sent from here on follow the bind response. */
  readonly onSession?: (session: Session, peer: BoundPeer<Context>) => void
  readonly onSessionEnd?: (session: Session, peer: BoundPeer<Context>, end: SessionEnd) => void
  /** A connection ended that never was bound: probes, wrong protocols, refused binds. */
  readonly onUnboundEnd?: (remoteAddress: string, end: SessionEnd) => void
  readonly onWindowFree?: (session: Session) => void
  readonly onPduError?: NonNullable<SessionOptions['onPduError']>
  readonly onRequestRefused?: NonNullable<SessionOptions['onRequestRefused']>
  /** Begins to record a connection that has just been accepted. */
  readonly openRecording?: (socket: Socket) => Recording
  readonly logger?: SmppLogger
}

/** What an {@link SmppServer} has at present and has seen; all but `bound` of all that share its caps. */
export interface SmppServerStats extends CapFigures {
  readonly bound: number
}

interface Connection<Context> {
  readonly origin: ConnectionOrigin
  readonly slot: ConnectionSlot
  /** Set when the bind is accepted. */
  peer: BoundPeer<Context> | undefined
  release: (() => void) | undefined
  /** True once the session is bound. */
  isBound: boolean
  readonly recording: Recording | undefined
}

const DEFAULT_INTERFACE_VERSION = 0x34
const FIRST_VERSION_WITH_TLVS = 0x34
const DEFAULT_HANDSHAKE_MS = 10_000
const CALL_TIMEOUT_MS = 10_000

/**
 * Accepts connections, lets the application judge their binds, and hands over the bound sessions.
 *
 * Whatever a peer sends, no exception leaves a socket handler; peers that do not bind in time or
 * are too many are closed.
 */
export class SmppServer<Context = undefined> {
  readonly #options: SmppServerOptions<Context>
  readonly #logger: SmppLogger
  readonly #caps: ConnectionCaps
  readonly #listener: Listener
  readonly #sessions = new Set<Session>()
  #bound = 0
  #closing: Promise<void> | undefined

  constructor(options: SmppServerOptions<Context>) {
    this.#options = options
    this.#logger = options.logger ?? silentSmppLogger
    this.#caps = options.caps ?? new ConnectionCaps(options)
    this.#listener = new Listener(options, {
      caps: this.#caps,
      patienceMs: options.sessionInitMs || DEFAULT_HANDSHAKE_MS,
      logger: this.#logger,
      now: options.now ?? (() => performance.now()),
      onConnection: (stream, origin, slot) => this.#serve(stream, origin, slot),
    })
  }

  /** The port listened on; 0 before `listen` and after `close`. */
  get port(): number {
    return this.#listener.port
  }

  get stats(): SmppServerStats {
    return { ...this.#caps.figures, bound: this.#bound }
  }

  /**
   * Starts to accept connections.
   *
   * @throws {SmppError} `port_in_use`, or `listen_failed` with the cause
   */
  listen(): Promise<void> {
    return this.#listener.listen()
  }

  /** See {@link Listener.renewTls}. */
  renewTls(tls: TlsOptions): void {
    this.#listener.renewTls(tls)
  }

  /**
   * Connects to a peer and asks it by `outbind` to bind; from then on it is judged and served as one
   * that has connected to us.
   *
   * @throws {SmppError} `connect_failed`, or `too_many_connections` when a cap is reached
   * @see SMPP v3.4, section 2.2.1 (outbind)
   */
  async callOut(
    { host, port }: { readonly host: string; readonly port: number },
    outbind: { readonly system_id: string; readonly password: string },
  ): Promise<void> {
    const slot = this.#caps.admit()
    if (!slot) {
      const message = `no connection to ${host}:${port}: too many are open`
      throw new SmppError('too_many_connections', message, { retryable: true })
    }
    try {
      const socket = await connectTo(host, port)
      socket.once('close', () => slot.release())
      const remoteAddress = plainAddress(socket.remoteAddress ?? '')
      const session = this.#serve(
        socket,
        { remoteAddress, tls: false, certificate: undefined },
        slot,
      )
      if (this.#closing) await session.close()
      else session.notify({ command: 'outbind', ...outbind })
    } catch (cause) {
      slot.release()
      throw cause
    }
  }

  /**
   * Stops accepting, unbinds every session after its open requests (for at most `drainMs`, 5,000),
   * and closes the connections that are not bound.
   */
  close(options: { drainMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  async #close(options: { drainMs?: number }): Promise<void> {
    const closed = this.#listener.close()
    await Promise.all([...this.#sessions].map((session) => session.unbind(options)))
    await closed
  }

  #serve(stream: Socket, origin: ConnectionOrigin, slot: ConnectionSlot): Session {
    const recording = this.#options.openRecording?.(stream)
    const connection: Connection<Context> = {
      origin,
      recording,
      slot,
      peer: undefined,
      release: undefined,
      isBound: false,
    }
    const session = new Session({
      ...this.#options,
      ...(recording && { recording }),
      stream,
      role: 'smsc',
      onRequest: (pdu, session) => {
        if (isBindPdu(pdu)) return this.#judge(pdu, session, connection)
        const { peer } = connection
        return peer === undefined ? undefined : this.#options.onRequest(pdu, session, peer)
      },
      onStateChange: (state) => {
        if (isBoundState(state)) this.#onBound(session, connection)
      },
      onClose: (end) => this.#onEnd(session, connection, end),
    })
    this.#sessions.add(session)
    return session
  }

  async #judge(
    bind: BindPdu,
    session: Session,
    connection: Connection<Context>,
  ): Promise<SessionReply> {
    const isOpen = () => session.state !== 'closed'
    const { origin, recording } = connection
    const kind = bind.command.replace('bind_', '')
    recording?.identify(bind.system_id, null, kind)
    const verdict = await this.#options.authenticate(bind, { ...origin, isOpen })
    if (verdict.status !== CommandStatus.ESME_ROK) return { command_status: verdict.status }
    if (!isOpen()) {
      verdict.release?.()
      return {}
    }
    connection.release = verdict.release
    const blanked: BindPdu = { ...bind, password: '' }
    recording?.identify(bind.system_id, bind.system_id, kind)
    connection.peer = { ...origin, bind: blanked, context: verdict.context as Context }
    session.adjust(verdict)
    const version = this.#options.interfaceVersion ?? DEFAULT_INTERFACE_VERSION
    return {
      system_id: verdict.systemId ?? this.#options.system_id,
      tlvs:
        bind.interface_version >= FIRST_VERSION_WITH_TLVS
          ? [intTlv('sc_interface_version', version)]
          : [],
    }
  }

  #onBound(session: Session, connection: Connection<Context>): void {
    const { origin, slot, peer } = connection
    if (peer === undefined) return
    connection.isBound = true
    slot.bound()
    this.#bound++
    this.#logger.info(
      { remoteAddress: origin.remoteAddress, tls: origin.tls, system_id: peer.bind.system_id },
      'peer bound',
    )
    // The session that calls this contains what the application throws.
    this.#options.onSession?.(session, peer)
  }

  #onEnd(session: Session, connection: Connection<Context>, end: SessionEnd): void {
    const { origin, slot, peer, isBound, release } = connection
    this.#sessions.delete(session)
    slot.bound()
    release?.()
    const { remoteAddress } = origin
    this.#logger.info({ remoteAddress, isBound, reason: end.reason }, 'connection ended')
    if (isBound && peer !== undefined) {
      this.#bound--
      this.#options.onSessionEnd?.(session, peer, end)
    } else {
      this.#options.onUnboundEnd?.(remoteAddress, end)
    }
  }
}

function connectTo(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true, timeout: CALL_TIMEOUT_MS })
    const fail = (cause: Error) => {
      socket.destroy()
      const message = `cannot connect to ${host}:${port}: ${cause.message}`
      reject(new SmppError('connect_failed', message, { retryable: true, cause }))
    }
    const onTimeout = () => fail(new Error(`no answer within ${CALL_TIMEOUT_MS} ms`))
    socket.once('error', fail)
    socket.once('timeout', onTimeout)
    socket.once('connect', () => {
      socket.off('error', fail)
      socket.off('timeout', onTimeout)
      socket.setTimeout(0)
      resolve(socket)
    })
  })
}

function isBindPdu(pdu: Pdu): pdu is BindPdu {
  return isBind(pdu.command)
}
