import { type BenchRow, rowFrom } from '../harness.ts'
import { cpuRows } from './compare.ts'
import { type Gateway, type GatewayOptions, startGateway } from './gateway.ts'
import { isKannelInstalled, startKannel } from './kannel.ts'
import { preload } from './preload.ts'
import { residentMegabytes } from './processes.ts'
import {
  expectRound,
  kannelRound,
  loadRest,
  proveRound,
  type RoundFigures,
  type RoundPlan,
  restRound,
} from './rounds.ts'
import type { Stage } from './stage.ts'

/** The scenarios of the gateway alone. */
export const ALONE = ['latency', 'steady-1000', 'backlog', 'pglite'] as const

/** One of them. */
export type Alone = (typeof ALONE)[number]

/** How long and how large the scenarios are. */
export interface AloneOptions {
  readonly callbacks: boolean
  /** About how long a round at full speed takes. */
  readonly seconds: number
  /** Of `steady-1000`. */
  readonly steadySeconds: number
  /** Messages of `steady-1000` that are in the tables before it begins. */
  readonly preload: number
  /** Messages queued while the carrier is down. */
  readonly backlog: number
}

const WINDOW = 100
const LATENCY_MS = 20
const LATENCY_WINDOWS = [10, 100] as const
const STEADY_PER_SECOND = 1_000
const WARM_UP_MESSAGES = 2_000
const STEP = 1_000
/**
 * Part of a round at its beginning, when the calls come in as well, and at its end, when the window is
 * not full any more.
 */
const EDGE = 0.25

/** Runs one scenario; see the issue for what each has to reach. */
export function runAlone(stage: Stage, name: Alone, options: AloneOptions): Promise<BenchRow[]> {
  switch (name) {
    case 'latency':
      return latency(stage, options)
    case 'steady-1000':
      return steady(stage, options)
    case 'backlog':
      return backlog(stage, options)
    case 'pglite':
      return pglite(stage, options)
  }
}

/**
 * Submits to a carrier that takes 20 ms to respond, as a share of what the window allows.
 *
 * The share is of sessions x window / round trip, with the round trip that the SMSC really took: its
 * timer is late by a part of a millisecond. No receipts, so that nothing but the window limits.
 */
async function latency(stage: Stage, options: AloneOptions): Promise<BenchRow[]> {
  const rows: BenchRow[] = []
  for (const window of LATENCY_WINDOWS) {
    const most = (window * 1_000) / LATENCY_MS
    const plan: RoundPlan = {
      name: `latency, window ${window}`,
      messages: Math.ceil((most * options.seconds) / STEP) * STEP,
      recipients: 100,
      latencyMs: LATENCY_MS,
      receipts: false,
      callbacks: false,
      keepTimes: true,
    }
    const what = { receipts: false, window }
    const ours = await withGateway(stage, options, what, async (gateway) => {
      await restRound(stage, gateway, { ...plan, messages: WARM_UP_MESSAGES, latencyMs: 0 })
      return restRound(stage, gateway, plan)
    })
    const name = `20 ms latency, window ${window}`
    const share = shareOfWindow(ours, window)
    let kannelShare: number[] | null = null
    if (isKannelInstalled()) {
      const kannel = await startKannel({ storage: 'memory', smscPort: stage.smscPort, window })
      try {
        kannelShare = [shareOfWindow(await kannelRound(stage, kannel, plan), window)]
      } finally {
        await kannel.close()
      }
    }
    rows.push(rowFrom(`${name}: share, at least 95, against Kannel`, '%', [share], kannelShare))
    rows.push(rowFrom(`${name}: round trip at the SMSC`, 'ms', [ours.meanLatencyMs], null))
    rows.push(rowFrom(`${name}: submits`, 'submits/s', [middleRate(ours)], null))
  }
  return rows
}

function shareOfWindow(figures: RoundFigures, window: number): number {
  return (100 * middleRate(figures)) / ((window * 1_000) / figures.meanLatencyMs)
}

/** Submits per second without the beginning and the end of the round. */
function middleRate({ times }: RoundFigures): number {
  const sorted = Float64Array.from(times).sort()
  const from = Math.floor(sorted.length * EDGE)
  const to = Math.floor(sorted.length * (1 - EDGE))
  return ((to - from) * 1_000) / ((sorted[to] ?? Number.NaN) - (sorted[from] ?? Number.NaN))
}

