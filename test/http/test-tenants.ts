import type { Access } from '../../src/accounts/access.ts'
import { MadeTenants } from '../../src/accounts/made-tenants.ts'
import { parseConfig } from '../../src/config/load.ts'
import { systemClock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { LiveConfig } from '../../src/live-config.ts'
import { LiveTenants } from '../../src/live-tenants.ts'
import type { Store } from '../../src/store/open.ts'
import { LiveTenantDirectory, withMadeTenants } from '../../src/tenant-directory.ts'
import { Configuration } from '../../src/versions/configuration.ts'
import { VersionStore } from '../../src/versions/version-store.ts'

/** A tenant as a test has it in the configuration. */
export interface ConfiguredTenant {
  readonly name: string
  readonly apiKeys: readonly string[]
  readonly [key: string]: unknown
}

/** The tenants of a gateway that goes by a configuration with nothing else in it. */
export async function openTenants(
  store: Store,
  access: Access,
  tenants: readonly ConfiguredTenant[],
  adminKeys: readonly string[],
): Promise<LiveTenantDirectory> {
  const made = await MadeTenants.open(store, systemClock)
  const text = JSON.stringify({ tenants: tenants.map(({ apiKeys: _keys, ...others }) => others) })
  const keys = new Map(tenants.map(({ name, apiKeys }) => [name, apiKeys]))
  const documents = withMadeTenants(
    {
      readText: () => text,
      parse: (written, others) => {
        const file = { path: '/linehaul.yaml', text: written }
        const config = parseConfig(file, { env: {}, cwd: '/' }, others)
        // A file may not have one key twice, as the demo does.
        const withKeys = config.tenants.map((each) => {
          return { ...each, apiKeys: keys.get(each.name) ?? [] }
        })
        return { ...config, tenants: withKeys, adminKeys }
      },
    },
    made,
  )
  const config = documents.parse(text)
  const live = new LiveConfig(config)
  live.add([new LiveTenants({ access, config, store })])
  const configuration = new Configuration({
    versions: new VersionStore(store),
    documents,
    version: {
      number: 1,
      at: new Date(),
      source: 'start',
      who: null,
      comment: '',
      rolledBackTo: null,
      text,
    },
    config,
    live,
    clock: systemClock,
    logger: silentLogger,
  })
  return new LiveTenantDirectory({ made, access, running: () => live.running, configuration })
}
