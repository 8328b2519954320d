import { GatewayError } from '../core/errors.ts'

const DIGITS = 10
const ZERO = 48
const FIRST_NODES = 64

/** The entry that a number fell under. */
export interface PrefixMatch<T> {
  readonly prefix: string
  readonly value: T
}

/**
 * Values by leading digits, found by the longest prefix.
 *
 * A digit trie in one typed array: a look-up reads at most as many cells as the number has digits
 * and allocates nothing but the match.
 */
export class PrefixTable<T> {
  // Ten children per node, 0 where there is none; node 0 is the root and nobody's child.
  #children = new Int32Array(FIRST_NODES * DIGITS)
  #entries: (PrefixMatch<T> | undefined)[] = [undefined]
  #size = 0

  /** Number of prefixes. */
  get size(): number {
    return this.#size
  }

  /**
   * Sets the value of a prefix; an empty prefix matches every number.
   *
   * @throws {GatewayError} `prefix_invalid` for anything but digits
   */
  set(prefix: string, value: T): this {
    if (!/^\d*$/.test(prefix)) {
      throw new GatewayError('prefix_invalid', `"${prefix}" is not a prefix: write digits only`)
    }
    let node = 0
    for (let index = 0; index < prefix.length; index++) {
      const cell = node * DIGITS + prefix.charCodeAt(index) - ZERO
      node = this.#children[cell] ?? 0
      if (node === 0) {
        node = this.#addNode()
        this.#children[cell] = node
      }
    }
    if (this.#entries[node] === undefined) this.#size++
    this.#entries[node] = { prefix, value }
    return this
  }

  /** The value of exactly this prefix. */
  get(prefix: string): T | undefined {
    let node = 0
    for (let index = 0; index < prefix.length; index++) {
      node = this.#child(node, prefix.charCodeAt(index))
      if (node === 0) return undefined
    }
    return this.#entries[node]?.value
  }

  /** The entry with the longest prefix of `digits`; a leading `+` is passed over. */
  longestMatch(digits: string): PrefixMatch<T> | undefined {
    let node = 0
    let best = this.#entries[0]
    for (let index = digits.startsWith('+') ? 1 : 0; index < digits.length; index++) {
      node = this.#child(node, digits.charCodeAt(index))
      if (node === 0) return best
      best = this.#entries[node] ?? best
    }
    return best
  }

  /** Every entry, in the order of the prefixes as texts. */
  *entries(): Generator<PrefixMatch<T>, undefined> {
    const open = [0]
    while (open.length > 0) {
      const node = open.pop() ?? 0
      const entry = this.#entries[node]
      if (entry !== undefined) yield entry
      for (let digit = DIGITS - 1; digit >= 0; digit--) {
        const child = this.#children[node * DIGITS + digit] ?? 0
        if (child !== 0) open.push(child)
      }
    }
    return undefined
  }

  #child(node: number, code: number): number {
    const digit = code - ZERO
    if (digit < 0 || digit >= DIGITS) return 0
    return this.#children[node * DIGITS + digit] ?? 0
  }

  #addNode(): number {
    const node = this.#entries.push(undefined) - 1
    if ((node + 1) * DIGITS > this.#children.length) {
      const larger = new Int32Array(this.#children.length * 2)
      larger.set(this.#children)
      this.#children = larger
    }
    return node
  }
}
