import type { BalanceChange } from './billing/balance-watch.ts'
import { Charges } from './billing/charges.ts'
import { Ledger } from './billing/ledger.ts'
import { LedgerArchive } from './billing/ledger-archive.ts'
import { StatementArchive } from './billing/statement-archive.ts'
import { UsageArchive } from './billing/usage-archive.ts'
import { UsageRetention } from './billing/usage-retention.ts'
import { UsageRollUp } from './billing/usage-roll-up.ts'
import type { Config } from './config/schema.ts'
import type { Clock } from './core/clock.ts'
import type { Logger } from './core/logger.ts'
import { LiveBilling, type LiveBillingOptions } from './live-billing.ts'
import type { LiveTenants } from './live-tenants.ts'
import { BalanceNotices, type BalanceNoticesOptions } from './messages/balance-notices.ts'
import type { Store } from './store/open.ts'

/** What {@link openBilling} works with. */
export interface OpenBillingOptions {
  readonly config: Config
  readonly tenants: LiveTenants
  readonly tenantName: (tenantId: string) => string
  /** Whose webhooks are told that a balance is low, and how they are told at once. */
  readonly recipientsFor: BalanceNoticesOptions['recipientsFor']
  readonly onTold: BalanceNoticesOptions['onTold']
  readonly onOpened: NonNullable<LiveBillingOptions['onOpened']>
  /** Told of every balance that crosses one of its marks. */
  readonly onBalance: (change: BalanceChange) => void
  /** Has the tables catch up with what has happened. */
  readonly flush: () => Promise<void>
  readonly store: Store
  readonly logger: Logger
  readonly clock: Clock
}

/** The accounts of tenants, what is written of them, and what is read. */
export interface OpenBilling {
  /** What the configuration says of money. */
  readonly terms: LiveBilling
  readonly ledger: Ledger
  readonly charges: Charges
  readonly usageRetention: UsageRetention
  readonly ledgerArchive: LedgerArchive
  readonly statements: StatementArchive
  readonly usage: UsageArchive
  /** Begins to add usage up. */
  start(): void
  /** Adds up what is left, and writes which tenants are to be told; call it when the tables are written. */
  close(): Promise<void>
}

/** Reads the accounts, and connects what books on them with what tells of them. */
export async function openBilling(options: OpenBillingOptions): Promise<OpenBilling> {
  const { config, tenants, onOpened, onBalance, flush, store, logger, clock } = options
  const terms = new LiveBilling({ config, tenants, logger, onOpened })
  const notices = new BalanceNotices(options)
  const ledger = new Ledger(terms.creditFor, (change) => {
    onBalance(change)
    notices.keep(change)
  })
  await ledger.load(store, clock())
  const rollUp = new UsageRollUp({ store, logger })
  return {
    terms,
    ledger,
    charges: new Charges({
      accounts: ledger.accounts,
      volumes: ledger.volumes,
      termsFor: terms.chargingFor,
      conversion: terms.conversion,
    }),
    usageRetention: new UsageRetention(store, config.usage),
    ledgerArchive: new LedgerArchive(store, flush),
    statements: new StatementArchive(store, flush),
    usage: new UsageArchive(store, flush),
    start: () => rollUp.start(),
    async close() {
      await rollUp.close()
      await notices.close()
    },
  }
}
