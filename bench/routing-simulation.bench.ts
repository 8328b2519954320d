import { writeFileSync } from 'node:fs'
import { type BenchOptions, type BenchRow, rowFrom } from './harness.ts'
import {
  CARRIERS,
  COUNTRIES,
  FALL,
  MESSAGES,
  RECOVERY,
  type SimulationResult,
  simulate,
} from './load/routing-simulation.ts'
import { sharePlot } from './support/share-plot.ts'

/** What the strategy `weighted` earns with carriers whose quality nobody tells it. */
export const subject = 'routing-simulation'

/**
 * Runs as many simulations as rounds are asked for, each with other carriers, and prints each. With
 * `--svg FILE` the first is drawn: which carrier the messages of the first country went to.
 */
export async function run({ rounds, svg }: BenchOptions): Promise<BenchRow[]> {
  const results = Array.from({ length: rounds }, (_, round) => simulate(round + 1))
  for (const [round, result] of results.entries()) printRound(round + 1, result)
  const [first] = results
  if (svg !== undefined && first) {
    writeFileSync(svg, drawn(first))
    console.log(`drawn in ${svg}`)
  }
  const rows = COUNTRIES.map((country, index) =>
    rowFrom(
      `margin in ${country}, of the best fixed choice in hindsight`,
      '%',
      results.map(({ countries }) => shareOf(countries[index])),
      null,
    ),
  )
  const returned = results.flatMap(({ returnedAfter }) => returnedAfter ?? [])
  return [
    rowFrom(
      'margin in all countries, at least 97',
      '%',
      results.map(({ share }) => share * 100),
      null,
    ),
    ...rows,
    rowFrom(
      'messages to the carrier that fell, until it was left, at most 200',
      'messages',
      results.map(({ detectedAfter }) => detectedAfter),
      null,
    ),
    rowFrom('runs in which it was the choice again', 'runs', [returned.length], null),
    rowFrom('– messages of its country until then', 'messages', returned, null),
  ]
}

function shareOf(country: SimulationResult['countries'][number] | undefined): number {
  return country ? (country.margin / country.best) * 100 : Number.NaN
}

function printRound(round: number, result: SimulationResult): void {
  const { countries, share, detectedAfter, returnedAfter, fallen } = result
  console.log(`run ${round}: ${MESSAGES} messages, ${(share * 100).toFixed(1)} % of hindsight`)
  for (const { country, margin, best, bestCarrier } of countries) {
    const percent = ((margin / best) * 100).toFixed(1)
    console.log(
      `  ${country}  margin ${margin.toFixed(0)}, best fixed ${bestCarrier} ${best.toFixed(0)}: ${percent} %`,
    )
  }
  const back = returnedAfter === undefined ? 'not again' : `again after ${returnedAfter}`
  console.log(`  ${CARRIERS[fallen]} fell: left after ${detectedAfter} messages, chosen ${back}`)
}

function drawn({ shares, fallen }: SimulationResult): string {
  return sharePlot({
    title: `Messages to ${COUNTRIES[0]} by carrier; ${CARRIERS[fallen]} falls to 20 % and recovers`,
    names: CARRIERS,
    shares,
    marks: [
      { at: FALL, text: 'falls' },
      { at: RECOVERY, text: 'recovers' },
    ],
  })
}
