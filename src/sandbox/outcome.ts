import { draw } from './draw.ts'

/** One receipt that a message will cause. */
export interface PlannedReceipt {
  readonly stat: string
  /** `message_state` of the optional parameter. */
  readonly state: number
  /** Three digits. */
  readonly err: string
  /** Milliseconds after the submit. */
  readonly afterMs: number
  readonly isIntermediate: boolean
}

/** What the simulated carrier does with a submitted message. */
export interface Outcome {
  /** `command_status` of the response; anything but 0 means no message and no receipts. */
  readonly status: number
  readonly receipts: readonly PlannedReceipt[]
  /** Milliseconds that the response is held back beyond the usual. */
  readonly extraSubmitDelayMs: number
  /** Refuse the first attempt and take the second. */
  readonly isThrottledOnce: boolean
  /** The truth: whether the handset gets it, whatever receipts say. */
  readonly isDelivered: boolean
  /** The receipt claims what is not so. */
  readonly isFake: boolean
  /** The receipt has its id in another radix than the response. */
  readonly isWrongRadix: boolean
}

/** What decides about a message. */
export interface OutcomeInput {
  /** Digits; the last six may be one of the endings below. */
  readonly destination: string
  readonly sequence: number
  readonly seed: number
  /** Share of ordinary messages that is taken, 0 to 1. */
  readonly acceptRate: number
  readonly receiptDelayMs: readonly [min: number, max: number]
}

const ESME_RINVDSTADR = 0x0b
const ESME_RSUBMITFAIL = 0x45
const ENDING_DIGITS = 6
const STEP_MS = 50

const DELIVERED = { stat: 'DELIVRD', state: 2, err: '000', isIntermediate: false }
const EXPIRED = { stat: 'EXPIRED', state: 3, err: '002', isIntermediate: false }
const ENROUTE = { stat: 'ENROUTE', state: 1, err: '000', isIntermediate: true }

type Behaviour = (delayMs: number) => Partial<Outcome>

const one = (stat: string, state: number, err: string): Behaviour => {
  return (afterMs) => ({
    receipts: [{ stat, state, err, isIntermediate: false, afterMs }],
    isDelivered: false,
  })
}

/**
 * What the last six digits of a destination ask for; any other number is delivered.
 *
 * 999001 undeliverable, 999002 expired, 999003 rejected, 999004 refused at submit as a wrong
 * address, 999005 throttled once, 999006 never a receipt, 999007 the receipt twice, 999008 an
 * intermediate receipt first, 999009 the receipt before the response. Six digits, so that a range of
 * test numbers does not hit them unasked.
 */
const ENDINGS: Readonly<Record<string, Behaviour>> = {
  '999001': one('UNDELIV', 5, '001'),
  '999002': one('EXPIRED', 3, '002'),
  '999003': one('REJECTD', 8, '003'),
  '999004': () => ({ status: ESME_RINVDSTADR, receipts: [], isDelivered: false }),
  '999005': () => ({ isThrottledOnce: true }),
  '999006': () => ({ receipts: [] }),
  '999007': (afterMs) => ({
    receipts: [
      { ...DELIVERED, afterMs },
      { ...DELIVERED, afterMs: afterMs + STEP_MS },
    ],
  }),
  '999008': (afterMs) => ({
    receipts: [
      { ...ENROUTE, afterMs },
      { ...DELIVERED, afterMs: afterMs + STEP_MS },
    ],
  }),
  '999009': () => ({ receipts: [{ ...DELIVERED, afterMs: 0 }], extraSubmitDelayMs: STEP_MS }),
}

/** Decides about a message; the same input always gives the same outcome. */
export function decideOutcome(input: OutcomeInput): Outcome {
  const { destination, sequence, seed, acceptRate, receiptDelayMs } = input
  const [min, max] = receiptDelayMs
  const afterMs = min + Math.round(draw(`${seed}/${destination}/${sequence}/delay`) * (max - min))
  const delivered: Outcome = {
    status: 0,
    receipts: [{ ...DELIVERED, afterMs }],
    extraSubmitDelayMs: 0,
    isThrottledOnce: false,
    isDelivered: true,
    isFake: false,
    isWrongRadix: false,
  }
  const ending = destination.slice(-ENDING_DIGITS)
  const behaviour = Object.hasOwn(ENDINGS, ending) ? ENDINGS[ending] : undefined
  if (behaviour !== undefined) return { ...delivered, ...behaviour(afterMs) }
  if (draw(`${seed}/${destination}/${sequence}/accept`) >= acceptRate) {
    return { ...delivered, status: ESME_RSUBMITFAIL, receipts: [], isDelivered: false }
  }
  return delivered
}

/**
 * The receipts of a carrier that gives up when the message's validity ends.
 *
 * @param validForMs - from the submit to that end
 */
export function withinValidity(
  receipts: readonly PlannedReceipt[],
  validForMs: number,
): PlannedReceipt[] {
  return receipts
    .filter(({ isIntermediate, afterMs }) => !isIntermediate || afterMs <= validForMs)
    .map((receipt) =>
      receipt.afterMs <= validForMs ? receipt : { ...EXPIRED, afterMs: validForMs },
    )
}

/** True when `registered_delivery` asks for a receipt of this kind: SMPP v3.4, section 5.2.17. */
export function isWanted(receipt: PlannedReceipt, registeredDelivery: number): boolean {
  const wish = registeredDelivery & 0x03
  if (receipt.isIntermediate) return wish === 1 || (registeredDelivery & 0x10) !== 0
  if (wish === 2) return receipt.state !== DELIVERED.state
  if (wish === 3) return receipt.state === DELIVERED.state
  return wish === 1
}
