import { messageOf } from '../core/errors.ts'
import { LineMistakes, shown } from './line-mistakes.ts'
import { nameFault } from './network-csv.ts'
import { codeFault, type NamedNetwork, type NamesRead } from './network-names.ts'

/**
 * Reads the list of networks that the package and repository `mcc-mnc-list` publishes: JSON, a list of
 * objects with `mcc`, `mnc`, `brand`, `operator`, `countryCode` and `status`.
 *
 * Entries of no country and entries without a code or a name (the list has such) are passed over;
 * those with a malformed one are mistakes. `countryCode` may name a part of a country (`GE-AB`): the
 * country counts.
 */
export function readMccMncList(text: string): NamesRead {
  const networks: NamedNetwork[] = []
  const mistakes = new LineMistakes()
  let list: unknown
  try {
    list = JSON.parse(text.replace(/^\ufeff/, ''))
  } catch (error) {
    mistakes.add(1, `the file is no JSON: ${messageOf(error)}`)
    return { networks, mistakes }
  }
  if (!Array.isArray(list)) {
    mistakes.add(1, 'the file is no list; mcc-mnc-list.json is a list of objects')
    return { networks, mistakes }
  }
  const lines = linesOfEntries(text)
  for (const [index, entry] of list.entries()) {
    const network = networkOf(entry)
    if (typeof network === 'string') mistakes.add(lines[index] ?? 1, network)
    else if (network) networks.push(network)
  }
  return { networks, mistakes }
}

/** Writes networks as {@link readMccMncList} reads them. */
export function writeMccMncList(networks: readonly NamedNetwork[]): string {
  const entries = networks.map(({ mccmnc, name, operator, country, isInUse }) =>
    JSON.stringify({
      mcc: mccmnc.slice(0, 3),
      mnc: mccmnc.slice(3),
      brand: name,
      operator,
      countryCode: country,
      status: isInUse ? 'Operational' : 'Not operational',
    }),
  )
  return `[\n${entries.join(',\n')}\n]\n`
}

/** A network; undefined for an entry to be passed over; a text: what is wrong with it. */
function networkOf(entry: unknown): NamedNetwork | string | undefined {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    return `${shown(entry)} is no object with mcc, mnc and operator`
  }
  const fields = entry as Record<string, unknown>
  for (const key of ['mcc', 'mnc', 'brand', 'operator', 'countryCode', 'status']) {
    const value = fields[key]
    if (value !== undefined && value !== null && typeof value !== 'string') {
      return `${key} ${shown(value)} is not allowed; write a text or null`
    }
  }
  const { mcc, mnc, brand, operator, countryCode, status } = fields as Record<string, string | null>
  const country = /^([A-Z]{2})(-|$)/.exec(countryCode ?? '')?.[1]
  const company = (operator ?? '').trim()
  const name = (brand ?? '').trim() || company
  // Several networks in one entry (`01-04`), and some of `?`: no code of one network.
  if (!mcc || !mnc || !country || name === '' || /[-?]/.test(mnc)) return undefined
  const fault = /^\d{3}$/.test(mcc)
    ? (codeFault(`${mcc}${mnc}`) ?? nameFault(name) ?? nameFault(company || name))
    : `mcc ${shown(mcc)} is not allowed; write three digits`
  if (fault !== undefined) return fault
  return {
    mccmnc: `${mcc}${mnc}`,
    name,
    operator: company || name,
    country,
    isInUse: /^operational$/i.test(status ?? 'operational'),
  }
}

/** The line on which each element of the outermost list begins; the text is known to be JSON. */
function linesOfEntries(text: string): number[] {
  const lines: number[] = []
  let line = 1
  let depth = 0
  let isExpected = false
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{},\n]|[^\s"[\]{},]+/g)) {
    if (token === '\n') {
      line++
      continue
    }
    if (depth === 1 && isExpected && token !== ']') {
      lines.push(line)
      isExpected = false
    }
    if (token === '[' || token === '{') {
      depth++
      if (depth === 1) isExpected = true
    } else if (token === ']' || token === '}') depth--
    else if (token === ',' && depth === 1) isExpected = true
  }
  return lines
}
