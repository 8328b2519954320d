import { type Access, DEMO_TENANT } from './accounts/access.ts'
import type { CarrierConfig, Config } from './config/schema.ts'
import type { DeckOwner, RateDecks } from './rates/rate-decks.ts'
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

/** What is agreed with a tenant, by its id; kept at hand, because every message asks. */
export function tenantTerms(
  config: Config,
  access: Access,
  decks: RateDecks,
): (tenantId: string) => TenantTerms | undefined {
  const terms = new Map<string, TenantTerms>()
  const settings = new Map(pricedTenants(config).map((tenant) => [tenant.name, tenant.pricing]))
  const refresh = (name: string) => {
    const tenant = access.tenantNamed(name)
    const pricing = settings.get(name)
    if (!tenant || !pricing) return
    terms.set(tenant.id, {
      tariff: decks.current('tenant', name),
      lossMaking: pricing.lossMaking,
    })
  }
  for (const name of settings.keys()) refresh(name)
  decks.onChange((kind, owner) => {
    if (kind === 'tenant') refresh(owner)
  })
  return (tenantId) => terms.get(tenantId)
}

function pricedTenants({
  tenants,
  sandbox,
}: Config): Pick<Config['tenants'][number], 'name' | 'pricing'>[] {
  if (!sandbox) return [...tenants]
  return [{ name: DEMO_TENANT, pricing: { rates: [], lossMaking: 'allow' } }]
}
