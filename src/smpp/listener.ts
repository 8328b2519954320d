import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net'
import {
  createServer as createTlsServer,
  type TLSSocket,
  type TlsOptions,
  type Server as TlsServer,
} from 'node:tls'
import { plainAddress } from './address.ts'
import type { ConnectionCaps, ConnectionSlot } from './connection-caps.ts'
import { SmppError } from './errors.ts'
import type { SmppLogger } from './logger.ts'
import { ProxyHeaderError, ProxyHeaderReader } from './proxy-header.ts'

/** A certificate by which a peer has shown who it is. */
export interface PeerCertificate {
  /** SHA-256 of the certificate: 64 hexadecimal digits in capitals, without colons. */
  readonly fingerprint: string
  /** The common names of its subject; usually one. */
  readonly commonNames: readonly string[]
  /** True when it was issued by one of our `ca`; without, only its fingerprint means something. */
  readonly isTrusted: boolean
}

/** Where a connection comes from. */
export interface ConnectionOrigin {
  /** The peer's IP address, in the form of `plainAddress`: behind a proxy, the one that it names. */
  readonly remoteAddress: string
  readonly tls: boolean
  /** Undefined without TLS, and where the peer showed none. */
  readonly certificate: PeerCertificate | undefined
}

/** Why a connection was closed before a session could begin. */
export type RefusalReason = 'too_many' | 'untrusted_proxy' | 'proxy_header' | 'tls_handshake'

/** Where and how a listener takes connections. */
export interface ListenerOptions {
  /** All interfaces when absent. */
  readonly host?: string
  /** 0 lets the system choose; see `Listener.port`. */
  readonly port: number
  /** Certificate and key; plain TCP when absent. With `requestCert`, peers are asked for theirs. */
  readonly tls?: TlsOptions
  /**
   * Set where a proxy stands in front that writes a PROXY header: every connection must begin with
   * one, even before TLS, and must come from an address that this function takes for the proxy's.
   */
  readonly isTrustedProxy?: (address: string) => boolean
  /** Told of connections that were closed at once. */
  readonly onRefused?: (reason: RefusalReason, remoteAddress: string) => void
}

/** Between two lines of the log about connections that were too many. */
const CROWD_LINE_MS = 10_000

/** What a {@link Listener} works with besides its options. */
export interface ListenerParts {
  readonly caps: ConnectionCaps
  /** For the PROXY header, and again for the TLS handshake, in milliseconds. */
  readonly patienceMs: number
  readonly logger: SmppLogger
  readonly now: () => number
  /** A connection is ready for its session. */
  readonly onConnection: (stream: Socket, origin: ConnectionOrigin, slot: ConnectionSlot) => void
}

/** A connection on its way to a session. */
interface Pending {
  /** Remote address and port: a TLS socket must find what its TCP socket was given. */
  readonly key: string
  readonly slot: ConnectionSlot
  remoteAddress: string
  hasSession: boolean
}

/**
 * Connections that the system holds until they are accepted, as far as it allows: a flood that fills
 * the queue has others wait for seconds until they try again.
 */
const BACKLOG = 4096

/** One listening socket: takes connections as far as the caps allow, through proxy header and TLS. */
export class Listener {
  readonly #options: ListenerOptions
  readonly #parts: ListenerParts
  readonly #server: Server
  #tls: TlsServer | undefined
  /** All connections, whether or not they have a session. */
  readonly #sockets = new Map<Socket, Pending>()
  readonly #byKey = new Map<string, Pending>()
  #isClosing = false
  #crowdLineAt = Number.NEGATIVE_INFINITY

  constructor(options: ListenerOptions, parts: ListenerParts) {
    this.#options = options
    this.#parts = parts
    // TLS has its own end of a connection; half a TCP connection is of no use to it.
    this.#server = createTcpServer({ allowHalfOpen: options.tls === undefined })
    this.#server.on('connection', (socket) => this.#onConnection(socket))
    if (options.tls !== undefined) this.#tls = this.#tlsServer(options.tls)
  }

  /** The port listened on; 0 before `listen` and after `close`. */
  get port(): number {
    const address = this.#server.address() as AddressInfo | null
    return address?.port ?? 0
  }

