import type { Access } from './accounts/access.ts'
import { IssuedKeys } from './accounts/issued-keys.ts'
import { KeyUses } from './accounts/key-uses.ts'
import { Nonces } from './accounts/nonces.ts'
import type { HttpConfig } from './config/http.ts'
import type { Clock } from './core/clock.ts'
import type { Logger } from './core/logger.ts'
import { ClientAddresses } from './http/client-address.ts'
import { KeyGate } from './http/key-gate.ts'
import type { Refusal } from './http/refusal-log.ts'
import type { Store } from './store/open.ts'

/** What {@link openKeys} works with. */
export interface OpenKeysOptions {
  readonly config: Pick<HttpConfig, 'trustedProxies' | 'signatureWindowSeconds'>
  readonly access: Access
  readonly store: Store
  readonly logger: Logger
  readonly clock: Clock
  /** Told of every request that is refused because of its key. */
  readonly onUnauthorized?: (refusal: Refusal) => void
}

/** The keys of the HTTP interface, and who knows callers by them. */
export interface OpenKeys {
  readonly issuedKeys: IssuedKeys
  readonly keyUses: KeyUses
  readonly keyGate: KeyGate
  readonly addresses: ClientAddresses
  /** Stores when keys were used. */
  close(): Promise<void>
}

/** Reads the keys that were made over the API, and begins to note when keys are used. */
export async function openKeys(options: OpenKeysOptions): Promise<OpenKeys> {
  const { config, access, store, logger, clock, onUnauthorized } = options
  const issuedKeys = await IssuedKeys.open(store, logger, clock)
  const keyUses = await KeyUses.open(store, logger)
  const nonces = new Nonces({ store, logger, clock })
  const addresses = new ClientAddresses(config.trustedProxies)
  const keyGate = new KeyGate({
    access,
    issuedKeys,
    keyUses,
    nonces,
    addresses,
    signatureWindowSeconds: config.signatureWindowSeconds,
    logger,
    clock,
    ...(onUnauthorized && { onUnauthorized }),
  })
  keyUses.start()
  nonces.start()
  return {
    issuedKeys,
    keyUses,
    keyGate,
    addresses,
    async close() {
      keyGate.close()
      await nonces.close()
      await keyUses.close()
    },
  }
}
