import type { ReceiptEntry } from './journal.ts'
import type { Attempt } from './live.ts'

/**
 * What a receipt makes of a submit. Where the carrier reports part by part, it is delivered when all parts are, in
 * whatever order they come and however often, and lost as soon as one is: the handset shows only whole messages. Notes
 * which parts are left. Null: nothing is settled yet.
 */
export function settledBy(
  attempt: Attempt,
  { settles, part }: Pick<ReceiptEntry, 'settles' | 'part'>,
): ReceiptEntry['settles'] {
  if (settles !== 'delivered' || part === undefined) return settles
  const open = attempt.openParts ?? Array.from({ length: part.of }, (_, index) => index + 1)
  attempt.openParts = open.filter((number) => number !== part.number)
  return attempt.openParts.length === 0 ? 'delivered' : null
}
