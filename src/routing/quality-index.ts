import { TRAFFIC_CLASSES, type TrafficClass } from '../core/policy.ts'
import { type ByCarrier, grown, QualityCounters } from './quality-cell.ts'

/** Which cell is meant, see `QualityScope` in `quality.ts`. */
type Scope =
  | {
      readonly country: string
      readonly network: string | null
      readonly trafficClass: TrafficClass
    }
  | { readonly country: string }
  | null

/** A cell with its place among the others, and what was worked out of it last. */
export interface IndexedCell {
  readonly scope: Scope
  /** The next coarser. */
  readonly parent: IndexedCell | undefined
  readonly isFinest: boolean
  readonly counters: QualityCounters
  /** When the latest outcome came. */
  latestMs: number
  readonly shown: Shown
  /** The version of each carrier's outcomes that is shown; NaN: none. */
  seen: ByCarrier
  shownAtMs: number
}

/** Figures that are shown until they change. */
interface Shown {
  success: ByCarrier
  lower: ByCarrier
  upper: ByCarrier
  latencyMs: ByCarrier
  messages: ByCarrier
}

interface Country {
  readonly cell: IndexedCell
  /** By network, then by traffic class. */
  readonly networks: Map<string | null, (IndexedCell | undefined)[]>
}

/** The part of the cells that goes when there are too many. */
const SURPLUS = 1 / 8

/** Every cell, by country, network and traffic class. */
export class CellIndex {
  readonly #maxCells: number
  readonly #all: IndexedCell
  readonly #countries = new Map<string, Country>()
  #carriers: number
  #size = 0

  /** @param carriers - how many there is room for */
  constructor(maxCells: number, carriers: number) {
    this.#maxCells = Math.max(1, maxCells)
    this.#carriers = carriers
    this.#all = this.#make(null, undefined)
  }

  /** The coarsest first. */
  all(): IndexedCell[] {
    const countries = [...this.#countries.values()]
    return [
      this.#all,
      ...countries.map(({ cell }) => cell),
      ...countries.flatMap(({ networks }) => [...networks.values()].flat().filter(isCell)),
    ]
  }

  /** The finest cell there is for a scope. */
  nearest(scope: Scope): IndexedCell {
    if (scope === null) return this.#all
    const country = this.#countries.get(scope.country)
    if (!country) return this.#all
    if (!('trafficClass' in scope)) return country.cell
    return country.networks.get(scope.network)?.[rankOf(scope.trafficClass)] ?? country.cell
  }

  /** The cell of a scope; undefined where there is none. */
  find(scope: Scope): IndexedCell | undefined {
    const near = this.nearest(scope)
    if (scope === null) return near
    return near.parent && near.isFinest === 'trafficClass' in scope ? near : undefined
  }

  /** The cell of a scope, which is made where there is none. */
  take(scope: Scope): IndexedCell {
    if (scope === null) return this.#all
    const country = this.#countries.get(scope.country) ?? this.#addCountry(scope.country)
    if (!('trafficClass' in scope)) return country.cell
    const { network, trafficClass } = scope
    const known = country.networks.get(network)?.[rankOf(trafficClass)]
    return known ?? this.#addCell(scope)
  }

  /** Makes room for so many carriers. */
  grow(carriers: number): void {
    this.#carriers = carriers
    for (const cell of this.all()) {
      const { shown, counters } = cell
      counters.grow(carriers)
      for (const name of Object.keys(shown) as (keyof Shown)[]) {
        shown[name] = grown(shown[name], carriers)
      }
      const before = cell.seen.length
      cell.seen = grown(cell.seen, carriers).fill(Number.NaN, before)
    }
  }

  /** Leaves out the cells in which nothing has happened since. */
  dropBefore(sinceMs: number): void {
    this.#dropWhere(({ latestMs }) => latestMs < sinceMs)
  }

  #addCountry(name: string): Country {
    this.#makeRoom()
    const cell = this.#make({ country: name }, this.#all)
    const country = { cell, networks: new Map() }
    this.#countries.set(name, country)
    this.#size++
    return country
  }

  #addCell(scope: Extract<Scope, { trafficClass: TrafficClass }>): IndexedCell {
    this.#makeRoom()
    // The room may have been made by its own country's going.
    const country = this.#countries.get(scope.country) ?? this.#addCountry(scope.country)
    const { network, trafficClass } = scope
    const classes = country.networks.get(network) ?? []
    country.networks.set(network, classes)
    const copy = { country: scope.country, network, trafficClass }
    const cell = this.#make(copy, country.cell)
    classes[rankOf(trafficClass)] = cell
    this.#size++
    return cell
  }

  #make(scope: Scope, parent: IndexedCell | undefined): IndexedCell {
    const figures = () => new Float64Array(this.#carriers)
    return {
      scope,
      parent,
      isFinest: scope !== null && 'trafficClass' in scope,
      counters: new QualityCounters(this.#carriers),
      latestMs: 0,
      shown: {
        success: figures(),
        lower: figures(),
        upper: figures(),
        latencyMs: figures(),
        messages: figures(),
      },
      seen: figures().fill(Number.NaN),
      shownAtMs: Number.NEGATIVE_INFINITY,
    }
  }

  #makeRoom(): void {
    if (this.#size < this.#maxCells) return
    const byAge = this.all()
      .filter(({ parent }) => parent !== undefined)
      .map(({ latestMs }) => latestMs)
      .sort((a, b) => a - b)
    const limit = byAge[Math.floor(byAge.length * SURPLUS)] ?? Number.POSITIVE_INFINITY
    let surplus = Math.max(1, Math.ceil(byAge.length * SURPLUS))
    this.#dropWhere(({ latestMs }) => latestMs <= limit && surplus-- > 0)
  }

  /** A country stays as long as one of its cells does. */
  #dropWhere(isGone: (cell: IndexedCell) => boolean): void {
    for (const [name, { cell, networks }] of this.#countries) {
      for (const [network, classes] of networks) {
        for (const rank of classes.keys()) {
          const one = classes[rank]
          if (!one || !isGone(one)) continue
          classes[rank] = undefined
          this.#size--
        }
        if (!classes.some(isCell)) networks.delete(network)
      }
      if (networks.size > 0 || !isGone(cell)) continue
      this.#countries.delete(name)
      this.#size--
    }
  }
}

function isCell(cell: IndexedCell | undefined): cell is IndexedCell {
  return cell !== undefined
}

function rankOf(trafficClass: TrafficClass): number {
  return TRAFFIC_CLASSES.indexOf(trafficClass)
}
