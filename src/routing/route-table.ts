import { type Canary, DEFAULT_STRATEGY, type RouteRule, type Strategy } from '../core/route-rule.ts'
import { type CompiledMatch, compileMatch, fits, type RouteSubject } from './route-match.ts'

/** A route as the router works with it. */
export interface CompiledRoute {
  /** Null: the route of messages that no other is for. */
  readonly name: string | null
  readonly strategy: Strategy
  /** By carrier: its place in the route's list from 0, its number where there is no list; -1: not in it. */
  readonly places: Int16Array
  /** By carrier: its share. */
  readonly weights: Float64Array
  readonly canary: Canary | undefined
  /** The canary's number; -1: there is none. */
  readonly canaryCarrier: number
}

/** What the table must know of a carrier. */
export interface NamedCarrier {
  readonly name: string
  readonly tags: readonly string[]
}

interface IndexedRoute {
  readonly match: CompiledMatch
  readonly route: CompiledRoute
}

const MCC_DIGITS = 3

/**
 * Finds the first route that fits a message.
 *
 * Routes are looked up by what narrows them most: their tenants, networks, countries or prefixes; only
 * those that have none of these are tried for every message. A thousand routes cost about as much as
 * the few that are for the message's tenant and country.
 */
export class RouteTable {
  readonly fallback: CompiledRoute
  readonly #routes: readonly IndexedRoute[]
  readonly #byTenant = new Map<string, number[]>()
  readonly #byNetwork = new Map<string, number[]>()
  readonly #byCountry = new Map<string, number[]>()
  readonly #byDigits = new Map<string, number[]>()
  readonly #rest: number[] = []

  constructor(rules: readonly RouteRule[], carriers: readonly NamedCarrier[]) {
    this.fallback = compileRoute(
      { name: '', match: {}, strategy: DEFAULT_STRATEGY },
      carriers,
      null,
    )
    this.#routes = rules.map((rule) => ({
      match: compileMatch(rule.match),
      route: compileRoute(rule, carriers, rule.name),
    }))
    for (const [index, { match }] of rules.entries()) this.#file(index, match)
  }

  /** The first route that fits; the one without a name where none does. */
  find(subject: RouteSubject): CompiledRoute {
    const { network, digits } = subject
    let first = this.#firstOf(this.#byTenant.get(subject.tenant), subject, this.#routes.length)
    if (network !== null) {
      first = this.#firstOf(this.#byNetwork.get(network), subject, first)
      first = this.#firstOf(this.#byNetwork.get(network.slice(0, MCC_DIGITS)), subject, first)
    }
    first = this.#firstOf(this.#byCountry.get(subject.country), subject, first)
    first = this.#firstOf(this.#byDigits.get(digits.slice(0, 1)), subject, first)
    first = this.#firstOf(this.#byDigits.get(digits.slice(0, 2)), subject, first)
    first = this.#firstOf(this.#rest, subject, first)
    return this.#routes[first]?.route ?? this.fallback
  }

  /** The route of a name; undefined where there is none any more. */
  named(name: string | null): CompiledRoute | undefined {
    if (name === null) return this.fallback
    return this.#routes.find(({ route }) => route.name === name)?.route
  }

  /** The first of a list that fits, where it comes before one that is known to. */
  #firstOf(list: readonly number[] | undefined, subject: RouteSubject, known: number): number {
    if (list === undefined) return known
    for (const index of list) {
      if (index >= known) return known
      if (fits((this.#routes[index] as IndexedRoute).match, subject)) return index
    }
    return known
  }

  #file(index: number, { tenants, networks, countries, prefixes }: RouteRule['match']): void {
    if (tenants?.length) fileUnder(this.#byTenant, tenants, index)
    else if (networks?.length) fileUnder(this.#byNetwork, networks, index)
    else if (countries?.length) fileUnder(this.#byCountry, countries, index)
    else if (prefixes?.length && !prefixes.includes('')) {
      fileUnder(this.#byDigits, prefixes.map(beginningOf), index)
    } else this.#rest.push(index)
  }
}

function beginningOf(prefix: string): string {
  return prefix.slice(0, 2)
}

function fileUnder(lists: Map<string, number[]>, keys: readonly string[], index: number): void {
  for (const key of new Set(keys)) {
    const list = lists.get(key)
    if (list) list.push(index)
    else lists.set(key, [index])
  }
}

function compileRoute(
  { carriers: listed, carrierTags, deny, strategy, canary }: RouteRule,
  all: readonly NamedCarrier[],
  name: string | null,
): CompiledRoute {
  const places = new Int16Array(all.length)
  const weights = new Float64Array(all.length)
  for (const [index, carrier] of all.entries()) {
    const place = listed ? listed.indexOf(carrier.name) : index
    const isTagged = !carrierTags?.length || carrierTags.some((tag) => carrier.tags.includes(tag))
    const isAllowed = isTagged && !deny?.includes(carrier.name)
    // A canary takes part without being in the list.
    const isCanary = canary?.carrier === carrier.name
    places[index] = isCanary ? Math.max(0, place) : isAllowed ? place : -1
    weights[index] = strategy.weights[carrier.name] ?? 1
  }
  const canaryCarrier = canary ? all.findIndex((carrier) => carrier.name === canary.carrier) : -1
  return { name, strategy, places, weights, canary, canaryCarrier }
}
