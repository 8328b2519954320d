import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { DEMO_TENANT, openAccess, openDemoAccess } from './accounts/access.ts'
import { MadeTenants } from './accounts/made-tenants.ts'
import { Auditing } from './auditing.ts'
import type { ConfigDocuments } from './config/documents.ts'
import { completeCarrier, completePartner } from './config/load.ts'
import type { Config, LogLevel } from './config/schema.ts'
import { systemClock } from './core/clock.ts'
import type { Logger } from './core/logger.ts'
import { type OpenGateway, openGateway } from './open-gateway.ts'
import { type Sandbox, startSandbox } from './sandbox/carriers.ts'
import { createCipher } from './store/cipher.ts'
import { checkEncryptionKeys } from './store/key-check.ts'
import { openStore } from './store/open.ts'
import { withMadeTenants } from './tenant-directory.ts'
import { holdVersion } from './versions/start-version.ts'
import { VersionStore } from './versions/version-store.ts'

/** A running gateway; `close` also closes the database. */
export interface Gateway extends OpenGateway {
  /** What it was started with: that of the file, or of a change after it. */
  readonly config: Config
  /** Set when this start has made the demo tenant's key: it is not shown again. */
  readonly newDemoKey: string | undefined
  /** The account by which an SMPP client can try the sandbox; only without a configuration. */
  readonly demoPartner: { readonly systemId: string; readonly password: string } | undefined
}

/** How {@link startGateway} is told things that are no settings. */
export interface GatewayOptions {
  readonly logger: Logger
  /** Reads the file and what stands in for it; absent: the configuration stays as it is, and has no versions. */
  readonly documents?: ConfigDocuments | undefined
  /** The file holds, even where a change after it would. */
  readonly isConfigFromFile?: boolean
  readonly setLogLevel?: (level: LogLevel) => void
  /** Replace the demo tenant's key, because it was lost. */
  readonly replaceDemoKey?: boolean
}

/**
 * Opens what a gateway stands on, the database, the configuration that holds and who may use it, and then the
 * {@link openGateway | gateway} itself; takes messages when it resolves.
 */
export async function startGateway(ofFile: Config, options: GatewayOptions): Promise<Gateway> {
  const { logger } = options
  /** What to undo, last first, when a later part cannot start. */
  const opened: (() => Promise<void>)[] = []
  try {
    const { keys, active } = ofFile.encryption
    const store = await openStore({ ...ofFile, cipher: createCipher(keys, active) })
    opened.push(() => store.close())
    await checkEncryptionKeys(store)
    const auditing = await Auditing.open(store, logger)
    opened.push(() => auditing.close())
    const versions = new VersionStore(store)
    const made = await MadeTenants.open(store, systemClock)
    const documents = options.documents && withMadeTenants(options.documents, made)
    const isFromFile = options.isConfigFromFile ?? false
    const before = documents && (await versions.newest())
    const held =
      documents &&
      (await holdVersion({ versions, documents, clock: systemClock, logger, isFromFile }))
    if (held && held.version.number !== before?.number) auditing.configFound(before, held.version)
    const config = held?.config ?? ofFile
    options.setLogLevel?.(config.logLevel)
    const sandbox = config.sandbox ? await startOwnSandbox(config, logger) : undefined
    if (sandbox) opened.push(() => sandbox.close())
    const { access, newKey } = sandbox
      ? await openDemoAccess(store, { replaceKey: options.replaceDemoKey ?? false })
      : { access: await openAccess(store, config.tenants, config.adminKeys), newKey: undefined }
    if (newKey) auditing.demoKeyMade(DEMO_TENANT, options.replaceDemoKey ?? false)
    const demoPartner =
      sandbox &&
      completePartner({
        systemId: 'demo',
        password: randomBytes(6).toString('base64url'),
        tenant: DEMO_TENANT,
      })
    const gateway = await openGateway({
      config,
      carrierConfigs: sandbox ? sandbox.carriers.map(completeCarrier) : config.carriers,
      partnerConfigs: demoPartner ? [demoPartner] : config.partners,
      store,
      access,
      made,
      setLogLevel: options.setLogLevel,
      held,
      auditing,
      logger,
      opened,
    })
    return {
      ...gateway,
      config,
      newDemoKey: newKey,
      demoPartner,
      async close() {
        await gateway.close()
        await sandbox?.close()
        await auditing.close()
        await store.close()
      },
    }
  } catch (error) {
    for (const close of opened.reverse()) await close()
    throw error
  }
}

function startOwnSandbox(config: Config, logger: Logger): Promise<Sandbox> {
  return startSandbox({
    stateDir: join(config.dataDir, 'sandbox'),
    log: { info: logger.debug, warn: logger.warn },
  })
}
