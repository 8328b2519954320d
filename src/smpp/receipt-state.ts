/**
 * The states of a message at the SMSC, by the names of v5.0.
 *
 * @see SMPP v3.4, section 5.2.28; SMPP v5.0, section 4.7.15
 */
export type MessageState =
  | 'SCHEDULED'
  | 'ENROUTE'
  | 'DELIVERED'
  | 'EXPIRED'
  | 'DELETED'
  | 'UNDELIVERABLE'
  | 'ACCEPTED'
  | 'UNKNOWN'
  | 'REJECTED'
  | 'SKIPPED'

/** What is known about a state. */
export interface StateInfo {
  /** message_state. */
  readonly number: number
  /** The word in a receipt's text. */
  readonly stat: string
  /**
   * Whether another receipt may follow. ACCEPTED is final by the book and means "taken over
   * downstream" in practice; null: it depends on the carrier.
   */
  readonly final: boolean | null
}

/** Every state. */
export const STATES: Readonly<Record<MessageState, StateInfo>> = {
  SCHEDULED: { number: 0, stat: 'SCHEDLD', final: false },
  ENROUTE: { number: 1, stat: 'ENROUTE', final: false },
  DELIVERED: { number: 2, stat: 'DELIVRD', final: true },
  EXPIRED: { number: 3, stat: 'EXPIRED', final: true },
  DELETED: { number: 4, stat: 'DELETED', final: true },
  UNDELIVERABLE: { number: 5, stat: 'UNDELIV', final: true },
  ACCEPTED: { number: 6, stat: 'ACCEPTD', final: false },
  UNKNOWN: { number: 7, stat: 'UNKNOWN', final: null },
  REJECTED: { number: 8, stat: 'REJECTD', final: true },
  SKIPPED: { number: 9, stat: 'SKIPPED', final: true },
}

/** Words of carriers (Mblox, CM.com, Kannel and others) beside the specification's. */
const OTHER_WORDS: readonly (readonly [string, MessageState])[] = [
  ['BUFFRED', 'ENROUTE'],
  ['BUFFERD', 'ENROUTE'],
  ['BUFFERED', 'ENROUTE'],
  ['DELIVERD', 'DELIVERED'],
  ['FAILED', 'UNDELIVERABLE'],
  ['UNDELIVRD', 'UNDELIVERABLE'],
  ['UNDELIVERED', 'UNDELIVERABLE'],
  ['ACKED', 'ACCEPTED'],
]

const NAMES = Object.keys(STATES) as MessageState[]
const BY_NUMBER: ReadonlyMap<number, MessageState> = new Map(
  NAMES.map((name) => [STATES[name].number, name]),
)
const BY_WORD: ReadonlyMap<string, MessageState> = new Map([
  ...NAMES.map((name) => [name, name] as const),
  ...NAMES.map((name) => [STATES[name].stat, name] as const),
  ...OTHER_WORDS,
])

/** The state of a message_state value; null for undefined and values beyond the list. */
export function stateOfNumber(value: number | undefined): MessageState | null {
  return value === undefined ? null : (BY_NUMBER.get(value) ?? null)
}

/**
 * The state of a receipt's `stat`, in any case; carriers also send the number.
 *
 * @returns null for undefined, `UNKNOWN` for a word that nobody knows
 */
export function stateOfStat(stat: string | undefined): MessageState | null {
  if (stat === undefined) return null
  if (/^\d{1,3}$/.test(stat)) return BY_NUMBER.get(Number(stat)) ?? 'UNKNOWN'
  return BY_WORD.get(stat.toUpperCase()) ?? 'UNKNOWN'
}
