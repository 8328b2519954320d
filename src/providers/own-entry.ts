/** What a table of ours has for a word that came from elsewhere: `constructor` and its like are in none. */
export function ownEntry<Value>(
  table: Readonly<Record<string, Value>>,
  word: string,
): Value | undefined {
  return Object.hasOwn(table, word) ? table[word] : undefined
}
