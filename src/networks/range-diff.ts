import type { Network, NetworkRange, NetworkTable } from '../routing/network.ts'
import { inSlices } from './slices.ts'

/** One range that an import would change. */
export interface RangeChange {
  readonly prefix: string
  /** null: the range is new. */
  readonly before: Network | null
  /** null: the range goes. */
  readonly after: Network | null
}

/** What an import changes. */
export interface RangeDiff {
  readonly added: number
  readonly changed: number
  readonly removed: number
  readonly unchanged: number
  /** The first of the changes. */
  readonly examples: readonly RangeChange[]
}

const MAX_EXAMPLES = 20

/** @param scope - only ranges that begin so are replaced; empty: all */
export async function diffRanges(
  present: NetworkTable,
  incoming: readonly NetworkRange[],
  scope: string,
): Promise<RangeDiff> {
  const counts = { added: 0, changed: 0, removed: 0, unchanged: 0 }
  const examples: RangeChange[] = []
  const kept = new Set<string>()
  const note = (what: keyof typeof counts, change: RangeChange) => {
    counts[what]++
    if (what !== 'unchanged' && examples.length < MAX_EXAMPLES) examples.push(change)
  }
  await inSlices(incoming, ({ prefix, network }) => {
    kept.add(prefix)
    const before = present.get(prefix) ?? null
    const change = { prefix, before, after: network }
    if (!before) note('added', change)
    else note(isSame(before, network) ? 'unchanged' : 'changed', change)
  })
  await inSlices(present.ranges(), ({ prefix, network }) => {
    if (!prefix.startsWith(scope) || kept.has(prefix)) return
    note('removed', { prefix, before: network, after: null })
  })
  return { ...counts, examples }
}

function isSame(a: Network, b: Network): boolean {
  return a.mccmnc === b.mccmnc && a.name === b.name
}
