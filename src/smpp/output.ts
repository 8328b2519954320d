import type { Duplex } from 'node:stream'

/** Octets gathered before they are written without waiting for the end of the turn. */
const FLUSH_OCTETS = 64 * 1024

/** How an {@link Output} reports to its session. */
export interface OutputEvents {
  /** What is gathered is about to be handed to the stream, one buffer for each PDU. */
  onWrite(pdus: readonly Buffer[]): void
  /** The peer does not read as fast as we write: send no new requests. */
  onBlocked(): void
  /** The stream takes octets again. */
  onUnblocked(): void
}

/**
 * Gathers the PDUs of one turn of the event loop and writes them to the stream at once.
 *
 * While the stream is blocked, what is pushed waits here; the session keeps that small.
 */
export class Output {
  readonly #stream: Duplex
  readonly #events: OutputEvents
  #parts: Buffer[] = []
  #octets = 0
  #scheduled = false
  #blocked = false
  #batch = 0
  #octetsWritten = 0

  constructor(stream: Duplex, events: OutputEvents) {
    this.#stream = stream
    this.#events = events
    stream.on('drain', () => this.#onDrain())
  }

  get blocked(): boolean {
    return this.#blocked
  }

  /**
   * The number of the batch being gathered. What was pushed under a lower number has been handed to
   * the stream and may have reached the peer.
   */
  get batch(): number {
    return this.#batch
  }

  /** Octets that wait for the end of the turn, or for the stream. */
  get octetsHeld(): number {
    return this.#octets
  }

  /** Octets handed to the stream. */
  get octetsWritten(): number {
    return this.#octetsWritten
  }

  /** Adds a whole PDU; the buffer must not be changed afterwards. */
  push(octets: Buffer): void {
    this.#parts.push(octets)
    this.#octets += octets.length
    if (this.#octets >= FLUSH_OCTETS) {
      this.flush()
    } else if (!this.#scheduled) {
      this.#scheduled = true
      // After the poll phase: the answers to everything read in this turn leave together.
      setImmediate(() => {
        this.#scheduled = false
        this.flush()
      })
    }
  }

  /** Writes what is gathered, unless the stream is blocked or gone. */
  flush(): void {
    if (this.#blocked || this.#parts.length === 0 || !this.#stream.writable) return
    this.#write()
  }

  /** Writes what is gathered, blocked or not, and ends our half of the stream. */
  end(): void {
    if (!this.#stream.writable) return
    if (this.#parts.length > 0) this.#write()
    this.#stream.end()
  }

  #write(): void {
    const parts = this.#parts
    const octets = parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts, this.#octets)
    this.#events.onWrite(parts)
    this.#octetsWritten += this.#octets
    this.#parts = []
    this.#octets = 0
    this.#batch++
    // A large write that the kernel took whole also returns false, but leaves nothing to wait for.
    if (!this.#stream.write(octets) && this.#stream.writableLength > 0 && !this.#blocked) {
      this.#blocked = true
      this.#events.onBlocked()
    }
  }

  #onDrain(): void {
    if (!this.#blocked) return
    this.#blocked = false
    this.#events.onUnblocked()
    this.flush()
  }
}
