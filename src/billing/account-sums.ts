import type { Booking, Writable } from './booking.ts'

/** The accounts of one tenant in one currency, in millionths of it. */
export interface AccountSums {
  readonly tenantId: string
  readonly currency: string
  readonly balance: bigint
  readonly reserved: bigint
  readonly revenue: bigint
  readonly tax: bigint
  readonly funding: bigint
  /** It was given money, or had some taken, otherwise than by messages: it may spend what it has. */
  readonly isFunded: boolean
}

/** Accounts on which nothing stands yet. */
export function emptySums(tenantId: string, currency: string): Writable<AccountSums> {
  return {
    tenantId,
    currency,
    balance: 0n,
    reserved: 0n,
    revenue: 0n,
    tax: 0n,
    funding: 0n,
    isFunded: false,
  }
}

/** Adds a line of the ledger. */
export function addLine(sums: Writable<AccountSums>, line: Booking): void {
  sums.balance += line.balance
  sums.reserved += line.reserved
  sums.revenue += line.revenue
  sums.tax += line.tax
  sums.funding += line.funding
  if (line.messageId === null) sums.isFunded = true
}
