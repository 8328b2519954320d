import type { ProviderMessage } from './provider.ts'
import { e164Of } from './recipient.ts'

/**
 * The row of each message in an answer that has one row for each number, in the order of the messages.
 *
 * Two messages to one number get the rows of that number in turn. Undefined: the answer has no row left, which is
 * what a provider that merges equal numbers leaves to the second one.
 *
 * @param writtenNumber - the number of a row as the provider writes it
 */
export function rowsByNumber<Row>(
  messages: readonly ProviderMessage[],
  rows: readonly Row[],
  writtenNumber: (row: Row) => string,
): (Row | undefined)[] {
  const waiting = new Map<string, Row[]>()
  for (const row of rows) {
    const number = e164Of(writtenNumber(row))
    if (number === null) continue
    const others = waiting.get(number)
    if (others) others.push(row)
    else waiting.set(number, [row])
  }
  return messages.map(({ to }) => waiting.get(to)?.shift())
}
