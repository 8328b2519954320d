import { parseRouting } from './config/routing-check.ts'
import type { Clock } from './core/clock.ts'
import type { Rehearsal, RehearsalRange, RehearsalReport } from './messages/rehearsal.ts'
import { type CarrierKnowledge, Routes } from './messages/routes.ts'
import { type RouteSources, routeSetup } from './route-upkeep.ts'

/** What a rehearsal is made with beside what is to be tried. */
export interface RehearsalParts {
  readonly rehearsal: Rehearsal
  readonly sources: RouteSources
  readonly knowledge: Pick<CarrierKnowledge, 'termsFor' | 'destinations'>
  readonly clock: Clock
}

/**
 * Makes past decisions again with another `routing` section.
 *
 * @param section - as the configuration file has it
 * @throws {GatewayError} `routing_invalid` with the first mistake
 */
export async function rehearseRouting(
  { rehearsal, sources, knowledge, clock }: RehearsalParts,
  section: unknown,
  range: RehearsalRange,
): Promise<RehearsalReport> {
  const routing = parseRouting(section, {
    carriers: sources.carriers.map(({ config: { name } }) => name),
    tenants: sources.access.tenantNames,
  })
  const setup = routeSetup({ ...sources, routing })
  const routes = new Routes(setup, clock, knowledge)
  return rehearsal.run(routes, range, (currency) => routing.conversion[currency] ?? 1)
}
