/** One PDU as it crossed the wire. */
export interface RecordedPdu {
  /** Counts what was recorded from 1, what has been dropped since included. */
  readonly number: number
  /** Milliseconds since 1970. */
  readonly at: number
  /** True: we wrote it. */
  readonly isSent: boolean
  /** False: octets that make no PDU, the last that came. */
  readonly isPdu: boolean
  /** A copy; shorter than {@link wireOctets} when it was cut. */
  readonly octets: Buffer
  readonly wireOctets: number
  /** Octets that went the same way before it. */
  readonly streamOffset: number
}

const SENT = 1
const NO_PDU = 2

/**
 * The latest PDUs of a connection in memory that is allocated once.
 *
 * It holds so many PDUs and so many octets of them, whichever limit is reached first; a PDU that is too
 * long is cut. Recording copies the octets and decodes nothing.
 */
export class PduRing {
  readonly #slots: number
  readonly #arena: Buffer
  readonly #maxPduOctets: number
  readonly #at: Float64Array
  readonly #start: Uint32Array
  readonly #kept: Uint32Array
  readonly #wire: Uint32Array
  readonly #flags: Uint8Array
  /** The oldest slot, and how many follow from it. */
  #first = 0
  #count = 0
  /** Where the next octets go, and how many before it are in use. */
  #end = 0
  #used = 0
  #dropped = 0
  #droppedIn = 0
  #droppedOut = 0

  /**
   * @param options.pdus - at least 1 unless nothing is pushed
   * @param options.octets - of all PDUs together
   * @param options.maxPduOctets - of one PDU (all of `octets`)
   */
  constructor(options: { pdus: number; octets: number; maxPduOctets?: number }) {
    const { pdus, octets } = options
    this.#slots = pdus
    this.#arena = Buffer.allocUnsafeSlow(octets)
    this.#maxPduOctets = Math.min(options.maxPduOctets ?? octets, octets)
    this.#at = new Float64Array(pdus)
    this.#start = new Uint32Array(pdus)
    this.#kept = new Uint32Array(pdus)
    this.#wire = new Uint32Array(pdus)
    this.#flags = new Uint8Array(pdus)
  }

  /** PDUs that it holds. */
  get size(): number {
    return this.#count
  }

  /** PDUs that it has dropped for later ones. */
  get dropped(): number {
    return this.#dropped
  }

  /** Adds a PDU; the octets are copied. */
  push(octets: Buffer, isSent: boolean, at: number): void {
    this.#add(octets, octets.length, isSent ? SENT : 0, at)
  }

  /** Adds octets received that make no PDU. */
  pushRest(octets: Buffer, at: number): void {
    this.#add(octets, octets.length, NO_PDU, at)
  }

  /** What it holds, oldest first. */
  entries(): RecordedPdu[] {
    let offsetIn = this.#droppedIn
    let offsetOut = this.#droppedOut
    return Array.from({ length: this.#count }, (_, index) => {
      const slot = (this.#first + index) % this.#slots
      const flags = this.#flags[slot] as number
      const isSent = (flags & SENT) !== 0
      const wireOctets = this.#wire[slot] as number
      const streamOffset = isSent ? offsetOut : offsetIn
      if (isSent) offsetOut += wireOctets
      else offsetIn += wireOctets
      return {
        number: this.#dropped + index + 1,
        at: this.#at[slot] as number,
        isSent,
        isPdu: (flags & NO_PDU) === 0,
        octets: this.#read(slot),
        wireOctets,
        streamOffset,
      }
    })
  }

  /** The same PDUs in a ring of another size, as far as they fit. */
  resized(options: { pdus: number; octets: number }): PduRing {
    const ring = new PduRing(options)
    ring.#dropped = this.#dropped
    ring.#droppedIn = this.#droppedIn
    ring.#droppedOut = this.#droppedOut
    for (let index = 0; index < this.#count; index++) {
      const slot = (this.#first + index) % this.#slots
      const flags = this.#flags[slot] as number
      ring.#add(this.#read(slot), this.#wire[slot] as number, flags, this.#at[slot] as number)
    }
    return ring
  }

  /** The same PDUs in no more memory than they take; nothing can be added to it. */
  trimmed(): PduRing {
    return this.resized({ pdus: this.#count, octets: this.#used })
  }

  #add(octets: Buffer, wireOctets: number, flags: number, at: number): void {
    const arena = this.#arena
    const isCut = octets.length > this.#maxPduOctets
    const kept = isCut ? octets.subarray(0, this.#maxPduOctets) : octets
    const length = kept.length
    while (this.#count === this.#slots || this.#used + length > arena.length) this.#drop()
    let slot = this.#first + this.#count
    if (slot >= this.#slots) slot -= this.#slots
    const start = this.#end
    const room = arena.length - start
    if (length <= room) {
      arena.set(kept, start)
      this.#end = length === room ? 0 : start + length
    } else {
      arena.set(kept.subarray(0, room), start)
      arena.set(kept.subarray(room), 0)
      this.#end = length - room
    }
    this.#at[slot] = at
    this.#start[slot] = start
    this.#kept[slot] = length
    this.#wire[slot] = wireOctets
    this.#flags[slot] = flags
    this.#used += length
    this.#count++
  }

  #drop(): void {
    const slot = this.#first
    const wire = this.#wire[slot] as number
    if (((this.#flags[slot] as number) & SENT) === 0) this.#droppedIn += wire
    else this.#droppedOut += wire
    this.#used -= this.#kept[slot] as number
    this.#first = slot + 1 === this.#slots ? 0 : slot + 1
    this.#count--
    this.#dropped++
  }

  #read(slot: number): Buffer {
    const start = this.#start[slot] as number
    const length = this.#kept[slot] as number
    const room = this.#arena.length - start
    return length <= room
      ? Buffer.from(this.#arena.subarray(start, start + length))
      : Buffer.concat([this.#arena.subarray(start), this.#arena.subarray(0, length - room)])
  }
}
