import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { SmppError } from './errors.ts'
import { type SmppLogger, silentSmppLogger } from './logger.ts'
import type { BindPdu, Pdu } from './pdu.ts'
import type { SessionReply } from './reply.ts'
import { Session } from './session.ts'
import type { SessionEnd, SessionLimits, SessionOptions } from './session-options.ts'
import { isBind, isBoundState } from './session-rules.ts'
import { CommandStatus } from './status.ts'
import { intTlv } from './tlv.ts'

/** Where a bind comes from. */
export interface BindOrigin {
  /** The peer's IP address. */
  readonly remoteAddress: string
  readonly tls: boolean
}

/** The answer to a bind. */
export interface BindVerdict<Context> {
  /** 0 accepts; anything else refuses and is the `command_status` of the response. */
  readonly status: number
  /** What the application wants to find again with every request; needed when accepting. */
  readonly context?: Context
  /** The window for our requests to this peer; the server's when absent. */
  readonly windowSize?: number
  /** Our name in the bind response; the server's `system_id` when absent. */
  readonly systemId?: string
}

/** A peer that is bound. */
export interface BoundPeer<Context> extends BindOrigin {
  /** The bind request; its password is blanked. */
  readonly bind: BindPdu
  readonly context: Context
}

/** Our end for partners who bind to us. */
export interface SmppServerOptions<Context> extends SessionLimits {
  /** All interfaces when absent. */
  readonly host?: string
  /** 0 lets the system choose; see `SmppServer.port`. */
  readonly port: number
  /** Certificate and key; plain TCP when absent. */
  readonly tls?: TlsOptions
  /** Our name in bind responses, at most 15 characters. */
  readonly system_id: string
  /** The version told to peers of 3.4 and above (0x34). */
  readonly interfaceVersion?: number
  /** Connections that are not bound yet, of all addresses (1,000). */
  readonly maxUnbound?: number
  /** Connections of one address that are not bound yet (50). */
  readonly maxUnboundPerAddress?: number
  /** Connections in all (10,000). */
  readonly maxConnections?: number
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
  readonly logger?: SmppLogger
}

/** What an {@link SmppServer} has at present and has seen. */
export interface SmppServerStats {
  readonly connections: number
  readonly bound: number
  readonly unbound: number
  /** Connections closed at once because a cap was reached. */
  readonly rejected: number
}

/** A connection's share of the caps, from accept to bind or end. */
interface Slot {
  readonly remoteAddress: string
  /** False once it is bound or gone. */
  isUnbound: boolean
  /** True once it has a session; a TLS connection gets one after its handshake. */
  hasSession: boolean
}

interface Connection<Context> {
  readonly slot: Slot
  /** Set when the bind is accepted. */
  peer: BoundPeer<Context> | undefined
  /** True once the session is bound. */
  isBound: boolean
}

const DEFAULT_INTERFACE_VERSION = 0x34
const FIRST_VERSION_WITH_TLVS = 0x34
const DEFAULT_MAX_UNBOUND = 1000
const DEFAULT_MAX_UNBOUND_PER_ADDRESS = 50
const DEFAULT_MAX_CONNECTIONS = 10_000
const DEFAULT_HANDSHAKE_MS = 10_000
/** Between two lines of the log about connections that were rejected. */
const REJECTED_LINE_MS = 10_000

/**
 * Accepts connections, lets the application judge their binds, and hands over the bound sessions.
 *
 * Whatever a peer sends, no exception leaves a socket handler; peers that do not bind in time or
 * are too many are closed.
 */
export class SmppServer<Context = undefined> {
  readonly #options: SmppServerOptions<Context>
  readonly #logger: SmppLogger
  readonly #server: Server
  readonly #isTls: boolean
  readonly #sessions = new Set<Session>()
  /** By remote address and port: a TLS socket must find what its TCP socket was given. */
  readonly #slots = new Map<string, { slot: Slot; socket: Socket }>()
  readonly #unboundByAddress = new Map<string, number>()
  #unbound = 0
  #bound = 0
  #rejected = 0
  #rejectedLineAt = Number.NEGATIVE_INFINITY
  #closing: Promise<void> | undefined

  constructor(options: SmppServerOptions<Context>) {
    this.#options = options
    this.#logger = options.logger ?? silentSmppLogger
    this.#isTls = options.tls !== undefined
    if (options.tls === undefined) {
      this.#server = createTcpServer({ allowHalfOpen: true })
    } else {
      const handshakeTimeout = options.sessionInitMs || DEFAULT_HANDSHAKE_MS
      const server = createTlsServer({ handshakeTimeout, ...options.tls })
      server.on('secureConnection', (socket) => this.#onSecureConnection(socket))
      server.on('tlsClientError', (error, socket) => {
        this.#logger.debug({ error: error.message }, 'TLS handshake failed')
        socket.destroy()
      })
      this.#server = server
    }
    this.#server.on('connection', (socket) => this.#onConnection(socket))
  }

  /** The port listened on; 0 before `listen` and after `close`. */
  get port(): number {
    const address = this.#server.address() as AddressInfo | null
    return address?.port ?? 0
  }

  get stats(): SmppServerStats {
    return {
      connections: this.#slots.size,
      bound: this.#bound,
      unbound: this.#unbound,
      rejected: this.#rejected,
    }
  }

  /**
   * Starts to accept connections.
   *
   * @throws {SmppError} `port_in_use`, or `listen_failed` with the cause
   */
  listen(): Promise<void> {
    const { host, port } = this.#options
    return new Promise((resolve, reject) => {
      const onError = (cause: NodeJS.ErrnoException) => {
        this.#server.off('listening', onListening)
        reject(
          cause.code === 'EADDRINUSE'
            ? new SmppError('port_in_use', `port ${port} is in use`, { retryable: true, cause })
            : new SmppError('listen_failed', `cannot listen on port ${port}: ${cause.message}`, {
                retryable: true,
                cause,
              }),
        )
      }
      const onListening = () => {
        this.#server.off('error', onError)
        this.#server.on('error', (error) => {
          this.#logger.error({ error: error.message }, 'listening socket failed')
        })
        resolve()
      }
      this.#server.once('error', onError)
      this.#server.once('listening', onListening)
      this.#server.listen({ host, port })
    })
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
    const closed = new Promise<void>((resolve) => {
      // It reports an error only when it was not listening, and then it is closed too.
      this.#server.close(() => resolve())
    })
    const ended = [...this.#sessions].map((session) => session.unbind(options))
    for (const { slot, socket } of this.#slots.values()) {
      ended.push(new Promise((resolve) => socket.once('close', () => resolve())))
      if (!slot.hasSession) socket.destroy()
    }
    await Promise.all(ended)
    await closed
  }

