/** The crash laboratory from the command line: `npm run crash -- --rounds 50 --seed 1`. */
import { writeFileSync } from 'node:fs'
import { runLaboratory } from './laboratory.ts'
import { readOptions, USAGE } from './options.ts'
import { breaches, table } from './verdict.ts'

const EXIT_BROKEN = 1
const EXIT_USAGE = 2

async function main(): Promise<number> {
  let options: ReturnType<typeof readOptions>
  try {
    options = readOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`)
    return EXIT_USAGE
  }
  const report = await runLaboratory(options)
  const broken = breaches(report)
  console.log(`\n${table(report)}\n`)
  for (const line of report.skipped) console.log(`not done: ${line}`)
  console.log(`refusals: ${JSON.stringify(report.refusals)}`)
  console.log(
    report.settledAfterMs === null
      ? `not everything was final ${options.settleMs / 1_000} s after the load`
      : `everything was final ${report.settledAfterMs} ms after the load`,
  )
  if (options.json !== undefined) {
    const { findings, ...rest } = report
    const { rounds, total, money, examples } = findings
    const content = {
      options: { ...options, say: undefined, json: undefined },
      broken,
      total,
      money: { charged: String(money.charged), expected: String(money.expected) },
      byRound: Object.fromEntries(rounds),
      examples,
      ...rest,
    }
    writeFileSync(options.json, `${JSON.stringify(content, undefined, 2)}\n`)
  }
  if (broken.length === 0) {
    console.log('every promise has held')
    return 0
  }
  console.log('BROKEN:')
  for (const line of broken) console.log(`  ${line}`)
  for (const [name, lines] of Object.entries(findings(report))) {
    console.log(`  ${name}: ${lines.join('; ')}`)
  }
  return EXIT_BROKEN
}

function findings(report: Awaited<ReturnType<typeof runLaboratory>>) {
  return report.findings.examples
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error)
    process.exit(EXIT_BROKEN)
  },
)
