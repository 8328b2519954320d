/** How much may be in memory at a time. */
export interface Bounds {
  readonly callbacks: number
  readonly octets: number
}

/** The callbacks that this process is storing or taking, and how much may still come. */
export class InHand {
  readonly #bounds: Bounds
  readonly #octetsOf = new Map<string, number>()
  #octets = 0
  #left = 0

  constructor(bounds: Bounds) {
    this.#bounds = bounds
  }

  /** True when no more fits into memory. */
  get isFull(): boolean {
    return this.#octetsOf.size >= this.#bounds.callbacks || this.#octets >= this.#bounds.octets
  }

  /** True when too much waits, here and in the database, for more to be let in. */
  get isBehind(): boolean {
    return this.isFull || this.#octetsOf.size + this.#left >= this.#bounds.callbacks
  }

  /** Callbacks that wait in the database, as far as is known. */
  get left(): number {
    return this.#left
  }

  set left(count: number) {
    this.#left = count
  }

  has(id: string): boolean {
    return this.#octetsOf.has(id)
  }

  hold(id: string, octets: number): void {
    this.#octetsOf.set(id, octets)
    this.#octets += octets
  }

  release(id: string): void {
    this.#octets -= this.#octetsOf.get(id) ?? 0
    this.#octetsOf.delete(id)
  }
}
