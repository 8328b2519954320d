import { draw } from './draw.ts'
import type { Outcome, PlannedReceipt } from './outcome.ts'

/** Which submits a fault befalls; what is left out fits all. */
export interface FaultCondition {
  /** Recipient as international digits, `*` for any digits: `4477*`, `*0001`. */
  readonly to?: string
  /** Share of those that fit, 0 to 1, drawn by seed, recipient and how often it was seen. */
  readonly share?: number
  /** Only every so many of those that fit: 10 is the tenth, the twentieth. */
  readonly every?: number
  /** Spare so many that fit first. */
  readonly after?: number
  /** Befall no more than so many. */
  readonly times?: number
  /** Not before, and no longer than, so many milliseconds after the script began. */
  readonly fromMs?: number
  readonly untilMs?: number
}

/** How long something takes, in milliseconds; drawn by the seed. */
export type Delay =
  | { readonly uniform: readonly [min: number, max: number] }
  /** By its mean. */
  | { readonly exponential: number }
  /** By its median, and the spread of its logarithm. */
  | { readonly lognormal: readonly [median: number, sigma: number] }

/** What may go wrong with a submit before its sender knows that it was taken. */
export type AnswerFault =
  | { readonly fault: 'refuse'; readonly status: number }
  /** ESME_RTHROTTLED for what comes beyond a rate; without one for all. */
  | { readonly fault: 'throttle'; readonly perSecond?: number }
  /** `isAccepted`: the message is taken, and its receipts come. */
  | { readonly fault: 'never_answer'; readonly isAccepted?: boolean }
  | { readonly fault: 'answer_late'; readonly delay: Delay }
  | {
      readonly fault: 'disconnect'
      /** `within_answer`: half of the response is written, then the connection ends. */
      readonly at: 'before_answer' | 'within_answer' | 'after_answer'
      /** Only for `before_answer`; the other two have taken the message. */
      readonly isAccepted?: boolean
    }

/** What may go wrong after a message was taken. */
export type ReceiptFault =
  /** The receipt claims DELIVRD for what was not delivered. */
  | { readonly fault: 'fake_delivered' }
  | { readonly fault: 'receipts_late'; readonly delay: Delay }
  | { readonly fault: 'receipts_lost' }
  /** `err`: three characters, as receipts write it. */
  | { readonly fault: 'undelivered'; readonly err: string }
  /** The receipt has the id in another radix than the response, whatever `idForm` says. */
  | { readonly fault: 'wrong_id_radix' }

/** One line of a script. */
export type FaultRule = FaultCondition & (AnswerFault | ReceiptFault)

/** What befalls one submit. */
export interface Befallen {
  readonly answer: AnswerFault | undefined
  /** How much later than usual it is answered. */
  readonly answerDelayMs: number
  readonly receipts: readonly ReceiptFault[]
  /** Draws for this submit depend on it. */
  readonly key: string
}

/** In place of a carrier's name: rules of all carriers, which count together. */
export const COMMON = '*'

const THROTTLED = 0x58
const UNDELIVERED = { stat: 'UNDELIV', state: 5, isIntermediate: false }
const DELIVERED = { stat: 'DELIVRD', state: 2, err: '000', isIntermediate: false }
const MAX_SEEN = 50_000
const SECOND_MS = 1000

interface RuleState {
  readonly rule: FaultRule
  readonly pattern: RegExp | undefined
  fitting: number
  befallen: number
  /** For `throttle`: where the second began, and what it has let through. */
  secondMs: number
  passed: number
}

/**
 * A script of faults: which submits of a simulated carrier go wrong, and how.
 *
 * The first rule that fits decides about the answer; of those about receipts, the first of each kind. What is
 * drawn depends on the seed and the recipient and not on binds or sequence numbers, so that a failure repeats.
 */
export class FaultScript {
  readonly #rules: readonly RuleState[]
  readonly #seed: number
  readonly #beganMs: number
  /** How often each recipient was seen. */
  readonly #seen = new Map<string, number>()

  /**
   * @param common - another script, whose rules come after these; they count with it, wherever else it is
   *   followed
   * @throws {RangeError} for a rule that can never be kept, with its place and the value
   */
  constructor(rules: readonly FaultRule[], seed: number, nowMs: number, common?: FaultScript) {
    for (const [index, rule] of rules.entries()) check(rule, index)
    const own = rules.map((rule) => ({
      rule,
      pattern: rule.to === undefined ? undefined : patternOf(rule.to),
      fitting: 0,
      befallen: 0,
      secondMs: Number.NEGATIVE_INFINITY,
      passed: 0,
    }))
    this.#rules = common ? [...own, ...common.#rules] : own
    this.#seed = seed
    this.#beganMs = nowMs
  }

  /** The script as it was given. */
  get rules(): FaultRule[] {
    return this.#rules.map(({ rule }) => rule)
  }

  /** How many submits each rule has befallen, in the order of the script. */
  get counts(): number[] {
    return this.#rules.map(({ befallen }) => befallen)
  }

