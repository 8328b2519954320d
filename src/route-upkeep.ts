import type { Access } from './accounts/access.ts'
import type { Carrier } from './carriers/carrier.ts'
import { httpLayoutKey } from './carriers/http-layout.ts'
import { openAccount } from './carriers/provider-account.ts'
import { layoutKeyOf } from './carriers/segments.ts'
import { SMTP_LAYOUT_KEY } from './carriers/smtp-mapping.ts'
import type { RoutingConfig } from './config/routing.ts'
import type { CarrierConfig, Config } from './config/schema.ts'
import { messageOf } from './core/errors.ts'
import type { Logger } from './core/logger.ts'
import type { RouteRule } from './core/route-rule.ts'
import type { LivePart } from './live-part.ts'
import type { RoutedCarrier, RouteSetup, Routes } from './messages/routes.ts'
import type { RateDecks } from './rates/rate-decks.ts'
import { CAPABILITIES } from './routing/route-request.ts'

/** A carrier with the settings that it goes by, or is about to. */
export interface ConfiguredCarrier {
  readonly carrier: Carrier
  readonly config: CarrierConfig
}

/** What routes are made from. */
export interface RouteSources {
  readonly routing: RoutingConfig
  readonly carriers: readonly ConfiguredCarrier[]
  readonly decks: Pick<RateDecks, 'current'>
  readonly access: Access
}

/** What {@link RouteUpkeep} works with. */
export interface RouteUpkeepOptions {
  readonly routes: Routes
  /** What {@link routes} were made from. */
  readonly sources: RouteSources
  /** What they are to be made from by another configuration. */
  readonly sourcesOf: (next: Config) => Promise<RouteSources>
  readonly decks: Pick<RateDecks, 'onChange'>
  readonly logger: Logger
}

/** The longest wait of a timer; a date further off is looked at again then. */
const MAX_WAIT_MS = 3_600_000

/** Carriers, rates and routes in the form in which decisions are made by them. */
export function routeSetup({ routing, carriers, decks, access }: RouteSources): RouteSetup {
  return {
    carriers: carriers.map((each) => routedCarrier(each, decks)),
    rules: routing.routes.map((rule) => withTenantIds(rule, access)),
    conversion: routing.conversion,
  }
}

/**
 * Has routes follow the configuration and the rate decks: those that are imported, and those of which a
 * rate begins to hold.
 */
export class RouteUpkeep implements LivePart {
  readonly sections = ['routing', 'carriers'] as const
  readonly #options: RouteUpkeepOptions
  #sources: RouteSources
  readonly #stopListening: () => void
  #timer: NodeJS.Timeout | undefined
  /** Set while routes are being made; a change meanwhile makes them once more. */
  #working: Promise<void> | undefined
  #isStale = false
  /** How often routes had to be made anew. */
  #renewals = 0
  #isClosed = false

  constructor(options: RouteUpkeepOptions) {
    this.#options = options
    this.#sources = options.sources
    this.#stopListening = options.decks.onChange((kind) => {
      if (kind === 'carrier') this.#renew()
    })
    this.#wait()
  }

  /** What routes are made from at present. */
  get sources(): RouteSources {
    return this.#sources
  }

  async prepare(next: Config): Promise<() => void> {
    const sources = await this.#options.sourcesOf(next)
    const renewals = this.#renewals
    const takeOver = await this.#options.routes.prepare(routeSetup(sources))
    return () => {
      takeOver()
      // The tenants are those of the time by then.
      this.#sources = { ...sources, access: this.#sources.access }
      // Rates have come meanwhile, or routes are being made by the configuration before.
      if (this.#renewals !== renewals || this.#working) this.#renew()
      else this.#wait()
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#stopListening()
    await this.#working
  }

  #renew(): void {
    this.#renewals++
    this.#isStale = true
    this.#working ??= this.#work()
  }

  async #work(): Promise<void> {
    while (this.#isStale && !this.#isClosed) {
      this.#isStale = false
      try {
        const takeOver = await this.#options.routes.prepare(routeSetup(this.#sources))
        // What has changed meanwhile is made first: these routes are old already.
        if (!this.#isStale) takeOver()
      } catch (error) {
        this.#options.logger.error({ error: messageOf(error) }, 'routes stay as they were')
      }
    }
    this.#working = undefined
    this.#wait()
  }

  /** Until the next rate begins to hold. */
  #wait(): void {
    clearTimeout(this.#timer)
    const { nextChangeAtMs } = this.#options.routes
    if (this.#isClosed || !Number.isFinite(nextChangeAtMs)) return
    const waitMs = Math.min(MAX_WAIT_MS, Math.max(1, nextChangeAtMs - Date.now()))
    this.#timer = setTimeout(() => this.#renew(), waitMs).unref()
  }
}

function routedCarrier(
  { carrier, config }: ConfiguredCarrier,
  decks: Pick<RateDecks, 'current'>,
): RoutedCarrier {
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
    layoutKey: layoutKeyFor(config),
  }
}

function layoutKeyFor(config: CarrierConfig): string {
  switch (config.type) {
    case 'smpp':
      return layoutKeyOf(config)
    case 'http':
      return httpLayoutKey(config, openAccount(config))
    case 'smtp':
      return SMTP_LAYOUT_KEY
  }
}

/** The check of the file has seen that the tenants exist. */
function withTenantIds(rule: RouteRule, access: Access): RouteRule {
  const tenants = rule.match.tenants?.flatMap((name) => access.tenantNamed(name)?.id ?? [])
  return { ...rule, match: { ...rule.match, tenants } }
}
