import { fileURLToPath } from 'node:url'
import { type BenchOptions, type BenchRow, rowFrom } from './harness.ts'
import { Child } from './support/child.ts'
import type { IdleCommand, IdleReport } from './support/idle-peer.ts'

/** What a thousand idle partners cost in memory, against the server of the npm package `smpp`. */
export const subject = 'idle-binds'

const PEER = fileURLToPath(new URL('./support/idle-peer.ts', import.meta.url))
const BINDS = 1_000
/** Bound and released before, so that compiled code does not count as memory of a bind. */
const WARM_UP_BINDS = 100
const MB = 1_000_000

/** Above none, in octets. */
interface Growth {
  readonly rss: number
  readonly heap: number
}

/**
 * Measures the resident memory of a server with 1,000 idle transceiver binds less that with none,
 * after garbage collection both times. Each round has a process of its own for either server.
 */
export async function run({ rounds }: BenchOptions): Promise<BenchRow[]> {
  const ours: Growth[] = []
  const theirs: Growth[] = []
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) ours.push(await measure('linehaul'))
    theirs.push(await measure('smpp'))
    if (round % 2 === 1) ours.push(await measure('linehaul'))
  }
  const row = (name: string, unit: string, read: (growth: Growth) => number) =>
    rowFrom(name, unit, ours.map(read), theirs.map(read))
  return [
    row('1,000 idle binds: resident memory', 'MB', ({ rss }) => rss / MB),
    row('one idle bind: resident memory', 'KB', ({ rss }) => rss / BINDS / 1_000),
    row('one idle bind: heap and buffers', 'KB', ({ heap }) => heap / BINDS / 1_000),
  ]
}

async function measure(implementation: 'linehaul' | 'smpp'): Promise<Growth> {
  const server = new Child<IdleCommand, IdleReport>('server', PEER)
  const client = new Child<IdleCommand, IdleReport>('client', PEER)
  try {
    const { port } = await server.ask({ type: 'serve', implementation }, 'serving')
    await client.ask({ type: 'bind', port, binds: WARM_UP_BINDS }, 'bound')
    await client.ask({ type: 'release' }, 'released')
    const before = await server.ask({ type: 'memory' }, 'memory')
    if (before.binds !== 0) throw new Error(`${before.binds} binds are left of the warm-up`)
    await client.ask({ type: 'bind', port, binds: BINDS }, 'bound')
    const after = await server.ask({ type: 'memory' }, 'memory')
    if (after.binds !== BINDS) throw new Error(`${after.binds} of ${BINDS} binds are there`)
    return { rss: after.rss - before.rss, heap: after.heap - before.heap }
  } finally {
    server.end()
    client.end()
  }
}
