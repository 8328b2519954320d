import {
  type Booked,
  type Booking,
  bookedFor,
  bookingsBetween,
  costBooking,
} from '../billing/booking.ts'
import { readTerms } from '../core/charging.ts'
import { chargeOf } from './charge.ts'
import type { Attempt, LiveMessage } from './live.ts'
import type { Message } from './message.ts'
import type { SegmentState } from './states.ts'

/**
 * The lines that bring the ledger to where a message stands, seen from what was booked for it last; they
 * count as booked from then on. None for a message that is not billed.
 *
 * @param at - see {@link changedAt}
 */
export function takeBookings(live: LiveMessage, at: Date): Booking[] {
  const { message, attempts } = live
  if (message.charging === null) return []
  const about = { at, tenantId: message.tenantId, messageId: message.id }
  const before = live.booked
  live.booked = standsBooked(live)
  const bookings = live.booked ? bookingsBetween(before, live.booked, about) : []
  for (const owed of takeOwed(attempts)) {
    const line = bookings.find((one) => one.owed === null)
    // Mostly there is one line of each.
    if (line) line.owed = owed
    else bookings.push(costBooking(owed, about))
  }
  return bookings
}

/**
 * When a message or one of its segments has changed last: a receipt may settle a segment, and with it what is
 * charged, while the message stays where it is.
 */
export function changedAt({ message, attempts }: LiveMessage): Date {
  let latest = message.updatedAt
  for (const { answeredAt, receiptAt } of attempts) {
    if (answeredAt !== null && answeredAt > latest) latest = answeredAt
    if (receiptAt !== null && receiptAt > latest) latest = receiptAt
  }
  return latest
}

/** What is booked for a message in a state; undefined: it is not billed. */
export function standsBooked({
  message,
  attempts,
}: {
  readonly message: Parameters<typeof chargeOf>[0] & Pick<Message, 'charging'>
  readonly attempts: Parameters<typeof chargeOf>[1]
}): Booked | undefined {
  if (message.charging === null) return undefined
  const terms = readTerms(message.charging)
  return bookedFor(chargeOf(message, attempts, terms), terms)
}

/** True for a segment that its carrier has taken, and charges for. */
export function isTaken(state: SegmentState): boolean {
  return state === 'sent' || state === 'delivered' || state === 'undelivered' || state === 'expired'
}

/** What carriers are owed for segments that they have taken since. */
function takeOwed(attempts: readonly Attempt[]) {
  const owed: { carrier: string; currency: string; micros: bigint }[] = []
  for (const attempt of attempts) {
    if (attempt.isOwed || !isTaken(attempt.state)) continue
    attempt.isOwed = true
    const { carrier, costCurrency: currency, costMicros: micros } = attempt
    const known = owed.find((one) => one.carrier === carrier && one.currency === currency)
    if (known) known.micros += micros
    else owed.push({ carrier, currency, micros })
  }
  return owed
}
