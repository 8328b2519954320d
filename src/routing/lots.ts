const UINT32 = 2 ** 32

/** Lots of one message: each has its own number, so that they do not depend on each other. */
export const LOT = { canary: 1, explore: 2, explored: 3, random: 4 } as const

/**
 * A lot of a message, 0 to 1: the same for the same numbers, and lots of different numbers do not
 * depend on each other.
 *
 * @param draw - 32 random bits of the message
 * @param lot - one of {@link LOT}
 */
export function lotOf(draw: number, lot: number): number {
  return mixed(draw + Math.imul(lot, 0x9e3779b9)) / UINT32
}

/** How high a carrier stands with a key; the highest has it. */
export function stickyScore(key: number, carrier: number): number {
  return mixed(key ^ mixed(carrier + 1))
}

/** FNV-1a of the characters. */
export function textHash(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return hash >>> 0
}

/** The finishing step of MurmurHash3: every bit of the input changes half of the output's. */
function mixed(bits: number): number {
  let hash = bits | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
