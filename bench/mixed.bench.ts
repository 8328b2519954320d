import { type BenchOptions, type BenchRow, rowFrom } from './harness.ts'
import { type Child, Children } from './support/child.ts'
import type { CarrierCommand, CarrierReport } from './support/end-to-end-carrier.ts'
import {
  API_KEY,
  cpuSeconds,
  type GatewayProcess,
  startGatewayProcess,
  untilAllEnded,
} from './support/end-to-end-gateway.ts'
import type { LoadCommand, LoadReport } from './support/end-to-end-load.ts'
import type { ProviderCommand, ProviderName, ProviderReport } from './support/mixed-provider.ts'
import { provenWaits, quantile, storedMessages } from './support/proven-waits.ts'

/** What carriers over HTTP cost those over SMPP in the same gateway. */
export const subject = 'mixed'

const PROVIDER_LATENCY_MS = 200
const CALLS_PER_SECOND = 100
/** More than 1,000 messages a second need at once with that latency. */
const PROVIDER_CONNECTIONS = 200
const REST_CONNECTIONS = 16
const SMPP_NUMBERS = 447_700_900_000
const HTTP_NUMBERS = 8_613_800_100_000
/** A connection that nobody uses stays open for a few seconds. */
const IDLE_WITHIN_MS = 20_000
const LOOK_EVERY_MS = 100

/** What is sent in one phase of a round, 100 calls a second. */
interface Phase {
  readonly name: string
  /** Recipients of one call, by where they go. */
  readonly smpp: number
  readonly http: number
  readonly provider: ProviderName | null
}

const HALF_ALONE: Phase = { name: 'SMPP 500/s', smpp: 5, http: 0, provider: null }
const ALL_ALONE: Phase = { name: 'SMPP 1,000/s', smpp: 10, http: 0, provider: null }
const MIXED: readonly Phase[] = [
  { name: 'SMPP 500/s beside Twilio 500/s', smpp: 5, http: 5, provider: 'twilio' },
  { name: 'SMPP 500/s beside Tencent 500/s', smpp: 5, http: 5, provider: 'tencent' },
]
const PHASES: readonly Phase[] = [HALF_ALONE, ...MIXED, ALL_ALONE]

interface Stage {
  readonly gateway: GatewayProcess
  readonly carrier: Child<CarrierCommand, CarrierReport>
  readonly providers: Child<ProviderCommand, ProviderReport>
  readonly load: Child<LoadCommand, LoadReport>
}

interface Figures {
  /** From accept to submit, of messages that go over SMPP. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly cpuMicrosPerMessage: number
  /** Processor time of the gateway in a second of the load. */
  readonly cpuShare: number
  /** Connections to the provider: the most at once, and how many were opened. */
  readonly mostSockets: number
  readonly openedSockets: number
  readonly messagesPerCall: number
}

/**
 * Measures how long messages wait from accept to submit over SMPP, alone and with as many that go to a provider which
 * answers after 200 ms: Twilio, a call for each, and Tencent, up to 200 of one text in a call. The gateway is on
 * PostgreSQL, and every message has its receipt, those of providers by callback; gateway, PostgreSQL, SMSC, providers
 * and load share the machine.
 *
 * @throws {Error} when a message is lost, doubled or not delivered, when there are more connections to a provider than
 *   are set, or when one stays open
 */
export async function run({ rounds, secondsPerRound }: BenchOptions): Promise<BenchRow[]> {
  const children = new Children()
  let gateway: GatewayProcess | undefined
  try {
    const carrier = children.start<CarrierCommand, CarrierReport>('SMSC', 'end-to-end-carrier.ts')
    const load = children.start<LoadCommand, LoadReport>('load generator', 'end-to-end-load.ts')
    const providers = children.start<ProviderCommand, ProviderReport>(
      'providers',
      'mixed-provider.ts',
    )
    const { port } = await carrier.ask({ type: 'listen' }, 'listening')
    const latencyMs = PROVIDER_LATENCY_MS
    const served = await providers.ask({ type: 'listen', latencyMs }, 'listening')
    gateway = await startGatewayProcess(port, 'warn', sectionsFor(port, served))
    await providers.ask({ type: 'report to', port: gateway.httpPort }, 'reporting')
    const stage: Stage = { gateway, carrier, load, providers }
    const figures = await measure(stage, rounds, secondsPerRound)
    await untilSocketsAreClosed(stage)
    return rowsOf(figures)
  } finally {
    await gateway?.close()
    children.end()
  }
}

async function measure(
  stage: Stage,
  rounds: number,
  seconds: number,
): Promise<ReadonlyMap<Phase, readonly Figures[]>> {
  const figures = new Map<Phase, Figures[]>(PHASES.map((phase) => [phase, []]))
  for (const phase of PHASES) await runPhase(stage, phase, Math.min(1, seconds), 'warm-up')
  for (let round = 1; round <= rounds; round++) {
    // What a machine does beside it concerns each phase alike.
    const order = round % 2 === 1 ? PHASES : PHASES.toReversed()
    for (const phase of order) {
      figures.get(phase)?.push(await runPhase(stage, phase, seconds, String(round)))
    }
  }
  return figures
}

