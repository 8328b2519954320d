import type { RouteMatch } from '../core/route-rule.ts'
import { PrefixTable } from './prefix-table.ts'
import { type CompiledMatch, compileMatch, fits, type RouteSubject } from './route-match.ts'

const MCC_DIGITS = 3
const ANYTHING = '*'
/** Senders whose routes are kept. */
const MOST_KNOWN = 10_000

/** Numbers of routes, the lowest first, by something that messages have. */
type Files = Map<string, number[]>

/** What a route can be filed under; nothing where the condition does not narrow it. */
const KEYS = {
  tenants: ({ tenants = [] }: RouteMatch) => tenants,
  networks: ({ networks = [] }: RouteMatch) => networks,
  prefixes: ({ prefixes = [] }: RouteMatch) => (prefixes.includes('') ? [] : prefixes),
  senders: ({ senders = [] }: RouteMatch) => (senders.includes(ANYTHING) ? [] : senders),
  countries: ({ countries = [] }: RouteMatch) => countries,
}
type Condition = keyof typeof KEYS
const CONDITIONS = Object.keys(KEYS) as Condition[]

/**
 * Finds the first route that fits a message without trying them all.
 *
 * A route is filed under that of its conditions which the fewest others share; only those that have
 * none of these conditions are tried for every message. A thousand routes cost about as much as the
 * few that are for the message's tenant, prefix or sender.
 */
export class RouteIndex {
  readonly #matches: readonly CompiledMatch[]
  readonly #byTenant: Files
  readonly #byNetwork: Files
  readonly #byCountry: Files
  readonly #byPrefix: PrefixTable<readonly number[]>
  readonly #bySender: Files
  /** By what sender ids begin with, and the lengths that this has. */
  readonly #bySenderStart: Files
  readonly #startLengths: readonly number[]
  /** Of senders seen lately: the routes filed under them or what they begin with, in order. */
  readonly #knownSenders = new Map<string, readonly number[]>()
  readonly #rest: readonly number[]

  private constructor(
    matches: readonly CompiledMatch[],
    files: Readonly<Record<Condition, Files>>,
    byPrefix: PrefixTable<readonly number[]>,
    rest: readonly number[],
  ) {
    const starts = [...files.senders].filter(([sender]) => sender.endsWith(ANYTHING))
    this.#matches = matches
    this.#byTenant = files.tenants
    this.#byNetwork = files.networks
    this.#byCountry = files.countries
    this.#byPrefix = byPrefix
    this.#bySender = files.senders
    this.#bySenderStart = new Map(starts.map(([sender, list]) => [sender.slice(0, -1), list]))
    this.#startLengths = [...new Set(starts.map(([sender]) => sender.length - 1))]
    this.#rest = rest
  }

  /**
   * The index of some routes, made with a pause after each of them.
   *
   * @param matches - of the routes, by their numbers
   */
  static *build(matches: readonly RouteMatch[]): Generator<void, RouteIndex> {
    const compiled: CompiledMatch[] = []
    const sharing = emptyFiles()
    for (const [route, match] of matches.entries()) {
      compiled.push(compileMatch(match))
      for (const condition of CONDITIONS) file(sharing[condition], KEYS[condition](match), route)
      yield
    }
    const files = emptyFiles()
    const rest: number[] = []
    for (const [route, match] of matches.entries()) {
      const condition = narrowest(match, sharing)
      if (condition === undefined) rest.push(route)
      else file(files[condition], KEYS[condition](match), route)
      yield
    }
    return new RouteIndex(compiled, files, yield* prefixTable(files.prefixes), rest)
  }

  /** The number of the first route that is for a message; undefined: none is. */
  first(subject: RouteSubject): number | undefined {
    const { tenant, network, country, digits, from } = subject
    const none = this.#matches.length
    let first = this.#firstOf(this.#byTenant.get(tenant), subject, none)
    if (network !== null && this.#byNetwork.size > 0) {
      first = this.#firstOf(this.#byNetwork.get(network), subject, first)
      first = this.#firstOf(this.#byNetwork.get(network.slice(0, MCC_DIGITS)), subject, first)
    }
    first = this.#firstOf(this.#byCountry.get(country), subject, first)
    first = this.#firstOf(this.#byPrefix.longestMatch(digits)?.value, subject, first)
    first = this.#firstOf(this.#ofSender(from), subject, first)
    first = this.#firstOf(this.#rest, subject, first)
    return first === none ? undefined : first
  }

  /** A tenant sends most of its messages from few senders. */
  #ofSender(from: string): readonly number[] {
    const known = this.#knownSenders.get(from)
    if (known) return known
    const routes = new Set(this.#bySender.get(from))
    for (const length of this.#startLengths) {
      for (const route of this.#bySenderStart.get(from.slice(0, length)) ?? []) routes.add(route)
    }
    const sorted = [...routes].sort((a, b) => a - b)
    if (this.#knownSenders.size >= MOST_KNOWN) this.#knownSenders.clear()
    this.#knownSenders.set(from, sorted)
    return sorted
  }

  /** The first of a list that fits, where it comes before one that is known to. */
  #firstOf(list: readonly number[] | undefined, subject: RouteSubject, known: number): number {
    if (list === undefined) return known
    for (const route of list) {
      if (route >= known) return known
      if (fits(this.#matches[route] as CompiledMatch, subject)) return route
    }
    return known
  }
}

/** The condition of whose keys even the most common one has the fewest routes; undefined: there is none. */
function narrowest(
  match: RouteMatch,
  sharing: Readonly<Record<Condition, Files>>,
): Condition | undefined {
  let found: Condition | undefined
  let fewest = Number.POSITIVE_INFINITY
  for (const condition of CONDITIONS) {
    let most = 0
    for (const key of KEYS[condition](match)) {
      most = Math.max(most, sharing[condition].get(key)?.length ?? 0)
    }
    if (most === 0 || most >= fewest) continue
    found = condition
    fewest = most
  }
  return found
}

function emptyFiles(): Record<Condition, Files> {
  return {
    tenants: new Map(),
    networks: new Map(),
    prefixes: new Map(),
    senders: new Map(),
    countries: new Map(),
  }
}

function file(files: Files, keys: readonly string[], route: number): void {
  for (const key of new Set(keys)) {
    const list = files.get(key)
    if (list) list.push(route)
    else files.set(key, [route])
  }
}

/** Under each prefix, its routes and those of all beginnings of it. */
function* prefixTable(files: Files): Generator<void, PrefixTable<readonly number[]>> {
  const table = new PrefixTable<readonly number[]>()
  for (const prefix of files.keys()) {
    const routes = new Set<number>()
    for (let length = 1; length <= prefix.length; length++) {
      for (const route of files.get(prefix.slice(0, length)) ?? []) routes.add(route)
    }
    table.set(
      prefix,
      [...routes].sort((a, b) => a - b),
    )
    yield
  }
  return table
}
