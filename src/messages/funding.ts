import { sql } from 'drizzle-orm'
import type { Booking } from '../billing/booking.ts'
import type { Clock } from '../core/clock.ts'
import { GatewayError } from '../core/errors.ts'
import type { Store } from '../store/open.ts'
import type { LiveMessages } from './live.ts'
import type { TableWriter } from './table-writer.ts'

/** Money that comes to a tenant, or goes, otherwise than by messages. */
export interface Payment {
  readonly tenantId: string
  readonly kind: 'opening' | 'top_up' | 'adjustment'
  /** Below 0: it goes. Never 0. */
  readonly micros: bigint
  readonly currency: string
  /** Tells payments of a tenant apart: each is booked once, whoever repeats it. */
  readonly reference: string
  readonly note: string | null
}

/** What a {@link Funding} is built with. */
export interface FundingOptions {
  readonly store: Store
  readonly live: LiveMessages
  readonly tables: TableWriter
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
  /** Payments that are on their way into the ledger, by tenant and reference. */
  readonly #running = new Map<string, Promise<unknown>>()

  constructor(options: FundingOptions) {
    this.#options = options
  }

  /**
   * Books a payment; resolves when the ledger has it.
   *
   * @throws {GatewayError} `payment_differs` where the reference belongs to a payment of another amount,
   *   currency or kind
   */
  async book(payment: Payment): Promise<Paid> {
    const key = `${payment.tenantId} ${payment.reference}`
    // Whoever repeats it while it is booked waits, and then finds it.
    while (this.#running.has(key)) await this.#running.get(key)
    const booking = this.#bookOnce(payment)
    this.#running.set(
      key,
      booking.catch(() => {}),
    )
    try {
      return await booking
    } finally {
      this.#running.delete(key)
    }
  }

  async #bookOnce(payment: Payment): Promise<Paid> {
    const { live, tables, clock } = this.#options
    const earlier = await this.#find(payment)
    if (earlier) return { isNew: false, at: earlier }
    const at = clock()
    live.addBooking(bookingOf(payment, at))
    await tables.flush()
    return { isNew: true, at }
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
    throw new GatewayError(
      'payment_differs',
      `the reference "${reference}" belongs to another payment of this tenant: choose a new one`,
      { pointer: '/reference' },
    )
  }
}

function bookingOf(payment: Payment, at: Date): Booking {
  const { kind, tenantId, currency, micros, reference, note } = payment
  return {
    kind,
    at,
    tenantId,
    currency,
    balance: micros,
    reserved: 0n,
    revenue: 0n,
    tax: 0n,
    funding: -micros,
    messageId: null,
    owed: null,
    reference,
    note,
  }
}
