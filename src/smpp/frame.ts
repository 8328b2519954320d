import { FrameError } from './errors.ts'

const HEADER_OCTETS = 16
const LENGTH_OCTETS = 4
/** Leaves room for a message_payload of 65535 octets and the fields before it. */
const DEFAULT_MAX_OCTETS = 70_000
const FIRST_CAPACITY = 256
const MAX_REST_OCTETS = 256
const NO_OCTETS = Buffer.alloc(0)

/**
 * Splits a TCP byte stream into whole PDUs.
 *
 * The bytes may arrive cut at any place, even inside `command_length`. A PDU that lies wholly in
 * one chunk is returned as a view of that chunk; one that was cut is put together in a buffer of
 * its own. That buffer grows with the octets received, never by the length announced.
 *
 * @see SMPP v3.4, section 3.2 (PDU format)
 */
export class FrameDecoder {
  #maxOctets: number
  /** The beginning of a PDU that was cut; the first `#bufferedOctets` of it are filled. */
  #partial: Buffer | undefined
  #bufferedOctets = 0
  #failure: FrameError | undefined
  /** Where the stream broke, and what followed. */
  #broken = NO_OCTETS

  /**
   * @param options.maxOctets - largest PDU accepted, in octets, header included (70,000)
   * @throws {RangeError} when `maxOctets` is not an integer of at least 16
   */
  constructor(options: { maxOctets?: number } = {}) {
    this.#maxOctets = checkedMaximum(options.maxOctets ?? DEFAULT_MAX_OCTETS)
  }

  /** The largest PDU accepted; a new value counts for the PDUs whose length is not read yet. */
  get maxOctets(): number {
    return this.#maxOctets
  }

  set maxOctets(maxOctets: number) {
    this.#maxOctets = checkedMaximum(maxOctets)
  }

  /** Octets held of a PDU that is not complete; 0 between two PDUs. */
  get bufferedOctets(): number {
    return this.#bufferedOctets
  }

  /** The octets after the last whole PDU, 256 at most: the beginning of one, or where the stream broke. */
  get rest(): Buffer {
    if (this.#failure !== undefined) return this.#broken
    const octets = Math.min(this.#bufferedOctets, MAX_REST_OCTETS)
    return this.#partial?.subarray(0, octets) ?? NO_OCTETS
  }

  /**
   * Set once the stream is broken, even when the last `push` still returned PDUs: handle those,
   * then close the connection.
   */
  get failure(): FrameError | undefined {
    return this.#failure
  }

  /**
   * Adds received bytes and returns the PDUs they complete, oldest first.
   *
   * PDUs in front of a bad length are never lost: this call returns them and sets `failure`, and
   * the next call throws. Without any in front, this call throws at once.
   *
   * @throws {FrameError} when `command_length` is below 16 or above the maximum, as soon as its
   *   four octets are there; every later call throws the same error
   */
  push(chunk: Buffer): Buffer[] {
    if (this.#failure !== undefined) throw this.#failure
    const frames: Buffer[] = []
    let offset = 0
    if (this.#bufferedOctets > 0) {
      offset = this.#resume(chunk, frames)
    }
    while (this.#failure === undefined && chunk.length - offset >= LENGTH_OCTETS) {
      const length = this.#checkedLength(chunk, offset)
      if (length === undefined || chunk.length - offset < length) break
      frames.push(
        offset === 0 && length === chunk.length ? chunk : chunk.subarray(offset, offset + length),
      )
      offset += length
    }
    if (this.#failure !== undefined) {
      this.#broken = Buffer.concat([
        this.#partial?.subarray(0, this.#bufferedOctets) ?? NO_OCTETS,
        chunk.subarray(offset, offset + MAX_REST_OCTETS),
      ]).subarray(0, MAX_REST_OCTETS)
      this.#partial = undefined
      this.#bufferedOctets = 0
      if (frames.length === 0) throw this.#failure
      return frames
    }
    if (offset < chunk.length) this.#keep(chunk, offset, chunk.length)
    return frames
  }

  /** Completes the PDU that was cut, as far as the chunk reaches; returns the octets taken. */
  #resume(chunk: Buffer, frames: Buffer[]): number {
    let taken = 0
    if (this.#bufferedOctets < LENGTH_OCTETS) {
      taken = Math.min(LENGTH_OCTETS - this.#bufferedOctets, chunk.length)
      this.#keep(chunk, 0, taken)
      if (this.#bufferedOctets < LENGTH_OCTETS) return taken
    }
    const partial = this.#partial
    if (partial === undefined) return taken
    const length = this.#checkedLength(partial, 0)
    if (length === undefined) return taken
    const end = Math.min(taken + length - this.#bufferedOctets, chunk.length)
    this.#keep(chunk, taken, end)
    if (this.#bufferedOctets === length && this.#partial !== undefined) {
      frames.push(this.#partial.subarray(0, length))
      this.#partial = undefined
      this.#bufferedOctets = 0
    }
    return end
  }

  #checkedLength(octets: Buffer, offset: number): number | undefined {
    const length = octets.readUInt32BE(offset)
    if (length >= HEADER_OCTETS && length <= this.#maxOctets) return length
    this.#failure = new FrameError(
      `command_length ${length} is not in ${HEADER_OCTETS}..${this.#maxOctets}`,
    )
    return undefined
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    const needed = this.#bufferedOctets + end - start
    let partial = this.#partial
    if (partial === undefined || partial.length < needed) {
      // Doubling keeps the copying linear in the octets received, however small the chunks.
      const grown = Buffer.allocUnsafeSlow(Math.max(FIRST_CAPACITY, needed * 2))
      if (partial !== undefined) partial.copy(grown, 0, 0, this.#bufferedOctets)
      partial = grown
      this.#partial = grown
    }
    chunk.copy(partial, this.#bufferedOctets, start, end)
    this.#bufferedOctets = needed
  }
}

function checkedMaximum(maxOctets: number): number {
  if (Number.isInteger(maxOctets) && maxOctets >= HEADER_OCTETS) return maxOctets
  throw new RangeError(`maxOctets must be an integer of at least 16, not ${maxOctets}`)
}
