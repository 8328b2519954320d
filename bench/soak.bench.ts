import { fileURLToPath } from 'node:url'
import { type BenchOptions, type BenchRow, rowFrom } from './harness.ts'
import { Child } from './support/child.ts'
import type { CarrierCommand, CarrierReport } from './support/end-to-end-carrier.ts'
import {
  type GatewayProcess,
  type MemoryAfterGc,
  startGatewayProcess,
} from './support/end-to-end-gateway.ts'
import type { LoadCommand, LoadReport } from './support/end-to-end-load.ts'
import { type Line, leastSquares, type Point } from './support/least-squares.ts'
import { type PartnerAndCarrier, submitAll } from './support/paced-submits.ts'

/** What the gateway holds after every collection of a long run at half load. */
export const subject = 'soak'

const DEFAULT_MINUTES = 60
const WINDOW = 100
const LOAD_SHARE = 0.5
/** Messages by which the most that the machine takes is found; the first of them warm it up. */
const CALIBRATION_MESSAGES = 4_000
/** At least so many times the heap is looked at, and at least once a minute. */
const SAMPLES = 60
const MAX_SLICE_SECONDS = 60
/** At the beginning, before which caches and compiled code have not all come; of the samples. */
const SETTLING_SHARE = 0.2
const MB = 1_000_000
const SECONDS_PER_HOUR = 3_600

interface Stage extends PartnerAndCarrier {
  readonly gateway: GatewayProcess
}

/** The memory after a slice, and when that was. */
interface Sample extends MemoryAfterGc {
  readonly atSeconds: number
}

/**
 * Sends at half of the rate that the machine takes, over SMPP on PostgreSQL, every message with its
 * receipt. Between two slices, when all receipts have come, the gateway collects its garbage and
 * tells what is left. A leak shows as a slope of that over time (least squares): it is given with its
 * standard error, because a heap also goes up and down.
 *
 * @throws {Error} when a message is refused or its receipt is missing
 */
export async function run(options: BenchOptions): Promise<BenchRow[]> {
  const minutes = options.minutes ?? DEFAULT_MINUTES
  const path = (file: string) => fileURLToPath(new URL(`./support/${file}`, import.meta.url))
  const carrier = new Child<CarrierCommand, CarrierReport>('carrier', path('end-to-end-carrier.ts'))
  const partner = new Child<LoadCommand, LoadReport>('partner', path('end-to-end-load.ts'))
  let gateway: GatewayProcess | undefined
  try {
    const { port } = await carrier.ask({ type: 'listen' }, 'listening')
    gateway = await startGatewayProcess(port)
    await partner.ask({ type: 'bind', port: gateway.smppPort, window: WINDOW }, 'bound')
    return await soak({ gateway, carrier, partner }, minutes * 60)
  } finally {
    await gateway?.close()
    carrier.end()
    partner.end()
  }
}

async function soak(stage: Stage, seconds: number): Promise<BenchRow[]> {
  await submitAll(stage, CALIBRATION_MESSAGES, 'warm-up', 0)
  const most = await submitAll(stage, CALIBRATION_MESSAGES, 'calibration', 0)
  const pace = Math.max(1, Math.round(most * LOAD_SHARE))
  const perSlice = Math.ceil(pace * Math.min(seconds / SAMPLES, MAX_SLICE_SECONDS))
  const samples: Sample[] = []
  const startedMs = performance.now()
  const elapsed = () => (performance.now() - startedMs) / 1_000
  let messages = 0
  for (let slice = 1; elapsed() < seconds; slice++) {
    await submitAll(stage, perSlice, `slice ${slice}`, pace)
    messages += perSlice
    samples.push({ atSeconds: elapsed(), ...(await stage.gateway.memoryAfterGc()) })
  }
  return report(samples, messages, elapsed())
}

function report(samples: readonly Sample[], messages: number, seconds: number): BenchRow[] {
  const settled = samples.slice(Math.floor(samples.length * SETTLING_SHARE))
  const line = (read: (sample: Sample) => number): Line =>
    leastSquares(settled.map((sample): Point => [sample.atSeconds, read(sample)]))
  const heap = line((sample) => sample.heap)
  const rss = line((sample) => sample.rss)
  const figure = (name: string, unit: string, value: number) => rowFrom(name, unit, [value], null)
  const perHour = (octetsPerSecond: number) => (octetsPerSecond * SECONDS_PER_HOUR) / MB
  const heaps = settled.map((sample) => sample.heap / MB)
  return [
    figure('time', 'minutes', seconds / 60),
    figure('messages delivered, each with its receipt', 'messages', messages),
    figure('half load', 'messages/s', messages / seconds),
    figure('heap after gc: slope', 'MB/hour', perHour(heap.slope)),
    figure('– its standard error', 'MB/hour', perHour(heap.slopeError)),
    figure('heap after gc: lowest', 'MB', Math.min(...heaps)),
    figure('heap after gc: highest', 'MB', Math.max(...heaps)),
    figure('resident memory after gc: slope', 'MB/hour', perHour(rss.slope)),
    figure('– its standard error', 'MB/hour', perHour(rss.slopeError)),
  ]
}
