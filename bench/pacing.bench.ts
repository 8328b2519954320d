import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type BenchOptions, type BenchRow, rowFrom } from './harness.ts'
import { Child } from './support/child.ts'
import { type GatewayProcess, startGatewayProcess } from './support/end-to-end-gateway.ts'
import type { LoadCommand, LoadReport } from './support/end-to-end-load.ts'
import type { PacingCommand, PacingReport } from './support/pacing-carrier.ts'

/** The whole gateway against a carrier with a limit that nobody has told it. */
export const subject = 'pacing'

const LIMITS: readonly number[] = [200, 1_000]
const SMPP_WINDOW = 100
/** Each second asked for stands for so many: the pace swings over ten. */
const SECONDS = 20
const MOST_LEARNING_SECONDS = 10
/** Messages that wait at first, in seconds of the limit; then as many come as leave, and a few more. */
const FIRST_SECONDS = 5
const SPARE = 1.2

/** Of one round, in percent. */
interface Shares {
  readonly used: number
  readonly throttled: number
}

/**
 * Measures which share of a carrier's hidden limit is used, and which share of the submits it
 * throttles, once the gateway has learnt the limit; it starts without one in every round.
 */
export async function run({ rounds, secondsPerRound }: BenchOptions): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const limit of LIMITS) {
    const shares: Shares[] = []
    for (let round = 0; round < rounds; round++) {
      shares.push(await measure(limit, secondsPerRound * SECONDS, `${limit}-${round}`))
    }
    const used = shares.map((each) => each.used)
    const throttled = shares.map((each) => each.throttled)
    rows.push(rowFrom(`used of a hidden limit of ${limit}/s`, '%', used, null))
    rows.push(rowFrom(`throttled, hidden limit of ${limit}/s`, '%', throttled, null))
  }
  return rows
}

async function measure(limit: number, seconds: number, round: string): Promise<Shares> {
  const child = <Command extends object, Report extends { readonly type: string }>(
    name: string,
    file: string,
  ) => {
    const path = fileURLToPath(new URL(`./support/${file}`, import.meta.url))
    return new Child<Command, Report>(name, path)
  }
  const carrier = child<PacingCommand, PacingReport>('carrier', 'pacing-carrier.ts')
  const load = child<LoadCommand, LoadReport>('load generator', 'end-to-end-load.ts')
  let gateway: GatewayProcess | undefined
  try {
    const { port } = await carrier.ask({ type: 'listen', perSecond: limit }, 'listening')
    gateway = await startGatewayProcess(port)
    await load.ask({ type: 'bind', port: gateway.smppPort, window: SMPP_WINDOW }, 'bound')
    const learningSeconds = Math.min(MOST_LEARNING_SECONDS, seconds)
    await load.ask({ type: 'submit', messages: limit * FIRST_SECONDS, round }, 'loaded')
    const keepUp = async (forSeconds: number) => {
      const until = performance.now() + forSeconds * 1_000
      while (performance.now() < until) {
        const messages = Math.ceil(limit * SPARE)
        const rest = sleep(Math.min(1_000, until - performance.now()))
        await Promise.all([load.ask({ type: 'submit', messages, round }, 'loaded'), rest])
      }
    }
    await keepUp(learningSeconds)
    await carrier.ask({ type: 'count' }, 'counted')
    await keepUp(seconds)
    const { taken, throttled, ...counted } = await carrier.ask({ type: 'count' }, 'counted')
    return {
      used: (taken / (limit * counted.seconds)) * 100,
      throttled: (throttled / Math.max(1, taken + throttled)) * 100,
    }
  } finally {
    await gateway?.close()
    carrier.end()
    load.end()
  }
}
