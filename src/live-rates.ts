import { type Access, DEMO_TENANT } from './accounts/access.ts'
import type { Tenant } from './accounts/caller.ts'
import type { TenantBilling } from './config/billing.ts'
import type { CarrierConfig, Config, TenantConfig } from './config/schema.ts'
import type { LivePart } from './live-part.ts'
import type { LiveTenants } from './live-tenants.ts'
import { PerConfig } from './per-config.ts'
import type { CurrentDeck, DeckOwner, NextDecks, RateDecks } from './rates/rate-decks.ts'
import type { TenantTerms } from './routing/tenant-price.ts'

/** Every carrier and tenant that may have a rate deck, with the rates that the configuration gives. */
export function deckOwners(config: Config, carriers: readonly CarrierConfig[]): DeckOwner[] {
  const tenants = pricedTenants(config)
  return [
    ...carriers.map(({ name, rates }) => ({ kind: 'carrier' as const, name, rates })),
    ...tenants.map(({ name, pricing }) => ({
      kind: 'tenant' as const,
      name,
      rates: pricing.rates,
    })),
  ]
}

/** What {@link LiveRates} work with. */
export interface LiveRatesOptions {
  readonly config: Config
  /** With the owners of {@link config}. */
  readonly decks: RateDecks
  readonly tenants: LiveTenants
}

/** The rates of carriers and tenants that stand in the configuration, and what is agreed with tenants. */
export class LiveRates implements LivePart {
  readonly sections = ['carriers', 'tenants', 'billing'] as const
  readonly #decks: RateDecks
  readonly #tenants: LiveTenants
  readonly #next = new PerConfig((config) =>
    this.#decks.prepare(deckOwners(config, config.carriers)),
  )
  #config: Config
  #terms: ReadonlyMap<string, TenantTerms>

  constructor({ config, decks, tenants }: LiveRatesOptions) {
    this.#decks = decks
    this.#tenants = tenants
    this.#config = config
    this.#terms = termsOf(config, tenants.access, decks)
    decks.onChange((kind) => {
      if (kind === 'tenant') this.#terms = termsOf(this.#config, tenants.access, decks)
    })
  }

  /** What is agreed with a tenant, by its id; at hand, because every message asks. */
  readonly termsFor = (tenantId: string): TenantTerms | undefined => this.#terms.get(tenantId)

  /** The decks as they will be, for parts that prepare for the same configuration. */
  decksOf(next: Config): Promise<NextDecks> {
    return this.#next.of(next)
  }

  async prepare(next: Config): Promise<() => void> {
    const decks = await this.decksOf(next)
    const access = await this.#tenants.accessOf(next)
    return () => {
      decks.takeOver()
      this.#config = next
      this.#terms = termsOf(next, access, decks)
      this.#next.forget()
    }
  }
}

function termsOf(
  config: Config,
  access: Access,
  decks: Pick<RateDecks, 'current'>,
): ReadonlyMap<string, TenantTerms> {
  return new Map(
    pricedTenants(config).flatMap(({ name, pricing: { lossMaking }, minMargin }) => {
      const tenant = access.tenantNamed(name)
      if (!tenant) return []
      return [[tenant.id, { tariff: tariffOf(tenant, access, decks), lossMaking, minMargin }]]
    }),
  )
}

/** The deck of a tenant; where that has no rates, the one of the next tenant above it that has some. */
function tariffOf(
  { id, name }: Tenant,
  access: Access,
  decks: Pick<RateDecks, 'current'>,
): CurrentDeck | undefined {
  const own = decks.current('tenant', name)
  const inherited = access.tree.chainOf(id).map((each) => decks.current('tenant', each.name))
  return [own, ...inherited].find((deck) => deck && deck.deck.rates.length > 0) ?? own
}

type PricedTenant = Pick<TenantConfig, 'name' | 'pricing'> & Pick<TenantBilling, 'minMargin'>

function pricedTenants({ tenants, sandbox }: Config): PricedTenant[] {
  if (sandbox) {
    const pricing = { rates: [], lossMaking: 'allow' as const }
    return [{ name: DEMO_TENANT, pricing, minMargin: undefined }]
  }
  return tenants.map(({ name, pricing, billing }) => {
    return { name, pricing, minMargin: billing.minMargin }
  })
}
