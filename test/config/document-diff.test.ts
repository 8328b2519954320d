import { expect, it } from 'vitest'
import { documentDiff } from '../../src/config/document-diff.ts'

it('tells values that came, went and changed, entries of lists by their names', () => {
  const before = {
    log_level: 'info',
    carriers: [
      { name: 'alpha', port: 1 },
      { name: 'beta', port: 2, tags: ['x'] },
    ],
    admin_keys: ['a'],
  }
  const after = {
    carriers: [
      { name: 'beta', port: 3, tags: ['x', 'y'] },
      { name: 'gamma' },
      { name: 'alpha', port: 1 },
    ],
    admin_keys: ['a'],
    guards: {},
  }
  expect(documentDiff(before, after)).toEqual([
    { path: 'carriers (order)', before: 'alpha, beta', after: 'beta, alpha' },
    { path: 'log_level', before: 'info', after: null },
    { path: 'carriers[beta].port', before: 2, after: 3 },
    { path: 'carriers[beta].tags[1]', before: null, after: 'y' },
    { path: 'carriers[gamma].name', before: null, after: 'gamma' },
    { path: 'guards', before: null, after: '{}' },
  ])
  expect(documentDiff(before, before)).toEqual([])
})

it('tells entries without a name of their own by their place', () => {
  const rates = (...prices: readonly string[]) => ({
    rates: prices.map((price) => ({ prefix: '44', price })),
  })
  expect(documentDiff(rates('1', '2'), rates('1', '3'))).toEqual([
    { path: 'rates[1].price', before: '2', after: '3' },
  ])
})
