import { existsSync, readdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type BenchOptions, type BenchRow, printTable, writeJson } from './harness.ts'

const USAGE =
  'usage: npm run bench -- <subject>... [--json FILE] [--rounds 5] [--seconds 1] [--minutes 60] [--svg FILE]\nsubjects: '

/** What each `<subject>.bench.ts` exports. */
interface Bench {
  subject: string
  run(options: BenchOptions): Promise<BenchRow[]>
}

if (process.argv[2] === 'peers') {
  // A comparison with scenarios and options of its own.
  process.argv.splice(2, 1)
  await import('./peers/run.ts')
} else process.exitCode = await main(process.argv.slice(2))

/** Runs subjects one after the other; 2 stands for a wrong command line. */
async function main(args: string[]): Promise<number> {
  const subjects = listSubjects()
  const parsed = parseCommandLine(args, subjects)
  if (typeof parsed === 'string') {
    console.error(`${parsed}\n${USAGE}${[...subjects, 'peers'].join(', ')}`)
    return 2
  }
  for (const subject of parsed.subjects) {
    const bench = (await import(`./${subject}.bench.ts`)) as Bench
    const rows = await bench.run(parsed.options)
    printTable(bench.subject, rows)
    if (parsed.json !== undefined) {
      writeJson(parsed.json, bench.subject, rows)
      console.log(`written to ${parsed.json}`)
    }
  }
  return 0
}

function parseCommandLine(
  args: string[],
  subjects: readonly string[],
): { subjects: readonly string[]; json: string | undefined; options: BenchOptions } | string {
  let parsed: ReturnType<typeof parseRaw>
  try {
    parsed = parseRaw(args)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  const wanted = parsed.positionals
  if (wanted.length === 0) return 'no subject given'
  const unknown = wanted.find((subject) => !subjects.includes(subject))
  if (unknown !== undefined) return `unknown subject "${unknown}"`
  const { json, svg } = parsed.values
  if (wanted.length > 1 && (json ?? svg) !== undefined) {
    return `a file holds the figures of one subject, not also of: ${wanted.slice(1).join(' ')}`
  }
  const rounds = Number(parsed.values.rounds)
  const secondsPerRound = Number(parsed.values.seconds)
  if (!Number.isInteger(rounds) || rounds < 1) {
    return `--rounds is "${parsed.values.rounds}", not an integer of at least 1`
  }
  if (!(secondsPerRound > 0 && secondsPerRound <= 600)) {
    return `--seconds is "${parsed.values.seconds}", not in 0..600`
  }
  const options: BenchOptions = { rounds, secondsPerRound }
  if (svg !== undefined) options.svg = svg
  if (parsed.values.minutes !== undefined) {
    const minutes = Number(parsed.values.minutes)
    if (!(minutes > 0 && minutes <= 1_440)) {
      return `--minutes is "${parsed.values.minutes}", not in 0..1440`
    }
    options.minutes = minutes
  }
  return { subjects: wanted, json, options }
}

function parseRaw(args: string[]) {
  return parseArgs({
    args,
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '1' },
      minutes: { type: 'string' },
      svg: { type: 'string' },
    },
  })
}

function listSubjects(): string[] {
  const folder = import.meta.dirname
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((file) => file.endsWith('.bench.ts'))
    .map((file) => file.slice(0, -'.bench.ts'.length))
    .sort()
}
