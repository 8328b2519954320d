import type { Access } from './accounts/access.ts'
import type { Tenant } from './accounts/caller.ts'
import type { MadeTenant, MadeTenants } from './accounts/made-tenants.ts'
import type { ConfigDocuments } from './config/documents.ts'
import { ConfigError } from './config/mistake.ts'
import type { Config, TenantConfig } from './config/schema.ts'
import { documentPath } from './config/tenants.ts'
import { GatewayError } from './core/errors.ts'
import { formatMicros } from './core/money.ts'
import type { NewTenant, TenantBody, TenantChange, TenantDirectory } from './http/routes/tenants.ts'
import type { Configuration } from './versions/configuration.ts'

/** What {@link LiveTenantDirectory} works with. */
export interface TenantDirectoryOptions {
  readonly made: MadeTenants
  readonly access: Access
  /** What the gateway goes by now. */
  readonly running: () => Config
  /** Undefined: without a configuration file no tenant can be made. */
  readonly configuration: Configuration | undefined
}

/** Documents that have the tenants of the API besides their own, wherever they are read. */
export function withMadeTenants(documents: ConfigDocuments, made: MadeTenants): ConfigDocuments {
  return {
    readText: () => documents.readText(),
    parse: (text, others = made.documents) => documents.parse(text, others),
  }
}

/** The tenants of the file and of the API, as the running gateway goes by them; those of the API can change. */
export class LiveTenantDirectory implements TenantDirectory {
  readonly #options: TenantDirectoryOptions
  #index: { readonly of: Config['tenants']; readonly byName: ReadonlyMap<string, TenantConfig> }
  #names: readonly string[] = []

  constructor(options: TenantDirectoryOptions) {
    this.#options = options
    this.#index = { of: [], byName: new Map() }
  }

  get names(): readonly string[] {
    this.#byName()
    return this.#names
  }

  find(name: string): TenantBody | undefined {
    const config = this.#byName().get(name)
    const { access } = this.#options
    const tenant = access.tenantNamed(name)
    return config && tenant && bodyOf(config, tenant.id, access.tree.statusOf(tenant.id))
  }

  async make(
    { name, ...settings }: NewTenant,
    isNewName: boolean,
    by: Tenant | undefined,
  ): Promise<void> {
    const { made } = this.#options
    await this.#put(name, async () => {
      if (this.#byName().has(name) || (isNewName && (await made.wasKnown(name)))) {
        throw new GatewayError('tenant_exists', `there is a tenant ${JSON.stringify(name)}`, {
          pointer: '/name',
        })
      }
      return { name, settings: withoutNothing(settings), statusBy: by?.id ?? null }
    })
  }

  async change(name: string, change: TenantChange, by: Tenant | undefined): Promise<void> {
    await this.#put(name, async () => {
      const tenant = this.#options.made.find(name)
      if (this.#byName().get(name)?.source !== 'api' || !tenant) {
        throw new GatewayError(
          'tenant_of_file',
          `the tenant ${JSON.stringify(name)} stands in the configuration: change it there (tenants)`,
        )
      }
      const statusBy = this.#statusSetter(tenant, change, by)
      return { name, settings: changed(tenant.settings, change), statusBy }
    })
  }

  /**
   * Who has set the status that a tenant is to have.
   *
   * @throws {GatewayError} `forbidden` where a reseller would lift a suspension that is not its own
   */
  #statusSetter(
    { settings, statusBy }: MadeTenant,
    { status }: TenantChange,
    by: Tenant | undefined,
  ): string | null {
    if (status === undefined) return statusBy
    if (by === undefined) return null
    const present = settings.status ?? 'active'
    if (status === present) return statusBy
    const { tree } = this.#options.access
    const isOwn = statusBy !== null && (statusBy === by.id || tree.isBelow(statusBy, by.id))
    if (present === 'suspended' && status === 'active' && !isOwn) {
      throw new GatewayError(
        'forbidden',
        'it was suspended by an operator or by a tenant above yours, who alone let it go on',
      )
    }
    return by.id
  }

  /** Lets a tenant count as it is to be, and stores it; in the place of the one of its name. */
  async #put(name: string, tenantOf: () => Promise<MadeTenant>): Promise<void> {
    const { configuration, made } = this.#options
    if (!configuration) {
      throw new GatewayError(
        'config_file_missing',
        'the gateway was started without a configuration file: write one, and start it again',
      )
    }
    try {
      await configuration.changeTenants(async () => {
        const tenant = await tenantOf()
        return { tenants: made.documentsWith(tenant), keep: () => made.keep(tenant) }
      })
    } catch (error) {
      throw error instanceof ConfigError ? invalid(name, error) : error
    }
  }

  #byName(): ReadonlyMap<string, TenantConfig> {
    const { tenants } = this.#options.running()
    if (this.#index.of !== tenants) {
      const byName = new Map(tenants.map((tenant) => [tenant.name, tenant]))
      this.#index = { of: tenants, byName }
      this.#names = [...byName.keys()].sort()
    }
    return this.#index.byName
  }
}

type Settings = MadeTenant['settings']

/** What a change makes of settings: mappings key by key, and null takes away. */
function changed(settings: Settings, change: TenantChange): Settings {
  const next: Record<string, unknown> = { ...settings }
  for (const [key, value] of Object.entries(change)) {
    const isMapping = typeof value === 'object' && value !== null
    next[key] = isMapping ? withoutNothing({ ...mappingOf(settings[key]), ...value }) : value
  }
  return withoutNothing(next)
}

function mappingOf(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {}
}

function withoutNothing(settings: object): Settings {
  const kept = Object.entries(settings).filter(([, value]) => value !== null && value !== undefined)
  return Object.fromEntries(kept)
}

/** The mistakes of a tenant's settings as faults of the request. */
function invalid(name: string, { mistakes }: ConfigError): GatewayError {
  const place = documentPath(name)
  const [own] = mistakes.filter(({ path }) => path.startsWith(`${place}.`))
  const pointer = own?.path.slice(place.length).replaceAll('.', '/')
  return new GatewayError(
    'tenant_invalid',
    mistakes.map(({ path, message }) => `${path}: ${message}`).join('; '),
    pointer === undefined ? {} : { pointer },
  )
}

function bodyOf(
  config: TenantConfig,
  id: string,
  effectiveStatus: TenantBody['effective_status'],
): TenantBody {
  const { name, source, parent = null, status, retention, pricing, billing } = config
  const { charging, currency = null, creditLimitMicros: limit } = billing
  return {
    id,
    name,
    source,
    parent,
    status,
    effective_status: effectiveStatus,
    billing: {
      currency,
      credit_limit: limit === undefined ? null : formatMicros(limit),
      charge_per: charging.unit,
      charge_on: charging.on,
      charge_failed: charging.chargesFailed,
      charge_unconfirmed: charging.chargesUnconfirmed,
      // One percent is 10,000 millionths.
      tax_percent: formatMicros(BigInt(charging.taxPpm) * 100n),
    },
    retention: { days: retention.days ?? null, body_days: retention.bodyDays ?? null },
    loss_making: pricing.lossMaking,
  }
}
