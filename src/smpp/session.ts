import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { decodePdu, encodePdu } from './codec.ts'
import { commandName, describeCommand, isResponse, responseNameOf } from './commands.ts'
import { PduError, RequestError, SmppError } from './errors.ts'
import { Fifo } from './fifo.ts'
import { Inbound } from './inbound.ts'
import { LateRequests } from './late-requests.ts'
import { type SmppLogger, silentSmppLogger } from './logger.ts'
import { Output } from './output.ts'
import type { PaceAnswer } from './pacer.ts'
import type { CommandName, Pdu, PduInput } from './pdu.ts'
import type { Recording } from './recorder.ts'
import { NOT_OFFERED, responseWith, type SessionReply } from './reply.ts'
import {
  countCommand,
  type MutableCounters,
  type SessionCounters,
  zeroCounters,
} from './session-counters.ts'
import {
  limitsOf,
  type RequestHandler,
  type SessionChanges,
  type SessionEnd,
  type SessionEndReason,
  type SessionLimits,
  type SessionOptions,
  type UnbindOptions,
} from './session-options.ts'
import {
  isBind,
  isBoundState,
  mayAnswer,
  maySend,
  type SessionRole,
  type SessionState,
  stateAfter,
} from './session-rules.ts'
import { CommandStatus } from './status.ts'
import { SessionTimers } from './timers.ts'
import { TlvTag, tlvInt } from './tlv.ts'
import { Window, type WindowEntry } from './window.ts'

export type { SessionReply } from './reply.ts'
export type {
  RequestHandler,
  SessionEnd,
  SessionEndReason,
  SessionLimits,
  SessionOptions,
} from './session-options.ts'

interface PendingRequest extends WindowEntry {
  readonly command: CommandName
  readonly octets: Buffer
  /** The output batch it was written in. */
  batch: number
  readonly tag: unknown
  /** Places that must be free before it is written. */
  readonly places: number
  /** Places in the pacer's order that it still has to take. */
  toReserve: number
  /** When the pacer lets it go, on the session's clock. */
  dueAt: number
  /** When it was written, on the session's clock. */
  writtenAt: number
  /** Wants the response even after the request has timed out. */
  readonly onLateResponse: ((response: Pdu) => void) | undefined
  resolve(response: Pdu): void
}

/** How a request is to be treated. */
export interface RequestOptions {
  /** What {@link SessionOptions.onWrite} is told when its octets go to the stream. */
  readonly tag?: unknown
  /**
   * Told of a response that comes after the request was rejected with `response_timeout`, on the
   * same connection. Kept for ten minutes, and for the latest 10,000 such requests of the session.
   */
  readonly onLateResponse?: ((response: Pdu) => void) | undefined
  /**
   * Requests that take their places in the window and in the pacer's order together, none before all
   * can: their number at the first, 0 at those that follow it in the same turn. Default 1.
   */
  readonly together?: number | undefined
  /** Goes before everything that waits and is not `again`: the peer has put it off. */
  readonly again?: boolean | undefined
}

const DEFAULT_UNBIND_DRAIN_MS = 5000
const SEQUENCE_OFFSET = 12
/** Requests in the wrong state before an unbound peer is sent away. */
const MAX_UNBOUND_ERRORS = 3
/** PDUs of any kind, enquire_link for one, that a server takes without a bind among them. */
const MAX_UNBOUND_PDUS = 100
/** The longest bind has 98 octets without TLVs; before it a server takes nothing much longer. */
const MAX_UNBOUND_PDU_OCTETS = 4096
/** Octets of the peer's requests that may be in work; one request may always be. */
const MAX_OCTETS_IN_WORK = 2 ** 20
/** Octets held for a peer that does not read, before `enquire_link` goes unanswered. */
const MAX_HELD_OCTETS = 64 * 1024
/** How long a closed connection waits for the peer's FIN, so that our last PDU is not reset away. */
const LINGER_MS = 500

/**
 * One SMPP session over a connected stream, either side.
 *
 * It keeps the window, the timers and the state, answers `enquire_link` and `unbind`, refuses what
 * the state does not allow, and contains what cannot be decoded: a broken PDU costs an error
 * response, only a broken stream costs the connection. Every promise it gives out settles.
 *
 * @see SMPP v3.4, sections 2.2-2.9
 */
