import type { Access } from './accounts/access.ts'
import type { PartnerConfig } from './config/partners.ts'
import type { Config } from './config/schema.ts'
import type { Clock } from './core/clock.ts'
import { GatewayError } from './core/errors.ts'
import type { LimitKind, LimitPolicy, LimitScope } from './core/limits.ts'
import type { Logger } from './core/logger.ts'
import { CounterKeeper } from './limits/counter-keeper.ts'
import { Limits, type LimitTerms } from './limits/limits.ts'
import { MemoryStore } from './limits/memory-store.ts'
import { RedisStore } from './limits/redis-store.ts'
import { RuleBook } from './limits/rule-book.ts'
import type { LivePart } from './live-part.ts'
import type { LiveTenants } from './live-tenants.ts'
import { knownCountries } from './routing/number.ts'
import { convertedMicros } from './routing/tenant-price.ts'
import type { Store } from './store/open.ts'

/** What {@link openLimits} works with. */
export interface OpenLimitsOptions {
  readonly config: Config
  readonly partners: readonly PartnerConfig[]
  readonly tenants: LiveTenants
  readonly store: Store
  readonly logger: Logger
  readonly clock: Clock
  readonly onRefused: (scope: LimitScope, kind: LimitKind) => void
}

/** Limits that are counted, and go by another configuration when it changes; what was taken stays. */
export interface OpenLimits extends LivePart {
  readonly limits: Limits
  /** Stores what was counted. */
  close(): Promise<void>
}

/**
 * Counts in memory, with what earlier runs have counted; or in Redis, where one is configured.
 *
 * @throws {GatewayError} `config_invalid` for a country that there is not
 */
export async function openLimits(options: OpenLimitsOptions): Promise<OpenLimits> {
  const { config, partners, tenants, store, logger, clock, onRefused } = options
  const terms = termsOf(config, partners, tenants.access)
  const memory = new MemoryStore()
  const { redis } = config
  // What Redis counts, Redis keeps; the memory that stands in for it starts from nothing.
  const keeper = redis ? undefined : new CounterKeeper({ store, memory, logger, clock })
  const counting = redis ? await RedisStore.open({ ...redis, fallback: memory, logger }) : memory
  await keeper?.load()
  keeper?.start()
  const limits = new Limits(terms, {
    store: counting,
    fingerprint: (number) => store.cipher.fingerprint(number),
    clock,
    onRefused,
  })
  return {
    limits,
    // Of the partners the segments per second, of the routing what currencies are worth.
    sections: ['limits', 'tenants', 'partners', 'routing'],
    async prepare(next) {
      const changed = termsOf(next, next.partners, await tenants.accessOf(next))
      return () => limits.replace(changed)
    },
    async close() {
      await keeper?.close()
      await limits.close()
    },
  }
}

function termsOf(
  { limits, routing }: Config,
  partners: readonly PartnerConfig[],
  access: Access,
): LimitTerms {
  const { conversion } = routing
  return {
    rules: new RuleBook(withPaces(checked(limits), partners), (scope, name) =>
      scope === 'tenant' ? access.tenantNamed(name)?.id : name,
    ),
    convert: (amount, currency) => {
      const micros = convertedMicros(amount, currency, conversion)
      return micros === undefined ? undefined : Number(micros)
    },
  }
}

/** Adds the segments per second of the partners' accounts. */
function withPaces(policy: LimitPolicy, partners: readonly PartnerConfig[]): LimitPolicy {
  const { own, usual } = policy
  const paced = partners.map(({ systemId, segmentsPerSecond, burst }) => {
    const allowance = own.partner?.get(systemId) ?? usual.partner
    return [systemId, { ...allowance, segmentsPerSecond, segmentsBurst: burst }] as const
  })
  return { ...policy, own: { ...own, partner: new Map(paced) } }
}

function checked(policy: LimitPolicy): LimitPolicy {
  const known = new Set(knownCountries().map(({ country }) => country))
  for (const country of policy.own.country?.keys() ?? []) {
    if (known.has(country)) continue
    throw new GatewayError(
      'config_invalid',
      `The configuration has a mistake:\n  limits.countries: there is no country "${country}" with numbers (ISO 3166)`,
    )
  }
  return policy
}
