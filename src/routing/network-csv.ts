import { csvCell } from '../core/csv.ts'
import { LineMistakes, shown } from './line-mistakes.ts'
import { isNetworkKey, NETWORK_KEY_ALLOWED, type Network, type NetworkRange } from './network.ts'

/** What a file says about ranges; with a mistake in it none of them is to be used. */
export interface RangesRead {
  readonly ranges: readonly NetworkRange[]
  readonly mistakes: LineMistakes
}

/** Reads a file of ranges line by line, so that a large one need not be read in one go. */
export interface RangeReader extends RangesRead {
  /** @param number - of the line, counted from 1; the first has to be taken, too */
  take(line: string, number: number): void
}

/** The first line of our own files of ranges. */
export const NETWORK_HEADER = 'prefix,mccmnc,name'

const PREFIX = /^[1-9]\d{0,14}$/
const PREFIX_ALLOWED = '1 to 15 digits of the number in international form, without "+" or "00"'
const MAX_NAME = 100
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not stand in a name.
const CONTROL = /[\u0000-\u001f\u007f]/

/** Collects ranges of a file: each prefix once, and one object for each network. */
export class RangeCollector {
  readonly ranges: NetworkRange[] = []
  readonly mistakes = new LineMistakes()
  readonly #lines = new Map<string, number>()
  readonly #networks = new Map<string, Network>()
  readonly #scope: string

  /** @param scope - every prefix has to begin so */
  constructor(scope: string) {
    this.#scope = scope
  }

  /** Takes a range, or notes why it cannot be taken. */
  add(line: number, prefix: string, mccmnc: string, name: string): void {
    const fault = faultOf(prefix, mccmnc, name) ?? this.#strayFault(prefix)
    if (fault !== undefined) {
      this.mistakes.add(line, fault)
      return
    }
    const before = this.#lines.get(prefix)
    if (before !== undefined) {
      this.mistakes.add(line, `prefix ${prefix} stands on line ${before} already; write it once`)
      return
    }
    this.#lines.set(prefix, line)
    this.ranges.push({ prefix, network: this.#networkOf(mccmnc, name) })
  }

  #strayFault(prefix: string): string | undefined {
    if (prefix.startsWith(this.#scope)) return undefined
    return `prefix ${prefix} does not begin with ${this.#scope}, which the file is to replace`
  }

  #networkOf(mccmnc: string, name: string): Network {
    const both = `${mccmnc} ${name}`
    let network = this.#networks.get(both)
    if (!network) {
      network = { mccmnc, name }
      this.#networks.set(both, network)
    }
    return network
  }
}

/** Reads our own form: a header, then a line `prefix,mccmnc,name` for each range. */
export class NetworkCsvReader implements RangeReader {
  readonly #collector: RangeCollector

  /** @param scope - every prefix has to begin so; empty: anyhow */
  constructor(scope = '') {
    this.#collector = new RangeCollector(scope)
  }

  get ranges(): readonly NetworkRange[] {
    return this.#collector.ranges
  }

  get mistakes(): LineMistakes {
    return this.#collector.mistakes
  }

  take(line: string, number: number): void {
    if (number === 1) {
      const fault = headerFault(line, NETWORK_HEADER)
      if (fault !== undefined) this.mistakes.add(1, fault)
      return
    }
    if (line.trim() === '') return
    const cells = cellsOf(line)
    if (typeof cells === 'string') this.mistakes.add(number, cells)
    else if (cells.length !== 3) {
      const count = `the line has ${cells.length} columns`
      this.mistakes.add(number, `${count}; write three: ${NETWORK_HEADER}`)
    } else {
      const [prefix = '', mccmnc = '', name = ''] = cells
      this.#collector.add(number, prefix, mccmnc, name)
    }
  }
}

/** A range as a line that {@link NetworkCsvReader} reads. */
export function networkLine({ prefix, network }: NetworkRange): string {
  return `${prefix},${network.mccmnc},${csvCell(network.name)}`
}

/** The lines of a text, whatever ends them, without the mark that some editors put before the first. */
export function* linesOf(text: string): Generator<string, undefined> {
  let start = text.startsWith('\ufeff') ? 1 : 0
  while (start <= text.length) {
    let end = text.indexOf('\n', start)
    if (end < 0) end = text.length
    yield text.slice(start, text[end - 1] === '\r' && end > start ? end - 1 : end)
    start = end + 1
  }
  return undefined
}

/** Why a line is not the header that is wanted; undefined: it is. */
export function headerFault(line: string, header: string): string | undefined {
  if (line.replaceAll(' ', '').toLowerCase() === header) return undefined
  return `${shown(line)} is not the header; write "${header}"`
}

/** The cells of a line of CSV (RFC 4180, section 2), blanks around them cut; or what is wrong with it. */
export function cellsOf(line: string): string[] | string {
  if (!line.includes('"')) return line.split(',').map((cell) => cell.trim())
  const cells: string[] = []
  let rest = line
  for (;;) {
    const quoted = /^\s*"((?:[^"]|"")*)"\s*(,|$)/.exec(rest)
    const found = quoted ?? /^([^",]*)(,|$)/.exec(rest)
    if (!found)
      return `${shown(rest)}: a quote is open or in the wrong place; double it inside quotes`
    const [whole, cell = '', end] = found
    cells.push(quoted ? cell.replaceAll('""', '"') : cell.trim())
    if (end !== ',') return cells
    rest = rest.slice(whole.length)
  }
}

/** Why a text cannot be the name of a network; undefined: it can. */
export function nameFault(name: string): string | undefined {
  if (name === '') return 'the name is empty; write the name of the network'
  if (name.length > MAX_NAME) return `the name has ${name.length} characters; at most ${MAX_NAME}`
  if (CONTROL.test(name)) return `name ${shown(name)} has a control character; take it out`
  return undefined
}

function faultOf(prefix: string, mccmnc: string, name: string): string | undefined {
  if (!PREFIX.test(prefix)) return `prefix ${shown(prefix)} is not allowed; write ${PREFIX_ALLOWED}`
  if (!isNetworkKey(mccmnc)) {
    return `mccmnc ${shown(mccmnc)} is not allowed; write ${NETWORK_KEY_ALLOWED}`
  }
  return nameFault(name)
}
