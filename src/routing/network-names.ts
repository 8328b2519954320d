import { csvCell } from '../core/csv.ts'
import { LineMistakes, shown } from './line-mistakes.ts'
import { cellsOf, headerFault, linesOf, nameFault } from './network-csv.ts'

/** What a list of networks says about one of them. */
export interface NamedNetwork {
  readonly mccmnc: string
  /** What people call it: the brand, or the company where there is no brand. */
  readonly name: string
  /** The company behind it; may be the same. */
  readonly operator: string
  /** ISO 3166 code. */
  readonly country: string
  readonly isInUse: boolean
}

/** What a file says about networks; with a mistake in it none of them is to be used. */
export interface NamesRead {
  readonly networks: readonly NamedNetwork[]
  readonly mistakes: LineMistakes
}

/** Networks by their codes and by their names. */
export class NetworkNames {
  readonly #names = new Map<string, string>()
  readonly #own: ReadonlyMap<string, readonly NamedNetwork[]>
  readonly #listed: ReadonlyMap<string, readonly NamedNetwork[]>

  /**
   * @param listed - what a public list says
   * @param own - what the operator says: it goes before the list
   */
  constructor(listed: readonly NamedNetwork[] = [], own: readonly NamedNetwork[] = []) {
    this.#listed = byName(listed)
    this.#own = byName(own)
    // The same code may stand several times: a network in use goes before one that was.
    for (const network of [...own, ...listed.filter(({ isInUse }) => isInUse), ...listed]) {
      if (!this.#names.has(network.mccmnc)) this.#names.set(network.mccmnc, network.name)
    }
  }

  /** How many codes there are. */
  get size(): number {
    return this.#names.size
  }

  nameOf(mccmnc: string): string | undefined {
    return this.#names.get(mccmnc)
  }

  /**
   * MCC and MNC of the network that goes by this name, as brand or as company, in this country.
   * Undefined where there is none and where there are several: networks in use are asked first, those
   * that were only when none is.
   */
  codeOf(name: string, country: string): string | undefined {
    const key = nameKey(name, country)
    const own = this.#own.get(key)
    if (own) return onlyOne(own)
    const listed = this.#listed.get(key) ?? []
    const inUse = listed.filter(({ isInUse }) => isInUse)
    return onlyOne(inUse.length > 0 ? inUse : listed)
  }
}

/** The first line of files that name networks. */
export const NAMES_HEADER = 'mccmnc,name,country'

/** Reads the operator's own names: a header, then a line `mccmnc,name,country` for each. */
export function readNetworkNames(text: string): NamesRead {
  const networks: NamedNetwork[] = []
  const mistakes = new LineMistakes()
  let number = 0
  for (const line of linesOf(text)) {
    number++
    if (number === 1) {
      const fault = headerFault(line, NAMES_HEADER)
      if (fault !== undefined) mistakes.add(1, fault)
      continue
    }
    if (line.trim() === '') continue
    const cells = cellsOf(line)
    if (typeof cells === 'string') {
      mistakes.add(number, cells)
      continue
    }
    const [mccmnc = '', name = '', country = ''] = cells
    const fault =
      cells.length === 3
        ? (codeFault(mccmnc) ?? nameFault(name) ?? countryFault(country))
        : `the line has ${cells.length} columns; write three: ${NAMES_HEADER}`
    if (fault === undefined) networks.push({ mccmnc, name, operator: name, country, isInUse: true })
    else mistakes.add(number, fault)
  }
  return { networks, mistakes }
}

/** Writes names as {@link readNetworkNames} reads them. */
export function writeNetworkNames(networks: readonly NamedNetwork[]): string {
  const lines = networks.map(({ mccmnc, name, country }) => `${mccmnc},${csvCell(name)},${country}`)
  return `${[NAMES_HEADER, ...lines].join('\n')}\n`
}

/** Why a text cannot be MCC and MNC; undefined: it can. */
export function codeFault(mccmnc: string): string | undefined {
  if (/^\d{5,6}$/.test(mccmnc)) return undefined
  return `mccmnc ${shown(mccmnc)} is not allowed; write MCC and MNC, five or six digits such as 23415`
}

function countryFault(country: string): string | undefined {
  if (/^[A-Z]{2}$/.test(country)) return undefined
  return `country ${shown(country)} is not allowed; write two capitals such as GB`
}

function byName(networks: readonly NamedNetwork[]): Map<string, NamedNetwork[]> {
  const found = new Map<string, NamedNetwork[]>()
  for (const network of networks) {
    const { name, operator, country } = network
    for (const key of new Set([nameKey(name, country), nameKey(operator, country)])) {
      const others = found.get(key)
      if (others) others.push(network)
      else found.set(key, [network])
    }
  }
  return found
}

/** `T-Mobile`, `T Mobile` and `TMobile` are one name. */
function nameKey(name: string, country: string): string {
  const plain = name.normalize('NFKD').toLowerCase()
  return `${country} ${plain.replace(/[^\p{L}\p{N}]+/gu, '')}`
}

function onlyOne(networks: readonly NamedNetwork[]): string | undefined {
  const codes = new Set(networks.map(({ mccmnc }) => mccmnc))
  const [code] = codes
  return codes.size === 1 ? code : undefined
}
