import type { Tenant } from '../accounts/access.ts'

/** An account by which a partner binds to us. */
export interface PartnerAccount {
  readonly systemId: string
  readonly password: string
  /** Who pays. */
  readonly tenant: Tenant
  /** Which submits are repetitions, and for how long; 0 seconds: none is. */
  readonly duplicates: { readonly windowSeconds: number; readonly key: string }
}
