/** What may be told of an account: less is available than was agreed, or a message was refused for it. */
export type BalanceState = 'low' | 'exhausted'

/** What was told of an account and has not changed for the better since. */
export type BalanceMarks = Record<BalanceState, boolean>

/** An account that can be watched. */
export interface WatchedAccount {
  readonly tenantId: string
  readonly currency: string
  /** What it has, in millionths. */
  readonly balance: bigint
  readonly told: BalanceMarks
}

/** An account has come into a state that is told of, or is out of it. */
export interface BalanceChange {
  readonly tenantId: string
  readonly currency: string
  readonly state: BalanceState
  /** False: it is over, and may be told again. */
  readonly isIn: boolean
  /** What the account has, in millionths. */
  readonly balance: bigint
  /** What may still be spent, in millionths. */
  readonly available: bigint
  /** What `low` is judged by; undefined: nothing. */
  readonly lowMicros: bigint | undefined
}

/**
 * An account that got above the limit by messages that were given back, and not by money, has to be above it by
 * one part in so many: else each message would cross it anew.
 */
const MARGIN_PARTS = 20n

/** Sees when accounts run low, once for each time that they do. */
export class BalanceWatch {
  readonly #onChange: (change: BalanceChange) => void

  constructor(onChange: (change: BalanceChange) => void) {
    this.#onChange = onChange
  }

  /**
   * What is available has changed.
   *
   * @param isByMessages - false: money has come or gone, or other terms hold
   */
  look(
    account: WatchedAccount,
    available: bigint,
    lowMicros: bigint | undefined,
    isByMessages: boolean,
  ): void {
    const { told } = account
    if (lowMicros !== undefined && !told.low && available < lowMicros) {
      this.#change(account, 'low', true, available, lowMicros)
    } else if (told.low && isAbove(available, lowMicros, isByMessages)) {
      this.#change(account, 'low', false, available, lowMicros)
    }
    if (told.exhausted && !isByMessages && available > 0n) {
      this.#change(account, 'exhausted', false, available, lowMicros)
    }
  }

  /** A message was refused because too little is available. */
  refused(account: WatchedAccount, available: bigint, lowMicros: bigint | undefined): void {
    if (account.told.exhausted) return
    this.#change(account, 'exhausted', true, available, lowMicros)
  }

  #change(
    { tenantId, currency, balance, told }: WatchedAccount,
    state: BalanceState,
    isIn: boolean,
    available: bigint,
    lowMicros: bigint | undefined,
  ): void {
    told[state] = isIn
    this.#onChange({ tenantId, currency, state, isIn, balance, available, lowMicros })
  }
}

function isAbove(available: bigint, lowMicros: bigint | undefined, isByMessages: boolean): boolean {
  if (lowMicros === undefined) return true
  return available >= (isByMessages ? lowMicros + lowMicros / MARGIN_PARTS : lowMicros)
}
