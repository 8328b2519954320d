/** How urgent a message is, and which policies hold for it. */
export type TrafficClass = (typeof TRAFFIC_CLASSES)[number]

/** Traffic classes, most urgent first. */
export const TRAFFIC_CLASSES = ['otp', 'transactional', 'marketing'] as const

/** What is done about a submit whose outcome nobody knows. */
export type UncertainPolicy = (typeof UNCERTAIN_POLICIES)[number]

/**
 * Policies for an unknown outcome.
 *
 * - `query`: ask the carrier (`query_sm`) where the id is known; without an answer, wait
 * - `wait_receipt`: a receipt settles it, or the receipt deadline does
 * - `resend`: send again; the recipient may get the message twice
 * - `hold`: leave it to an operator, up to the receipt deadline
 */
export const UNCERTAIN_POLICIES = ['query', 'wait_receipt', 'resend', 'hold'] as const

/** How the wait before another attempt grows with the failures. */
export type BackoffShape = (typeof BACKOFF_SHAPES)[number]

/** With `first` f and n waits so far: f, f x (n + 1), f x 2^n. */
export const BACKOFF_SHAPES = ['fixed', 'linear', 'exponential'] as const

/** `full`: the wait is drawn evenly between the least wait and its bound; `none`: it is the bound. */
export type Jitter = (typeof JITTERS)[number]

/** Kinds of jitter. */
export const JITTERS = ['full', 'none'] as const

/** Errors after which another attempt makes sense. */
export type RetryableClass = (typeof RETRYABLE_CLASSES)[number]

/**
 * Classes of errors with a waiting policy.
 *
 * - `passing`: refused, and it may work later or elsewhere
 * - `throttled`: the carrier asks for a slower pace
 * - `connection`: it surely did not leave
 */
export const RETRYABLE_CLASSES = ['passing', 'throttled', 'connection'] as const

/** Why an attempt failed; `permanent`: the same request would fail there again. */
export type ErrorClass = 'permanent' | RetryableClass

/** Waits and budget of one class of errors. */
export interface BackoffPolicy {
  readonly backoff: BackoffShape
  /** Bound of the first wait. */
  readonly firstSeconds: number
  /** No wait that we choose is longer; a carrier may ask for a longer one. */
  readonly maxSeconds: number
  readonly jitter: Jitter
  /** Failed attempts after which the message is given up; 0: as many as its validity allows. */
  readonly maxAttempts: number
}

/** What happens after a failed attempt. */
export interface RetryPolicy extends Readonly<Record<RetryableClass, BackoffPolicy>> {
  /** `prefer`: another carrier that may take the message gets it at once; `never`: stay. */
  readonly nextCarrier: NextCarrierRule
  /** Age of a message after which nothing is tried any more; undefined: its validity decides. */
  readonly maxAgeSeconds: number | undefined
}

/** Whether a failed attempt is followed by one at another carrier. */
export type NextCarrierRule = (typeof NEXT_CARRIER_RULES)[number]

/** Rules for the next carrier. */
export const NEXT_CARRIER_RULES = ['prefer', 'never'] as const

/** `country`: wait out the hours in which the destination's country allows no marketing. */
export type QuietHoursRule = (typeof QUIET_HOURS_RULES)[number]

/** Rules for quiet hours. */
export const QUIET_HOURS_RULES = ['off', 'country'] as const

/** `resend`: where no final receipt has come in time, once more through another carrier. */
export type MissingReceiptPolicy = (typeof MISSING_RECEIPT_POLICIES)[number]

/** Policies for a receipt that does not come. */
export const MISSING_RECEIPT_POLICIES = ['wait', 'resend'] as const

/** What holds for the messages of one traffic class. */
export interface ClassPolicy {
  readonly uncertain: UncertainPolicy
  /** Silence after which `query` asks and `resend` sends again. */
  readonly uncertainSeconds: number
  readonly retry: RetryPolicy
  /** Age at which a message that no carrier has taken expires. */
  readonly validitySeconds: number
  /**
   * Wait for a final receipt, from the submit; then the message is `unconfirmed`. Undefined: as long
   * as the carrier may still try, and three days at least.
   */
  readonly receiptDeadlineSeconds: number | undefined
  readonly missingReceipt: MissingReceiptPolicy
  /** With `resend`: a receipt is missing after no less than this. */
  readonly missingReceiptSeconds: number
  /** Or after this share, 0 to 1, of the carrier's receipts have come, times {@link missingReceiptFactor}. */
  readonly missingReceiptQuantile: number
  readonly missingReceiptFactor: number
  readonly quietHours: QuietHoursRule
}
