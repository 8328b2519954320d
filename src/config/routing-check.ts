import { GatewayError } from '../core/errors.ts'
import { type Mistake, pathText } from './mistake.ts'
import { type RoutingConfig, routingSchema, toRouting } from './routing.ts'
import {
  duplicates,
  type Item,
  items,
  listPlaces,
  mappingAt,
  places,
  unknown,
} from './written-items.ts'

/** Names that a `routing` section may use. */
export interface KnownNames {
  readonly carriers: readonly string[]
  readonly tenants: readonly string[]
}

/**
 * Reads a `routing` section that stands by itself, in the keys of the configuration file.
 *
 * @throws {GatewayError} `routing_invalid`: which key, and what would be right
 */
export function parseRouting(section: unknown, known: KnownNames): RoutingConfig {
  const result = routingSchema.safeParse(section)
  if (!result.success) {
    const [issue] = result.error.issues
    const place = issue && issue.path.length > 0 ? pathText(issue.path) : 'routing'
    throw invalid(place, `is not allowed; allowed: ${issue?.message ?? 'a mapping'}`)
  }
  const routing = toRouting(result.data)
  for (const [index, rule] of routing.routes.entries()) {
    const at = (key: string) => `routes[${index}].${key}`
    refuseUnknown(at('carriers'), rule.carriers, known.carriers, 'carrier')
    refuseUnknown(at('deny'), rule.deny, known.carriers, 'carrier')
    refuseUnknown(
      at('canary.carrier'),
      rule.canary && [rule.canary.carrier],
      known.carriers,
      'carrier',
    )
    refuseUnknown(at('tenants'), rule.match.tenants, known.tenants, 'tenant')
  }
  return routing
}

function refuseUnknown(
  place: string,
  names: readonly string[] | undefined,
  known: readonly string[],
  what: string,
): void {
  const unknown = names?.find((name) => !known.includes(name))
  if (unknown === undefined) return
  throw invalid(
    place,
    `there is no ${what} ${JSON.stringify(unknown)}; allowed: ${known.join(', ')}`,
  )
}

function invalid(place: string, problem: string): GatewayError {
  return new GatewayError('routing_invalid', `${place}: ${problem}`, { pointer: '/routing' })
}

/** Routes that name what is not there, twice the same, or a currency without a value. */
export function routingMistakes(
  root: Record<string, unknown>,
  tenants: readonly Item[],
  carriers: readonly Item[],
): Mistake[] {
  const section = mappingAt(root, ['routing'])
  const routes = items(section, 'routes', ['routing'])
  const carrierNames = places(carriers, 'name').map(({ value }) => value)
  const tenantNames = places(tenants, 'name').map(({ value }) => value)
  const named = routes.flatMap(({ path, value }) => {
    const weights = mappingAt(value, ['strategy', 'weights'])
    const weighted = Object.keys(weights).map((name) => ({
      path: [...path, 'strategy', 'weights', name],
      value: name,
    }))
    const canary = places(
      [{ path: [...path, 'canary'], value: mappingAt(value, ['canary']) }],
      'carrier',
    )
    return [
      ...listPlaces(value, 'carriers', path),
      ...listPlaces(value, 'deny', path),
      ...weighted,
      ...canary,
    ]
  })
  return [
    ...duplicates(places(routes, 'name'), 'name'),
    ...unknown(named, 'carrier', carrierNames),
    ...unknown(
      routes.flatMap(({ path, value }) => listPlaces(value, 'tenants', path)),
      'tenant',
      tenantNames,
    ),
    ...unconverted(section, carriers),
  ]
}

/** With a base currency every price must be comparable. */
function unconverted(section: Record<string, unknown>, carriers: readonly Item[]): Mistake[] {
  const { base_currency: base } = section
  if (typeof base !== 'string') return []
  const known = new Set([base, ...Object.keys(mappingAt(section, ['conversion']))])
  const rates = carriers.flatMap(({ path, value }) => items(value, 'rates', path))
  return places(rates, 'currency')
    .filter(({ value }) => !known.has(value))
    .map(({ path, value }) => ({
      path: pathText(path),
      message: `${value} has no value in ${base}; add it to routing.conversion`,
    }))
}
