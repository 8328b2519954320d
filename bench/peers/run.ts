/**
 * The gateway against Kannel 1.4.5, and alone under the loads that the project promises to bear.
 *
 * Everything runs on this machine: the gateway measured, PostgreSQL with fsync on, the SMSC, the
 * sink of the callbacks and the load.
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type BenchRow, printTable, writeJson } from '../harness.ts'
import { ALONE, type Alone, runAlone } from './alone.ts'
import { COMPARED, type Compared, compareWays } from './compare.ts'
import { openStage, type Stage } from './stage.ts'

const USAGE = `usage: npx tsx bench/peers/run.ts [scenario ...] [options]
scenarios: ${[...COMPARED, ...ALONE].join(' ')} (all when none is named)
  --rounds 3             interleaved rounds of the compared scenarios
  --seconds 5            about how long a round takes
  --duration 30          seconds of steady-1000
  --preload 0            messages in the tables before steady-1000
  --backlog 100000       messages queued with the carrier down
  --receipt-window 100   receipts the SMSC leaves unanswered on a bind
  --full                 as the issue asks: --duration 300 --preload 2000000 --backlog 1000000
  --no-callbacks         a gateway without webhooks: receipts taken are the end
  --json FILE            (bench/results/peers.json)`

const RESULTS = fileURLToPath(new URL('../results/peers.json', import.meta.url))

// Gateways and Kannel are ended when this process exits, however it was told to.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

process.exitCode = await main(process.argv.slice(2))

/** 2 stands for a wrong command line, 1 for a run in which a message was lost or doubled. */
async function main(args: string[]): Promise<number> {
  const options = readCommandLine(args)
  if (typeof options === 'string') {
    console.error(`${options}\n${USAGE}`)
    return 2
  }
  const { names, receiptWindow, json } = options
  const rows: BenchRow[] = []
  const failures: string[] = []
  const take = async (name: string, work: (stage: Stage) => Promise<BenchRow[]>) => {
    // A stage of its own: a failure may have ended one of its processes.
    const stage = await openStage(receiptWindow)
    try {
      rows.push(...(await work(stage)))
    } catch (error) {
      // The other scenarios are still worth their figures; the run fails at its end.
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`)
      console.error(failures.at(-1))
    } finally {
      stage.end()
    }
  }
  const ways = COMPARED.filter((name) => names.includes(name))
  if (ways.length > 0) {
    await take('comparison', async (stage) => {
      const compared = await compareWays(stage, { ways, ...options })
      failures.push(...compared.failures)
      return compared.rows
    })
  }
  for (const name of ALONE.filter((one) => names.includes(one))) {
    console.log(`${name} ...`)
    await take(name, (stage) => runAlone(stage, name, options))
  }
  printTable('peers', rows)
  writeJson(json, 'peers', rows)
  console.log(`written to ${json}`)
  if (failures.length === 0) {
    console.log('every message of every round was submitted exactly once and had exactly one end')
    return 0
  }
  console.error(`FAILED\n${failures.join('\n')}`)
  return 1
}

type Name = Compared | Alone

function readCommandLine(args: string[]) {
  let parsed: ReturnType<typeof parse>
  try {
    parsed = parse(args)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  const { values, positionals } = parsed
  const all: readonly string[] = [...COMPARED, ...ALONE]
  const wrong = positionals.find((name) => !all.includes(name))
  if (wrong !== undefined) return `unknown scenario "${wrong}"`
  const isFull = values.full
  const numbers = {
    rounds: Number(values.rounds ?? 3),
    seconds: Number(values.seconds ?? 5),
    steadySeconds: Number(values.duration ?? (isFull ? 300 : 30)),
    preload: Number(values.preload ?? (isFull ? 2_000_000 : 0)),
    backlog: Math.ceil(Number(values.backlog ?? (isFull ? 1_000_000 : 100_000)) / 1_000) * 1_000,
    receiptWindow: Number(values['receipt-window'] ?? 100),
  }
  for (const [name, value] of Object.entries(numbers)) {
    const least = name === 'preload' ? 0 : 1
    if (!Number.isInteger(value) || value < least) return `${name} is not a whole number: ${value}`
  }
  return {
    ...numbers,
    names: (positionals.length > 0 ? positionals : all) as readonly Name[],
    callbacks: !values['no-callbacks'],
    json: values.json ?? RESULTS,
  }
}

function parse(args: string[]) {
  return parseArgs({
    args,
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      duration: { type: 'string' },
      preload: { type: 'string' },
      backlog: { type: 'string' },
      'receipt-window': { type: 'string' },
      full: { type: 'boolean', default: false },
      'no-callbacks': { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  })
}
