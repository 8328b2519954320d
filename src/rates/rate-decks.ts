import type { Clock } from '../core/clock.ts'
import { GatewayError, messageOf } from '../core/errors.ts'
import { Slices, Turns } from '../core/turns.ts'
import type { DeckReading } from '../routing/deck-csv.ts'
import { type DeckDiff, diffInSteps } from '../routing/deck-diff.ts'
import { RateTable } from '../routing/rate-table.ts'
import { available } from '../store/available.ts'
import type { Store } from '../store/open.ts'
import { csvOf, type DeckSource, packDeck, readDeck, unpackDeck } from './deck-content.ts'
import {
  type DeckName,
  type DeckOwnerKind,
  type DeckRecord,
  decksOf,
  deleteUnfinished,
  insertDeck,
  latestDecks,
  partsOf,
} from './deck-tables.ts'

/** A carrier or a tenant of the configuration, with the rates that stand there. */
export interface DeckOwner {
  readonly kind: DeckOwnerKind
  readonly name: string
  readonly rates: readonly {
    readonly prefix: string
    readonly priceMicros: bigint
    readonly currency: string
  }[]
}

/** The deck that counts for an owner. */
export interface CurrentDeck {
  /** 0: the deck of the configuration. */
  readonly version: number
  readonly deck: RateTable
}

/** A deck that was imported, or that of the configuration. */
export interface DeckVersion extends Omit<DeckRecord, 'importedAt'> {
  /** Null for that of the configuration. */
  readonly importedAt: Date | null
  readonly isCurrent: boolean
}

/** What an import would do. */
export interface DeckPreview extends Omit<DeckReading, 'deck'> {
  /** The deck that it is compared with; null: there is none. */
  readonly comparedWith: number | null
  /** What the rows without mistakes would change. */
  readonly diff: DeckDiff
}

/** What an import has done: with mistakes nothing, and the old deck stays. */
export type DeckImport =
  | (Omit<DeckReading, 'deck'> & { readonly isTaken: true; readonly version: number })
  | (Omit<DeckReading, 'deck'> & { readonly isTaken: false })

/** Decks as they will count by another configuration. */
export interface NextDecks {
  /** As that of {@link RateDecks}. */
  readonly current: (kind: DeckOwnerKind, owner: string) => CurrentDeck | undefined
  /** Has them count; those who listen for imports are not told. */
  readonly takeOver: () => void
}

type ConfiguredDecks = ReadonlyMap<string, DeckOwner & { readonly deck: RateTable }>

type Listener = (kind: DeckOwnerKind, owner: string) => void

const NOTHING = new RateTable()

/**
 * The rate decks of carriers and tenants: every version in the database, the one that counts in memory.
 *
 * Where nothing has been imported the deck of the configuration counts, as version 0.
 */
export class RateDecks {
  readonly #store: Store
  readonly #clock: Clock
  readonly #turns = new Turns()
  #configured: ConfiguredDecks = new Map()
  readonly #imported = new Map<string, { readonly record: DeckRecord; readonly deck: RateTable }>()
  readonly #listeners = new Set<Listener>()
  /** One deck at a time is read: each may take 100 MB. */
  #last: Promise<unknown> = Promise.resolve()

