import { type BenchOptions, type BenchRow, rowFrom } from './harness.ts'
import { type Child, Children, epochMs } from './support/child.ts'
import type { BareCommand, BareReport } from './support/end-to-end-bare.ts'
import type { CarrierCommand, CarrierReport } from './support/end-to-end-carrier.ts'
import {
  API_KEY,
  cpuSeconds,
  type GatewayProcess,
  startGatewayProcess,
  untilAllEnded,
} from './support/end-to-end-gateway.ts'
import type { LoadCommand, LoadReport } from './support/end-to-end-load.ts'
import {
  provenWaits,
  quantile,
  type StoredMessage,
  storedMessages,
} from './support/proven-waits.ts'
import type { PeerCommand, PeerReport } from './support/session-peer.ts'

/** The whole gateway on PostgreSQL, from the request to the committed receipt. */
export const subject = 'end-to-end'

const CONNECTIONS = 64
const SMPP_WINDOW = 100

/** One way into the gateway and how hard it is used. */
interface Way {
  readonly name: string
  readonly door: 'rest' | 'smpp'
  /** Recipients in one call. */
  readonly recipients: number
  /** Calls started per second; 0: as fast as they are answered. */
  readonly callsPerSecond: number
  /** A round has this times the seconds asked for; about what a small machine does in one. */
  readonly messagesPerSecond: number
}

const WAYS: readonly Way[] = [
  {
    name: 'REST one by one',
    door: 'rest',
    recipients: 1,
    callsPerSecond: 0,
    messagesPerSecond: 1_500,
  },
  {
    name: 'REST 100 a call',
    door: 'rest',
    recipients: 100,
    callsPerSecond: 0,
    messagesPerSecond: 2_000,
  },
  { name: 'SMPP', door: 'smpp', recipients: 1, callsPerSecond: 0, messagesPerSecond: 1_500 },
  {
    name: 'REST at 200/s',
    door: 'rest',
    recipients: 1,
    callsPerSecond: 200,
    messagesPerSecond: 200,
  },
]

/** Every process there is; all end with the benchmark. */
interface Stage {
  readonly gateway: GatewayProcess
  readonly carrier: Child<CarrierCommand, CarrierReport>
  readonly load: Child<LoadCommand, LoadReport>
  readonly barePort: number
  /** Submits without durability: client and server of the package `smpp`. */
  readonly peer: Child<PeerCommand, PeerReport>
}

/** What one round of one way gives. */
interface Figures {
  readonly acceptedPerSecond: number
  readonly deliveredPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of the gateway process alone, without PostgreSQL. */
  readonly cpuMicrosPerMessage: number
}

/**
 * Measures a gateway process against a simulated carrier that answers at once and sends a receipt
 * for every message; gateway, PostgreSQL, carrier and load share the machine.
 *
 * Each round also proves that every accepted message was submitted exactly once and delivered, and
 * over SMPP that its sender got exactly one receipt. The baselines store nothing: a bare server on
 * the same HTTP framework, and the package `smpp` on both sides. The ratio says what all the rest
 * costs: judging, routing, committing, submitting, and following the receipt, on the same cores.
 *
 * @throws {Error} when a message is lost, doubled or not delivered
 */
export async function run({ rounds, secondsPerRound }: BenchOptions): Promise<BenchRow[]> {
  const children = new Children()
  let gateway: GatewayProcess | undefined
  try {
    const carrier = children.start<CarrierCommand, CarrierReport>(
      'carrier',
      'end-to-end-carrier.ts',
    )
    const load = children.start<LoadCommand, LoadReport>('load generator', 'end-to-end-load.ts')
    const bare = children.start<BareCommand, BareReport>('bare server', 'end-to-end-bare.ts')
    const server = children.start<PeerCommand, PeerReport>('smpp server', 'session-peer.ts')
    const peer = children.start<PeerCommand, PeerReport>('smpp client', 'session-peer.ts')
    const { port: carrierPort } = await carrier.ask({ type: 'listen' }, 'listening')
    const { port: barePort } = await bare.ask({ type: 'listen' }, 'listening')
    const serving = await server.ask({ type: 'serve', implementation: 'smpp' }, 'serving')
    await peer.ask({ type: 'connect', implementation: 'smpp', port: serving.port }, 'connected')
    gateway = await startGatewayProcess(carrierPort)
    await load.ask({ type: 'bind', port: gateway.smppPort, window: SMPP_WINDOW }, 'bound')
    const stage: Stage = { gateway, carrier, load, barePort, peer }
    const rows: BenchRow[] = []
    for (const way of chosenWays()) {
      rows.push(...(await measure(stage, way, rounds, secondsPerRound)))
    }
    return rows
  } finally {
    await gateway?.close()
    children.end()
  }
}

