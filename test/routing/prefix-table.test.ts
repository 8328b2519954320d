import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PrefixTable } from '../../src/routing/prefix-table.ts'

const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-3]{0,${max}}$`))

describe('PrefixTable', () => {
  it('finds the longest prefix', () => {
    const table = new PrefixTable<string>()
      .set('44', 'UK')
      .set('4477', 'UK mobile')
      .set('1', 'NANP')
    expect(table.longestMatch('+447700900123')).toEqual({ prefix: '4477', value: 'UK mobile' })
    expect(table.longestMatch('442079460000')).toEqual({ prefix: '44', value: 'UK' })
    expect(table.longestMatch('447')).toEqual({ prefix: '44', value: 'UK' })
    expect(table.longestMatch('4')).toBeUndefined()
    expect(table.longestMatch('49')).toBeUndefined()
    expect(table.longestMatch('')).toBeUndefined()
  })

  it('lets an empty prefix stand for everywhere', () => {
    const table = new PrefixTable<number>().set('', 0).set('86', 86)
    expect(table.longestMatch('491')).toEqual({ prefix: '', value: 0 })
    expect(table.longestMatch('')).toEqual({ prefix: '', value: 0 })
    expect(table.longestMatch('8613')).toEqual({ prefix: '86', value: 86 })
  })

  it('stops at anything that is no digit', () => {
    const table = new PrefixTable<number>().set('44', 1)
    expect(table.longestMatch('4 4')).toBeUndefined()
    expect(table.longestMatch('44x')).toEqual({ prefix: '44', value: 1 })
    expect(table.get('4:')).toBeUndefined()
    expect(() => table.set('+44', 1)).toThrow(expect.objectContaining({ code: 'prefix_invalid' }))
  })

  it('finds, counts and lists like a map scanned in full', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(digits(6), fc.integer())),
        fc.array(digits(9)),
        (pairs, numbers) => {
          const table = new PrefixTable<number>()
          const naive = new Map<string, number>()
          for (const [prefix, value] of pairs) {
            table.set(prefix, value)
            naive.set(prefix, value)
          }
          expect(table.size).toBe(naive.size)
          const sorted = [...naive].sort(([a], [b]) => (a < b ? -1 : 1))
          expect([...table.entries()]).toEqual(sorted.map(([prefix, value]) => ({ prefix, value })))
          for (const number of [...numbers, ...naive.keys()]) {
            expect(table.get(number)).toBe(naive.get(number))
            const fitting = sorted.filter(([prefix]) => number.startsWith(prefix))
            expect(table.longestMatch(number)?.prefix).toBe(fitting.at(-1)?.[0])
          }
        },
      ),
    )
  })
})
