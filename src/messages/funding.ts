import { sql } from 'drizzle-orm'
import type { Accounts } from '../billing/accounts.ts'
import { type BookingKind, fundingBooking } from '../billing/booking.ts'
import type { Clock } from '../core/clock.ts'
import { GatewayError } from '../core/errors.ts'
import { formatMicros } from '../core/money.ts'
import { OneByOne } from '../core/one-by-one.ts'
import type { Store } from '../store/open.ts'
import type { LiveMessages } from './live.ts'
import type { TableWriter } from './table-writer.ts'

/** Money that comes to a tenant, or goes, otherwise than by messages. */
export interface Payment {
  readonly tenantId: string
  readonly kind: Extract<BookingKind, 'opening' | 'top_up' | 'adjustment' | 'transfer'>
  /** Below 0: it goes. Never 0. */
  readonly micros: bigint
  readonly currency: string
  /** Tells payments of a tenant apart: each is booked once, whoever repeats it. */
  readonly reference: string
  readonly note: string | null
}

/** Money that goes from one tenant to another. */
export interface Transfer extends Omit<Payment, 'tenantId' | 'kind'> {
  /** Id of the tenant that gives. */
  readonly from: string
  /** Id of another tenant. */
  readonly to: string
}

/** What a {@link Funding} is built with. */
export interface FundingOptions {
  readonly store: Store
  readonly live: LiveMessages
  readonly tables: TableWriter
  readonly accounts: Accounts
  readonly clock: Clock
}

/** What has become of a payment. */
export interface Paid {
  /** False: it was booked before. */
  readonly isNew: boolean
  readonly at: Date
}

/** Brings money into the ledger. */
export class Funding {
  readonly #options: FundingOptions
  /** By tenant and reference: whoever repeats a payment while it is booked waits, and then finds it. */
  readonly #payments = new OneByOne()

  constructor(options: FundingOptions) {
    this.#options = options
  }

  /**
   * Books a payment; resolves when the ledger has it.
   *
   * @throws {GatewayError} `payment_differs` where the reference belongs to a payment of another amount,
   *   currency or kind; `payment_refused` where the ledger cannot hold it; `storage_unavailable`
   */
  book(payment: Payment): Promise<Paid> {
    return this.#bookOnce([payment])
  }

  /**
   * Moves money between two tenants, both lines in one batch; resolves when the ledger has it.
   *
   * @param transfer - its amount is above 0
   * @throws {GatewayError} as {@link book}; `balance_insufficient` where the one that gives has not so much;
   *   `account_unlimited` where nothing says how much it has
   */
  transfer({ from, to, micros, ...about }: Transfer): Promise<Paid> {
    const sides = [
      { ...about, kind: 'transfer' as const, tenantId: from, micros: -micros },
      { ...about, kind: 'transfer' as const, tenantId: to, micros },
    ]
    return this.#bookOnce(sides, () => {
      this.#options.accounts.setAside(from, micros, about.currency, about.reference)
    })
  }

  /** @param admit - throws where it cannot be booked; nothing waits between this and the booking */
  #bookOnce(payments: readonly Payment[], admit = () => {}): Promise<Paid> {
    const keys = payments.map(({ tenantId, reference }) => `${tenantId} ${reference}`)
    return this.#payments.run(keys, async () => {
      const { live, tables, clock } = this.#options
      // One whose commit was not seen has to be found below.
      await tables.flush()
      const earlier = await this.#earlier(payments)
      if (earlier) return { isNew: false, at: earlier }
      admit()
      const at = clock()
      live.addBookings(...payments.map((payment) => fundingBooking(payment, at)))
      await tables.flush()
      // What the database refuses for good is not in the ledger, and never will be.
      if ((await this.#earlier(payments)) === undefined) throw refused(payments)
      return { isNew: true, at }
    })
  }

  /** When they were booked before; undefined: their references are free. */
  async #earlier(payments: readonly Payment[]): Promise<Date | undefined> {
    const found = await Promise.all(payments.map((payment) => this.#find(payment)))
    if (found.every((at) => at === undefined)) return undefined
    const [payment] = payments.filter((_, index) => found[index] === undefined)
    if (payment) throw differs(payment)
    return found[0]
  }

  /** When it was booked before. */
  async #find(payment: Payment): Promise<Date | undefined> {
    const { tenantId, kind, micros, currency, reference } = payment
    const [row] = await this.#options.store.query<{
      at: Date | string
      kind: string
      micros: string | bigint
      currency: string
    }>(sql`select at, kind, balance as micros, currency from ledger
      where tenant_id = ${tenantId} and reference = ${reference}`)
    if (!row) return undefined
    const isSame = row.kind === kind && row.currency === currency && BigInt(row.micros) === micros
    if (isSame) return new Date(row.at)
    throw differs(payment)
  }
}

function refused(payments: readonly Payment[]): GatewayError {
  const amounts = payments.map(({ micros, currency }) => `${formatMicros(micros)} ${currency}`)
  return new GatewayError(
    'payment_refused',
    `the ledger cannot hold ${amounts.join(' and ')}: nothing is booked, and the log says why`,
    { pointer: '/amount' },
  )
}

function differs({ reference }: Payment): GatewayError {
  return new GatewayError(
    'payment_differs',
    `the reference "${reference}" belongs to another payment of this tenant: choose a new one`,
    { pointer: '/reference' },
  )
}
