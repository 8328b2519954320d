import { hexHash } from './digests.ts'
import type { ProviderMessage } from './provider.ts'

/**
 * What providers tell by that a call has come before: 32 hexadecimal digits, the same where a call is made again whose
 * outcome is unknown, and others for every other call. It stands for all messages of the call together: a repetition
 * is known only where it has the same ones.
 */
export function callKey(messages: readonly Pick<ProviderMessage, 'submitKey'>[]): string {
  return hexHash('sha256', JSON.stringify(messages.map(({ submitKey }) => submitKey))).slice(0, 32)
}