  /**
   * Puts another certificate in the place of the first for connections to come; those that there are
   * stay. Only where `tls` was given.
   *
   * @throws {Error} when certificate and key cannot be read or do not belong together
   */
  renewTls(tls: TlsOptions): void {
    this.#tls = this.#tlsServer(tls)
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
        reject(listenError(port, cause))
      }
      const onListening = () => {
        this.#server.off('error', onError)
        this.#server.on('error', (error) => {
          this.#parts.logger.error({ error: error.message }, 'listening socket failed')
        })
        resolve()
      }
      this.#server.once('error', onError)
      this.#server.once('listening', onListening)
      this.#server.listen({ host, port, backlog: BACKLOG })
    })
  }

  /** Stops accepting and drops what has no session yet; resolves when every connection is gone. */
  async close(): Promise<void> {
    this.#isClosing = true
    const closed = new Promise<void>((resolve) => {
      // It reports an error only when it was not listening, and then it is closed too.
      this.#server.close(() => resolve())
    })
    const gone = [...this.#sockets].map(([socket, { hasSession }]) => {
      const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()))
      if (!hasSession) socket.destroy()
      return ended
    })
    await Promise.all([closed, ...gone])
  }

  #tlsServer(options: TlsOptions): TlsServer {
    const server = createTlsServer({ handshakeTimeout: this.#parts.patienceMs, ...options })
    server.on('secureConnection', (socket) => this.#onSecureConnection(socket))
    server.on('tlsClientError', (error, socket) => {
      const remoteAddress = this.#byKey.get(keyOf(socket))?.remoteAddress ?? ''
      this.#parts.logger.debug({ remoteAddress, error: error.message }, 'TLS handshake failed')
      this.#refuse(socket, 'tls_handshake', remoteAddress)
    })
    return server
  }

  #onConnection(socket: Socket): void {
    // Its session, if it gets one, deals with errors; without one there is nothing to be done.
    socket.on('error', ignore)
    if (socket.remoteAddress === undefined || this.#isClosing) {
      socket.destroy()
      return
    }
    const remoteAddress = plainAddress(socket.remoteAddress)
    const slot = this.#parts.caps.admit()
    if (slot === undefined) {
      this.#rejectCrowd(socket, remoteAddress)
      return
    }
    const pending: Pending = { key: keyOf(socket), slot, remoteAddress, hasSession: false }
    this.#sockets.set(socket, pending)
    this.#byKey.set(pending.key, pending)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#forget(pending)
      slot.release()
    })
    const { isTrustedProxy } = this.#options
    if (isTrustedProxy === undefined) {
      this.#proceed(socket, pending)
    } else if (isTrustedProxy(remoteAddress)) {
      this.#readProxyHeader(socket, pending)
    } else {
      this.#parts.logger.warn({ remoteAddress }, 'a connection that comes from no trusted proxy')
      this.#refuse(socket, 'untrusted_proxy', remoteAddress)
    }
  }

  #readProxyHeader(socket: Socket, pending: Pending): void {
    const reader = new ProxyHeaderReader()
    const patience = setTimeout(
      () => fail('no PROXY header has come in time'),
      this.#parts.patienceMs,
    )
    const finish = () => {
      clearTimeout(patience)
      socket.off('readable', onReadable)
      socket.off('end', onEnd)
      socket.off('close', finish)
    }
    const fail = (error: string) => {
      finish()
      const { remoteAddress } = pending
      this.#parts.logger.warn({ remoteAddress, error }, 'a connection without a PROXY header')
      this.#refuse(socket, 'proxy_header', remoteAddress)
    }
    const onEnd = () => fail('the connection ended before its PROXY header')
    const onReadable = () => {
      try {
        let chunk: Buffer | null = socket.read()
        while (chunk !== null) {
          const header = reader.push(chunk)
          if (header !== undefined) {
            finish()
            if (header.rest.length > 0) socket.unshift(header.rest)
            if (header.sourceAddress !== undefined) {
              pending.remoteAddress = plainAddress(header.sourceAddress)
            }
            this.#proceed(socket, pending)
            return
          }
          chunk = socket.read()
        }
      } catch (error) {
        if (!(error instanceof ProxyHeaderError)) throw error
        fail(error.message)
      }
    }
    socket.on('readable', onReadable)
    socket.on('end', onEnd)
    socket.on('close', finish)
  }

  /** The address is known: the connection counts for it, and goes on to TLS or its session. */
  #proceed(socket: Socket, pending: Pending): void {
    const { remoteAddress, slot } = pending
    if (!slot.claim(remoteAddress)) {
      this.#rejectCrowd(socket, remoteAddress)
    } else if (this.#tls) {
      this.#tls.emit('connection', socket)
    } else {
      this.#forget(pending)
      pending.hasSession = true
      const origin = { remoteAddress, tls: false, certificate: undefined }
      this.#parts.onConnection(socket, origin, slot)
    }
  }

  #onSecureConnection(socket: TLSSocket): void {
    const pending = this.#byKey.get(keyOf(socket))
    if (pending === undefined || this.#isClosing) {
      socket.on('error', ignore)
      socket.destroy()
      return
    }
    this.#forget(pending)
    pending.hasSession = true
    const { remoteAddress, slot } = pending
    const certificate = certificateOf(socket)
    this.#parts.onConnection(socket, { remoteAddress, tls: true, certificate }, slot)
  }

  #forget(pending: Pending): void {
    // The same peer may have come again from the same port.
    if (this.#byKey.get(pending.key) === pending) this.#byKey.delete(pending.key)
  }

  #rejectCrowd(socket: Socket, remoteAddress: string): void {
    const { caps, logger, now } = this.#parts
    this.#refuse(socket, 'too_many', remoteAddress)
    // A flood of connections is no flood of the log: the line names how many there were.
    if (now() - this.#crowdLineAt < CROWD_LINE_MS) return
    this.#crowdLineAt = now()
    logger.warn({ remoteAddress, ...caps.figures }, 'connections rejected: too many')
  }

  #refuse(socket: Socket, reason: RefusalReason, remoteAddress: string): void {
    socket.destroy()
    this.#options.onRefused?.(reason, remoteAddress)
  }
}

function ignore(): void {}

function keyOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`
}

function listenError(port: number, cause: NodeJS.ErrnoException): SmppError {
  return cause.code === 'EADDRINUSE'
    ? new SmppError('port_in_use', `port ${port} is in use`, { retryable: true, cause })
    : new SmppError('listen_failed', `cannot listen on port ${port}: ${cause.message}`, {
        retryable: true,
        cause,
      })
}

function certificateOf(socket: TLSSocket): PeerCertificate | undefined {
  const certificate = socket.getPeerCertificate()
  // Without a certificate Node gives an empty object, or nothing once the socket is closed.
  if (!certificate?.fingerprint256) return undefined
  const names: string | string[] | undefined = certificate.subject?.CN
  return {
    fingerprint: certificate.fingerprint256.replaceAll(':', ''),
    commonNames: names === undefined ? [] : [names].flat(),
    isTrusted: socket.authorized,
  }
}
