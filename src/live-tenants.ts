import { isDeepStrictEqual } from 'node:util'
import { type Access, openAccess } from './accounts/access.ts'
import type { RetentionConfig } from './config/keeping.ts'
import type { Config } from './config/schema.ts'
import type { LivePart } from './live-part.ts'
import { PerConfig } from './per-config.ts'
import type { Store } from './store/open.ts'

/** What {@link LiveTenants} work with. */
export interface LiveTenantsOptions {
  /** The tenants and keys of {@link config}. */
  readonly access: Access
  readonly config: Config
  readonly store: Store
}

/** Tenants with their keys, those of the operator, and how long what is of each is kept. */
export class LiveTenants implements LivePart {
  readonly sections = ['tenants', 'adminKeys', 'retention'] as const
  /** Those that there are; the same object whatever the configuration. */
  readonly access: Access
  readonly #store: Store
  readonly #next = new PerConfig((config) => this.#accessOf(config))
  #config: Pick<Config, 'tenants' | 'adminKeys' | 'retention'>

  constructor({ access, config, store }: LiveTenantsOptions) {
    this.access = access
    this.#config = config
    this.#store = store
  }

  /**
   * The tenants as they will be, for parts that prepare for the same configuration and know tenants by
   * their names.
   */
  accessOf(next: Config): Promise<Access> {
    return this.#next.of(next)
  }

  /** How long what is of a tenant is kept, by its name; undefined asks for what belongs to none. */
  readonly keptFor = (tenant: string | undefined): RetentionConfig => {
    const { tenants, retention } = this.#config
    return tenants.find(({ name }) => name === tenant)?.retention ?? retention
  }

  async prepare(next: Config): Promise<() => void> {
    const access = await this.accessOf(next)
    return () => {
      this.access.takeOver(access)
      this.#config = next
      this.#next.forget()
    }
  }

  async #accessOf(next: Config): Promise<Access> {
    const isSame = isDeepStrictEqual(keysOf(next), keysOf(this.#config))
    return isSame ? this.access : openAccess(this.#store, next.tenants, next.adminKeys)
  }
}

function keysOf({ tenants, adminKeys }: Pick<Config, 'tenants' | 'adminKeys'>) {
  const known = tenants.map(({ name, apiKeys, status, parent }) => {
    return { name, apiKeys, status, parent }
  })
  return [known, adminKeys]
}
