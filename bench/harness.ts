import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'

/** One line of a benchmark: the medians over the rounds, and how the ratio spread over them. */
export interface BenchRow {
  name: string
  /** What the figures count, for example `ops/s`. */
  unit: string
  ours: number
  /** The other side's figure; null when there is nothing to compare with. */
  baseline: number | null
  /** `ours` over `baseline`: the median of the rounds' ratios. */
  ratio: number | null
  ratio_min: number | null
  ratio_max: number | null
}

/** How long to measure. */
export interface BenchOptions {
  /** Rounds per row; each runs both sides once. */
  rounds: number
  /** Seconds for each side of each round. */
  secondsPerRound: number
  /** How long a bench goes on that has no rounds; its own choice when absent. */
  minutes?: number
  /** Where a bench that draws something writes it; absent: nowhere. */
  svg?: string
}

/** The machine and the code that the figures belong to. */
export interface BenchMachine {
  cpu: string
  cores: number
  node: string
  platform: string
}

/** What {@link writeJson} stores. */
export interface BenchReport {
  subject: string
  /** UTC instant, ISO 8601. */
  date: string
  /** The commit measured, with `-dirty` after it when the tree had changes; `unknown` outside git. */
  commit: string
  machine: BenchMachine
  rows: readonly BenchRow[]
}

/**
 * Measures two ways of doing one thing.
 *
 * Both sides run alternately, so a machine that slows down half-way slows both, and the side that
 * goes first changes from round to round. One short round before the first is not counted.
 *
 * @param ours - runs one small batch and returns how many operations that was
 */
export function compare(
  name: string,
  unit: string,
  ours: () => number,
  baseline: (() => number) | null,
  options: BenchOptions,
): BenchRow {
  const warmUpSeconds = Math.min(0.2, options.secondsPerRound)
  operationsPerSecond(ours, warmUpSeconds)
  if (baseline !== null) operationsPerSecond(baseline, warmUpSeconds)
  const our: number[] = []
  const other: number[] = []
  for (let round = 0; round < options.rounds; round++) {
    if (baseline === null) {
      our.push(operationsPerSecond(ours, options.secondsPerRound))
    } else if (round % 2 === 0) {
      our.push(operationsPerSecond(ours, options.secondsPerRound))
      other.push(operationsPerSecond(baseline, options.secondsPerRound))
    } else {
      other.push(operationsPerSecond(baseline, options.secondsPerRound))
      our.push(operationsPerSecond(ours, options.secondsPerRound))
    }
  }
  return rowFrom(name, unit, our, baseline === null ? null : other)
}

/**
 * Makes a row from figures collected elsewhere, one per round.
 *
 * @param baseline - as many figures as `ours`, in the same order of rounds
 * @throws {RangeError} when a list is empty or the two differ in length
 */
export function rowFrom(
  name: string,
  unit: string,
  ours: readonly number[],
  baseline: readonly number[] | null,
): BenchRow {
  if (ours.length === 0) throw new RangeError(`bench row "${name}" has no rounds`)
  if (baseline === null) {
    const figure = median(ours)
    return {
      name,
      unit,
      ours: figure,
      baseline: null,
      ratio: null,
      ratio_min: null,
      ratio_max: null,
    }
  }
  if (baseline.length !== ours.length) {
    throw new RangeError(
      `bench row "${name}": ${ours.length} rounds against ${baseline.length} of the baseline`,
    )
  }
  const ratios = ours.map((figure, round) => figure / (baseline[round] ?? Number.NaN))
  return {
    name,
    unit,
    ours: median(ours),
    baseline: median(baseline),
    ratio: median(ratios),
    ratio_min: Math.min(...ratios),
    ratio_max: Math.max(...ratios),
  }
}

/** Prints the machine and the rows as a table on standard output. */
export function printTable(subject: string, rows: readonly BenchRow[]): void {
  const machine = describeMachine()
  console.log(`${subject}: ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`)
  console.log(`commit ${currentCommit()}`)
  const lines = [
    ['name', 'unit', 'ours', 'baseline', 'ratio', 'min-max'],
    ...rows.map((row) => [
      row.name,
      row.unit,
      formatFigure(row.ours),
      formatFigure(row.baseline),
      formatRatio(row.ratio),
      row.ratio === null ? '-' : `${formatRatio(row.ratio_min)}-${formatRatio(row.ratio_max)}`,
    ]),
  ]
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? '').length)),
  )
  for (const line of lines) {
    const cells = line.map((cell, column) =>
      column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    )
    console.log(cells.join('  ').trimEnd())
  }
}

/** Writes the rows to a JSON file, with the commit, the date and the machine; see BenchReport. */
export function writeJson(file: string, subject: string, rows: readonly BenchRow[]): void {
  const report: BenchReport = {
    subject,
    date: new Date().toISOString(),
    commit: currentCommit(),
    machine: describeMachine(),
    rows,
  }
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`)
}

/** The CPU, its cores and the Node version. */
export function describeMachine(): BenchMachine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown CPU',
    cores: availableParallelism(),
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
  }
}

/** The commit checked out, `-dirty` when there are changes; `unknown` outside a repository. */
export function currentCommit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=12'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    // A release tarball has no repository; the figures are still worth printing.
    return 'unknown'
  }
}

function operationsPerSecond(run: () => number, seconds: number): number {
  const started = process.hrtime.bigint()
  const until = started + BigInt(Math.round(seconds * 1e9))
  let operations = 0
  let now = started
  do {
    operations += run()
    now = process.hrtime.bigint()
  } while (now < until)
  return operations / (Number(now - started) / 1e9)
}

function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

function formatFigure(figure: number | null): string {
  if (figure === null) return '-'
  const digits = Math.abs(figure) >= 100 ? 0 : 2
  return figure.toLocaleString('en-US', { maximumFractionDigits: digits })
}

function formatRatio(ratio: number | null): string {
  return ratio === null ? '-' : `${ratio.toFixed(ratio < 2 ? 2 : 1)}x`
}
