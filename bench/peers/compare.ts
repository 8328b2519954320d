import { type BenchRow, rowFrom } from '../harness.ts'
import { type Gateway, startGateway } from './gateway.ts'
import { isKannelInstalled, type Kannel, startKannel } from './kannel.ts'
import { kannelRound, partnerRound, type RoundFigures, restRound } from './rounds.ts'
import type { Stage } from './stage.ts'

/** The ways that are compared, by name. */
export const COMPARED = [
  'kannel-durable',
  'kannel-memory',
  'kannel-submits',
  'rest-1',
  'rest-100',
  'smpp-smpp',
] as const

/** One of the ways. */
export type Compared = (typeof COMPARED)[number]

/** How to compare. */
export interface CompareOptions {
  readonly ways: readonly Compared[]
  readonly rounds: number
  /** How long one round of one way is to take, about. */
  readonly seconds: number
  /** False where the gateway has no webhooks: the receipts taken at the SMSC are the end then. */
  readonly callbacks: boolean
}

/** What {@link compareWays} gives. */
export interface Comparison {
  readonly rows: BenchRow[]
  readonly failures: readonly string[]
}

/** Unanswered submits of either gateway at the SMSC. */
const WINDOW = 100
const WARM_UP_MESSAGES = 2_000
const STEP = 1_000
const MOST_MESSAGES = 1_000_000

/**
 * Runs Kannel and the gateway in turn against the same SMSC, sink and load.
 *
 * All ways of one round follow each other, and the next round goes the other way round, so that a
 * machine that slows down slows all. The first run of each way is short, says how many messages a
 * round needs, and is not counted.
 *
 * A way that loses or doubles a message has no figures; `failures` says what happened.
 */
export async function compareWays(stage: Stage, options: CompareOptions): Promise<Comparison> {
  const ways = options.ways.filter((way) => isKannelInstalled() || !isKannel(way))
  if (ways.length < options.ways.length) {
    console.log('Kannel is skipped: the packages kannel and kannel-extras are not installed')
  }
  const open = () =>
    startGateway({
      storage: 'postgres',
      smscPort: stage.smscPort,
      window: WINDOW,
      receipts: true,
      callbacks: options.callbacks,
    })
  let gateway = ways.some((way) => !isKannel(way)) ? await open() : undefined
  const figures = new Map<Compared, RoundFigures[]>()
  const messagesOf = new Map<Compared, number>()
  const failures: string[] = []
  /** Undefined when the way has failed; it is left out from then on. */
  const attempt = async (way: Compared, messages: number): Promise<RoundFigures | undefined> => {
    try {
      return await runWay(stage, gateway, way, messages, options)
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error))
      console.error(failures.at(-1))
      figures.delete(way)
      if (gateway === undefined || isKannel(way)) return undefined
      // What it still holds would come in the next round.
      await gateway.close()
      gateway = undefined
      gateway = await open()
      return undefined
    }
  }
  try {
    for (const way of ways) {
      const first = await attempt(way, WARM_UP_MESSAGES)
      if (first === undefined) continue
      const wanted = Math.ceil((first.endedPerSecond * options.seconds) / STEP) * STEP
      messagesOf.set(way, Math.min(MOST_MESSAGES, wanted))
      figures.set(way, [])
    }
    for (let round = 0; round < options.rounds; round++) {
      for (const way of round % 2 === 0 ? ways : [...ways].reverse()) {
        const messages = messagesOf.get(way)
        if (messages === undefined || !figures.has(way)) continue
        const result = await attempt(way, messages)
        if (result === undefined) continue
        figures.get(way)?.push(result)
        console.log(
          `round ${round + 1}, ${way}: ${messages} messages, ` +
            `${Math.round(result.acceptedPerSecond)} accepted/s, ` +
            `${Math.round(result.endedPerSecond)} ended/s`,
        )
      }
    }
    const measured = ways.filter((way) => figures.has(way))
    return { rows: rowsOf(measured, figures, options), failures }
  } finally {
    await gateway?.close()
  }
}

