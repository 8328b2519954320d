import { randomFillSync } from 'node:crypto'
import { V7Generator } from 'uuidv7'

/** Random numbers asked for at once: asking for a few costs nearly as much as for a thousand. */
const RANDOM_WORDS = 1_024

const HEX_DIGITS = Buffer.from('0123456789abcdef', 'latin1')
/** Where the two digits of each octet stand in the text. */
const PLACES = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34] as const
/** The text is put together here: a string that grows digit by digit costs twice as much. */
const text = Buffer.alloc(36, '-', 'latin1')

const generator = new V7Generator({ nextUint32 })
const words = new Uint32Array(RANDOM_WORDS)
let wordsUsed = RANDOM_WORDS

/** A new UUIDv7 as text; within the process each is greater than those before. */
export function newId(): string {
  const { bytes } = generator.generate()
  for (let index = 0; index < PLACES.length; index++) {
    const octet = bytes[index] as number
    const place = PLACES[index] as number
    text[place] = HEX_DIGITS[octet >> 4] as number
    text[place + 1] = HEX_DIGITS[octet & 15] as number
  }
  return text.toString('latin1')
}

/** Sorts before every id. */
export const FIRST_ID = '00000000-0000-0000-0000-000000000000'

/** The smallest UUIDv7 of an instant: RFC 9562, section 5.7. */
export function firstIdAt(at: Date): string {
  const hex = at.getTime().toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`
}

function nextUint32(): number {
  if (wordsUsed === RANDOM_WORDS) {
    randomFillSync(words)
    wordsUsed = 0
  }
  return words[wordsUsed++] as number
}
