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
