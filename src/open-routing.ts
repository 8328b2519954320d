import type { Access } from './accounts/access.ts'
import type { Auditing } from './auditing.ts'
import type { CarrierConfig, Config } from './config/schema.ts'
import type { Clock } from './core/clock.ts'
import { messageOf } from './core/errors.ts'
import type { Logger } from './core/logger.ts'
import type { HealthAlerts } from './health-alerts.ts'
import type { LiveCarriers } from './live-carriers.ts'
import { deckOwners, LiveRates } from './live-rates.ts'
import type { LiveTenants } from './live-tenants.ts'
import { Rehearsal, type RehearsalRange, type RehearsalReport } from './messages/rehearsal.ts'
import { type CarrierKnowledge, Routes } from './messages/routes.ts'
import type { TableWriter } from './messages/table-writer.ts'
import type { OpenCarriers } from './open-carriers.ts'
import { RateDecks } from './rates/rate-decks.ts'
import { rehearseRouting } from './route-rehearsal.ts'
import { type RouteSources, RouteUpkeep, routeSetup } from './route-upkeep.ts'
import type { Destinations } from './routing/destination.ts'
import type { Store } from './store/open.ts'

/** What {@link openRouting} works with. */
export interface OpenRoutingOptions {
  readonly config: Config
  readonly carrierConfigs: readonly CarrierConfig[]
  readonly carriers: Pick<OpenCarriers, 'carriers' | 'quality' | 'health'>
  readonly access: Access
  readonly tenants: LiveTenants
  readonly destinations: Destinations
  readonly suspects: NonNullable<CarrierKnowledge['suspects']>
  /** The carriers that another configuration will have. */
  readonly carriersOf: LiveCarriers['carriersOf']
  readonly tables: TableWriter
  readonly alerts: HealthAlerts
  readonly auditing: Auditing
  readonly store: Store
  readonly logger: Logger
  readonly clock: Clock
}

/** Which carriers may take a message, at what price, best first. */
export interface OpenRouting {
  readonly routes: Routes
  readonly rateDecks: RateDecks
  readonly rates: LiveRates
  /** Makes the routes again when what they are made of changes. */
  readonly upkeep: RouteUpkeep
  /** What another `routing` section would have made of messages of the past. */
  rehearse(section: unknown, range: RehearsalRange): Promise<RehearsalReport>
}

/** Reads the rate decks, and makes the routes from them and the configuration. */
export async function openRouting(options: OpenRoutingOptions): Promise<OpenRouting> {
  const { config, carrierConfigs, access, tenants, destinations, store, logger, clock } = options
  const { carriers, quality, health } = options.carriers
  const rateDecks = await RateDecks.open(store, clock, deckOwners(config, carrierConfigs))
  const rates = new LiveRates({ config, decks: rateDecks, tenants })
  const { termsFor } = rates
  const sources: RouteSources = {
    routing: config.routing,
    carriers: [...carriers.values()].map((carrier) => ({ carrier, config: carrier.config })),
    decks: rateDecks,
    access,
  }
  const routes = new Routes(routeSetup(sources), clock, {
    quality,
    health,
    termsFor,
    suspects: options.suspects,
    destinations,
    onCanaryStopped,
  })
  const upkeep = new RouteUpkeep({
    routes,
    sources,
    sourcesOf: async (next) => ({
      routing: next.routing,
      carriers: await options.carriersOf(next),
      decks: await rates.decksOf(next),
      access: await tenants.accessOf(next),
    }),
    decks: rateDecks,
    logger,
  })

  function onCanaryStopped(carrier: string, route: string): void {
    const reason = `the canary of the route ${route} delivers too little`
    options.alerts.noteCanaryStopped(carrier, route, reason)
    health.setMode(carrier, 'drained', reason).then(
      () => options.auditing.canaryStopped(carrier, reason),
      (error: unknown) =>
        logger.error({ carrier, error: messageOf(error) }, 'cannot keep that a canary is stopped'),
    )
  }

  return {
    routes,
    rateDecks,
    rates,
    upkeep,
    rehearse(section, range) {
      const rehearsal = new Rehearsal(store, options.tables)
      const knowledge = { termsFor, destinations }
      return rehearseRouting(
        { rehearsal, sources: upkeep.sources, knowledge, clock },
        section,
        range,
      )
    },
  }
}
