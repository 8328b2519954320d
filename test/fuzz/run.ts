/** `npm run fuzz -- --minutes 10 --seed 1`: every target in turn, until the time is over. */
import { parseArgs } from 'node:util'
import { FUZZ_TARGETS } from './targets.ts'
import { say, Watchdog } from './watchdog.ts'

const USAGE = 'usage: npm run fuzz -- [--minutes 10] [--seed N] [--target NAME]'
/** Cases of one target before the next has its turn; each turn has a seed of its own. */
const CASES_PER_TURN = 2_000
const MAX_SEED = 2 ** 31 - 1

interface Tally {
  cases: number
  busyMs: number
  readonly outcomes: Map<string, number>
}

process.exitCode = await main()

/** 0: every promise held; 1: one was broken; 2: a wrong command line. */
async function main(): Promise<number> {
  const options = readOptions()
  if (typeof options === 'string') {
    console.error(`${options}\n${USAGE}`)
    return 2
  }
  const { targets, untilMs } = options
  let { seed } = options
  say(`first seed ${seed}`)
  const tallies = new Map(targets.map(({ name }) => [name, newTally()]))
  const watchdog = new Watchdog()
  const failures = new Map<string, string>()
  try {
    while (performance.now() < untilMs && failures.size < targets.length) {
      for (const target of targets) {
        if (failures.has(target.name)) continue
        const startedMs = performance.now()
        const { cases, outcomes, failure } = await target.run({
          seed,
          cases: CASES_PER_TURN,
          onCase: (name, input) => watchdog.note(name, seed, input),
        })
        const tally = tallies.get(target.name) ?? newTally()
        tally.cases += cases
        tally.busyMs += performance.now() - startedMs
        for (const [outcome, count] of outcomes) {
          tally.outcomes.set(outcome, (tally.outcomes.get(outcome) ?? 0) + count)
        }
        if (failure === undefined) continue
        say(failure)
        failures.set(target.name, failure)
      }
      seed = (seed + 1) % MAX_SEED
    }
  } finally {
    await watchdog.stop()
  }
  for (const [name, tally] of tallies) say(lineOf(name, tally, failures.has(name)))
  return failures.size === 0 ? 0 : 1
}

function newTally(): Tally {
  return { cases: 0, busyMs: 0, outcomes: new Map() }
}

function lineOf(name: string, { cases, busyMs, outcomes }: Tally, isBroken: boolean): string {
  const counts = [...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', ')
  const micros = cases === 0 ? 0 : Math.round((busyMs * 1_000) / cases)
  return `${isBroken ? 'BROKEN ' : ''}${name}: ${cases} cases, ${micros} us each: ${counts}`
}

function readOptions() {
  let values: ReturnType<typeof readRaw>['values']
  try {
    ;({ values } = readRaw())
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  const minutes = Number(values.minutes)
  if (!(minutes > 0 && minutes <= 1_440)) return `--minutes is "${values.minutes}", not in 0..1440`
  const seed =
    values.seed === undefined ? Math.floor(Math.random() * MAX_SEED) : Number(values.seed)
  if (!Number.isInteger(seed) || seed < 0 || seed > MAX_SEED) {
    return `--seed is "${values.seed}", not an integer in 0..${MAX_SEED}`
  }
  const { target: name } = values
  const targets = FUZZ_TARGETS.filter((target) => name === undefined || target.name === name)
  if (targets.length === 0) {
    return `--target is "${name}", not one of: ${FUZZ_TARGETS.map((one) => one.name).join(', ')}`
  }
  return { targets, seed, untilMs: performance.now() + minutes * 60_000 }
}

function readRaw() {
  return parseArgs({
    options: {
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string' },
      target: { type: 'string' },
    },
  })
}
