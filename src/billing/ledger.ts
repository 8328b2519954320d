import type { Store } from '../store/open.ts'
import { Accounts, type CreditTerms } from './accounts.ts'
import { loadMarks } from './balance-marks.ts'
import type { BalanceChange } from './balance-watch.ts'
import type { Booking } from './booking.ts'
import { CHAIN_START, type ChainHead, type LedgerBatch, sealBatch } from './ledger-chain.ts'
import { loadAccounts, loadChainHead } from './ledger-tables.ts'
import { loadVolumes } from './volume-tables.ts'
import { Volumes } from './volumes.ts'

/**
 * Where the ledger stands: its latest batch, and the accounts as its lines and the acceptances since
 * have left them. Who writes the tables seals each batch here and says when it is written.
 */
export class Ledger {
  readonly accounts: Accounts
  /** What tenants have sent, by which their prices go. */
  readonly volumes = new Volumes()
  #head: ChainHead = CHAIN_START

  /**
   * @param termsFor - what is agreed with a tenant about its account
   * @param onBalance - told of accounts that run low
   */
  constructor(
    termsFor?: (tenantId: string) => CreditTerms | undefined,
    onBalance?: (change: BalanceChange) => void,
  ) {
    this.accounts = new Accounts(termsFor, onBalance)
  }

  /** Takes over what the tables say; call it before anything is booked. */
  async load(store: Store, at: Date): Promise<void> {
    this.accounts.load(await loadAccounts(store), await loadMarks(store))
    this.volumes.load(await loadVolumes(store, at))
    await this.findEnd(store)
  }

  /** Looks for the latest batch: it may be another than was known when the answer to a commit was lost. */
  async findEnd(store: Store): Promise<void> {
    this.#head = await loadChainHead(store)
  }

  /** The next batch; it counts once {@link follow} says that it is written. */
  seal(bookings: readonly Booking[]): LedgerBatch {
    return sealBatch(this.#head, bookings)
  }

  /** A batch is written; one without lines is none. */
  follow(batch: LedgerBatch): void {
    if (batch.bookings.length > 0) this.#head = batch
  }
}
