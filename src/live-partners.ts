import { isDeepStrictEqual } from 'node:util'
import type { Access } from './accounts/access.ts'
import type { PartnerConfig } from './config/partners.ts'
import type { Config } from './config/schema.ts'
import type { SmppConfig } from './config/smpp-listeners.ts'
import { isPasswordHash, isPasswordOf } from './core/password.ts'
import type { LivePart } from './live-part.ts'
import type { LiveTenants } from './live-tenants.ts'
import type { PolicyFor } from './messages/settle.ts'
import { type PartnerAccount, partnerAccount } from './partners/account.ts'
import type { PartnerServer } from './partners/partner-server.ts'
import { checkTls } from './tls-check.ts'

/** What {@link LivePartners} work with. */
export interface LivePartnersOptions {
  /** With the accounts of {@link partners}, by {@link smpp}. */
  readonly server: PartnerServer
  readonly partners: readonly PartnerConfig[]
  readonly smpp: SmppConfig
  readonly tenants: LiveTenants
  readonly policyFor: PolicyFor
}

/** The accounts of partners, and the certificates by which our SMPP server shows who it is. */
export class LivePartners implements LivePart {
  readonly sections = ['partners', 'tenants', 'smpp'] as const
  readonly #options: LivePartnersOptions
  #partners: ReadonlyMap<string, PartnerConfig>

  constructor(options: LivePartnersOptions) {
    this.#options = options
    this.#partners = bySystemId(options.partners)
  }

  /** Only certificates and keys change while the server listens. */
  waiting({ smpp }: Config): readonly ['smpp'] | readonly [] {
    const isSame = isDeepStrictEqual(withoutPems(smpp), withoutPems(this.#options.smpp))
    return isSame ? [] : ['smpp']
  }

  async prepare(next: Config): Promise<() => void> {
    const { server, tenants, policyFor } = this.#options
    const { smpp } = next
    if (smpp.tls) checkTls('the SMPP server', smpp.tls)
    const access = await tenants.accessOf(next)
    const present = new Map(server.accounts.map((account) => [account.systemId, account]))
    const accounts = partnerAccounts(next.partners, access, policyFor).map((account) => {
      const { systemId, tenant } = account
      const known = present.get(systemId)
      // Sessions of an account where nothing has changed are left alone.
      const isSame =
        known?.tenant.id === tenant.id &&
        isDeepStrictEqual(this.#partners.get(systemId), account.access)
      return known && isSame ? known : account
    })
    const locked = await this.#withOtherPassword(next.partners)
    return () => {
      server.follow(accounts, locked, smpp.tls)
      this.#partners = bySystemId(next.partners)
    }
  }

  /** A password that now stands as its hash is the same. */
  async #withOtherPassword(partners: readonly PartnerConfig[]): Promise<ReadonlySet<string>> {
    const locked = new Set<string>()
    for (const { systemId, password } of partners) {
      const before = this.#partners.get(systemId)?.password
      if (before === undefined || before === password) continue
      const isHashed = isPasswordHash(password) && !isPasswordHash(before)
      if (!isHashed || !(await isPasswordOf(before, password))) locked.add(systemId)
    }
    return locked
  }
}

/** The accounts of the partners whose tenants there are, except those of tenants that are closed. */
export function partnerAccounts(
  partners: readonly PartnerConfig[],
  access: Access,
  policyFor: PolicyFor,
): PartnerAccount[] {
  return partners.flatMap((partner) => {
    const tenant = access.tenantNamed(partner.tenant)
    if (!tenant || access.tree.statusOf(tenant.id) === 'closed') return []
    return [partnerAccount(partner, tenant, (kind) => policyFor(kind).validitySeconds)]
  })
}

function bySystemId(partners: readonly PartnerConfig[]): ReadonlyMap<string, PartnerConfig> {
  return new Map(partners.map((partner) => [partner.systemId, partner]))
}

function withoutPems({ tls, ...others }: SmppConfig) {
  return { ...others, tls: tls && { port: tls.port, proxyProtocol: tls.proxyProtocol } }
}
