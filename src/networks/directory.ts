import { createHash } from 'node:crypto'
import type { Clock } from '../core/clock.ts'
import { GatewayError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { LineMistake } from '../routing/line-mistakes.ts'
import {
  type Network,
  NetworkPlaces,
  type NetworkRange,
  type NetworkSource,
  NetworkTable,
  PortedNumbers,
} from '../routing/network.ts'
import { type NamedNetwork, NetworkNames } from '../routing/network-names.ts'
import type { Store } from '../store/open.ts'
import { type NetworkFormat, readNetworkFile, writeNames, writeRanges } from './network-file.ts'
import { type NetworkKind, type NetworkVersion, NetworkVersions } from './network-versions.ts'
import {
  type FetchJson,
  type LookupReport,
  type LookupSettings,
  NumberLookup,
} from './number-lookup.ts'
import {
  applyPorted,
  type PortedReport,
  portedFault,
  readPorted,
  strangers,
} from './ported-import.ts'
import { PortedStore } from './ported-store.ts'
import { diffRanges, type RangeDiff } from './range-diff.ts'
import { inSlices } from './slices.ts'

/** What a {@link NetworkDirectory} is opened with. */
export interface DirectoryOptions {
  readonly store: Store
  readonly clock: Clock
  readonly logger: Logger
  /** Absent: numbers are not looked up anywhere. */
  readonly lookup?: { readonly settings: LookupSettings; readonly fetchJson: FetchJson } | undefined
}

/** A file to be taken in. */
export interface NetworkImport {
  readonly format: NetworkFormat
  readonly text: string
  /** Where it comes from, for the list of versions. */
  readonly source: string
  /** Only ranges that begin so are replaced; empty: all. Without effect for names. */
  readonly replaces: string
  /** Only say what would change. */
  readonly isPreview: boolean
}

/** What became of a file. */
export interface ImportReport {
  /** null: it had a mistake, or was only looked at; then nothing has changed. */
  readonly version: NetworkVersion | null
  readonly rows: number
  readonly mistakes: readonly LineMistake[]
  readonly mistakeCount: number
  /** null for names, and for a file with a mistake. */
  readonly diff: RangeDiff | null
}

/** What is known of a number's network, and who says so. */
export interface NetworkFinding {
  readonly network: Network | null
  readonly isPorted: boolean
  readonly from: 'ported' | 'lookup' | 'range' | null
  /** The range it is in, ported or not. */
  readonly range: NetworkRange | null
}

/** How large the tables are, and how the look-up does. */
export interface DirectoryReport {
  readonly ranges: number
  readonly names: number
  readonly ported: number
  readonly lookup: LookupReport | null
}

/**
 * Knows the networks of numbers, in memory.
 *
 * What the operator has said of a single number goes first, then what the look-up has told, then the
 * range. The tables are kept in the database; one import runs at a time, and what it brings is taken over
 * as a whole.
 */
export class NetworkDirectory implements NetworkSource {
  readonly #options: Pick<DirectoryOptions, 'clock' | 'logger'>
  readonly #versions: NetworkVersions
  readonly #portedStore: PortedStore
  readonly #places = new NetworkPlaces()
  #lookup: NumberLookup | undefined
  #table = new NetworkTable([], new PortedNumbers(this.#places))
  #operators: readonly NamedNetwork[] = []
  #ownNames: readonly NamedNetwork[] = []
  #names = new NetworkNames()
  #latest: Promise<unknown> = Promise.resolve()

  private constructor({ store, clock, logger, lookup }: DirectoryOptions) {
    this.#versions = new NetworkVersions(store, clock)
    this.#portedStore = new PortedStore(store, clock)
    this.#options = { clock, logger }
    this.#lookup = this.#lookupBy(lookup)
  }

  /** Loads the tables of the database. */
  static async open(options: DirectoryOptions): Promise<NetworkDirectory> {
    const directory = new NetworkDirectory(options)
    for (const kind of ['operators', 'names', 'ranges'] as const) {
      const version = await directory.#versions.newest(kind)
      if (version)
        await directory.#takeUp(kind, (await directory.#versions.textOf(version.id)) ?? '')
    }
    const { ported } = directory.#table
    for await (const rows of directory.#portedStore.load()) {
      await inSlices(rows, ({ number, mccmnc }) => ported.set(number, mccmnc))
    }
    directory.#rename()
    return directory
  }

  get looksUp(): boolean {
    return this.#lookup !== undefined
  }

  /** Looks numbers up elsewhere from now on, or nowhere; the one before ends with what it has under way. */
  lookUpBy(lookup: DirectoryOptions['lookup']): Promise<void> {
    const before = this.#lookup
    this.#lookup = this.#lookupBy(lookup)
    return before?.close() ?? Promise.resolve()
  }

  get report(): DirectoryReport {
    return {
      ranges: this.#table.size,
      names: this.#names.size,
      ported: this.#table.ported.size,
      lookup: this.#lookup?.report ?? null,
    }
  }

  find(e164: string): Network | null {
    return (
      this.#table.ported.find(e164) ??
      this.#lookup?.find(e164) ??
      this.#table.rangeOf(e164)?.value ??
      null
    )
  }

  resolve(numbers: readonly string[]): Promise<void> | undefined {
    if (!this.#lookup) return undefined
    const { ported } = this.#table
    return this.#lookup.resolve(numbers.filter((number) => ported.find(number) === undefined))
  }

  /** As {@link find}, with the reasons. */
  describe(e164: string): NetworkFinding {
    const match = this.#table.rangeOf(e164)
    const range = match ? { prefix: match.prefix, network: match.value } : null
    const own = this.#table.ported.find(e164)
    if (own) return { network: own, isPorted: true, from: 'ported', range }
    const told = this.#lookup?.find(e164)
    if (told) {
      const isPorted = range !== null && range.network.mccmnc !== told.mccmnc
      return { network: told, isPorted, from: 'lookup', range }
    }
    return { network: range?.network ?? null, isPorted: false, from: range && 'range', range }
  }

  /** Every version that is kept, newest first. */
  versions(): Promise<NetworkVersion[]> {
    return this.#versions.list()
  }

  /** Takes a file in, or says what is wrong with it; the old table stays then. */
  importNetworks(wish: NetworkImport): Promise<ImportReport> {
    return this.#inTurn(() => this.#importNetworks(wish))
  }

  /** True when the file of this digest is the last that was taken in from this source. */
  isKnown(kind: NetworkKind, digest: string, source: string): Promise<boolean> {
    return this.#versions.isKnown(kind, digest, source)
  }

  /**
   * Makes an earlier version count again, as a new one.
   *
   * @throws {GatewayError} `not_found`
   */
  restore(id: string): Promise<NetworkVersion> {
    return this.#inTurn(async () => {
      const old = (await this.#versions.list()).find((version) => version.id === id)
      const text = old && (await this.#versions.textOf(id))
      if (!old || text === undefined) {
        throw new GatewayError('not_found', `there is no table of networks with the id "${id}"`)
      }
      const { kind, rowCount } = old
      const version = { kind, source: `restored ${id}`, sha256: sha256(text), rowCount, text }
      const added = await this.#versions.add(version)
      await this.#takeUp(kind, text)
      this.#rename()
      return added
    })
  }

  /**
   * Takes ported numbers in, or says what is wrong with them; nothing changes then.
   *
   * @param pieces - a file with the header `number,mccmnc`
   * @param replaces - numbers that are not in the file are taken out
   */
  importPorted(
    pieces: AsyncIterable<Uint8Array | string>,
    { replaces, isPreview }: { readonly replaces: boolean; readonly isPreview: boolean },
  ): Promise<PortedReport> {
    return this.#inTurn(async () => {
      const { ported } = this.#table
      const { numbers, mistakes } = await readPorted(pieces)
      const isApplied = !isPreview && mistakes.count === 0
      const leaving = replaces ? await strangers(ported, numbers) : []
      if (isApplied) {
        await applyPorted(numbers, ported, this.#portedStore, leaving)
        this.#rename()
      }
      const { list, count: mistakeCount } = mistakes
      const { size: rows } = numbers
      return { isApplied, rows, removed: leaving.length, mistakes: list, mistakeCount }
    })
  }

  /** Notes that a file of ported numbers was taken in, so that the next start leaves it alone. */
  async notePortedFile(digest: string, source: string, rowCount: number): Promise<void> {
    await this.#versions.add({ kind: 'ported', source, sha256: digest, rowCount, text: null })
  }

  /**
   * Says which network a number is with.
   *
   * @throws {GatewayError} `ported_number_invalid`
   */
  async setPorted(number: string, mccmnc: string): Promise<void> {
    const fault = portedFault(number, mccmnc)
    if (fault !== undefined) throw new GatewayError('ported_number_invalid', fault)
    const digits = number.replace(/^\+/, '')
    await this.#inTurn(async () => {
      await this.#portedStore.put([[digits, mccmnc]])
      this.#table.ported.set(digits, mccmnc)
      this.#rename()
    })
  }

  /** Takes a number out; false when it was not there. */
  removePorted(number: string): Promise<boolean> {
    return this.#inTurn(async () => {
      const digits = number.replace(/^\+/, '')
      if (!this.#table.ported.find(digits)) return false
      await this.#portedStore.remove([digits])
      return this.#table.ported.delete(digits)
    })
  }

  /** Lets the import that runs end, and the look-ups. */
  async close(): Promise<void> {
    await Promise.all([this.#latest, this.#lookup?.close()])
  }

  #lookupBy(lookup: DirectoryOptions['lookup']): NumberLookup | undefined {
    return lookup && new NumberLookup({ ...lookup, places: this.#places, ...this.#options })
  }

  async #importNetworks(wish: NetworkImport): Promise<ImportReport> {
    const { format, text, replaces, isPreview, source } = wish
    const read = await readNetworkFile(format, text, this.#names, replaces)
    const rows = read.kind === 'ranges' ? read.ranges.length : read.networks.length
    const { list: mistakes, count: mistakeCount } = read.mistakes
    if (mistakeCount > 0) return { version: null, rows, mistakes, mistakeCount, diff: null }
    const diff =
      read.kind === 'ranges' ? await diffRanges(this.#table, read.ranges, replaces) : null
    if (isPreview) return { version: null, rows, mistakes, mistakeCount, diff }
    const content =
      read.kind === 'ranges'
        ? await this.#merged(read.ranges, replaces)
        : { text: writeNames(read.kind, read.networks), rowCount: read.networks.length }
    const version = await this.#versions.add({
      kind: read.kind,
      source,
      sha256: sha256(text),
      ...content,
    })
    await this.#takeUp(read.kind, content.text)
    this.#rename()
    return { version, rows, mistakes, mistakeCount, diff }
  }

  /** The whole table after ranges have taken the place of those in their scope. */
  async #merged(incoming: readonly NetworkRange[], scope: string) {
    const table = new NetworkTable()
    if (scope !== '') {
      await inSlices(this.#table.ranges(), (range) => {
        if (!range.prefix.startsWith(scope)) table.add(range)
      })
    }
    await inSlices(incoming, (range) => table.add(range))
    return { text: await writeRanges(table.ranges()), rowCount: table.size }
  }

  /** Puts a stored table into memory, in place of the one before. */
  async #takeUp(kind: NetworkKind, text: string): Promise<void> {
    if (kind === 'ranges') {
      const read = await readNetworkFile('csv', text, this.#names)
      const table = new NetworkTable([], this.#table.ported)
      if (read.kind === 'ranges') await inSlices(read.ranges, (range) => table.add(range))
      this.#table = table
      return
    }
    if (kind === 'ported') return
    const read = await readNetworkFile(
      kind === 'operators' ? 'mcc-mnc-list' : kind,
      text,
      this.#names,
    )
    if (read.kind === 'operators') this.#operators = read.networks
    if (read.kind === 'names') this.#ownNames = read.networks
    this.#names = new NetworkNames(this.#operators, this.#ownNames)
  }

  #rename(): void {
    this.#places.rename((code) => this.#names.nameOf(code) ?? this.#table.nameOf(code))
  }

  #inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const result = this.#latest.then(run)
    // The next one runs whatever became of this one; its caller is told.
    this.#latest = result.catch(() => {})
    return result
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
