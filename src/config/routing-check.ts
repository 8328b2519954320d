import { GatewayError } from '../core/errors.ts'
import { pathText } from './mistake.ts'
import { type RoutingConfig, routingSchema, toRouting } from './routing.ts'

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
