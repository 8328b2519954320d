import { type Access, DEMO_TENANT } from './accounts/access.ts'
import type { Accounts, CreditTerms } from './billing/accounts.ts'
import type { TenantCharging } from './billing/charges.ts'
import { PriceConversion } from './billing/price-conversion.ts'
import type { OpeningBalance, TenantBilling } from './config/billing.ts'
import type { Config } from './config/schema.ts'
import { USUAL_TERMS } from './core/charging.ts'
import { GatewayError, messageOf } from './core/errors.ts'
import type { Logger } from './core/logger.ts'
import type { LivePart } from './live-part.ts'
import type { LiveTenants } from './live-tenants.ts'
import type { Funding } from './messages/funding.ts'

/** What {@link LiveBilling} works with. */
export interface LiveBillingOptions {
  readonly config: Config
  readonly tenants: LiveTenants
  readonly logger: Logger
  /** Told of every opening balance that was booked. */
  readonly onOpened?: (tenantId: string, balance: OpeningBalance) => void
}

/** How tenants pay, by the configuration. */
export class LiveBilling implements LivePart {
  readonly sections = ['billing', 'tenants'] as const
  readonly #tenants: LiveTenants
  readonly #logger: Logger
  readonly #onOpened: LiveBillingOptions['onOpened']
  #config: Config
  /** By tenant; at hand, because every message asks. */
  #terms: ReadonlyMap<string, TenantBilling>
  #conversion: PriceConversion
  #funding: Funding | undefined
  #accounts: Accounts | undefined

  constructor({ config, tenants, logger, onOpened }: LiveBillingOptions) {
    this.#tenants = tenants
    this.#logger = logger
    this.#onOpened = onOpened
    this.#config = config
    this.#terms = termsOf(config, tenants.access)
    this.#conversion = new PriceConversion(config.billing.conversions)
  }

  /** How a tenant's messages are charged; undefined: billing is off, or the tenant is gone. */
  readonly chargingFor = (tenantId: string): TenantCharging | undefined => this.#terms.get(tenantId)

  readonly creditFor = (tenantId: string): CreditTerms | undefined => this.#terms.get(tenantId)

  readonly conversion = (): PriceConversion => this.#conversion

  /**
   * Books the opening balances that are new, now and with every configuration that brings some, and looks which
   * accounts are low by what is agreed.
   */
  async open(funding: Funding, accounts: Accounts): Promise<void> {
    this.#funding = funding
    this.#accounts = accounts
    for (const balance of this.#config.billing.balances) await this.#bookOpening(balance)
    accounts.lookAtAll()
  }

  async prepare(next: Config): Promise<() => void> {
    const access = await this.#tenants.accessOf(next)
    const terms = termsOf(next, access)
    const conversion = new PriceConversion(next.billing.conversions)
    return () => {
      const before = this.#terms
      this.#config = next
      this.#terms = terms
      this.#conversion = conversion
      for (const [tenantId, agreed] of terms) {
        if (!mayTellAlike(before.get(tenantId), agreed)) this.#accounts?.lookAt(tenantId)
      }
      for (const balance of next.billing.balances) {
        this.#bookOpening(balance).catch((error: unknown) => {
          this.#logger.error(
            { tenant: balance.tenant, error: messageOf(error) },
            'an opening balance could not be booked',
          )
        })
      }
    }
  }

  async #bookOpening(balance: OpeningBalance): Promise<void> {
    const { tenant: name, micros, currency } = balance
    const tenant = this.#tenants.access.tenantNamed(name)
    if (!tenant || micros === 0n) return
    const payment = {
      tenantId: tenant.id,
      kind: 'opening' as const,
      micros,
      currency,
      reference: `opening balance in ${currency}`,
      note: 'from the configuration',
    }
    try {
      const paid = await this.#funding?.book(payment)
      if (!paid?.isNew) return
      this.#logger.info({ tenant: name, currency }, 'an opening balance is booked')
      this.#onOpened?.(tenant.id, balance)
    } catch (error) {
      if (!(error instanceof GatewayError && error.code === 'payment_differs')) throw error
      this.#logger.warn(
        { tenant: name, currency },
        'another opening balance was booked before: the one in the configuration is left out',
      )
    }
  }
}

/** Whether a tenant's account is low, or used up, by the one as by the other. */
function mayTellAlike(before: TenantBilling | undefined, after: TenantBilling): boolean {
  return (
    before?.creditLimitMicros === after.creditLimitMicros &&
    before?.lowBalanceMicros === after.lowBalanceMicros &&
    before?.currency === after.currency
  )
}

function termsOf(
  { billing, tenants, sandbox }: Config,
  access: Access,
): Map<string, TenantBilling> {
  if (!billing.enabled) return new Map()
  const demo = {
    charging: USUAL_TERMS,
    tiers: [],
    currency: undefined,
    creditLimitMicros: undefined,
    minMargin: undefined,
    lowBalanceMicros: undefined,
  }
  const all = sandbox ? [{ name: DEMO_TENANT, billing: demo }] : tenants
  return new Map(
    all.flatMap(({ name, billing: terms }) => {
      const tenant = access.tenantNamed(name)
      return tenant ? [[tenant.id, terms] as const] : []
    }),
  )
}
