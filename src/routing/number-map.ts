const FIRST_SLOTS = 64
const ZERO = 48
const NINE = 57
const MAX_DIGITS = 15
const HIGH = 2 ** 32

/**
 * Whole numbers by phone number, for millions of them.
 *
 * A hash table with open addressing in two typed arrays: 16 octets for each slot, at most seven of ten
 * in use, and a look-up allocates nothing.
 */
export class NumberMap {
  // 0 is an empty slot: no phone number is that.
  #keys = new Float64Array(FIRST_SLOTS)
  #values = new Float64Array(FIRST_SLOTS)
  #size = 0

  /** How many numbers there are. */
  get size(): number {
    return this.#size
  }

  /** The value of a number; undefined for one that has none, and for what is no number. */
  get(e164: string): number | undefined {
    const key = keyOf(e164)
    if (key === 0) return undefined
    const slot = this.#slotOf(key)
    return this.#keys[slot] === key ? this.#values[slot] : undefined
  }

  /**
   * Sets the value of a number.
   *
   * @param e164 - up to 15 digits, the first not 0; a leading `+` is passed over
   * @returns false for what is no number: nothing is set
   */
  set(e164: string, value: number): boolean {
    const key = keyOf(e164)
    if (key === 0) return false
    if ((this.#size + 1) * 10 > this.#keys.length * 7) this.#grow()
    this.#put(key, value)
    return true
  }

  /** Takes a number out; false when it was not there. */
  delete(e164: string): boolean {
    const key = keyOf(e164)
    if (key === 0) return false
    let hole = this.#slotOf(key)
    if (this.#keys[hole] !== key) return false
    const mask = this.#keys.length - 1
    // Those behind move up where their place is at the hole or before it: no marks are left behind.
    for (let slot = (hole + 1) & mask; this.#keys[slot] !== 0; slot = (slot + 1) & mask) {
      const other = this.#keys[slot] ?? 0
      const home = hashOf(other) & mask
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue
      this.#keys[hole] = other
      this.#values[hole] = this.#values[slot] ?? 0
      hole = slot
    }
    this.#keys[hole] = 0
    this.#size--
    return true
  }

  /** Every number as digits without `+`, with its value, in no order. */
  *entries(): Generator<[string, number], undefined> {
    for (const [slot, key] of this.#keys.entries()) {
      if (key !== 0) yield [String(key), this.#values[slot] ?? 0]
    }
    return undefined
  }

  #put(key: number, value: number): void {
    const slot = this.#slotOf(key)
    if (this.#keys[slot] === 0) this.#size++
    this.#keys[slot] = key
    this.#values[slot] = value
  }

  #slotOf(key: number): number {
    const mask = this.#keys.length - 1
    let slot = hashOf(key) & mask
    while (this.#keys[slot] !== 0 && this.#keys[slot] !== key) slot = (slot + 1) & mask
    return slot
  }

  #grow(): void {
    const keys = this.#keys
    const values = this.#values
    this.#keys = new Float64Array(keys.length * 2)
    this.#values = new Float64Array(keys.length * 2)
    this.#size = 0
    for (const [slot, key] of keys.entries()) if (key !== 0) this.#put(key, values[slot] ?? 0)
  }
}

/** 15 digits are exact in a double; 0 for anything but a number. */
function keyOf(e164: string): number {
  const start = e164.startsWith('+') ? 1 : 0
  const count = e164.length - start
  if (count < 1 || count > MAX_DIGITS || e164.charCodeAt(start) === ZERO) return 0
  let key = 0
  for (let index = start; index < e164.length; index++) {
    const code = e164.charCodeAt(index)
    if (code < ZERO || code > NINE) return 0
    key = key * 10 + (code - ZERO)
  }
  return key
}

// Numbers of one range follow each other: the steps of MurmurHash3's finalizer spread them.
function hashOf(key: number): number {
  let hash = (key >>> 0) ^ Math.imul((key / HIGH) >>> 0, 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
