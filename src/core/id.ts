import { randomFillSync } from 'node:crypto'
import { V7Generator } from 'uuidv7'

/** Random numbers asked for at once: asking for a few costs nearly as much as for a thousand. */
const RANDOM_WORDS = 1_024

const HEX = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'))

const generator = new V7Generator({ nextUint32 })
const words = new Uint32Array(RANDOM_WORDS)
let wordsUsed = RANDOM_WORDS

/** A new UUIDv7 as text; within the process each is greater than those before. */
export function newId(): string {
  const { bytes } = generator.generate()
  let text = ''
  for (let index = 0; index < bytes.length; index++) {
    if (index === 4 || index === 6 || index === 8 || index === 10) text += '-'
    text += HEX[bytes[index] as number]
  }
  return text
}

function nextUint32(): number {
  if (wordsUsed === RANDOM_WORDS) {
    randomFillSync(words)
    wordsUsed = 0
  }
  return words[wordsUsed++] as number
}
