import { GoogleCarriersReader } from '../routing/google-carriers.ts'
import type { LineMistakes } from '../routing/line-mistakes.ts'
import { readMccMncList, writeMccMncList } from '../routing/mcc-mnc-list.ts'
import type { NetworkRange } from '../routing/network.ts'
import { linesOf, NETWORK_HEADER, NetworkCsvReader, networkLine } from '../routing/network-csv.ts'
import {
  type NamedNetwork,
  type NetworkNames,
  readNetworkNames,
  writeNetworkNames,
} from '../routing/network-names.ts'
import { inSlices } from './slices.ts'

/** Forms of files about networks; docs/numbers.md shows each. */
export const NETWORK_FORMATS = ['csv', 'libphonenumber', 'mcc-mnc-list', 'names'] as const

/** One of {@link NETWORK_FORMATS}. */
export type NetworkFormat = (typeof NETWORK_FORMATS)[number]

/** What a file says: ranges, or names of networks. */
export type FileRead =
  | {
      readonly kind: 'ranges'
      readonly ranges: readonly NetworkRange[]
      readonly mistakes: LineMistakes
    }
  | {
      readonly kind: 'operators' | 'names'
      readonly networks: readonly NamedNetwork[]
      readonly mistakes: LineMistakes
    }

/**
 * Reads a file, a slice of it in each turn of the event loop.
 *
 * @param scope - every range has to begin so; empty: anyhow
 */
export async function readNetworkFile(
  format: NetworkFormat,
  text: string,
  names: NetworkNames,
  scope = '',
): Promise<FileRead> {
  if (format === 'mcc-mnc-list') return { kind: 'operators', ...readMccMncList(text) }
  if (format === 'names') return { kind: 'names', ...readNetworkNames(text) }
  const reader =
    format === 'csv' ? new NetworkCsvReader(scope) : new GoogleCarriersReader(names, scope)
  let number = 0
  await inSlices(linesOf(text), (line) => {
    number++
    reader.take(line, number)
  })
  return { kind: 'ranges', ranges: reader.ranges, mistakes: reader.mistakes }
}

/** Writes ranges as our own CSV, in slices. */
export async function writeRanges(ranges: Iterable<NetworkRange>): Promise<string> {
  const lines = [NETWORK_HEADER]
  await inSlices(ranges, (range) => lines.push(networkLine(range)))
  return `${lines.join('\n')}\n`
}

/** Writes names in the form that they are read in. */
export function writeNames(kind: 'operators' | 'names', networks: readonly NamedNetwork[]): string {
  return kind === 'operators' ? writeMccMncList(networks) : writeNetworkNames(networks)
}
