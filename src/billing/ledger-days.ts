import type { Booking, BookingKind, Writable } from './booking.ts'

/** Why money of a tenant moves. */
export type MovementKind = Exclude<BookingKind, 'cost'>

/** What the lines of one kind have moved for a tenant on one day, in millionths of the currency. */
export interface Movement {
  readonly tenantId: string
  readonly currency: string
  /** Days since 1970, UTC. */
  readonly day: number
  readonly kind: MovementKind
  readonly lines: number
  readonly balance: bigint
  readonly reserved: bigint
  readonly revenue: bigint
  readonly tax: bigint
  readonly funding: bigint
}

const DAY_MS = 24 * 3_600_000

/**
 * The sums of lines by tenant, currency, day and kind; lines that move nothing for the tenant are left out.
 *
 * Lines of one kind mostly follow each other, so the last sum is asked first.
 */
export function movementsOf(bookings: readonly Booking[]): Movement[] {
  const movements = new Map<string, Writable<Movement>>()
  let latest: Writable<Movement> | undefined
  for (const booking of bookings) {
    const { tenantId, currency, kind } = booking
    if (kind === 'cost') continue
    const day = Math.floor(booking.at.getTime() / DAY_MS)
    if (
      latest?.tenantId !== tenantId ||
      latest.kind !== kind ||
      latest.currency !== currency ||
      latest.day !== day
    ) {
      const key = `${tenantId} ${currency} ${kind} ${day}`
      latest = movements.get(key) ?? emptyMovement(tenantId, currency, day, kind)
      movements.set(key, latest)
    }
    latest.lines++
    latest.balance += booking.balance
    latest.reserved += booking.reserved
    latest.revenue += booking.revenue
    latest.tax += booking.tax
    latest.funding += booking.funding
  }
  return [...movements.values()]
}

function emptyMovement(
  tenantId: string,
  currency: string,
  day: number,
  kind: MovementKind,
): Writable<Movement> {
  const amounts = { balance: 0n, reserved: 0n, revenue: 0n, tax: 0n, funding: 0n }
  return { tenantId, currency, day, kind, lines: 0, ...amounts }
}
