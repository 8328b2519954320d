import { type ChargingTerms, taxOn } from '../core/charging.ts'
import type { Money } from '../core/money.ts'

/** What has been booked for one message to its tenant, in millionths of {@link currency}. */
export interface Booked {
  readonly currency: string
  /** Set aside for what is still open. */
  readonly reserved: bigint
  readonly revenue: bigint
  readonly tax: bigint
  /** Parts that {@link revenue} is for. */
  readonly charged: number
}

/** What a carrier is owed. */
export interface Owed extends Money {
  readonly carrier: string
}

/** Why money moves. */
export type BookingKind =
  /** Set aside at the acceptance. */
  | 'reserve'
  /** What was set aside is another amount: the message was replaced. */
  | 'reprice'
  /** Charged, as a whole or in part; what is left of a message at its end is given back with it. */
  | 'settle'
  /** Given back. */
  | 'release'
  /** A carrier has taken what it charges for; nothing moves for the tenant. */
  | 'cost'
  /** Money that comes or goes otherwise. */
  | 'opening'
  | 'top_up'
  | 'adjustment'
  /** From one tenant to another: a line for each, in one batch. */
  | 'transfer'

/**
 * One line of the ledger: what moves between the accounts of one tenant in one currency, and what a
 * carrier is owed besides. The amounts of the tenant's accounts always sum to zero.
 */
export interface Booking {
  readonly kind: BookingKind
  readonly at: Date
  readonly tenantId: string
  readonly currency: string
  /** What the tenant has: its liability account with us. Below 0 it owes. */
  readonly balance: bigint
  readonly reserved: bigint
  readonly revenue: bigint
  readonly tax: bigint
  /** Against which money comes in: the other side of a top-up. */
  readonly funding: bigint
  readonly messageId: string | null
  readonly owed: Owed | null
  /** What tells money that comes or goes apart from other such money: booked once for each tenant. */
  readonly reference: string | null
  /** The operator's word on it. */
  readonly note: string | null
}

/** A line that is being made. */
export type Writable<Line> = { -readonly [Key in keyof Line]: Line[Key] }

const NOTHING: Booked = { currency: '', reserved: 0n, revenue: 0n, tax: 0n, charged: 0 }

/** What is to be booked of a message: see {@link bookedFor}. */
export interface Charge {
  readonly priceMicros: bigint
  readonly priceCurrency: string
  /** Parts that the price is for. */
  readonly parts: number
  /** Of these, the ones that are charged. */
  readonly charged: number
  /** Some may still be. */
  readonly isOpen: boolean
}

/** What stands booked for a message in a state. */
export function bookedFor(charge: Charge, terms: ChargingTerms): Booked {
  const { priceMicros, priceCurrency, parts, charged, isOpen } = charge
  const revenue = share(priceMicros, charged, parts)
  const taxed = taxOn(share(priceMicros, 1, parts), terms.taxPpm)
  const tax = taxed * BigInt(charged)
  const open = isOpen ? priceMicros - revenue + taxed * BigInt(parts - charged) : 0n
  return { currency: priceCurrency, reserved: open, revenue, tax, charged }
}

/** What a message takes from the balance while all of it is open: its price with the tax. */
export function totalOf(priceMicros: bigint, parts: number, taxPpm: number): bigint {
  return priceMicros + taxOn(share(priceMicros, 1, parts), taxPpm) * BigInt(parts)
}

function share(micros: bigint, some: number, all: number): bigint {
  return some === all ? micros : (micros * BigInt(some)) / BigInt(all)
}

/**
 * The lines that lead from what was booked to what is to be: none when nothing moves, two when the
 * price is in another currency now.
 *
 * @param before - undefined: nothing was booked yet
 */
export function bookingsBetween(
  before: Booked | undefined,
  after: Booked,
  about: Pick<Booking, 'at' | 'tenantId' | 'messageId'>,
): Writable<Booking>[] {
  if (before && before.currency !== after.currency) {
    return [
      ...bookingsBetween(before, { ...NOTHING, currency: before.currency }, about),
      ...bookingsBetween(undefined, after, about),
    ]
  }
  const { reserved: wasReserved, revenue: hadRevenue, tax: hadTax } = before ?? NOTHING
  const reserved = after.reserved - wasReserved
  const revenue = after.revenue - hadRevenue
  const tax = after.tax - hadTax
  if (reserved === 0n && revenue === 0n && tax === 0n) return []
  return [
    {
      kind: kindOf(before, reserved, revenue),
      at: about.at,
      tenantId: about.tenantId,
      currency: after.currency,
      balance: -(reserved + revenue + tax),
      reserved,
      revenue,
      tax,
      funding: 0n,
      messageId: about.messageId,
      owed: null,
      reference: null,
      note: null,
    },
  ]
}

/** The line that says only what a carrier is owed for a message. */
export function costBooking(
  owed: Owed,
  { at, tenantId, messageId }: Pick<Booking, 'at' | 'tenantId' | 'messageId'>,
): Booking {
  return {
    kind: 'cost',
    at,
    tenantId,
    currency: owed.currency,
    balance: 0n,
    reserved: 0n,
    revenue: 0n,
    tax: 0n,
    funding: 0n,
    messageId,
    owed,
    reference: null,
    note: null,
  }
}

/** The line that brings money to a tenant, or takes it, otherwise than by messages. */
export function fundingBooking(
  payment: Pick<Booking, 'kind' | 'tenantId' | 'currency' | 'reference' | 'note'> & {
    readonly micros: bigint
  },
  at: Date,
): Booking {
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

function kindOf(before: Booked | undefined, reserved: bigint, revenue: bigint): BookingKind {
  if (revenue !== 0n) return 'settle'
  if (!before) return 'reserve'
  return before.reserved + reserved === 0n ? 'release' : 'reprice'
}
