import { connect as connectTcp, isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { Backoff, type BackoffSettings } from './backoff.ts'
import { type BindFields, type BindType, bindSession } from './bind.ts'
import { BindError, RequestError, SmppError } from './errors.ts'
import { type SmppLogger, silentSmppLogger } from './logger.ts'
import type { Pdu, PduInput } from './pdu.ts'
import type { Recording } from './recorder.ts'
import { Session } from './session.ts'
import type {
  RequestHandler,
  SessionEnd,
  SessionLimits,
  SessionOptions,
  UnbindOptions,
} from './session-options.ts'
import { isBoundState } from './session-rules.ts'
import { CommandStatus } from './status.ts'

/**
 * What a client is doing.
 *
 * - `stopped`: not started, or closed
 * - `connecting`, `binding`: on the way
 * - `bound`: requests can be sent
 * - `waiting`: until the next attempt
 */
export type SmppClientState = 'stopped' | 'connecting' | 'binding' | 'bound' | 'waiting'

/** Where a server listens. */
export interface HostAddress {
  readonly host: string
  readonly port: number
}

/** Our end of a carrier's account. */
export interface SmppClientOptions
  extends Omit<SessionLimits, 'sessionInitMs'>,
    HostAddress,
    BindFields {
  /** Tried one after the other where `host` cannot be bound to. */
  readonly fallbacks?: readonly HostAddress[]
  /** Set, even to `{}`, for TLS; the peer's certificate is verified unless this says otherwise. */
  readonly tls?: ConnectionOptions
  /** Opens the transport in place of TCP or TLS to the address; must heed the signal. */
  readonly connect?: (signal: AbortSignal, address: HostAddress) => Promise<Duplex>
  readonly bindType: BindType
  /** From the start of the connection until it stands, in milliseconds (10,000). */
  readonly connectTimeoutMs?: number
  /** From the connection to the bind response, in milliseconds (30,000). */
  readonly bindTimeoutMs?: number
  readonly backoff?: BackoffSettings
  /** How long a bind must last, in milliseconds, before the back-off starts afresh (10,000). */
  readonly stableMs?: number
  readonly now?: () => number
  readonly random?: () => number
  /** Answers the requests of the server; see {@link RequestHandler}. */
  readonly onRequest: RequestHandler
  /** Called at once when the bind is accepted, before any request of the server is handled. */
  readonly onBound?: (session: Session) => void
  /** A bound session ended; null when there will be no other attempt. */
  readonly onUnbound?: (end: SessionEnd, retryInMs: number | null) => void
  /** An attempt failed before it was bound; 0 where the next host is tried at once. */
  readonly onAttemptFailed?: (error: Error, retryInMs: number) => void
  readonly onStateChange?: (state: SmppClientState) => void
  /** Holds our requests back; see {@link SessionOptions.pacer}. */
  readonly pacer?: NonNullable<SessionOptions['pacer']>
  readonly onWrite?: NonNullable<SessionOptions['onWrite']>
  readonly onDraining?: NonNullable<SessionOptions['onDraining']>
  readonly onWindowFree?: (session: Session) => void
  readonly onPduError?: NonNullable<SessionOptions['onPduError']>
  /** Begins to record a connection that has just been opened. */
  readonly openRecording?: (stream: Duplex) => Recording
  readonly logger?: SmppLogger
}

const DEFAULT_CONNECT_TIMEOUT_MS = 10_000
const DEFAULT_BIND_TIMEOUT_MS = 30_000
const DEFAULT_STABLE_MS = 10_000
/** The refusals after which trying again soon does harm. */
const SLOW_REFUSALS: ReadonlySet<number> = new Set([
  CommandStatus.ESME_RALYBND,
  CommandStatus.ESME_RBINDFAIL,
  CommandStatus.ESME_RINVPASWD,
  CommandStatus.ESME_RINVSYSID,
])

/**
 * One bind that is kept: connects, binds, and does both again after whatever ends the session, the
 * server's `unbind` included.
 *
 * With several hosts each round begins at the first; the others follow at once where one cannot be
 * reached or does not bind, and after the last comes the wait. A refused password is refused
 * everywhere: the next host is tried only after the wait, so that no account is locked.
 *
 * Requests are not carried over from one session to the next: they are rejected with what is known
 * about them, and the caller decides.
 */
export class SmppClient {
  readonly #options: SmppClientOptions
  readonly #logger: SmppLogger
  readonly #now: () => number
  readonly #backoff: Backoff
  readonly #hosts: readonly [HostAddress, ...HostAddress[]]
  /** Index of the host that is bound to or tried. */
  #at = 0
  /** Set while a session is unbound only to bind again at once. */
  #isRebinding = false
  #state: SmppClientState = 'stopped'
  #lastError: Error | undefined
  #session: Session | undefined
  #stop: AbortController | undefined
  #running: Promise<void> = Promise.resolve()
  #ending: UnbindOptions = {}
  #tls: ConnectionOptions | undefined

  constructor(options: SmppClientOptions) {
    this.#options = options
    this.#logger = options.logger ?? silentSmppLogger
    this.#now = options.now ?? (() => performance.now())
    this.#backoff = new Backoff(options.backoff, options.random)
    const { host, port, fallbacks = [] } = options
    this.#hosts = [{ host, port }, ...fallbacks]
    this.#tls = options.tls
  }

  /** Certificates and keys for connections to come; the present one stays. Only where `tls` was given. */
  renewTls(tls: ConnectionOptions): void {
    this.#tls = tls
  }

  get state(): SmppClientState {
    return this.#state
  }

  /** The host that is bound to, tried, or tried next. */
  get host(): HostAddress {
    return this.#hosts[this.#at] ?? this.#hosts[0]
  }

  /** True unless one of the fallbacks is bound to or tried. */
  get isAtFirstHost(): boolean {
    return this.#at === 0
  }

  /** What went wrong last; undefined while nothing has, and again after a bind. */
  get lastError(): Error | undefined {
    return this.#lastError
  }

  /** The bound session; undefined while there is none, and from the moment it begins to unbind. */
  get session(): Session | undefined {
    return this.#state === 'bound' && this.#session?.takesRequests ? this.#session : undefined
  }

  /** Starts to connect and goes on until `close`; without effect while running. */
  start(): void {
    if (this.#stop !== undefined) return
    const stop = new AbortController()
    this.#stop = stop
    if (this.#state === 'stopped') this.#setState('connecting')
    this.#running = this.#running.then(() => this.#run(stop.signal))
  }

  /**
   * Sends a request on the bound session; see `Session.request`.
   *
   * @throws {RequestError} `not_bound` while there is no session
   */
  request(pdu: PduInput): Promise<Pdu> {
    const session = this.session
    if (session === undefined) {
      return Promise.reject(new RequestError('not_bound', 'there is no bound session', false))
    }
    return session.request(pdu)
  }

  /**
   * Unbinds in order and binds again at once, the first host first. What waits for a place is
   * rejected as not written; what is open may finish for at most `drainMs` (5,000).
   */
  async rebind(options: { drainMs?: number } = {}): Promise<void> {
    const { session } = this
    if (session === undefined) return
    this.#isRebinding = true
    await session.unbind({ ...options, handsBack: true })
  }

  /**
   * Moves from a fallback to the first host, provided that it can be connected to; gives whether the
   * session was ended for that.
   */
  async moveToFirstHost(options: { drainMs?: number } = {}): Promise<boolean> {
    const { session } = this
    const signal = this.#stop?.signal
    if (this.isAtFirstHost || session === undefined || signal === undefined) return false
    try {
      const probe = await this.#connect(signal, this.#hosts[0])
      probe.destroy()
    } catch (error) {
      this.#logger.debug({ ...this.#names(), error: asError(error).message }, 'first host is away')
      return false
    }
    if (this.session !== session) return false
    await this.rebind(options)
    return true
  }

  /**
   * Stops for good: a bound session lets its open requests finish and unbinds, see `Session.unbind`;
   * anything else is broken off. `start` may be called again afterwards.
   */
  close(options: UnbindOptions = {}): Promise<void> {
    const stop = this.#stop
    if (stop !== undefined) {
      this.#stop = undefined
      this.#ending = options
      stop.abort()
    }
    return this.#running
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waitMs = await this.#attempt(signal)
      if (signal.aborted) break
      if (waitMs === 0) continue
      this.#setState('waiting')
      // It rejects only when `close` cuts the wait short.
      await sleep(waitMs, undefined, { signal }).catch(ignore)
    }
    this.#setState('stopped')
  }

  /** One connection from beginning to end; returns how long to wait before the next. */
  async #attempt(signal: AbortSignal): Promise<number> {
    this.#setState('connecting')
    let boundAt: number | undefined
    let end: SessionEnd | undefined
    let error: Error
    try {
      const stream = await this.#connect(signal, this.host)
      this.#setState('binding')
      end = await this.#hold(stream, signal, () => {
        boundAt = this.#now()
      })
      error = endError(end)
    } catch (caught) {
      error = asError(caught)
    }
    this.#session = undefined
    if (signal.aborted) {
      if (end !== undefined) this.#reportUnbound(end, null, this.#names())
      return 0
    }
    this.#lastError = error
    const stableMs = this.#options.stableMs ?? DEFAULT_STABLE_MS
    if (boundAt !== undefined && this.#now() - boundAt >= stableMs) this.#backoff.reset()
    const names = this.#names()
    const waitMs = this.#planNext(error, boundAt !== undefined)
    if (waitMs > 0) this.#setState('waiting')
    if (end !== undefined) {
      this.#reportUnbound(end, waitMs, names)
    } else {
      this.#logger.warn({ ...names, error: error.message, waitMs }, 'bind attempt failed')
      this.#guard('onAttemptFailed', () => this.#options.onAttemptFailed?.(error, waitMs))
    }
    return waitMs
  }

  /** Chooses the host of the next attempt, and gives how long to wait before it. */
  #planNext(error: Error, wasBound: boolean): number {
    const isLast = this.#at === this.#hosts.length - 1
    if (wasBound) {
      this.#at = 0
      const isOurs = this.#isRebinding
      this.#isRebinding = false
      return isOurs ? 0 : this.#backoff.next('lost')
    }
    this.#at = isLast ? 0 : this.#at + 1
    if (isSlowRefusal(error)) return this.#backoff.next('refused')
    return isLast ? this.#backoff.next('lost') : 0
  }

  /** Binds on a stream and stays until the session is over; throws when it was never bound. */
  async #hold(stream: Duplex, signal: AbortSignal, onBound: () => void): Promise<SessionEnd> {
    const options = this.#options
    let settle: (end: SessionEnd) => void = ignore
    const ended = new Promise<SessionEnd>((resolve) => {
      settle = resolve
    })
    const recording = options.openRecording?.(stream)
    const session = new Session({
      ...options,
      ...(recording && { recording }),
      stream,
      role: 'esme',
      sessionInitMs: options.bindTimeoutMs ?? DEFAULT_BIND_TIMEOUT_MS,
      onStateChange: (state) => {
        if (!isBoundState(state)) return
        onBound()
        this.#onBound(session)
      },
      onClose: settle,
    })
    // Not bound yet, there is nothing to drain: unbind just closes.
    const stop = () => void session.unbind(this.#ending)
    signal.addEventListener('abort', stop, { once: true })
    try {
      if (signal.aborted) stop()
      await bindSession(session, options.bindType, options)
      return await ended
    } catch (error) {
      await session.close()
      const { reason } = await ended
      if (reason !== 'not_bound') throw error
      throw new SmppError('bind_timeout', 'the server did not answer the bind in time', {
        retryable: true,
        cause: error,
      })
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }

  /** Opens the transport, within the time for it. */
  async #connect(signal: AbortSignal, address: HostAddress): Promise<Duplex> {
    const limit = new AbortController()
    const abort = () => limit.abort()
    const timer = setTimeout(abort, this.#options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    try {
      const open = this.#options.connect
      return await (open ?? this.#openSocket.bind(this))(limit.signal, address)
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    }
  }

  #openSocket(signal: AbortSignal, { host, port }: HostAddress): Promise<Duplex> {
    const tls = this.#tls
    return new Promise((resolve, reject) => {
      // Node verifies the peer unless `tls` asks for something else.
      const socket =
        tls === undefined
          ? connectTcp({ host, port, allowHalfOpen: true })
          : connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...tls })
      const settle = (error?: SmppError) => {
        signal.removeEventListener('abort', onAbort)
        socket.off('error', onError)
        if (error === undefined) {
          resolve(socket)
          return
        }
        socket.on('error', ignore)
        socket.destroy()
        reject(error)
      }
      const onError = (cause: Error) => {
        const message = `cannot connect to ${host}:${port}: ${cause.message}`
        settle(new SmppError('connect_failed', message, { retryable: true, cause }))
      }
      const onAbort = () => {
        const message = `no connection to ${host}:${port} in time`
        settle(new SmppError('connect_timeout', message, { retryable: true }))
      }
      signal.addEventListener('abort', onAbort, { once: true })
      socket.once('error', onError)
      socket.once(tls === undefined ? 'connect' : 'secureConnect', () => settle())
      if (signal.aborted) onAbort()
    })
  }

  #onBound(session: Session): void {
    this.#session = session
    this.#lastError = undefined
    this.#setState('bound')
    this.#logger.info(this.#names(), 'bound')
    this.#guard('onBound', () => this.#options.onBound?.(session))
  }

  #reportUnbound(end: SessionEnd, retryInMs: number | null, names: object): void {
    this.#logger.info({ ...names, reason: end.reason, retryInMs }, 'unbound')
    this.#guard('onUnbound', () => this.#options.onUnbound?.(end, retryInMs))
  }

  #setState(state: SmppClientState): void {
    if (this.#state === state) return
    this.#state = state
    this.#guard('onStateChange', () => this.#options.onStateChange?.(state))
  }

  #names(): Record<string, unknown> {
    const { system_id, bindType } = this.#options
    const { host, port } = this.host
    return { host, port, system_id, bindType }
  }

  /** Runs a callback of the application, which must not end the attempts. */
  #guard(name: string, callback: () => void): void {
    try {
      callback()
    } catch (error) {
      this.#logger.error({ callback: name, error: asError(error).message }, 'callback failed')
    }
  }
}

function ignore(): void {}

function asError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value))
}

function endError(end: SessionEnd): SmppError {
  const message = `the session ended: ${end.reason}`
  return new SmppError('session_closed', message, { retryable: true, cause: end.error })
}

function isSlowRefusal(error: Error): boolean {
  return error instanceof BindError && SLOW_REFUSALS.has(error.commandStatus)
}
