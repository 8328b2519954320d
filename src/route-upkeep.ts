import type { Access } from './accounts/access.ts'
import type { Carrier } from './carriers/carrier.ts'
import type { RoutingConfig } from './config/routing.ts'
import type { CarrierConfig, Config } from './config/schema.ts'
import { messageOf } from './core/errors.ts'
import type { Logger } from './core/logger.ts'
import type { RouteRule } from './core/route-rule.ts'
import type { RoutedCarrier, RouteSetup, Routes } from './messages/routes.ts'
import type { RateDecks } from './rates/rate-decks.ts'
import { CAPABILITIES } from './routing/route-request.ts'

/** What routes are made from. */
export interface RouteSources {
  readonly config: Config
  readonly carrierConfigs: readonly CarrierConfig[]
  readonly carriers: ReadonlyMap<string, Carrier>
  readonly decks: RateDecks
  readonly access: Access
}

/** The longest wait of a timer; a date further off is looked at again then. */
const MAX_WAIT_MS = 3_600_000

/** Carriers, rates and routes as they are now. */
export function routeSetup(sources: RouteSources): RouteSetup {
  const { config, carrierConfigs, carriers, decks, access } = sources
  return {
    carriers: carrierConfigs.flatMap((carrierConfig) => {
      const carrier = carriers.get(carrierConfig.name)
      return carrier ? [routedCarrier(carrier, carrierConfig, decks)] : []
    }),
    rules: config.routing.routes.map((rule) => withTenantIds(rule, access)),
    conversion: config.routing.conversion,
  }
}

/**
 * Has routes follow the rate decks: those that are imported, and those of which a rate begins to
 * hold.
 */
export class RouteUpkeep {
  readonly #routes: Routes
  #sources: RouteSources
  readonly #logger: Logger
  readonly #stopListening: () => void
  #timer: NodeJS.Timeout | undefined
  /** Set while routes are being made; a change meanwhile makes them once more. */
  #working: Promise<void> | undefined
  #isStale = false
  #isClosed = false

  constructor(routes: Routes, sources: RouteSources, logger: Logger) {
    this.#routes = routes
    this.#sources = sources
    this.#logger = logger
    this.#stopListening = sources.decks.onChange((kind) => {
      if (kind === 'carrier') this.#renew()
    })
    this.#wait()
  }

  /** What routes are made from at present. */
  get sources(): RouteSources {
    return this.#sources
  }

  /** Makes routes by another configuration; resolves when messages go by them. */
  async follow(routing: RoutingConfig): Promise<void> {
    this.#sources = { ...this.#sources, config: { ...this.#sources.config, routing } }
    this.#renew()
    await this.#working
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#stopListening()
    await this.#working
  }

  #renew(): void {
    this.#isStale = true
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined
      this.#wait()
    })
  }

  async #work(): Promise<void> {
    while (this.#isStale && !this.#isClosed) {
      this.#isStale = false
      try {
        await this.#routes.replace(routeSetup(this.#sources))
      } catch (error) {
        this.#logger.error({ error: messageOf(error) }, 'routes stay as they were')
      }
    }
  }

  /** Until the next rate begins to hold. */
  #wait(): void {
    clearTimeout(this.#timer)
    const { nextChangeAtMs } = this.#routes
    if (this.#isClosed || !Number.isFinite(nextChangeAtMs)) return
    const waitMs = Math.min(MAX_WAIT_MS, Math.max(1, nextChangeAtMs - Date.now()))
    this.#timer = setTimeout(() => this.#renew(), waitMs).unref()
  }
}

function routedCarrier(carrier: Carrier, config: CarrierConfig, decks: RateDecks): RoutedCarrier {
  const { name, tags, trafficClasses, cannot, maxSegments } = config
  const current = decks.current('carrier', name)
  return {
    carrier,
    rates: current?.deck.rates ?? [],
    deckVersion: current?.version ?? 0,
    tags,
    trafficClasses,
    lacks: cannot.reduce((bits, what) => bits | CAPABILITIES[what], 0),
    maxSegments,
  }
}

/** The check of the file has seen that the tenants exist. */
function withTenantIds(rule: RouteRule, access: Access): RouteRule {
  const tenants = rule.match.tenants?.flatMap((name) => access.tenantNamed(name)?.id ?? [])
  return { ...rule, match: { ...rule.match, tenants } }
}
