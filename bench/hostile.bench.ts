import { type BenchOptions, type BenchRow, rowFrom } from './harness.ts'
import { type Child, Children } from './support/child.ts'
import type { CarrierCommand, CarrierReport } from './support/end-to-end-carrier.ts'
import {
  cpuSeconds,
  type GatewayProcess,
  startGatewayProcess,
} from './support/end-to-end-gateway.ts'
import type { LoadCommand, LoadReport } from './support/end-to-end-load.ts'
import type { CrowdCommand, CrowdReport } from './support/hostile-crowd.ts'
import { type PartnerAndCarrier, submitAll } from './support/paced-submits.ts'

/** What a good partner keeps of its rate while a hostile crowd uses the same listener. */
export const subject = 'hostile'

const WINDOW = 100
/** A round has this times the seconds asked for; about what a small machine does in one. */
const MESSAGES_PER_SECOND = 7_000
/** Of the rate with a full window: what a partner may send who does not want all of the machine. */
const PACED_SHARE = 0.5

interface Stage extends PartnerAndCarrier {
  readonly gateway: GatewayProcess
  readonly crowd: Child<CrowdCommand, CrowdReport>
}

/**
 * Measures one partner at the gateway on PostgreSQL, in turns with the crowd of
 * `support/hostile-crowd.ts` and without; the crowd's pace is fixed there and printed. Every message
 * accepted has its receipt in either case.
 *
 * The partner first sends at half of what the machine takes, then with its window always full. All
 * processes share the machine, so with a full window it loses at least the processor time that the
 * crowd itself takes; that is printed.
 *
 * @throws {Error} when the good partner is refused anything, or a receipt is missing
 */
export async function run({ rounds, secondsPerRound }: BenchOptions): Promise<BenchRow[]> {
  const children = new Children()
  let gateway: GatewayProcess | undefined
  try {
    const carrier = children.start<CarrierCommand, CarrierReport>(
      'carrier',
      'end-to-end-carrier.ts',
    )
    const partner = children.start<LoadCommand, LoadReport>('partner', 'end-to-end-load.ts')
    const crowd = children.start<CrowdCommand, CrowdReport>('crowd', 'hostile-crowd.ts')
    const { port } = await carrier.ask({ type: 'listen' }, 'listening')
    gateway = await startGatewayProcess(port, 'error')
    await partner.ask({ type: 'bind', port: gateway.smppPort, window: WINDOW }, 'bound')
    const stage: Stage = { gateway, carrier, partner, crowd }
    return await measure(stage, rounds, secondsPerRound)
  } finally {
    await gateway?.close()
    children.end()
  }
}

async function measure(stage: Stage, rounds: number, secondsPerRound: number): Promise<BenchRow[]> {
  const messages = Math.ceil(MESSAGES_PER_SECOND * secondsPerRound)
  await submitAll(stage, messages, 'cold', 0)
  const most = await submitAll(stage, messages, 'warm', 0)
  const full = await compareRates(stage, rounds, messages, 0)
  const pace = Math.max(1, Math.round(most * PACED_SHARE))
  const paced = await compareRates(stage, rounds, Math.ceil(pace * secondsPerRound), pace)
  const byItself: number[] = []
  for (let round = 1; round <= rounds; round++) {
    byItself.push(await gatewayShare(stage, secondsPerRound))
  }
  const crowds = [...full.crowds, ...paced.crowds]
  const crowdRow = (name: string, unit: string, read: (crowd: Crowd) => number) =>
    rowFrom(`crowd: ${name}`, unit, crowds.map(read), null)
  return [
    ...rateRows(`good partner at ${pace}/s`, paced),
    ...rateRows(`good partner, window ${WINDOW} always full`, full),
    crowdRow('connections (probes, wrong binds, resets, slow ones)', '1/s', (crowd) => {
      return crowd.connections / crowd.seconds
    }),
    crowdRow('PDUs (links, undecodable, stray, payloads of 64 KiB)', '1/s', (crowd) => {
      return crowd.pdus / crowd.seconds
    }),
    crowdRow('processor time of its own', '% of a core', ({ cpuShare }) => cpuShare * 100),
    rowFrom('gateway: processor time for the crowd alone', '% of a core', byItself, null),
  ]
}

type Crowd = Extract<CrowdReport, { readonly type: 'retreated' }>

/** Messages a second, round by round. */
interface Rates {
  readonly alone: readonly number[]
  readonly attacked: readonly number[]
  readonly crowds: readonly Crowd[]
}

async function compareRates(
  stage: Stage,
  rounds: number,
  messages: number,
  pace: number,
): Promise<Rates> {
  const alone: number[] = []
  const attacked: number[] = []
  const crowds: Crowd[] = []
  for (let round = 1; round <= rounds; round++) {
    const name = `${round} at ${pace}`
    if (round % 2 === 0) alone.push(await submitAll(stage, messages, `${name} alone`, pace))
    await stage.crowd.ask({ type: 'attack', port: stage.gateway.smppPort }, 'attacking')
    attacked.push(await submitAll(stage, messages, `${name} attacked`, pace))
    crowds.push(await stage.crowd.ask({ type: 'retreat' }, 'retreated'))
    if (round % 2 === 1) alone.push(await submitAll(stage, messages, `${name} alone`, pace))
  }
  return { alone, attacked, crowds }
}

function rateRows(name: string, { alone, attacked }: Rates): BenchRow[] {
  const kept = attacked.map((rate, round) => (rate * 100) / (alone[round] ?? Number.NaN))
  return [
    rowFrom(`${name}, with the crowd against without`, 'messages/s', attacked, alone),
    rowFrom('– share of its rate that it keeps, median', '%', kept, null),
    rowFrom('– in its worst round', '%', [Math.min(...kept)], null),
  ]
}

/** What the crowd costs the gateway while nobody else is there, in percent of a core. */
async function gatewayShare({ gateway, crowd }: Stage, seconds: number): Promise<number> {
  await crowd.ask({ type: 'attack', port: gateway.smppPort }, 'attacking')
  const before = await cpuSeconds(gateway)
  const startedMs = performance.now()
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000))
  const share = ((await cpuSeconds(gateway)) - before) / ((performance.now() - startedMs) / 1_000)
  await crowd.ask({ type: 'retreat' }, 'retreated')
  return share * 100
}
