import type { Duplex } from 'node:stream'
import { COMMAND_IDS } from './commands.ts'
import type { FrameError } from './errors.ts'
import { Fifo } from './fifo.ts'
import { FrameDecoder } from './frame.ts'

/** PDUs handled before other work gets its turn. */
const PDUS_PER_TURN = 1000
/** Octets of requests that are read ahead before reading stops. */
const MAX_WAITING_OCTETS = 2 ** 20
const COMMAND_ID_OFFSET = 4
const FIRST_RESPONSE_ID = 0x80000000
const ENQUIRE_LINK_ID = COMMAND_IDS.enquire_link

/** What an {@link Inbound} asks of its session. */
export interface InboundHandler {
  /** Whole PDUs have come, in wire order; they are handled later. */
  onFrames(frames: readonly Buffer[]): void
  /** Nothing more is handled, and the last octets that came make no whole PDU. */
  onRest(octets: Buffer): void
  /** A whole response or `enquire_link`; comes ahead of requests that arrived before it. */
  onUrgent(frame: Buffer): void
  /** Any other whole request. */
  onRequest(frame: Buffer): void
  /** False while another request would be one too many; call `resume` when that changes. */
  mayTakeRequest(): boolean
  /** Everything that could be handled in this turn is handled. */
  onTurnEnd(): void
  /** The stream cannot be read any further; everything before the break has been handled. */
  onBroken(error: FrameError): void
  /** The peer has ended its half of the stream; everything before has been handled. */
  onEnd(): void
  /** One of the calls above threw, which none should. */
  onFailure(error: unknown): void
}

/**
 * The reading side of a session: octets to frames, and frames to the session in a fair order.
 *
 * Responses and `enquire_link` overtake requests, so that slow handling of requests lets neither our
 * own requests nor the link time out; requests keep their order. The event loop gets its turn after 1,000 PDUs. Reading stops
 * while too many requests wait, so the peer feels it and memory stays bounded.
 */
export class Inbound {
  readonly #stream: Duplex
  readonly #handler: InboundHandler
  readonly #decoder: FrameDecoder
  #maxWaiting: number
  readonly #urgent = new Fifo<Buffer>()
  readonly #requests = new Fifo<Buffer>()
  #requestOctets = 0
  #scheduled = false
  #working = false
  #paused = false
  #ended = false
  #stopped = false
  #octetsRead = 0

  /**
   * @param options.maxPduOctets - largest PDU accepted, until it is changed
   * @param options.maxWaiting - requests read ahead while the session takes none
   */
  constructor(
    stream: Duplex,
    handler: InboundHandler,
    options: { maxPduOctets: number; maxWaiting: number },
  ) {
    this.#stream = stream
    this.#handler = handler
    this.#decoder = new FrameDecoder({ maxOctets: options.maxPduOctets })
    this.#maxWaiting = options.maxWaiting
    stream.on('data', (chunk: Buffer) => this.#onData(chunk))
    stream.on('end', () => {
      this.#ended = true
      this.resume()
    })
  }

  set maxPduOctets(octets: number) {
    this.#decoder.maxOctets = octets
  }

  get octetsRead(): number {
    return this.#octetsRead
  }

  /** Requests that were read and wait until the session takes them. */
  get waitingCount(): number {
    return this.#requests.length
  }

  /** Requests that are read ahead while the session takes none. */
  set maxWaiting(requests: number) {
    this.#maxWaiting = requests
  }

  /** True while nothing is read from the stream. */
  get paused(): boolean {
    return this.#paused
  }

  /** Goes on with what waits; call it when the session can take requests again. */
  resume(): void {
    if (!this.#scheduled && !this.#working) this.#work()
  }

  /** Ends the handling; what still comes is read and thrown away. */
  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    const { rest } = this.#decoder
    if (rest.length > 0) this.#handler.onRest(rest)
    if (this.#paused) {
      this.#paused = false
      this.#stream.resume()
    }
  }

  #onData(chunk: Buffer): void {
    if (this.#stopped || this.#decoder.failure !== undefined) return
    this.#octetsRead += chunk.length
    let frames: Buffer[]
    try {
      frames = this.#decoder.push(chunk)
    } catch (error) {
      if (this.#decoder.failure === undefined) throw error
      frames = []
    }
    if (frames.length > 0) this.#handler.onFrames(frames)
    for (const frame of frames) {
      const id = frame.readUInt32BE(COMMAND_ID_OFFSET)
      if (id >= FIRST_RESPONSE_ID || id === ENQUIRE_LINK_ID) this.#urgent.push(frame)
      else {
        this.#requests.push(frame)
        this.#requestOctets += frame.length
      }
    }
    this.resume()
  }

  #work(): void {
    if (this.#stopped) return
    let isExhausted = false
    this.#working = true
    try {
      isExhausted = this.#handleSome()
      if (!this.#stopped) this.#handler.onTurnEnd()
    } catch (error) {
      this.stop()
      this.#handler.onFailure(error)
    }
    this.#working = false
    if (this.#stopped) return
    if (isExhausted) {
      this.#scheduled = true
      setImmediate(() => {
        this.#scheduled = false
        this.#work()
      })
    }
    const isFull =
      this.#requests.length >= this.#maxWaiting || this.#requestOctets >= MAX_WAITING_OCTETS
    this.#setPaused(isExhausted || isFull)
    if (isExhausted) return
    const failure = this.#decoder.failure
    if (failure !== undefined) {
      this.stop()
      this.#handler.onBroken(failure)
    } else if (this.#ended) {
      this.stop()
      this.#handler.onEnd()
    }
  }

  /** Handles PDUs until none can be handled or the turn is over; true when it is over. */
  #handleSome(): boolean {
    for (let handled = 0; handled < PDUS_PER_TURN; handled++) {
      if (this.#stopped) return false
      const urgent = this.#urgent.shift()
      if (urgent !== undefined) {
        this.#handler.onUrgent(urgent)
        continue
      }
      if (this.#requests.length === 0 || !this.#handler.mayTakeRequest()) return false
      const request = this.#requests.shift()
      if (request === undefined) continue
      this.#requestOctets -= request.length
      this.#handler.onRequest(request)
    }
    return this.#urgent.length > 0 || this.#requests.length > 0
  }

  #setPaused(paused: boolean): void {
    if (this.#paused === paused || this.#stopped) return
    this.#paused = paused
    if (paused) this.#stream.pause()
    else this.#stream.resume()
  }
}