/** From the moment a call was due to the arrival of its submit_sm, at 1,000 messages a second. */
async function steady(stage: Stage, options: AloneOptions): Promise<BenchRow[]> {
  return withGateway(stage, options, {}, async (gateway) => {
    const base = { recipients: 1, receipts: true, callbacks: options.callbacks }
    await restRound(stage, gateway, { ...base, name: 'warm-up', messages: WARM_UP_MESSAGES })
    if (options.preload > 0) await preload(gateway, options.preload)
    const messages = STEADY_PER_SECOND * options.steadySeconds
    const plan = { ...base, name: 'steady-1000', messages, keepTimes: true }
    const figures = await restRound(stage, gateway, plan, STEADY_PER_SECOND)
    const waits = Float64Array.from(
      figures.callsAtMs,
      (at, message) => (figures.times[message] ?? Number.NaN) - at,
    ).sort()
    const at = (share: number) => [waits[Math.floor((waits.length - 1) * share)] ?? Number.NaN]
    const rows =
      options.preload > 0 ? `, ${options.preload.toLocaleString('en')} in the tables` : ''
    const name = `1,000/s for ${options.steadySeconds} s${rows}: request to submit`
    return [
      rowFrom(`${name}, median, under 15`, 'ms', at(0.5), null),
      rowFrom(`${name}, 99 of 100, under 100`, 'ms', at(0.99), null),
      rowFrom(`${name}, 999 of 1,000`, 'ms', at(0.999), null),
      rowFrom(`${name}, longest`, 'ms', at(1), null),
      ...cpuRows('1,000/s', [figures]),
    ]
  })
}

/** Queues messages while the carrier is down, then lets it come back. */
async function backlog(stage: Stage, options: AloneOptions): Promise<BenchRow[]> {
  const { receiptWindow, smscPort: port } = stage
  return withGateway(stage, options, {}, async (gateway) => {
    const base = { recipients: 100, receipts: true, callbacks: options.callbacks }
    const short = { ...base, name: 'empty queue', messages: 5 * WARM_UP_MESSAGES }
    const warm = await restRound(stage, gateway, short)
    const messages = Math.ceil((warm.endedPerSecond * options.seconds) / STEP) * STEP
    const empty = await restRound(stage, gateway, { ...short, messages })
    await stage.smsc.ask({ type: 'close' }, 'closed')
    const plan = { ...base, name: 'backlog', messages: options.backlog }
    await expectRound(stage, plan)
    const loaded = await loadRest(stage, gateway, plan, 0)
    const memory = residentMegabytes(gateway.pid)
    await stage.smsc.ask({ type: 'listen', port, receiptWindow }, 'listening')
    const counts = await proveRound(stage, plan)
    const { firstAtMs, lastAtMs } = counts.submits
    const drained = (options.backlog * 1_000) / (lastAtMs - firstAtMs)
    const ended = (options.backlog * 1_000) / (counts.endedAtMs - firstAtMs)
    const name = `backlog of ${options.backlog.toLocaleString('en')}`
    const accepted = (options.backlog * 1_000) / loaded.tookMs
    const after = residentMegabytes(gateway.pid)
    return [
      rowFrom(`${name}: accepted while the carrier is down`, 'messages/s', [accepted], null),
      rowFrom(`${name}: resident memory, under 600`, 'MB', [memory.now], null),
      rowFrom(`${name}: most memory until all are queued`, 'MB', [memory.peak], null),
      rowFrom(`${name}: most memory, drained too`, 'MB', [after.peak], null),
      rowFrom(
        `${name}: submits against an empty queue, at least 0.9x`,
        'submits/s',
        [drained],
        [empty.submittedPerSecond],
      ),
      rowFrom(
        `${name}: ends against an empty queue`,
        'messages/s',
        [ended],
        [empty.endedPerSecond],
      ),
    ]
  })
}

/** The embedded database, as fast as it goes. */
async function pglite(stage: Stage, options: AloneOptions): Promise<BenchRow[]> {
  return withGateway(stage, options, { storage: 'pglite' }, async (gateway) => {
    const base = { name: 'pglite', recipients: 1, receipts: true, callbacks: options.callbacks }
    const warm = await restRound(stage, gateway, { ...base, messages: STEP })
    const messages = Math.ceil((warm.endedPerSecond * options.seconds) / STEP) * STEP
    const figures = await restRound(stage, gateway, { ...base, messages })
    return [
      rowFrom('PGlite: end to end, at least 500', 'messages/s', [figures.endedPerSecond], null),
      ...cpuRows('PGlite', [figures]),
    ]
  })
}

async function withGateway<Result>(
  stage: Stage,
  { callbacks }: AloneOptions,
  options: Partial<GatewayOptions>,
  work: (gateway: Gateway) => Promise<Result>,
): Promise<Result> {
  const gateway = await startGateway({
    storage: 'postgres',
    smscPort: stage.smscPort,
    window: WINDOW,
    receipts: true,
    callbacks,
    ...options,
  })
  try {
    return await work(gateway)
  } finally {
    await gateway.close()
  }
}
