import { expect, test } from 'vitest'
import { FUZZ_TARGETS } from './targets.ts'

/**
 * A short run of every target, from a seed of its own each time. `LINEHAUL_FUZZ_SEED` repeats one;
 * `npm run fuzz` goes on for as long as it is told.
 */
const seed = Number(process.env.LINEHAUL_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
const CASES = 1_000

test.each(FUZZ_TARGETS)('$name keeps its promises', async (target) => {
  const { failure, outcomes, cases } = await target.run({ seed, cases: CASES })
  const counts = [...outcomes].map(([outcome, count]) => `${outcome} ${count}`).join(', ')
  console.log(`${target.name}: seed ${seed}, ${cases} cases: ${counts}`)
  expect(failure).toBeUndefined()
  // One outcome alone would mean that the cases never get anywhere.
  expect(outcomes.size).toBeGreaterThan(1)
})
