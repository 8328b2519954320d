import type { Charge } from '../billing/booking.ts'
import { type ChargingTerms, partsOf } from '../core/charging.ts'
import type { Attempt } from './live.ts'
import type { Message } from './message.ts'
import { isFinal, type MessageStatus, type SegmentState } from './states.ts'

/**
 * What of a message is charged in its present state: each part at most once, however often it was
 * submitted. A carrier may have laid the text out in other segments than were quoted; what it has
 * taken of them counts as a share, a begun part in the tenant's favour.
 */
export function chargeOf(
  message: Pick<Message, 'status' | 'segments' | 'priceMicros' | 'priceCurrency'>,
  attempts: readonly Pick<Attempt, 'attempt' | 'state'>[],
  terms: ChargingTerms,
): Charge {
  const { status, priceMicros, priceCurrency } = message
  const parts = partsOf(terms, message.segments)
  let charged = 0
  for (let from = 0; from < attempts.length; ) {
    const number = attempts[from]?.attempt
    let to = from
    let taken = 0
    for (; attempts[to]?.attempt === number; to++) {
      if (isCharged((attempts[to] as Attempt).state, status, terms)) taken++
    }
    charged = Math.max(charged, Math.floor((parts * taken) / (to - from)))
    from = to
  }
  return { priceMicros, priceCurrency, parts, charged, isOpen: !isFinal(status) }
}

/** What is lost of a message is seen only as a whole: its other parts without a receipt go with it. */
function isCharged(state: SegmentState, status: MessageStatus, terms: ChargingTerms): boolean {
  switch (state) {
    case 'delivered':
      return true
    case 'undelivered':
    case 'expired':
      return terms.on === 'submit' || terms.chargesFailed
    case 'sent':
      if (terms.on === 'submit') return true
      return status === 'unconfirmed' ? terms.chargesUnconfirmed : isLost(status, terms)
    case 'uncertain':
      return status === 'unconfirmed' && terms.chargesUnconfirmed
    case 'sending':
    case 'refused':
    case 'not_sent':
      return false
  }
}

function isLost(status: MessageStatus, { chargesFailed }: ChargingTerms): boolean {
  return chargesFailed && (status === 'undelivered' || status === 'expired' || status === 'failed')
}
