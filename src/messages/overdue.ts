import { decidingSubmit, segmentsOf, unlessAtCarrier } from './deciding-submit.ts'
import { endEntry, resendEntry, unchanged } from './endings.ts'
import type { MovedEntry } from './journal.ts'
import type { LiveMessage } from './live.ts'
import { lossEntry, lossOf } from './loss.ts'
import type { PolicyFor } from './settle.ts'
import { receiptDeadline } from './timing.ts'

/**
 * What becomes of a message over its deadline: `expired` what no carrier has; what a carrier
 * may have is sent again where its class says so, and is `unconfirmed` otherwise.
 */
export function overdueEntry(live: LiveMessage, policyFor: PolicyFor, at: Date): MovedEntry {
  const { message } = live
  const policy = policyFor(message.trafficClass)
  if (message.status !== 'sending' && message.status !== 'sent') {
    return unlessAtCarrier(live, endEntry(message, 'expired', at), policy)
  }
  const loss = lossOf(live)
  if (loss) return lossEntry(live, loss, at)
  const deciding = decidingSubmit(live)
  const segments = segmentsOf(live, deciding)
  const isRefused =
    segments.length > 0 &&
    segments.every(({ state }) => state === 'refused' || state === 'not_sent')
  if (isRefused) {
    // Its refusal came late, and the gateway stopped before anything followed from it.
    if (message.expiresAt <= at) {
      return unlessAtCarrier(live, endEntry(message, 'expired', at), policy)
    }
    const deadlineAt = message.expiresAt
    return { ...unchanged(message, at), to: 'queued', dueAt: null, deadlineAt, heldBy: null }
  }
  const isUnknown = segments.length > 0 && segments.every(({ state }) => state === 'uncertain')
  const failures = message.failures + 1
  const { maxAttempts } = policy.retry.passing
  const mayResend =
    policy.uncertain === 'resend' &&
    message.heldBy === null &&
    isUnknown &&
    message.expiresAt > at &&
    (maxAttempts === 0 || failures < maxAttempts)
  if (!mayResend) {
    // What waits only for its policy to decide waits for its receipt after that.
    // Counted from the submit: this entry, too, is an update of the message.
    const submittedAt = segments[0]?.submittedAt ?? message.createdAt
    const deadlineAt = receiptDeadline(policy, message, submittedAt)
    if (deadlineAt > at) return { ...unchanged(message, at), deadlineAt }
    return endEntry(message, 'unconfirmed', at, undefined, deciding)
  }
  const detail = `${message.carrier} did not answer, and no receipt came: sent again, as the policy of its class says`
  return resendEntry(message, detail, at)
}
