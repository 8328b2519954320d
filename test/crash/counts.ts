/** What the laboratory counts; see {@link MEANINGS}. */
export interface Counts {
  accepted: number
  refused: number
  unanswered: number
  unannounced: number
  submitted: number
  uncertain: number
  unconfirmed: number
  uncertainNotSent: number
  halfSent: number
  failed: number
  receiptRepeated: number
  eventRepeated: number
  unsettled: number
  vanished: number
  mixedUp: number
  lost: number
  doubled: number
  resent: number
  strangers: number
  open: number
  wrong: number
  unmatched: number
  priceOff: number
  receiptMissing: number
  receiptWrong: number
  eventMissing: number
  eventDoubled: number
  eventForged: number
  eventLate: number
}

/** What each count says. */
export const MEANINGS: Readonly<Record<keyof Counts, string>> = {
  accepted: 'accepted: the sender has read the answer',
  refused: 'refused',
  unanswered: 'no answer: the connection ended first',
  unannounced: 'stored although the sender has no answer',
  submitted: 'segments taken by carriers',
  uncertain: 'uncertain for a while or for good',
  unconfirmed: '… of these ended unconfirmed',
  uncertainNotSent: '… of these no carrier has seen',
  halfSent: 'failed with some segments sent',
  failed: 'failed with no segment sent',
  receiptRepeated: 'receipts to the partner that came again',
  eventRepeated: 'webhooks that came again with the same id',
  unsettled: 'uncertain and still not final',
  vanished: 'accepted and unknown afterwards',
  mixedUp: 'accepted under the id of another message',
  lost: 'accepted, certain, and never (wholly) submitted',
  doubled: 'segments submitted twice',
  resent: 'segments submitted twice because their policy says so',
  strangers: 'submitted, but the gateway knows no such message',
  open: 'certain and not final at the end',
  wrong: 'final state other than the receipts say',
  unmatched: 'receipt taken over without effect',
  priceOff: 'price other than segments x rate, or than told',
  receiptMissing: 'final, but the partner has no receipt',
  receiptWrong: 'receipt to the partner other than the state',
  eventMissing: 'final, but no webhook says so',
  eventDoubled: 'one event under several webhook ids',
  eventForged: 'webhook with a wrong signature',
  eventLate: 'another event after the final one',
}

/** Counts that may be above 0 only when a promise is broken. */
export const BREACHES = [
  'vanished',
  'mixedUp',
  'lost',
  'doubled',
  'strangers',
  'failed',
  'open',
  'wrong',
  'unmatched',
  'priceOff',
  'receiptMissing',
  'receiptWrong',
  'eventMissing',
  'eventDoubled',
  'eventForged',
  'eventLate',
] as const satisfies readonly (keyof Counts)[]

/** All counts at 0. */
export function noCounts(): Counts {
  return Object.fromEntries(Object.keys(MEANINGS).map((name) => [name, 0])) as unknown as Counts
}