function isKannel(way: Compared): boolean {
  return way.startsWith('kannel')
}

async function runWay(
  stage: Stage,
  gateway: Gateway | undefined,
  way: Compared,
  messages: number,
  { callbacks }: CompareOptions,
): Promise<RoundFigures> {
  const name = way
  switch (way) {
    case 'kannel-durable':
    case 'kannel-memory':
    case 'kannel-submits': {
      const receipts = way !== 'kannel-submits'
      const plan = { name, messages, receipts, callbacks: receipts }
      const storage = way === 'kannel-durable' ? 'durable' : 'memory'
      const kannel = await startKannel({ storage, smscPort: stage.smscPort, window: WINDOW })
      return closing(kannel, () => kannelRound(stage, kannel, plan))
    }
    case 'rest-1':
    case 'rest-100': {
      const recipients = way === 'rest-1' ? 1 : 100
      const plan = { name, messages, recipients, receipts: true, callbacks }
      return restRound(stage, present(gateway), plan)
    }
    case 'smpp-smpp':
      return partnerRound(stage, present(gateway), { name, messages, receipts: true })
  }
}

async function closing<Result>(kannel: Kannel, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } finally {
    await kannel.close()
  }
}

function present(gateway: Gateway | undefined): Gateway {
  if (gateway === undefined) throw new Error('the gateway is not running')
  return gateway
}

function rowsOf(
  ways: readonly Compared[],
  figures: ReadonlyMap<Compared, readonly RoundFigures[]>,
  { callbacks }: CompareOptions,
): BenchRow[] {
  const rates = (way: Compared, key: 'endedPerSecond' | 'acceptedPerSecond' = 'endedPerSecond') =>
    figures.get(way)?.map((one) => one[key])
  const rows: BenchRow[] = []
  const ratio = (ours: Compared, theirs: Compared, goal: number) => {
    const [our, their] = [rates(ours), rates(theirs)]
    if (our === undefined || their === undefined) return
    const name = `${ours} against ${theirs}, at least ${goal}x`
    rows.push(rowFrom(name, callbacks ? 'callbacks/s' : 'receipts/s', our, their))
  }
  ratio('rest-1', 'kannel-durable', 4)
  ratio('rest-1', 'kannel-memory', 1.2)
  ratio('rest-100', 'kannel-memory', 3)
  for (const way of ways) {
    const ended = rates(way)
    const accepted = rates(way, 'acceptedPerSecond')
    if (ended === undefined || accepted === undefined) continue
    rows.push(rowFrom(`${way}: accepted`, 'messages/s', accepted, null))
    const goal = way === 'smpp-smpp' ? ', at least 8,000' : ''
    const end = endOf(way, callbacks)
    rows.push(rowFrom(`${way}: ${end}${goal}`, `${end}/s`, ended, null))
  }
  for (const way of ways) {
    const requests = figures.get(way)?.map((one) => one.callbacksPerMessage) ?? []
    if (!requests.some((one) => one > 0)) continue
    rows.push(rowFrom(`${way}: callbacks of any kind`, 'requests/message', requests, null))
  }
  for (const way of ways) rows.push(...cpuRows(way, figures.get(way) ?? []))
  return rows
}

/** What ends a message of a way. */
function endOf(way: Compared, callbacks: boolean): string {
  if (way === 'kannel-submits') return 'submits'
  if (way === 'smpp-smpp') return 'receipts back'
  return callbacks || isKannel(way) ? 'callbacks' : 'receipts'
}

/** Processor time per message of every process that had any. */
export function cpuRows(way: string, figures: readonly RoundFigures[]): BenchRow[] {
  const names = Object.keys(figures[0]?.cpu ?? {})
  return names
    .map((name) => ({ name, micros: figures.map(({ cpu }) => cpu[name] ?? 0) }))
    .filter(({ micros }) => micros.some((one) => one >= 1))
    .map(({ name, micros }) => rowFrom(`${way}: processor, ${name}`, 'us/message', micros, null))
}
