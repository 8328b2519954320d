import { messageOf } from '../core/errors.ts'
import type { HttpResponse } from '../providers/http-call.ts'
import { UnreadableAnswerError } from '../providers/json.ts'
import type { ProviderAccount, ProviderMessage, SendResult } from '../providers/provider.ts'

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

/** How long a provider wants to be left alone, in milliseconds; 0: it has not said so. RFC 9110, section 10.2.3. */
export function retryAfterMs({ headers }: HttpResponse, now: Date): number {
  const value = headers['retry-after']
  if (value === undefined) return 0
  if (/^\d{1,6}$/.test(value)) return Number(value) * 1_000
  const at = Date.parse(value)
  return Number.isNaN(at) ? 0 : Math.max(0, at - now.getTime())
}
