import type { FailureFacts, FailureRule, FailureScene } from '../core/failure-rule.ts'
import { FailureRules } from '../routing/failure-rules.ts'
import type { TimelineEvent } from './journal.ts'
import type { Attempt } from './live.ts'
import type { Message } from './message.ts'

/** What has failed, beside whose message it is. */
export interface Setback {
  readonly scene: FailureScene
  /** Normalised. */
  readonly code: string
  readonly rawCode: string | null
  /** As the message's error shows it. */
  readonly detail: string
  /** The carrier's words, or ours where it said none. */
  readonly text: string
}

/** What an operator is told. */
export interface RuleAlert {
  readonly rule: string
  readonly messageId: string
  readonly detail: string
  readonly facts: FailureFacts
}

/** What a {@link FailureJudge} is built with. */
export interface FailureJudgeOptions {
  readonly rules: FailureRules
  readonly onAlert?: (alert: RuleAlert) => void
  /** A rule has acted, or the default. */
  readonly onActed?: (rule: FailureRule) => void
}

/** Asks the failure rules what follows a failure. */
export class FailureJudge {
  readonly #options: FailureJudgeOptions

  constructor(options: FailureJudgeOptions) {
    this.#options = options
  }

  /**
   * Gives what the first rule that can act makes of a failure.
   *
   * @param act - gives undefined where the rule cannot act on it, and never for `policy`; the next one
   *   is asked then
   * @param alerted - rules before that one, of which the operator is told
   */
  judge<Outcome>(
    message: Message,
    setback: Setback,
    act: (rule: FailureRule, alerted: readonly FailureRule[]) => Outcome | undefined,
  ): Outcome {
    const { rules, onAlert, onActed } = this.#options
    const facts = factsOf(message, setback)
    const alerted: FailureRule[] = []
    for (const rule of rules.matching(facts)) {
      if (rule.action.kind === 'alert') {
        alerted.push(rule)
        onActed?.(rule)
        onAlert?.({ rule: rule.name, messageId: message.id, detail: setback.detail, facts })
        continue
      }
      const outcome = act(rule, alerted)
      if (outcome === undefined) continue
      onActed?.(rule)
      return outcome
    }
    throw new Error('the default rule has not acted')
  }
}

/** Knows no rule but the default: the policies decide. */
export const POLICIES_ONLY = new FailureJudge({ rules: new FailureRules() })

/** How often a carrier has been given a message. */
export function submitsTo(carrier: string, attempts: readonly Attempt[]): number {
  const numbers = new Set<number>()
  for (const one of attempts) if (one.carrier === carrier) numbers.add(one.attempt)
  return numbers.size
}

/** The lines of a timeline about alerts. */
export function alertEvents(
  { id, carrier, attempt }: Message,
  alerted: readonly FailureRule[],
  status: TimelineEvent['status'],
  code: string,
  at: Date,
): TimelineEvent[] {
  return alerted.map(({ name }) => ({
    messageId: id,
    at,
    type: 'alerted',
    status,
    carrier,
    attempt,
    code,
    detail: { rule: name },
  }))
}

function factsOf(message: Message, { scene, code, rawCode, text }: Setback): FailureFacts {
  return {
    scene,
    carrier: message.carrier,
    channel: message.channel,
    code,
    rawCode,
    text,
    tenantId: message.tenantId,
    trafficClass: message.trafficClass,
    country: message.country,
    attempt: message.attempt,
  }
}
