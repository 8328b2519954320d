import type { Tenant } from '../accounts/caller.ts'
import type { DialectConfig } from '../config/dialect.ts'
import type { PartnerAccess } from '../config/partner-access.ts'
import type { PartnerStatuses } from '../config/partner-statuses.ts'
import type { PartnerConfig } from '../config/partners.ts'
import type { TrafficClass } from '../core/policy.ts'
import { SubmitTerms } from './submit-terms.ts'

/** An account by which a partner binds to us. */
export interface PartnerAccount {
  readonly systemId: string
  /** As it is, or its hash. */
  readonly password: string
  /** Who pays. */
  readonly tenant: Tenant
  /** Which submits are repetitions, and for how long; 0 seconds: none is. */
  readonly duplicates: { readonly windowSeconds: number; readonly key: string }
  /** How it may bind, and the figures of its sessions. */
  readonly access: PartnerAccess
  /** What its submits may be. */
  readonly terms: SubmitTerms
  /** What its software expects of the ids and receipts that it gets. */
  readonly dialect: DialectConfig
  /** What its refusals are answered with, where that is not as usual. */
  readonly statuses: PartnerStatuses
}

/**
 * The account of a partner's settings.
 *
 * @param usualValiditySeconds - validity of a message of a class when nobody names one
 */
export function partnerAccount(
  config: PartnerConfig,
  tenant: Tenant,
  usualValiditySeconds: (trafficClass: TrafficClass) => number,
): PartnerAccount {
  const { systemId, password, duplicateWindowSeconds, duplicateKey } = config
  return {
    systemId,
    password,
    tenant,
    duplicates: { windowSeconds: duplicateWindowSeconds, key: duplicateKey },
    access: config,
    terms: new SubmitTerms({ ...config, usualValiditySeconds }),
    dialect: config.dialect,
    statuses: config.statuses,
  }
}