  #onConnection(socket: Socket): void {
    // Its session, if it gets one, deals with errors; without one there is nothing to be done.
    socket.on('error', ignore)
    const { remoteAddress } = socket
    if (remoteAddress === undefined || this.#closing !== undefined) {
      socket.destroy()
      return
    }
    if (!this.#hasRoomFor(remoteAddress)) {
      this.#reject(remoteAddress)
      socket.destroy()
      return
    }
    const slot: Slot = { remoteAddress, isUnbound: true, hasSession: false }
    const key = slotKey(socket)
    this.#slots.set(key, { slot, socket })
    this.#unbound++
    this.#unboundByAddress.set(remoteAddress, this.#unboundFrom(remoteAddress) + 1)
    socket.once('close', () => {
      this.#slots.delete(key)
      this.#leaveUnbound(slot)
    })
    if (!this.#isTls) this.#serve(socket, slot)
  }

  /** A flood of connections is no flood of the log: the line names how many there were. */
  #reject(remoteAddress: string): void {
    this.#rejected++
    const now = this.#options.now?.() ?? performance.now()
    if (now - this.#rejectedLineAt < REJECTED_LINE_MS) return
    this.#rejectedLineAt = now
    this.#logger.warn({ remoteAddress, ...this.stats }, 'connections rejected: too many')
  }

  #onSecureConnection(socket: Socket): void {
    const entry = this.#slots.get(slotKey(socket))
    if (entry === undefined || this.#closing !== undefined) {
      socket.on('error', ignore)
      socket.destroy()
      return
    }
    this.#serve(socket, entry.slot)
  }

  #serve(stream: Socket, slot: Slot): void {
    slot.hasSession = true
    const connection: Connection<Context> = { slot, peer: undefined, isBound: false }
    const session = new Session({
      ...this.#options,
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
  }

  async #judge(
    bind: BindPdu,
    session: Session,
    connection: Connection<Context>,
  ): Promise<SessionReply> {
    const origin: BindOrigin = { remoteAddress: connection.slot.remoteAddress, tls: this.#isTls }
    const verdict = await this.#options.authenticate(bind, origin)
    if (verdict.status !== CommandStatus.ESME_ROK) return { command_status: verdict.status }
    const blanked: BindPdu = { ...bind, password: '' }
    connection.peer = { ...origin, bind: blanked, context: verdict.context as Context }
    if (verdict.windowSize !== undefined) session.windowSize = verdict.windowSize
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
    const { slot, peer } = connection
    if (peer === undefined) return
    connection.isBound = true
    this.#leaveUnbound(slot)
    this.#bound++
    this.#logger.info(
      { remoteAddress: slot.remoteAddress, system_id: peer.bind.system_id },
      'peer bound',
    )
    // The session that calls this contains what the application throws.
    this.#options.onSession?.(session, peer)
  }

  #onEnd(session: Session, connection: Connection<Context>, end: SessionEnd): void {
    const { slot, peer, isBound } = connection
    this.#sessions.delete(session)
    this.#leaveUnbound(slot)
    const { remoteAddress } = slot
    this.#logger.info({ remoteAddress, isBound, reason: end.reason }, 'connection ended')
    if (isBound && peer !== undefined) {
      this.#bound--
      this.#options.onSessionEnd?.(session, peer, end)
    } else {
      this.#options.onUnboundEnd?.(remoteAddress, end)
    }
  }

  #hasRoomFor(remoteAddress: string): boolean {
    const options = this.#options
    const perAddress = options.maxUnboundPerAddress ?? DEFAULT_MAX_UNBOUND_PER_ADDRESS
    return (
      this.#slots.size < (options.maxConnections ?? DEFAULT_MAX_CONNECTIONS) &&
      this.#unbound < (options.maxUnbound ?? DEFAULT_MAX_UNBOUND) &&
      this.#unboundFrom(remoteAddress) < perAddress
    )
  }

  #unboundFrom(remoteAddress: string): number {
    return this.#unboundByAddress.get(remoteAddress) ?? 0
  }

  #leaveUnbound(slot: Slot): void {
    if (!slot.isUnbound) return
    slot.isUnbound = false
    this.#unbound--
    const left = this.#unboundFrom(slot.remoteAddress) - 1
    if (left > 0) this.#unboundByAddress.set(slot.remoteAddress, left)
    else this.#unboundByAddress.delete(slot.remoteAddress)
  }
}

function ignore(): void {}

function slotKey(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`
}

function isBindPdu(pdu: Pdu): pdu is BindPdu {
  return isBind(pdu.command)
}
