import fc from 'fast-check'

/** One thing to be fuzzed: what to feed it, and what must hold then. */
export interface FuzzTarget<Case> {
  readonly name: string
  readonly cases: fc.Arbitrary<Case>
  /**
   * Looks at one case and throws when a promise is broken. Gives a word for what came out: a target
   * that only ever refuses proves little, so the words are counted.
   */
  check(input: Case): string | Promise<string>
}

/** What a run of one target came to. */
export interface FuzzReport {
  readonly target: string
  readonly cases: number
  /** Cases by what came out. */
  readonly outcomes: ReadonlyMap<string, number>
  /** Set when a case broke a promise: how to see it again, and the smallest such case. */
  readonly failure: string | undefined
}

/** A target whatever its cases are, ready to run. */
export interface RunnableTarget {
  readonly name: string
  run(options: FuzzRun): Promise<FuzzReport>
}

/** How long and from where. */
export interface FuzzRun {
  readonly seed: number
  readonly cases: number
  /** Told of each case before it is tried. */
  readonly onCase?: (target: string, input: unknown) => void
}

/** Wraps a target, so that targets of different cases fit one list. */
export function runnable<Case>(target: FuzzTarget<Case>): RunnableTarget {
  return { name: target.name, run: (options) => runTarget(target, options) }
}

async function runTarget<Case>(target: FuzzTarget<Case>, run: FuzzRun): Promise<FuzzReport> {
  const outcomes = new Map<string, number>()
  let cases = 0
  const property = fc.asyncProperty(target.cases, async (input) => {
    run.onCase?.(target.name, input)
    cases++
    const outcome = await target.check(input)
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  })
  const details = await fc.check(property, { seed: run.seed, numRuns: run.cases })
  const failure = details.failed
    ? `${target.name}, seed ${run.seed}: ${details.errorInstance}\n${await fc.asyncDefaultReportMessage(details)}`
    : undefined
  return { target: target.name, cases, outcomes, failure }
}
