import { createHash, timingSafeEqual } from 'node:crypto'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type BindFields, type BindType, bindSession } from './bind.ts'
import { SmppError } from './errors.ts'
import { type SmppLogger, silentSmppLogger } from './logger.ts'
import type { Outbind, Pdu } from './pdu.ts'
import type { Recording } from './recorder.ts'
import { Session } from './session.ts'
import type { SessionEnd, SessionLimits, SessionOptions } from './session-options.ts'
import { isBoundState } from './session-rules.ts'

/** How an {@link OutbindListener} is set up. */
export interface OutbindOptions extends SessionLimits {
  /** All interfaces when absent. */
  readonly host?: string
  /** 0 lets the system choose; see `OutbindListener.port`. */
  readonly port: number
  /** What an SMSC must say of itself in its outbind. */
  readonly smsc: { readonly system_id: string; readonly password: string }
  /** The bind that answers it; v3.4 knows the receiver only. */
  readonly bindType: Exclude<BindType, 'transmitter'>
  readonly bind: BindFields
  readonly pacer?: NonNullable<SessionOptions['pacer']>
  readonly onRequest: SessionOptions['onRequest']
  readonly onWrite?: NonNullable<SessionOptions['onWrite']>
  /** A session was bound, begins to unbind, or has ended: look at `sessions`. */
  readonly onChange?: () => void
  /** Begins to record a connection that has just been accepted. */
  readonly openRecording?: (stream: Duplex) => Recording
  readonly now?: () => number
  readonly logger?: SmppLogger
}

/** Connections at once, bound or not: an SMSC needs one, and each costs memory. */
const MAX_CONNECTIONS = 50

/**
 * Waits for SMSCs that connect to us and ask by `outbind` to be bound to, as those do that have
 * something to deliver and hold no connection.
 *
 * A connection without a right outbind within `sessionInitMs` is closed.
 *
 * @see SMPP v3.4, sections 2.2.1 (outbind) and 4.1.7
 */
export class OutbindListener {
  readonly #options: OutbindOptions
  readonly #logger: SmppLogger
  readonly #server: Server
  readonly #sessions = new Set<Session>()
  #isClosed = false

  constructor(options: OutbindOptions) {
    this.#options = options
    this.#logger = options.logger ?? silentSmppLogger
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket))
    this.#server.maxConnections = MAX_CONNECTIONS
  }

  /** The port listened on; 0 before `listen` and after `close`. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0
  }

  /** The sessions that are bound and take requests. */
  get sessions(): readonly Session[] {
    return [...this.#sessions].filter((session) => session.takesRequests)
  }

  /**
   * Starts to accept connections.
   *
   * @throws {SmppError} `listen_failed` with the cause
   */
  listen(): Promise<void> {
    const { host, port } = this.#options
    return new Promise((resolve, reject) => {
      const onError = (cause: Error) => {
        const message = `cannot listen for outbinds on port ${port}: ${cause.message}`
        reject(new SmppError('listen_failed', message, { retryable: true, cause }))
      }
      this.#server.once('error', onError)
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', onError)
        this.#server.on('error', ({ message }) => {
          this.#logger.error({ error: message }, 'listening socket for outbinds failed')
        })
        resolve()
      })
    })
  }

  /** Stops accepting and unbinds the sessions, after their open requests for at most `drainMs`. */
  async close(options: { drainMs?: number } = {}): Promise<void> {
    this.#isClosed = true
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    await Promise.all([...this.#sessions].map((session) => session.unbind(options)))
    await closed
  }

  #serve(socket: Socket): void {
    if (this.#isClosed) {
      socket.destroy()
      return
    }
    const { smsc, bind, bindType, onChange, openRecording, ...options } = this.#options
    const recording = openRecording?.(socket)
    const { remoteAddress } = socket
    const session: Session = new Session({
      ...options,
      ...(recording && { recording }),
      stream: socket,
      role: 'esme',
      onRequest: (pdu: Pdu) => {
        if (pdu.command !== 'outbind') return options.onRequest(pdu, session)
        this.#onOutbind(pdu, session, remoteAddress)
        return undefined
      },
      onStateChange: (state) => {
        if (!isBoundState(state)) return
        this.#logger.info({ remoteAddress, bindType }, 'bound after an outbind')
        onChange?.()
      },
      onDraining: () => onChange?.(),
      onClose: ({ reason }: SessionEnd) => {
        this.#sessions.delete(session)
        this.#logger.info({ remoteAddress, reason }, 'a connection for outbinds ended')
        onChange?.()
      },
    })
    this.#sessions.add(session)
  }

  #onOutbind(outbind: Outbind, session: Session, remoteAddress: string | undefined): void {
    const { smsc, bind, bindType } = this.#options
    const { system_id } = outbind
    const isRight = isSame(system_id, smsc.system_id) && isSame(outbind.password, smsc.password)
    if (!isRight) {
      this.#logger.warn({ remoteAddress, system_id }, 'an outbind was refused: unknown account')
      void session.close()
      return
    }
    bindSession(session, bindType, bind).catch((error: Error) => {
      this.#logger.warn({ remoteAddress, error: error.message }, 'no bind after an outbind')
      void session.close()
    })
  }
}

/** In a time that does not tell how much of it was right. */
function isSame(given: string, expected: string): boolean {
  const [one, other] = [given, expected].map((text) => createHash('sha256').update(text).digest())
  return one !== undefined && other !== undefined && timingSafeEqual(one, other)
}
