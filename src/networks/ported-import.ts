import type { LineMistake } from '../routing/line-mistakes.ts'
import { LineMistakes, shown } from '../routing/line-mistakes.ts'
import { isNetworkKey, NETWORK_KEY_ALLOWED, PortedNumbers } from '../routing/network.ts'
import { cellsOf, headerFault } from '../routing/network-csv.ts'
import type { PortedStore } from './ported-store.ts'
import { inSlices, linesFrom } from './slices.ts'

/** The first line of files of ported numbers. */
export const PORTED_HEADER = 'number,mccmnc'

/** What became of a file of ported numbers. */
export interface PortedReport {
  /** False when it had a mistake, or was only looked at: then nothing has changed. */
  readonly isApplied: boolean
  readonly rows: number
  /** Numbers that were there and are not in the file; they go when the file replaces all. */
  readonly removed: number
  readonly mistakes: readonly LineMistake[]
  readonly mistakeCount: number
}

const NUMBER = /^\+?[1-9]\d{6,14}$/

/** Rows written in one statement. */
const BATCH = 5_000

/** Why a number or its network cannot be taken; undefined: they can. */
export function portedFault(number: string, mccmnc: string): string | undefined {
  if (!NUMBER.test(number)) {
    return `number ${shown(number)} is not allowed; write 7 to 15 digits in international form`
  }
  if (isNetworkKey(mccmnc)) return undefined
  return `mccmnc ${shown(mccmnc)} is not allowed; write ${NETWORK_KEY_ALLOWED}`
}

/** Reads a whole file before anything is changed: 16 octets for each number, and a slice of the text. */
export async function readPorted(
  pieces: AsyncIterable<Uint8Array | string>,
): Promise<{ readonly numbers: PortedNumbers; readonly mistakes: LineMistakes }> {
  const numbers = new PortedNumbers()
  const mistakes = new LineMistakes()
  let place = 0
  const take = (line: string) => {
    place++
    if (place === 1) {
      const fault = headerFault(line.replace(/^\ufeff/, ''), PORTED_HEADER)
      if (fault !== undefined) mistakes.add(1, fault)
    } else if (line.trim() !== '') {
      const fault = takeLine(line, numbers)
      if (fault !== undefined) mistakes.add(place, fault)
    }
  }
  for await (const lines of linesFrom(pieces)) await inSlices(lines, take)
  return { numbers, mistakes }
}

/**
 * Puts numbers into the database and into memory, a batch at a time, so that both say the same
 * whatever happens in between.
 *
 * @param leaving - numbers to be taken out
 */
export async function applyPorted(
  incoming: PortedNumbers,
  present: PortedNumbers,
  store: PortedStore,
  leaving: readonly string[],
): Promise<void> {
  await inBatches(incoming.entries(), async (batch) => {
    await store.put(batch)
    for (const [number, mccmnc] of batch) present.set(number, mccmnc)
  })
  await inBatches(leaving, async (batch) => {
    await store.remove(batch)
    for (const number of batch) present.delete(number)
  })
}

/** Numbers that are there and not among the incoming: those that {@link applyPorted} takes out. */
export async function strangers(
  present: PortedNumbers,
  incoming: PortedNumbers,
): Promise<readonly string[]> {
  const found: string[] = []
  await inSlices(present.entries(), ([number]) => {
    if (!incoming.find(number)) found.push(number)
  })
  return found
}

function takeLine(line: string, numbers: PortedNumbers): string | undefined {
  const cells = cellsOf(line)
  if (typeof cells === 'string') return cells
  if (cells.length !== 2) {
    return `the line has ${cells.length} columns; write two: ${PORTED_HEADER}`
  }
  const [number = '', mccmnc = ''] = cells
  const fault = portedFault(number, mccmnc)
  if (fault !== undefined) return fault
  if (numbers.find(number))
    return `number ${shown(number)} stands in the file before; write it once`
  numbers.set(number, mccmnc)
  return undefined
}

async function inBatches<Item>(
  items: Iterable<Item>,
  write: (batch: readonly Item[]) => Promise<void>,
): Promise<void> {
  let batch: Item[] = []
  for (const item of items) {
    batch.push(item)
    if (batch.length < BATCH) continue
    await write(batch)
    batch = []
  }
  await write(batch)
}