export class Session {
  readonly role: SessionRole
  readonly #stream: Duplex
  readonly #options: SessionOptions
  readonly #logger: SmppLogger
  readonly #recording: Recording | undefined
  readonly #now: () => number
  #limits: Required<SessionLimits>
  readonly #window: Window<PendingRequest>
  readonly #queue = new Fifo<PendingRequest>()
  /** What the peer has put off goes before the queue. */
  readonly #again = new Fifo<PendingRequest>()
  readonly #late = new LateRequests()
  readonly #timers: SessionTimers
  readonly #output: Output
  readonly #inbound: Inbound
  readonly #counters: MutableCounters = zeroCounters()
  readonly #interval: NodeJS.Timeout | undefined
  readonly #closed: Promise<void>
  #state: SessionState = 'open'
  #peerVersion: number | undefined
  #inboundPending = 0
  #octetsInWork = 0
  /** A bind of ours or of the peer waits for its response. */
  #isBinding = false
  #unboundErrors = 0
  #unboundPdus = 0
  #placesFreed = false
  /** Set while something waits for the pacer: when it is looked at again. */
  #pumpAt = Number.POSITIVE_INFINITY
  #pumpTimer: NodeJS.Timeout | undefined
  /** Tags of what is gathered in the output. */
  #tags: unknown[] = []
  #receivedInTurn = false
  #pausedAt: number | undefined
  /** Set once no new requests are taken because `unbind` is about to be sent or answered. */
  #draining: { readonly until: number; readonly finish: () => void } | undefined
  #error: Error | undefined

