import { messageOf } from '../core/errors.ts'
import { retryAfterMs } from '../core/retry-after.ts'
import type { HttpResponse } from '../providers/http-call.ts'
import { UnreadableAnswerError } from '../providers/json.ts'
import type { ProviderAccount, ProviderMessage, SendResult } from '../providers/provider.ts'
import type { SegmentOutcome } from './carrier.ts'
import { sendOutcome } from './http-mapping.ts'
import type { TokenResult } from './provider-token.ts'

/** What became of each message; a text says why nobody knows. */
export function readResults(
  account: ProviderAccount,
  response: HttpResponse,
  messages: readonly ProviderMessage[],
): readonly SendResult[] | string {
  try {
    return account.readSend(response, messages)
  } catch (error) {
    if (!(error instanceof UnreadableAnswerError)) throw error
    const { status } = response
    const isRefusal = status >= 400 && status < 500 && status !== 408
    if (!isRefusal) return messageOf(error)
    // What is wrong with the request is said before anything is done with it.
    const refused = {
      kind: 'refused',
      code: '',
      text: messageOf(error),
      httpStatus: status,
    } as const
    return messages.map(() => refused)
  }
}

/** How long a provider that is asked too often wants to be left alone: as it says, or as it documents. */
export function restMs(
  account: ProviderAccount,
  results: readonly SendResult[],
  response: HttpResponse,
  now: Date,
): number {
  const rests = results.flatMap((result) => {
    const isTooFast = result.kind === 'refused' && sendOutcome(account, result).kind === 'throttled'
    return isTooFast ? [(account.restSeconds?.(result) ?? 0) * 1_000] : []
  })
  if (rests.length === 0) return 0
  return Math.max(retryAfterMs(response.headers['retry-after'], now) ?? 0, ...rests)
}

/** No request could be made of it. */
export function unsendable(reason: string): SegmentOutcome {
  return { kind: 'refused', code: 'not_encodable', rawCode: null, reason, class: 'message' }
}

/** Nobody was there: another carrier may have it at once, and the circuit breaker hears of it. */
export function unreachable(reason: string): SegmentOutcome {
  return {
    kind: 'refused',
    code: 'carrier_unreachable',
    rawCode: null,
    reason,
    class: 'passing',
  }
}

/** The token was refused, and with it the message was not sent; whatever is said of that, it is certain. */
export function tokenOutcome(
  account: ProviderAccount,
  { reason, error }: Extract<TokenResult, { ok: false }>,
): SegmentOutcome {
  const refused = error && sendOutcome(account, { kind: 'refused', ...error })
  if (!refused || refused.kind === 'uncertain') return unreachable(`no token: ${reason}`)
  return refused.kind === 'refused' ? { ...refused, reason: `no token: ${reason}` } : refused
}