  private constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /**
   * Reads the decks that count.
   *
   * @param owners - every carrier and tenant of the configuration
   * @throws {GatewayError} `rate_deck_damaged` for a stored deck that cannot be read
   */
  static async open(
    store: Store,
    clock: Clock,
    owners: readonly DeckOwner[] = [],
  ): Promise<RateDecks> {
    const decks = new RateDecks(store, clock)
    await deleteUnfinished(store)
    for (const record of await latestDecks(store)) {
      decks.#imported.set(keyOf(record.kind, record.owner), {
        record,
        deck: await decks.#stored(record),
      })
    }
    const { takeOver } = await decks.prepare(owners)
    takeOver()
    return decks
  }

  /** Makes other carriers and tenants, with other rates, ready for the place of those of the configuration. */
  async prepare(owners: readonly DeckOwner[]): Promise<NextDecks> {
    const slices = new Slices(this.#turns)
    const decks = await Promise.all(
      owners.map(async (owner) => {
        const rates = owner.rates.map((rate) => ({ ...rate, network: null, effectiveFromMs: 0 }))
        return { ...owner, deck: await slices.run(RateTable.build({ rates })) }
      }),
    )
    const configured = new Map(decks.map((owner) => [ownerKey(owner), owner]))
    return {
      current: (kind, owner) => this.#currentOf(keyOf(kind, owner), configured),
      takeOver: () => {
        this.#configured = configured
      },
    }
  }

  /** The deck that counts now; undefined: there are no rates. From memory. */
  current(kind: DeckOwnerKind, owner: string): CurrentDeck | undefined {
    return this.#currentOf(keyOf(kind, owner), this.#configured)
  }

  /** The deck that counts of each owner that has one, by kind and name. */
  all(): DeckVersion[] {
    const imported = [...this.#imported.values()].map(({ record }) => asCurrent(record))
    const configured = [...this.#configured.values()].flatMap((owner) => {
      const isOver = this.#imported.has(ownerKey(owner)) || owner.deck.rates.length === 0
      return isOver ? [] : [configuredVersion(owner, true)]
    })
    return [...imported, ...configured].sort((a, b) =>
      keyOf(a.kind, a.owner) < keyOf(b.kind, b.owner) ? -1 : 1,
    )
  }

  /**
   * Every deck of an owner, the latest first.
   *
   * @throws {GatewayError} `not_found` for an owner that nobody knows; `storage_unavailable`
   */
  async versions(kind: DeckOwnerKind, owner: string): Promise<DeckVersion[]> {
    this.#checkKnown(kind, owner)
    const records = await available(decksOf(this.#store, kind, owner))
    const current = this.current(kind, owner)?.version
    const configured = this.#configured.get(keyOf(kind, owner))
    return [
      ...records.map((record) => ({ ...record, isCurrent: record.version === current })),
      ...(configured && configured.deck.rates.length > 0
        ? [configuredVersion(configured, current === 0)]
        : []),
    ]
  }

  /**
   * A deck as CSV, to be read once.
   *
   * @throws {GatewayError} `not_found`, `storage_unavailable`
   */
  async csv(name: DeckName): Promise<AsyncIterable<Uint8Array>> {
    await this.#check(name)
    const configured = this.#configured.get(keyOf(name.kind, name.owner))
    if (name.version === 0 && configured) {
      return csvOf(configured.deck, new Slices(this.#turns))
    }
    return unpackDeck(partsOf(this.#store, name))
  }

  /**
   * What an import would change, and what is wrong with the deck; changes nothing.
   *
   * @throws {GatewayError} `not_found`, `body_too_large`
   */
  preview(kind: DeckOwnerKind, owner: string, csv: DeckSource): Promise<DeckPreview> {
    this.#checkConfigured(kind, owner)
    return this.#alone(async () => {
      const slices = new Slices(this.#turns)
      const { deck, ...reading } = await readDeck(csv, slices)
      const current = this.current(kind, owner)
      const diff = await slices.run(diffInSteps(current?.deck ?? NOTHING, deck))
      return { ...reading, comparedWith: current?.version ?? null, diff }
    })
  }

  /**
   * Puts a deck in the place of that which counts, as the next version. With a mistake in any row it is
   * refused, and the old one stays.
   *
   * @throws {GatewayError} `not_found`, `body_too_large`, `storage_unavailable`
   */
  import(kind: DeckOwnerKind, owner: string, csv: DeckSource, note = ''): Promise<DeckImport> {
    this.#checkConfigured(kind, owner)
    return this.#alone(async () => {
      const { deck, ...reading } = await readDeck(csv, new Slices(this.#turns))
      if (reading.mistakeCount > 0) return { ...reading, isTaken: false }
      return { ...reading, isTaken: true, version: await this.#take(kind, owner, deck, note) }
    })
  }

  /**
   * Puts an earlier deck in the place of that which counts, as the next version.
   *
   * @throws {GatewayError} `not_found`, `rate_deck_damaged`, `storage_unavailable`
   */
  rollBack(kind: DeckOwnerKind, owner: string, version: number, note?: string): Promise<number> {
    this.#checkConfigured(kind, owner)
    return this.#alone(async () => {
      const name = { kind, owner, version }
      await this.#check(name)
      const configured = this.#configured.get(keyOf(kind, owner))
      const deck = version === 0 && configured ? configured.deck : await this.#stored(name)
      return this.#take(kind, owner, deck, note ?? `as version ${version}`)
    })
  }

  /** Tells the listener of every owner for whom another deck was put in place; the answer ends that. */
  onChange(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #currentOf(key: string, configuredOnes: ConfiguredDecks): CurrentDeck | undefined {
    const imported = this.#imported.get(key)
    if (imported) return { version: imported.record.version, deck: imported.deck }
    const configured = configuredOnes.get(key)
    if (!configured || configured.deck.rates.length === 0) return undefined
    return { version: 0, deck: configured.deck }
  }

  async #take(kind: DeckOwnerKind, owner: string, deck: RateTable, note: string): Promise<number> {
    const key = keyOf(kind, owner)
    const version = (this.#imported.get(key)?.record.version ?? 0) + 1
    const rows = deck.rates.length
    const record = { kind, owner, version, importedAt: this.#clock(), note, rows }
    const parts = await packDeck(deck, new Slices(this.#turns))
    await available(insertDeck(this.#store, record, parts))
    this.#imported.set(key, { record, deck })
    this.#tell(kind, owner)
    return version
  }

  /** Reads a deck of the database. */
  async #stored(name: DeckName): Promise<RateTable> {
    const content = unpackDeck(partsOf(this.#store, name))
    try {
      const { deck, mistakes } = await readDeck(content, new Slices(this.#turns))
      const [mistake] = mistakes
      if (!mistake) return deck
      throw damaged(name, `line ${mistake.line} ${mistake.message}`)
    } catch (cause) {
      if (cause instanceof GatewayError) throw cause
      throw damaged(name, messageOf(cause))
    }
  }

  async #check(name: DeckName): Promise<void> {
    const { kind, owner, version } = name
    const versions = await this.versions(kind, owner)
    if (versions.some((each) => each.version === version)) return
    throw new GatewayError('not_found', `${kind} ${owner} has no rate deck of version ${version}`)
  }

  #checkKnown(kind: DeckOwnerKind, owner: string): void {
    if (!this.#imported.has(keyOf(kind, owner))) this.#checkConfigured(kind, owner)
  }

  /** What the configuration does not name may be a slip of the pen. */
  #checkConfigured(kind: DeckOwnerKind, owner: string): void {
    if (this.#configured.has(keyOf(kind, owner))) return
    const names = [...this.#configured.values()].filter((each) => each.kind === kind)
    const known = names.map(({ name }) => name).join(', ') || 'there is none'
    throw new GatewayError('not_found', `there is no ${kind} "${owner}"; known: ${known}`)
  }

  #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => undefined)
    return done
  }

  #tell(kind: DeckOwnerKind, owner: string): void {
    for (const listener of this.#listeners) listener(kind, owner)
  }
}

function damaged({ kind, owner, version }: DeckName, why: string): GatewayError {
  return new GatewayError(
    'rate_deck_damaged',
    `version ${version} of the rate deck of ${kind} ${owner} cannot be read from the database: ${why}`,
  )
}

/** Names have no slash. */
function keyOf(kind: DeckOwnerKind, owner: string): string {
  return `${kind}/${owner}`
}

function ownerKey({ kind, name }: DeckOwner): string {
  return keyOf(kind, name)
}

function asCurrent(record: DeckRecord): DeckVersion {
  return { ...record, isCurrent: true }
}

function configuredVersion(
  { kind, name, deck }: DeckOwner & { readonly deck: RateTable },
  isCurrent: boolean,
): DeckVersion {
  return {
    kind,
    owner: name,
    version: 0,
    importedAt: null,
    note: 'the rates of the configuration',
    rows: deck.rates.length,
    isCurrent,
  }
}