  constructor(options: SessionOptions) {
    this.role = options.role
    this.#options = options
    this.#stream = options.stream
    this.#logger = options.logger ?? silentSmppLogger
    this.#recording = options.recording
    this.#recording?.begin(this)
    this.#now = options.now ?? monotonicNow
    const limits = limitsOf(options)
    this.#limits = limits
    this.#window = new Window({ capacity: limits.windowSize })
    this.#timers = new SessionTimers(limits, this.#now())
    this.#closed = new Promise((resolve) => {
      if (this.#stream.closed) resolve()
      else this.#stream.once('close', resolve)
    })
    this.#stream.on('error', (error) => this.#onStreamError(error))
    this.#stream.on('close', () => this.#onStreamClosed())
    if (isSocket(this.#stream)) this.#stream.setNoDelay(true)
    this.#output = new Output(this.#stream, {
      onWrite: (pdus) => {
        this.#recording?.sent(pdus)
        this.#tellOfWrite()
      },
      onBlocked: () => this.#timers.blocked(this.#now()),
      onUnblocked: () => this.#onUnblocked(),
    })
    this.#inbound = new Inbound(
      this.#stream,
      {
        onFrames: (frames) => this.#recording?.received(frames),
        onRest: (octets) => this.#recording?.receivedRest(octets),
        onUrgent: (frame) => this.#onUrgent(frame),
        onRequest: (frame) => this.#onRequest(frame),
        mayTakeRequest: () =>
          this.#inboundPending < this.#limits.maxInboundPending &&
          this.#octetsInWork < MAX_OCTETS_IN_WORK &&
          !this.#output.blocked,
        onTurnEnd: () => this.#onTurnEnd(),
        onBroken: (error) => {
          this.#push({
            command: 'generic_nack',
            command_status: CommandStatus.ESME_RINVCMDLEN,
          })
          this.#finish('frame_invalid', error)
        },
        onEnd: () => this.#finish('peer_closed'),
        onFailure: (error) => this.#finish('internal_error', asError(error)),
      },
      {
        maxPduOctets:
          this.role === 'smsc'
            ? Math.min(limits.maxPduOctets, MAX_UNBOUND_PDU_OCTETS)
            : limits.maxPduOctets,
        maxWaiting: limits.maxInboundPending,
      },
    )
    if (this.#stream.destroyed) queueMicrotask(() => this.#finish('peer_closed'))
    if (limits.tickMs > 0) {
      // Timers run before sockets are read; waiting for the reads keeps a response that has already
      // arrived from being timed out when the process was busy.
      this.#interval = setInterval(() => setImmediate(() => this.tick()), limits.tickMs).unref()
    }
  }

  get state(): SessionState {
    return this.#state
  }

  get isBound(): boolean {
    return isBoundState(this.#state)
  }

  /** The `interface_version` the peer told in its bind or bind response; undefined when it did not. */
  get peerVersion(): number | undefined {
    return this.#peerVersion
  }

  get windowSize(): number {
    return this.#window.capacity
  }

  /** Takes effect at once; requests over a lowered size finish normally. */
  set windowSize(places: number) {
    this.#window.capacity = places
    this.#pump()
  }

  /** Changes figures while the session is open, such as to those of the account that binds. */
  adjust({ windowSize, enquireLinkMs, inactivityMs, maxInboundPending }: SessionChanges): void {
    const limits = this.#limits
    this.#limits = {
      ...limits,
      enquireLinkMs: enquireLinkMs ?? limits.enquireLinkMs,
      inactivityMs: inactivityMs ?? limits.inactivityMs,
      maxInboundPending: maxInboundPending ?? limits.maxInboundPending,
    }
    this.#timers.settings = this.#limits
    this.#inbound.maxWaiting = this.#limits.maxInboundPending
    if (windowSize !== undefined) this.windowSize = windowSize
  }

  /** Requests that would be written at once; 0 while not bound, unbinding or blocked. */
  get freePlaces(): number {
    if (!this.isBound || this.#draining !== undefined || this.#output.blocked) return 0
    return Math.max(0, this.#window.freePlaces - this.waitingCount)
  }

  /** True while requests are taken: bound, and neither side has begun to unbind. */
  get takesRequests(): boolean {
    return this.isBound && this.#draining === undefined
  }

  /** Requests of ours that are not written yet. */
  get waitingCount(): number {
    return this.#queue.length + this.#again.length
  }

  /** Requests of ours without an answer: in the window and waiting for a place. */
  get pendingCount(): number {
    return this.#window.size + this.waitingCount
  }

  /** Requests of the peer that are being worked on. */
  get inboundPending(): number {
    return this.#inboundPending
  }

  /** A copy of the counters. */
  get counters(): SessionCounters {
    return {
      ...this.#counters,
      octetsIn: this.#inbound.octetsRead,
      octetsOut: this.#output.octetsWritten,
      receivedByCommand: { ...this.#counters.receivedByCommand },
      sentByCommand: { ...this.#counters.sentByCommand },
    }
  }

  /**
   * Sends a request and waits for its response, whatever its `command_status`.
   *
   * Requests are written in the order of the calls as places in the window become free. A
   * `generic_nack` with the request's sequence number is its response; it never has status 0.
   *
   * @throws {RequestError} when there is no response; `written` tells whether the peer may have it
   * @throws {SmppError} `pdu_unencodable` when a field does not fit, `no_response_expected` for a
   *   command that is not a request with a response
   */
  request(pdu: PduInput, options: RequestOptions = {}): Promise<Pdu> {
    return new Promise((resolve, reject) => {
      this.#enqueue(pdu, options, resolve, reject)
    })
  }

  /**
   * Asks the peer with `enquire_link` whether it is there, past window, queue and pace, and gives the
   * milliseconds to its answer.
   *
   * @throws {RequestError} when there is none
   */
  checkLink(): Promise<number> {
    return new Promise((resolve, reject) => {
      if (!this.isBound) {
        reject(this.#refusal('enquire_link'))
        return
      }
      const askedAt = this.#now()
      this.#sendLinkRequest('enquire_link', () => resolve(this.#now() - askedAt), reject)
    })
  }

  /**
   * Sends an `outbind` or `alert_notification`, which have no response.
   *
   * @throws {RequestError} `not_bound` or `session_closed` when the state does not allow it
   */
  notify(pdu: Extract<PduInput, { command: 'outbind' | 'alert_notification' }>): void {
    if (!maySend(this.role, this.#state, pdu.command)) throw this.#refusal(pdu.command)
    this.#push({ ...pdu, sequence_number: this.#window.unusedSequenceNumber() })
  }

  /** Does what the timers say is due; the session calls it by itself unless `tickMs` is 0. */
  tick(now = this.#now()): void {
    if (this.#state === 'closed') return
    this.#expire(now)
    if (now >= this.#pumpAt) this.#pumpInTime()
    switch (this.#timers.tick(now)) {
      case 'none':
        break
      case 'send_enquire_link':
        this.#sendLinkRequest('enquire_link')
        break
      case 'close_not_bound':
        this.#finish('not_bound')
        return
      case 'close_no_answer':
        this.#finish('no_answer')
        return
      case 'close_inactive':
        this.#finish('inactive')
        return
      case 'close_slow_reader':
        this.#finish('slow_reader')
        return
      case 'close_unbind_timeout':
        this.#finish('unbound')
        return
    }
    this.#checkDrained(now)
  }

  /**
   * Ends the session in order: no new requests, the open ones finish for at most `drainMs` (5,000),
   * then `unbind`, its response or a timer, and the connection is closed.
   */
  unbind(options: UnbindOptions = {}): Promise<void> {
    if (!this.isBound) {
      if (this.#state === 'open') this.#finish('closed')
      return this.#closed
    }
    this.#draining ??= {
      until: this.#now() + (options.drainMs ?? DEFAULT_UNBIND_DRAIN_MS),
      finish: () => this.#sendUnbind(),
    }
    this.#tellOfDrain()
    if (options.handsBack) this.#failQueue('session_closed', 'we are unbinding')
    this.#checkDrained(this.#now())
    return this.#closed
  }

  /** Closes the connection at once; every waiting request is rejected with the code `closed`. */
  close(): Promise<void> {
    this.#finish('closed')
    return this.#closed
  }

  #enqueue(
    pdu: PduInput,
    { tag, onLateResponse, together = 1, again = false }: RequestOptions,
    resolve: (response: Pdu) => void,
    reject: (error: Error) => void,
  ): void {
    const command = pdu.command
    if (responseNameOf(command) === undefined) {
      const message = `${command} is not a request with a response`
      reject(new SmppError('no_response_expected', message, { retryable: false }))
      return
    }
    if (
      !maySend(this.role, this.#state, command) ||
      this.#draining !== undefined ||
      (isBind(command) && this.#isBinding)
    ) {
      reject(this.#refusal(command))
      return
    }
    let octets: Buffer
    try {
      octets = encodePdu(pdu)
    } catch (error) {
      reject(asError(error))
      return
    }
    const entry: PendingRequest = {
      sequence_number: 0,
      deadline: 0,
      batch: 0,
      takesPlace: true,
      command,
      octets,
      tag,
      // What has more requests than the window has places cannot have them all at once.
      places: together > this.#window.capacity ? 1 : Math.max(1, together),
      toReserve: together,
      dueAt: 0,
      writtenAt: 0,
      onLateResponse,
      resolve,
      reject,
    }
    if (isBind(command)) {
      this.#isBinding = true
      entry.reject = (error) => {
        this.#isBinding = false
        reject(error)
      }
    }
    if (again) {
      const passed = this.#queue.first
      if (passed !== undefined && passed.toReserve === 0 && passed.dueAt > 0) {
        // The turn of the one that it passes is its own now; that one takes another.
        entry.dueAt = passed.dueAt
        entry.toReserve = 0
        passed.toReserve = 1
      }
      this.#again.push(entry)
      this.#pump()
    } else if (this.waitingCount === 0 && this.#mayWrite(entry)) {
      this.#write(entry)
    } else if (this.#queue.length < this.#limits.queueLimit) {
      this.#queue.push(entry)
    } else {
      const message = `${this.#limits.queueLimit} requests already wait for a place`
      reject(new RequestError('queue_full', message, false))
    }
  }

  #write(entry: PendingRequest): void {
    const { requestTimeoutMs, sessionInitMs } = this.#limits
    const timeoutMs = isBind(entry.command) && sessionInitMs > 0 ? sessionInitMs : requestTimeoutMs
    entry.writtenAt = this.#now()
    const sequence = this.#window.open(entry, entry.writtenAt, timeoutMs)
    entry.octets.writeUInt32BE(sequence, SEQUENCE_OFFSET)
    if (entry.tag !== undefined) {
      this.#tags.push(entry.tag)
      this.#recording?.tagged(sequence, entry.tag)
    }
    entry.batch = this.#output.batch
    this.#counters.requestsSent++
    this.#pushOctets(entry.command, entry.octets)
  }

  /** Writes `enquire_link` or `unbind` without a place in the window. */
  #sendLinkRequest(
    command: 'enquire_link' | 'unbind',
    onResponse: () => void = ignore,
    // The timers judge whether the peer is alive; a late answer to this one PDU does not.
    onFailure: (error: Error) => void = ignore,
  ): void {
    this.#write({
      sequence_number: 0,
      deadline: 0,
      batch: 0,
      takesPlace: false,
      command,
      octets: encodePdu({ command }),
      tag: undefined,
      places: 0,
      toReserve: 0,
      dueAt: 0,
      writtenAt: 0,
      onLateResponse: undefined,
      resolve: onResponse,
      reject: onFailure,
    })
  }

  #tellOfWrite(): void {
    const tags = this.#tags
    if (tags.length === 0) return
    this.#tags = []
    this.#guard('onWrite', () => this.#options.onWrite?.(tags))
  }

  /** Writes what waits, as far as there are places and the pace allows; true when there was any. */
  #pump(): boolean {
    let written = 0
    while (this.waitingCount > 0) {
      const waiting = this.#again.length > 0 ? this.#again : this.#queue
      const entry = waiting.first
      if (entry === undefined || !this.#mayWrite(entry)) break
      waiting.shift()
      this.#write(entry)
      written++
    }
    return written > 0
  }

  /** Whether a request may be written now; where only the pace forbids it, it is pumped in time. */
  #mayWrite(entry: PendingRequest): boolean {
    const { freePlaces, capacity } = this.#window
    if (this.#output.blocked || freePlaces === 0) return false
    if (freePlaces < Math.min(entry.places, capacity)) return false
    const { pacer } = this.#options
    if (pacer === undefined || pacer.isOpen || isBind(entry.command)) return true
    const now = this.#now()
    if (entry.toReserve > 0) {
      entry.dueAt = now + pacer.reserve(entry.toReserve, now)
      entry.toReserve = 0
    }
    const waitMs = Math.max(entry.dueAt - now, pacer.pauseLeft(now))
    if (waitMs <= 0) return true
    this.#pumpAfter(waitMs, now)
    return false
  }

  #pumpAfter(waitMs: number, now: number): void {
    if (this.#pumpAt <= now + waitMs) return
    clearTimeout(this.#pumpTimer)
    this.#pumpAt = now + waitMs
    this.#pumpTimer = setTimeout(() => this.#pumpInTime(), Math.ceil(waitMs))
  }

  #pumpInTime(): void {
    clearTimeout(this.#pumpTimer)
    this.#pumpAt = Number.POSITIVE_INFINITY
    if (this.#pump()) this.#output.flush()
  }

  #expire(now: number): void {
    // Responses may lie unread while we do not read; once more the timeout is granted for that.
    if (this.#inbound.paused) {
      this.#pausedAt ??= now
      if (now - this.#pausedAt < this.#limits.requestTimeoutMs) return
    } else {
      this.#pausedAt = undefined
    }
    const expired = this.#window.expire(now, ({ sequence_number, command, onLateResponse }) => {
      if (onLateResponse) this.#late.add(sequence_number, command, onLateResponse, now)
    })
    if (expired === 0) return
    this.#counters.requestsTimedOut += expired
    this.#placesFreed = true
    this.#onPlacesFreed()
  }

  #onUnblocked(): void {
    this.#timers.unblocked()
    this.#placesFreed = true
    this.#onPlacesFreed()
    this.#inbound.resume()
  }

  #onTurnEnd(): void {
    if (this.#receivedInTurn) {
      this.#receivedInTurn = false
      this.#timers.received(this.#now())
    }
    this.#onPlacesFreed()
    if (this.#draining !== undefined) this.#checkDrained(this.#now())
  }

  #onPlacesFreed(): void {
    if (!this.#placesFreed) return
    this.#placesFreed = false
    // What waits for these places leaves before the answers are worked on, not after.
    if (this.#pump()) this.#output.flush()
    if (this.#options.onWindowFree !== undefined && this.freePlaces > 0) {
      this.#guard('onWindowFree', () => this.#options.onWindowFree?.(this))
    }
  }

  #onUrgent(frame: Buffer): void {
    this.#counters.pdusIn++
    this.#receivedInTurn = true
    if (this.#state === 'open' && this.#isTooManyUnbound()) return
    const pdu = this.#decode(frame)
    if (pdu === undefined) return
    countCommand(this.#counters.receivedByCommand, pdu.command)
    if (pdu.command === 'enquire_link') {
      this.#counters.requestsReceived++
      this.#reply({ command: 'enquire_link_resp', sequence_number: pdu.sequence_number })
      return
    }
    if (pdu.command === 'generic_nack' && pdu.command_status === CommandStatus.ESME_ROK) {
      // Whoever looks at the status alone must not take a refusal for a success.
      pdu.command_status = CommandStatus.ESME_RUNKNOWNERR
    }
    const entry = this.#window.find(pdu.sequence_number)
    // A response to something else says nothing about the request: its own may still come.
    if (entry === undefined || !mayAnswer(pdu.command, entry.command)) {
      this.#onUnexpectedResponse(pdu)
      return
    }
    this.#window.take(pdu.sequence_number)
    this.#counters.responsesMatched++
    this.#placesFreed = true
    if (isBind(entry.command)) this.#onBindResponse(entry.command, pdu)
    else if (entry.takesPlace) this.#tellPacer(pdu.command_status, entry.writtenAt)
    entry.resolve(pdu)
  }

  /** Nobody waits for it in the window; its request may have timed out. */
  #onUnexpectedResponse(response: Pdu): void {
    const tell = this.#late.take(response, this.#now())
    if (tell === undefined) {
      this.#counters.responsesUnmatched++
      return
    }
    this.#counters.responsesLate++
    this.#guard('onLateResponse', () => tell(response))
  }

  #tellPacer(status: number, writtenAt: number): void {
    this.#options.pacer?.answered(paceAnswerOf(status), writtenAt, this.#now())
  }

  #onBindResponse(command: CommandName, response: Pdu): void {
    this.#isBinding = false
    const state = stateAfter(command)
    if (response.command_status !== CommandStatus.ESME_ROK || state === undefined) return
    this.#peerVersion = tlvInt(response.tlvs, TlvTag.sc_interface_version)
    this.#setState(state)
  }

  /** Decodes, or deals with the error and returns undefined. */
  #decode(frame: Buffer): Pdu | undefined {
    try {
      return decodePdu(frame)
    } catch (error) {
      if (!(error instanceof PduError)) throw error
      this.#onPduError(error)
      return undefined
    }
  }

  #onPduError(error: PduError): void {
    this.#counters.pduErrors++
    const { command_id, sequence_number } = error.header
    if (isResponse(command_id)) {
      const entry = this.#window.take(sequence_number)
      if (entry === undefined) {
        this.#counters.responsesUnmatched++
      } else {
        this.#counters.requestsFailed++
        this.#placesFreed = true
        entry.reject(new RequestError('response_invalid', error.message, true, error))
      }
    } else {
      this.#counters.requestsReceived++
      const name = commandName(command_id)
      this.#refuse(name, sequence_number, error.commandStatus)
      if (this.#state === 'open') this.#countUnboundError()
    }
    // A peer can send thousands a second: the first is news, the others are in the counters.
    const log = this.#counters.pduErrors === 1 ? this.#logger.warn : this.#logger.debug
    log.call(
      this.#logger,
      { command: describeCommand(command_id), error: error.message },
      'undecodable PDU',
    )
    this.#guard('onPduError', () => this.#options.onPduError?.(error, this))
  }

  #onRequest(frame: Buffer): void {
    this.#counters.pdusIn++
    this.#receivedInTurn = true
    if (this.#state === 'open' && this.#isTooManyUnbound()) return
    const pdu = this.#decode(frame)
    if (pdu === undefined) return
    countCommand(this.#counters.receivedByCommand, pdu.command)
    this.#counters.requestsReceived++
    const { command, sequence_number } = pdu
    if (command === 'unbind') {
      this.#onPeerUnbind(sequence_number)
    } else if (isBind(command) && this.role === 'smsc' && (this.isBound || this.#isBinding)) {
      this.#refuse(command, sequence_number, CommandStatus.ESME_RALYBND)
    } else if (this.#state === 'unbound') {
      // It crossed our unbind. An error would tell the peer that we do not want it; without an
      // answer it comes again on the next bind.
      this.#counters.requestsUnanswered++
    } else if (!maySend(this.role === 'esme' ? 'smsc' : 'esme', this.#state, command)) {
      this.#refuse(command, sequence_number, CommandStatus.ESME_RINVBNDSTS)
      if (this.#state === 'open') this.#countUnboundError()
    } else {
      this.#handle(pdu, frame.length)
    }
  }

  #handle(pdu: Pdu, octets: number): void {
    if (isBind(pdu.command)) this.#isBinding = true
    let answer: ReturnType<RequestHandler>
    try {
      answer = this.#options.onRequest(pdu, this)
    } catch (error) {
      this.#answerFailure(pdu, error)
      return
    }
    if (!(answer instanceof Promise)) {
      this.#answer(pdu, answer)
      return
    }
    this.#inboundPending++
    this.#octetsInWork += octets
    answer.then(
      (reply) => {
        this.#inboundPending--
        this.#octetsInWork -= octets
        this.#answer(pdu, reply)
        this.#onHandled()
      },
      (error: unknown) => {
        this.#inboundPending--
        this.#octetsInWork -= octets
        this.#answerFailure(pdu, error)
        this.#onHandled()
      },
    )
  }

  /** An answer that took time is out: others may wait for its slot, or for the last one. */
  #onHandled(): void {
    if (this.#state === 'closed') return
    if (this.#inbound.waitingCount > 0) this.#inbound.resume()
    if (this.#draining !== undefined) this.#checkDrained(this.#now())
  }

  #answerFailure(pdu: Pdu, error: unknown): void {
    const { command } = pdu
    this.#logger.error({ command, error: asError(error).message }, 'request handler failed')
    this.#answer(pdu, { command_status: CommandStatus.ESME_RSYSERR })
  }

  #answer(pdu: Pdu, reply: SessionReply | undefined): void {
    const command = responseNameOf(pdu.command)
    if (command === undefined) {
      this.#counters.requestsUnanswered++
      return
    }
    if (this.#state === 'closed') {
      this.#counters.repliesDropped++
      return
    }
    const fields = reply ?? NOT_OFFERED
    let status = fields.command_status ?? CommandStatus.ESME_ROK
    let octets: Buffer
    try {
      octets = encodePdu(responseWith(command, pdu.sequence_number, status, fields))
    } catch (error) {
      this.#logger.error({ command, error: asError(error).message }, 'answer cannot be encoded')
      status = CommandStatus.ESME_RSYSERR
      octets = encodePdu(responseWith(command, pdu.sequence_number, status, NOT_OFFERED))
    }
    this.#counters.repliesSent++
    this.#pushOctets(command, octets)
    if (isBind(pdu.command)) this.#onBindAnswered(pdu, status)
    else if (status !== CommandStatus.ESME_ROK) this.#tellOfRefusal(pdu.command, status)
  }

  #onBindAnswered(bind: Pdu, status: number): void {
    this.#isBinding = false
    const state = stateAfter(bind.command)
    if (status !== CommandStatus.ESME_ROK || state === undefined) {
      this.#finish('bind_refused')
      return
    }
    if ('interface_version' in bind) this.#peerVersion = bind.interface_version
    // The response is in the output already, so what the application sends now comes after it.
    this.#setState(state)
  }

  /** Answers a request without handling it; `generic_nack` when it has no response of its own. */
  #refuse(command: CommandName | undefined, sequence_number: number, status: number): void {
    this.#tellOfRefusal(command, status)
    const response = command === undefined ? 'generic_nack' : responseNameOf(command)
    if (response === undefined) {
      this.#counters.requestsUnanswered++
      return
    }
    this.#reply(responseWith(response, sequence_number, status, NOT_OFFERED))
  }

  #tellOfRefusal(command: CommandName | undefined, status: number): void {
    this.#guard('onRequestRefused', () => this.#options.onRequestRefused?.(command, status))
  }

  #countUnboundError(): void {
    this.#unboundErrors++
    if (this.role === 'smsc' && this.#unboundErrors >= MAX_UNBOUND_ERRORS) {
      this.#finish('not_bound')
    }
  }

  /** Counts what an unbound peer sends, and ends the session when it should have bound by now. */
  #isTooManyUnbound(): boolean {
    if (this.role !== 'smsc' || ++this.#unboundPdus <= MAX_UNBOUND_PDUS) return false
    this.#finish('not_bound')
    return true
  }

  #onPeerUnbind(sequence_number: number): void {
    const answer = () => {
      this.#reply({ command: 'unbind_resp', sequence_number })
      this.#finish('unbound_by_peer')
    }
    if (this.#state === 'unbound') {
      // Both sides unbind at once: answer, and wait for the response to ours.
      this.#reply({ command: 'unbind_resp', sequence_number })
    } else if (this.isBound) {
      this.#draining = { until: this.#now() + this.#limits.peerUnbindDrainMs, finish: answer }
      this.#tellOfDrain()
      this.#failQueue('session_closed', 'the peer has unbound')
      this.#checkDrained(this.#now())
    } else {
      answer()
    }
  }

  #tellOfDrain(): void {
    this.#guard('onDraining', () => this.#options.onDraining?.(this))
  }

  #checkDrained(now: number): void {
    const draining = this.#draining
    if (draining === undefined || !this.isBound) return
    if (this.pendingCount > 0 || this.#inboundPending > 0) {
      if (now < draining.until) return
    }
    draining.finish()
  }

  #sendUnbind(): void {
    this.#failQueue('closed', 'we are unbinding')
    this.#setState('unbound')
    this.#timers.unbindSent(this.#now())
    this.#sendLinkRequest('unbind', () => this.#finish('unbound'))
  }

  /** Sends an answer of the session's own, unless the peer has long stopped reading them. */
  #reply(pdu: PduInput): void {
    if (this.#output.blocked && this.#output.octetsHeld > MAX_HELD_OCTETS) {
      this.#counters.repliesDropped++
      return
    }
    this.#counters.repliesSent++
    this.#push(pdu)
  }

  #push(pdu: PduInput): void {
    this.#pushOctets(pdu.command, encodePdu(pdu))
  }

  #pushOctets(command: CommandName, octets: Buffer): void {
    this.#counters.pdusOut++
    countCommand(this.#counters.sentByCommand, command)
    this.#output.push(octets)
  }

  #setState(state: SessionState): void {
    if (this.#state === state) return
    this.#state = state
    this.#recording?.changed(state)
    if (this.isBound) {
      this.#timers.bound(this.#now())
      this.#inbound.maxPduOctets = this.#limits.maxPduOctets
    }
    this.#guard('onStateChange', () => this.#options.onStateChange?.(state, this))
  }

  #onStreamError(error: Error): void {
    this.#error ??= error
    this.#finish('socket_error', error)
  }

  #onStreamClosed(): void {
    if (this.#error === undefined) this.#finish('peer_closed')
  }

  #finish(reason: SessionEndReason, error?: Error): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    clearInterval(this.#interval)
    clearTimeout(this.#pumpTimer)
    const isOurs = reason === 'closed' || reason === 'unbound'
    const code = isOurs ? 'closed' : 'session_closed'
    const message = `the session ended: ${reason}`
    // First, because it may still write what is gathered.
    this.#shutDown(reason)
    this.#late.clear()
    this.#failQueue(code, message, error)
    const batch = this.#output.batch
    this.#counters.requestsFailed += this.#window.failAll(
      (entry) => new RequestError(code, message, entry.batch < batch, error),
    )
    this.#logger.debug({ reason, error: error?.message }, 'session ended')
    this.#guard('onStateChange', () => this.#options.onStateChange?.('closed', this))
    this.#recording?.end(reason, this.counters)
    const end: SessionEnd = error === undefined ? { reason } : { reason, error }
    this.#guard('onClose', () => this.#options.onClose?.(end, this))
  }

  #shutDown(reason: SessionEndReason): void {
    this.#inbound.stop()
    const stream = this.#stream
    const isDead = reason === 'socket_error' || reason === 'no_answer' || reason === 'slow_reader'
    if (isDead || stream.destroyed) {
      stream.destroy()
      return
    }
    this.#output.end()
    if (stream.readableEnded) {
      stream.once('finish', () => stream.destroy())
    } else {
      stream.once('end', () => stream.destroy())
    }
    const linger = setTimeout(() => stream.destroy(), LINGER_MS)
    stream.once('close', () => clearTimeout(linger))
  }

  #failQueue(code: string, message: string, cause?: Error): void {
    for (const waiting of [this.#again, this.#queue]) {
      for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) {
        entry.reject(new RequestError(code, message, false, cause))
      }
    }
  }

  #refusal(command: CommandName): RequestError {
    if (this.#state === 'closed') {
      return new RequestError('session_closed', 'the session is closed', false)
    }
    if (this.#draining !== undefined) {
      return new RequestError('session_closed', 'the session is unbinding', false)
    }
    const message = `${command} is not allowed in state ${this.#state}`
    return new RequestError('not_bound', message, false)
  }

  /** Runs a callback of the application, which must not bring the session down. */
  #guard(name: string, callback: () => void): void {
    try {
      callback()
    } catch (error) {
      this.#logger.error({ callback: name, error: asError(error).message }, 'callback failed')
    }
  }
}

function ignore(): void {}

function paceAnswerOf(status: number): PaceAnswer {
  if (status === CommandStatus.ESME_RTHROTTLED) return 'throttled'
  return status === CommandStatus.ESME_RMSGQFUL ? 'queue_full' : 'taken'
}

function monotonicNow(): number {
  return performance.now()
}

function asError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value))
}

function isSocket(stream: Duplex): stream is Socket {
  return 'setNoDelay' in stream && typeof stream.setNoDelay === 'function'
}
