import { type Canary, DEFAULT_STRATEGY, type RouteRule, type Strategy } from '../core/route-rule.ts'
import { RouteIndex } from './route-index.ts'
import type { RouteSubject } from './route-match.ts'

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

/** The routes of a configuration, in order, and which of them a message takes. */
export class RouteTable {
  /** The route of messages that no other is for. */
  readonly fallback: CompiledRoute
  readonly #routes: readonly CompiledRoute[]
  readonly #index: RouteIndex

  private constructor(
    fallback: CompiledRoute,
    routes: readonly CompiledRoute[],
    index: RouteIndex,
  ) {
    this.fallback = fallback
    this.#routes = routes
    this.#index = index
  }

  /**
   * The table of some routes, made with a pause after each of them.
   *
   * @param carriers - by the numbers that they have in {@link CompiledRoute}
   */
  static *build(
    rules: readonly RouteRule[],
    carriers: readonly NamedCarrier[],
  ): Generator<void, RouteTable> {
    const fallback = { name: '', match: {}, strategy: DEFAULT_STRATEGY }
    const routes: CompiledRoute[] = []
    for (const rule of rules) {
      routes.push(compileRoute(rule, carriers, rule.name))
      yield
    }
    const index = yield* RouteIndex.build(rules.map(({ match }) => match))
    return new RouteTable(compileRoute(fallback, carriers, null), routes, index)
  }

  /** The first route that fits; the one without a name where none does. */
  find(subject: RouteSubject): CompiledRoute {
    const first = this.#index.first(subject)
    return first === undefined ? this.fallback : (this.#routes[first] as CompiledRoute)
  }

  /** The route of a name; undefined where there is none any more. */
  named(name: string | null): CompiledRoute | undefined {
    if (name === null) return this.fallback
    return this.#routes.find((route) => route.name === name)
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