  /** @param destination - digits */
  decide(destination: string, nowMs: number): Befallen {
    let answer: AnswerFault | undefined
    const receipts: ReceiptFault[] = []
    const key = this.#rules.length === 0 ? '' : this.#keyOf(destination)
    for (const [index, state] of this.#rules.entries()) {
      const { rule } = state
      const isTaken = isAnswerFault(rule)
        ? answer !== undefined
        : receipts.some(({ fault }) => fault === rule.fault)
      if (isTaken || !this.#befalls(state, destination, `${key}/${index}`, nowMs)) continue
      state.befallen++
      if (isAnswerFault(rule)) answer = rule
      else receipts.push(rule)
    }
    const answerDelayMs =
      answer?.fault === 'answer_late' ? drawDelay(answer.delay, `${key}/answer`) : 0
    return { answer, answerDelayMs, receipts, key }
  }

  #keyOf(destination: string): string {
    const count = (this.#seen.get(destination) ?? 0) + 1
    if (this.#seen.size >= MAX_SEEN) this.#seen.clear()
    this.#seen.set(destination, count)
    return `${this.#seed}/${destination}/${count}`
  }

  #befalls(state: RuleState, destination: string, key: string, nowMs: number): boolean {
    const { rule, pattern } = state
    const { share, every = 1, after = 0, times = Number.POSITIVE_INFINITY } = rule
    const { fromMs = 0, untilMs = Number.POSITIVE_INFINITY } = rule
    const sinceMs = nowMs - this.#beganMs
    if (sinceMs < fromMs || sinceMs >= untilMs || state.befallen >= times) return false
    if (pattern !== undefined && !pattern.test(destination)) return false
    const place = ++state.fitting - after
    if (place <= 0 || place % every !== 0) return false
    if (share !== undefined && draw(`${key}/share`) >= share) return false
    return rule.fault !== 'throttle' || isBeyondRate(state, rule.perSecond, nowMs)
  }
}

/** The status that a fault answers with; undefined: the usual one. */
export function statusOf(answer: AnswerFault | undefined): number | undefined {
  if (answer?.fault === 'refuse') return answer.status
  return answer?.fault === 'throttle' ? THROTTLED : undefined
}

/** The outcome as the faults leave it; the very same without any. */
export function spoiled(outcome: Outcome, { receipts, key }: Befallen): Outcome {
  let now = outcome
  for (const fault of receipts) now = spoil(now, fault, key)
  return now
}

function spoil(outcome: Outcome, rule: ReceiptFault, key: string): Outcome {
  switch (rule.fault) {
    case 'fake_delivered':
      return {
        ...outcome,
        isDelivered: false,
        isFake: true,
        receipts: outcome.receipts.map((receipt) =>
          receipt.isIntermediate ? receipt : { ...DELIVERED, afterMs: receipt.afterMs },
        ),
      }
    case 'receipts_lost':
      return { ...outcome, receipts: [] }
    case 'wrong_id_radix':
      return { ...outcome, isWrongRadix: true }
    case 'receipts_late': {
      const [first] = outcome.receipts
      const afterMs = drawDelay(rule.delay, `${key}/receipt`)
      const laterMs = afterMs - (first?.afterMs ?? 0)
      const later = (receipt: PlannedReceipt) => ({
        ...receipt,
        afterMs: receipt.afterMs + laterMs,
      })
      return { ...outcome, receipts: outcome.receipts.map(later) }
    }
    case 'undelivered': {
      const failed = (receipt: PlannedReceipt) =>
        receipt.state === DELIVERED.state
          ? { ...UNDELIVERED, err: rule.err, afterMs: receipt.afterMs }
          : receipt
      return { ...outcome, isDelivered: false, receipts: outcome.receipts.map(failed) }
    }
  }
}

function isAnswerFault(rule: AnswerFault | ReceiptFault): rule is AnswerFault {
  switch (rule.fault) {
    case 'refuse':
    case 'throttle':
    case 'never_answer':
    case 'answer_late':
    case 'disconnect':
      return true
    default:
      return false
  }
}

function isBeyondRate(state: RuleState, perSecond: number | undefined, nowMs: number): boolean {
  if (perSecond === undefined) return true
  if (nowMs - state.secondMs >= SECOND_MS) {
    state.secondMs = nowMs
    state.passed = 0
  }
  return ++state.passed > perSecond
}

/** A drawn delay in whole milliseconds. */
export function drawDelay(delay: Delay, key: string): number {
  const even = draw(key)
  if ('uniform' in delay) {
    const [min, max] = delay.uniform
    return Math.round(min + even * (max - min))
  }
  if ('exponential' in delay) return Math.round(-Math.log(1 - even) * delay.exponential)
  const [median, sigma] = delay.lognormal
  // Box and Muller's way from two even draws to a normal one.
  const normal = Math.sqrt(-2 * Math.log(1 - even)) * Math.cos(2 * Math.PI * draw(`${key}/second`))
  return Math.round(median * Math.exp(sigma * normal))
}

function patternOf(to: string): RegExp {
  return new RegExp(`^${to.replaceAll('*', '\\d*')}$`)
}

function check(rule: FaultRule, index: number): void {
  const { to, share, every, after, times } = rule
  const refuse = (key: string, value: unknown, allowed: string): never => {
    throw new RangeError(`faults[${index}].${key}: ${String(value)} is not allowed; ${allowed}`)
  }
  if (to !== undefined && !/^[\d*]+$/.test(to)) refuse('to', to, 'digits and * are')
  if (share !== undefined && !(share >= 0 && share <= 1)) refuse('share', share, '0 to 1 is')
  for (const [key, value] of Object.entries({ every, times })) {
    if (value !== undefined && !(Number.isInteger(value) && value >= 1)) {
      refuse(key, value, 'a whole number from 1 on is')
    }
  }
  if (after !== undefined && !(Number.isInteger(after) && after >= 0)) {
    refuse('after', after, 'a whole number from 0 on is')
  }
  if (rule.fault === 'refuse' && !(Number.isInteger(rule.status) && rule.status > 0)) {
    refuse('status', rule.status, 'a command_status other than 0 is')
  }
  if (rule.fault === 'undelivered' && !/^\w{3}$/.test(rule.err)) {
    refuse('err', rule.err, 'three characters are')
  }
}
