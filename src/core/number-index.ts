const SHARDS = 256
const FIRST_SLOTS = 16

/** One small table with open addressing; a slot whose key is 0 is free. */
interface Shard {
  keys: Float64Array
  values: Int32Array
  size: number
}

/**
 * Whole numbers by whole numbers, for a million entries and more.
 *
 * A `Map` of that size is millions of objects that every collection of garbage walks through, and it
 * stands still for 50 ms and more each time it grows. Here are typed arrays, and only one small part of
 * many grows at a time.
 */
export class NumberIndex {
  readonly #shards: (Shard | undefined)[] = Array.from({ length: SHARDS }, () => undefined)
  #size = 0

  /** Number of entries. */
  get size(): number {
    return this.#size
  }

  /** The value of a key; -1: it has none. */
  get(key: number): number {
    const hash = hashOf(key)
    const shard = this.#shards[hash & (SHARDS - 1)]
    if (!shard) return -1
    const slot = slotOf(shard, key, hash)
    return shard.keys[slot] === 0 ? -1 : (shard.values[slot] as number)
  }

  /**
   * @param key - any safe integer but 0
   * @param value - from 0 to 2,147,483,647
   */
  set(key: number, value: number): void {
    const hash = hashOf(key)
    const place = hash & (SHARDS - 1)
    let shard = this.#shards[place]
    if (!shard) {
      shard = newShard(FIRST_SLOTS)
      this.#shards[place] = shard
    } else if (shard.size * 2 >= shard.keys.length) {
      shard = enlarged(shard)
      this.#shards[place] = shard
    }
    if (put(shard, key, value, hash)) this.#size++
  }
}

function newShard(slots: number): Shard {
  return { keys: new Float64Array(slots), values: new Int32Array(slots), size: 0 }
}

function enlarged({ keys, values }: Shard): Shard {
  const larger = newShard(keys.length * 2)
  for (let slot = 0; slot < keys.length; slot++) {
    const key = keys[slot] as number
    if (key !== 0) put(larger, key, values[slot] as number, hashOf(key))
  }
  return larger
}

/** True when the key is new. */
function put(shard: Shard, key: number, value: number, hash: number): boolean {
  const slot = slotOf(shard, key, hash)
  const isNew = shard.keys[slot] === 0
  shard.keys[slot] = key
  shard.values[slot] = value
  if (isNew) shard.size++
  return isNew
}

/** The slot that has the key, or the free one where it belongs. */
function slotOf({ keys }: Shard, key: number, hash: number): number {
  const mask = keys.length - 1
  let slot = (hash >>> 8) & mask
  for (;;) {
    const found = keys[slot] as number
    if (found === key || found === 0) return slot
    slot = (slot + 1) & mask
  }
}

/** The finish of MurmurHash3 over both halves of the number. */
function hashOf(key: number): number {
  const high = Math.trunc(key / 4_294_967_296)
  let hash = (key | 0) ^ Math.imul(high, 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
