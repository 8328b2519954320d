import { FairQueue } from '../src/messages/fair-queue.ts'
import { type BenchOptions, type BenchRow, compare } from './harness.ts'

export const subject = 'fair-queue'

interface Item {
  readonly tenant: string
  readonly priority: number
}

const BATCH = 3_000

/** Items of so many tenants, in all priorities. */
function items(tenants: number): Item[] {
  return Array.from({ length: BATCH }, (_, index) => ({
    tenant: `tenant-${index % tenants}`,
    priority: index % 3,
  }))
}

function queue(): FairQueue<Item> {
  return new FairQueue<Item>({
    tenantOf: ({ tenant }) => tenant,
    priorityOf: ({ priority }) => priority,
    costOf: () => 1,
  })
}

/** Measures one push with one shift; there is nothing fair to compare with, so no baseline. */
export async function run(options: BenchOptions): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const [tenants, backlog] of [
    [1, 0],
    [100, 0],
    [1_000, 0],
    [100, 1_000_000],
  ] as const) {
    const made = items(tenants)
    const waiting = queue()
    for (let round = 0; round < backlog / BATCH; round++) {
      for (const item of made) waiting.push(item)
    }
    const ours = () => {
      for (const item of made) waiting.push(item)
      for (let taken = 0; taken < BATCH; taken++) waiting.shift()
      return BATCH
    }
    const behind = backlog > 0 ? `, ${backlog.toLocaleString('en')} waiting` : ''
    rows.push(compare(`push + shift: ${tenants} tenants${behind}`, 'items/s', ours, null, options))
  }
  return rows
}