async function runPhase(
  { gateway, carrier, load, providers }: Stage,
  { name, smpp, http, provider }: Phase,
  seconds: number,
  roundName: string,
): Promise<Figures> {
  const round = `${name} ${roundName}`
  // The hundredth part has to be a message.
  const calls = Math.ceil(Math.max(100 / smpp, CALLS_PER_SECOND * seconds))
  const toSmsc = calls * smpp
  const toProvider = calls * http
  const messages = toSmsc + toProvider
  const cpuBefore = await cpuSeconds(gateway)
  const { tookMs } = await load.ask(
    {
      type: 'rest',
      port: gateway.httpPort,
      apiKey: API_KEY,
      messages,
      recipients: smpp + http,
      connections: REST_CONNECTIONS,
      callsPerSecond: CALLS_PER_SECOND,
      round,
      firstNumbers: provider === null ? [SMPP_NUMBERS] : [SMPP_NUMBERS, numbersOf(provider)],
    },
    'loaded',
  )
  const { arrivals } = await carrier.ask({ type: 'collect', receipts: toSmsc }, 'collected')
  const taken =
    provider &&
    (await providers.ask({ type: 'collect', provider, receipts: toProvider }, 'collected'))
  await untilAllEnded(gateway)
  const cpu = (await cpuSeconds(gateway)) - cpuBefore
  const rows = await storedMessages(gateway, round)
  const isForSmsc = (row: { readonly to_number: string }) => row.to_number.startsWith('+44')
  const waits = provenWaits(round, toSmsc, rows.filter(isForSmsc), arrivals)
  const others = rows.filter((row) => !isForSmsc(row))
  const delivered = others.filter(({ status }) => status === 'delivered').length
  if (delivered !== toProvider || (taken?.messages ?? 0) !== toProvider) {
    throw new Error(
      `round ${round}: of ${toProvider} messages for the provider ${others.length} were stored, ${taken?.messages} taken by it, ${delivered} delivered`,
    )
  }
  if (taken && taken.mostSockets > PROVIDER_CONNECTIONS) {
    throw new Error(`round ${round}: ${taken.mostSockets} connections to the provider`)
  }
  return {
    p50Ms: quantile(waits, 0.5),
    p99Ms: quantile(waits, 0.99),
    cpuMicrosPerMessage: (cpu * 1_000_000) / messages,
    cpuShare: (cpu * 100_000) / tookMs,
    mostSockets: taken?.mostSockets ?? 0,
    openedSockets: taken?.openedSockets ?? 0,
    messagesPerCall: taken ? taken.messages / taken.calls : 0,
  }
}

function rowsOf(figures: ReadonlyMap<Phase, readonly Figures[]>): BenchRow[] {
  const all = (phase: Phase, key: keyof Figures) => figures.get(phase)?.map((one) => one[key]) ?? []
  const alone = (phase: Phase) => [
    rowFrom(`${phase.name}: accept to submit, median`, 'ms', all(phase, 'p50Ms'), null),
    rowFrom(`${phase.name}: accept to submit, 99 of 100`, 'ms', all(phase, 'p99Ms'), null),
    rowFrom(
      `${phase.name}: processor time of the gateway`,
      'us/message',
      all(phase, 'cpuMicrosPerMessage'),
      null,
    ),
    rowFrom(`${phase.name}: the gateway's share of a core`, '%', all(phase, 'cpuShare'), null),
  ]
  const mixed = (phase: Phase) => {
    const row = (what: string, unit: string, key: keyof Figures, against: Phase | null) =>
      rowFrom(`${phase.name}: ${what}`, unit, all(phase, key), against && all(against, key))
    return [
      row('accept to submit, median, to 500/s alone', 'ms', 'p50Ms', HALF_ALONE),
      row('accept to submit, 99 of 100, to 500/s alone', 'ms', 'p99Ms', HALF_ALONE),
      row('accept to submit, 99 of 100, to 1,000/s alone', 'ms', 'p99Ms', ALL_ALONE),
      row('processor time, to 1,000/s alone', 'us/message', 'cpuMicrosPerMessage', ALL_ALONE),
      row("the gateway's share of a core", '%', 'cpuShare', null),
      row('messages of a call', 'messages', 'messagesPerCall', null),
      row(
        `connections at once, of ${PROVIDER_CONNECTIONS} allowed`,
        'sockets',
        'mostSockets',
        null,
      ),
      row('connections opened in a round', 'sockets', 'openedSockets', null),
    ]
  }
  return [HALF_ALONE, ALL_ALONE].flatMap(alone).concat(MIXED.flatMap(mixed))
}

/** @throws {Error} when one is still open although nobody has used it for long */
async function untilSocketsAreClosed({ providers }: Stage): Promise<void> {
  const deadline = performance.now() + IDLE_WITHIN_MS
  for (const provider of ['twilio', 'tencent'] as const) {
    for (;;) {
      const { open } = await providers.ask({ type: 'sockets', provider }, 'sockets')
      if (open === 0) break
      if (performance.now() > deadline) {
        throw new Error(`${open} idle connections to ${provider} after ${IDLE_WITHIN_MS} ms`)
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    }
  }
}

/** Of the mainland, which both providers take; the two are told apart by the digit after 138. */
function numbersOf(provider: ProviderName): number {
  return provider === 'twilio' ? HTTP_NUMBERS : HTTP_NUMBERS + 10_000_000
}

function sectionsFor(
  smscPort: number,
  { settings, callbackSecret }: Extract<ProviderReport, { type: 'listening' }>,
): object {
  const ratesFor = (prefix: string) => [{ prefix, price: '0.0350', currency: 'EUR' }]
  const providerFor = (name: ProviderName, prefix: string) => ({
    name,
    type: 'http',
    [name]: settings[name],
    connections: PROVIDER_CONNECTIONS,
    callback_secret: callbackSecret,
    rates: ratesFor(prefix),
  })
  return {
    carriers: [
      {
        name: 'smsc',
        type: 'smpp',
        host: '127.0.0.1',
        port: smscPort,
        system_id: 'linehaul',
        password: 'bench',
        sessions: 2,
        window: 200,
        rates: ratesFor('44'),
      },
      providerFor('twilio', '86138001'),
      {
        ...providerFor('tencent', '86138101'),
        sign: 'bench',
        text_template: { id: '1110', variable: 'text' },
      },
    ],
  }
}
