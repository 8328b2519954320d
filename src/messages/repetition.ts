import type { FailureCode } from '../core/failure-code.ts'
import type { Attempt } from './live.ts'

/** What is said before the message itself is looked at: it tells nothing of an earlier submit. */
const OF_THE_ACCOUNT: ReadonlySet<FailureCode> = new Set([
  'carrier_unreachable',
  'carrier_unauthorised',
])

/**
 * The number of the submit that another one to the same carrier would repeat: the first of those whose outcome is
 * unknown, unless the carrier has spoken of the message since. Undefined: it would repeat none.
 *
 * @param attempts - all of the message, in any order
 */
export function repeatedSubmit(attempts: readonly Attempt[], carrier: string): number | undefined {
  let repeated: number | undefined
  for (const { attempt, state, code } of attempts
    .filter((one) => one.carrier === carrier)
    .sort((a, b) => a.attempt - b.attempt)) {
    if (state === 'uncertain') repeated ??= attempt
    else if (state !== 'not_sent' && (code === null || !OF_THE_ACCOUNT.has(code))) {
      repeated = undefined
    }
  }
  return repeated
}
