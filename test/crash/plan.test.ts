import { expect, test } from 'vitest'
import { DEFAULTS, FAULTS, readOptions } from './options.ts'
import { planRounds } from './plan.ts'

test('the seed alone decides the plan', () => {
  const options = { ...DEFAULTS, rounds: 50, faults: FAULTS }
  const plan = planRounds(options)
  expect(planRounds(options)).toEqual(plan)
  expect(planRounds({ ...options, seed: '2' })).not.toEqual(plan)
  expect(new Set(plan.map(({ fault }) => fault))).toEqual(new Set(FAULTS))
})

test('three kills meet gateway, database and carrier; PGlite dies with the gateway', () => {
  const victims = (database: 'postgres' | 'pglite') =>
    planRounds({ ...DEFAULTS, rounds: 3, database }).map((round) =>
      round.victims.map((victim) => victim.replace(/-.$/, '')),
    )
  expect(victims('postgres')).toEqual([['gateway'], ['postgres'], ['carrier']])
  expect(victims('pglite')).toEqual([['gateway'], ['gateway'], ['carrier']])
})

test('wrong uses are named', () => {
  expect(() => readOptions(['--rounds', '0'])).toThrow('--rounds is a whole number above 0')
  expect(() => readOptions(['--faults', 'kill,fire'])).toThrow('not "fire"')
  expect(() => readOptions(['--database', 'mysql'])).toThrow('postgres or pglite')
  expect(readOptions(['--faults', 'all', '--seed', '7'])).toMatchObject({
    seed: '7',
    faults: FAULTS,
  })
})