/** LINEHAUL_BENCH_WAY is the start of the name of the only ways to measure, for a profile. */
function chosenWays(): readonly Way[] {
  const start = process.env.LINEHAUL_BENCH_WAY ?? ''
  return WAYS.filter(({ name }) => name.startsWith(start))
}

async function measure(
  stage: Stage,
  way: Way,
  rounds: number,
  seconds: number,
): Promise<BenchRow[]> {
  const isPaced = way.callsPerSecond > 0
  const messages = messageCount(way, seconds)
  await runRound(stage, way, messageCount(way, Math.min(0.5, seconds)), 'warm-up')
  const figures: Figures[] = []
  const baseline: number[] = []
  for (let round = 1; round <= rounds; round++) {
    if (!isPaced && round % 2 === 0) baseline.push(await runBaseline(stage, way, messages, seconds))
    figures.push(await runRound(stage, way, messages, String(round)))
    if (!isPaced && round % 2 === 1) baseline.push(await runBaseline(stage, way, messages, seconds))
  }
  const row = (what: string, unit: string, key: keyof Figures, against: number[] | null = null) =>
    rowFrom(
      `${way.name}: ${what}`,
      unit,
      figures.map((one) => one[key]),
      against,
    )
  const costs = [
    row('accept to submit, median', 'ms', 'p50Ms'),
    row('accept to submit, 99 of 100', 'ms', 'p99Ms'),
    row('processor time of the gateway', 'us/message', 'cpuMicrosPerMessage'),
  ]
  if (isPaced) return costs
  return [
    row('accepted', 'messages/s', 'acceptedPerSecond', baseline),
    row('delivered', 'messages/s', 'deliveredPerSecond'),
    ...costs,
  ]
}

/** A whole number of calls, and enough of them that the hundredth part is a message. */
function messageCount({ messagesPerSecond, recipients }: Way, seconds: number): number {
  const wanted = Math.max(100, messagesPerSecond * seconds)
  return Math.ceil(wanted / recipients) * recipients
}

/** Sends `messages`, waits for all their ends, and proves that each had exactly one. */
async function runRound(
  { gateway, carrier, load }: Stage,
  way: Way,
  messages: number,
  name: string,
): Promise<Figures> {
  const round = `${way.door}${way.recipients} at ${way.callsPerSecond} ${name}`
  const cpuBefore = await cpuSeconds(gateway)
  const loaded = await load.ask(
    way.door === 'smpp'
      ? { type: 'submit', messages, round }
      : restCommand(gateway.httpPort, way, messages, round),
    'loaded',
  )
  const { arrivals } = await carrier.ask({ type: 'collect', receipts: messages }, 'collected')
  await untilAllEnded(gateway)
  const deliveredAfterMs = epochMs() - loaded.startedAtMs
  const rows = await storedMessages(gateway, round)
  const waits = provenWaits(round, messages, rows, arrivals)
  if (way.door === 'smpp') {
    const { ids } = await load.ask({ type: 'receipts', receipts: messages }, 'received')
    proveReceipts(round, rows, ids)
  }
  const cpuAfter = await cpuSeconds(gateway)
  return {
    acceptedPerSecond: (messages * 1_000) / loaded.tookMs,
    deliveredPerSecond: (messages * 1_000) / deliveredAfterMs,
    p50Ms: quantile(waits, 0.5),
    p99Ms: quantile(waits, 0.99),
    cpuMicrosPerMessage: ((cpuAfter - cpuBefore) * 1_000_000) / messages,
  }
}

/** The same load where nothing is stored; requests per second. */
async function runBaseline(
  { load, barePort, peer }: Stage,
  way: Way,
  messages: number,
  seconds: number,
): Promise<number> {
  if (way.door === 'smpp') {
    const report = await peer.ask({ type: 'measure', window: SMPP_WINDOW, seconds }, 'measured')
    return report.pairsPerSecond
  }
  const command = restCommand(barePort, way, messages, 'baseline')
  const { tookMs } = await load.ask(command, 'loaded')
  return (messages * 1_000) / tookMs
}

function restCommand(port: number, way: Way, messages: number, round: string): LoadCommand {
  const { recipients, callsPerSecond } = way
  return {
    type: 'rest',
    port,
    apiKey: API_KEY,
    messages,
    recipients,
    connections: CONNECTIONS,
    callsPerSecond,
    round,
  }
}

function proveReceipts(
  round: string,
  rows: readonly StoredMessage[],
  ids: readonly string[],
): void {
  const told = new Set(ids)
  const untold = rows.filter(({ id }) => !told.has(id)).length
  if (untold > 0 || ids.length !== rows.length) {
    throw new Error(
      `round ${round}: ${ids.length} receipts for ${rows.length} messages, ${untold} without one`,
    )
  }
}
