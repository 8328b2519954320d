import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NumberMap } from '../../src/routing/number-map.ts'

const number = fc
  .tuple(fc.integer({ min: 1, max: 9 }), fc.stringMatching(/^\d{0,3}$/))
  .map(([first, rest]) => `${first}${rest}`)

describe('NumberMap', () => {
  it('does what a Map does, whatever is set and deleted', () => {
    const step = fc.record({ number, value: fc.nat(), isDelete: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const ours = new NumberMap()
        const theirs = new Map<string, number>()
        for (const { number: key, value, isDelete } of steps) {
          if (isDelete) expect(ours.delete(key)).toBe(theirs.delete(key))
          else {
            ours.set(key, value)
            theirs.set(key, value)
          }
        }
        expect(new Map(ours.entries())).toEqual(theirs)
        for (const [key, value] of theirs) expect(ours.get(`+${key}`)).toBe(value)
        expect(ours.size).toBe(theirs.size)
      }),
    )
  })

  it('keeps a million neighbours apart', () => {
    const map = new NumberMap()
    for (let index = 0; index < 1_000_000; index++) map.set(`44770${1_000_000 + index}`, index)
    expect(map.size).toBe(1_000_000)
    for (const index of [0, 1, 499_999, 999_999]) {
      expect(map.get(`+44770${1_000_000 + index}`)).toBe(index)
    }
    expect(map.get('+447702000000')).toBeUndefined()
  })

  it('holds 15 digits exactly, and nothing that is no number', () => {
    const map = new NumberMap()
    expect(map.set('999999999999999', 1)).toBe(true)
    expect(map.get('999999999999999')).toBe(1)
    expect(map.get('999999999999998')).toBeUndefined()
    for (const text of ['', '+', '0', '0123', '1234567890123456', '12a', '++1', '1 2']) {
      expect(map.set(text, 1), text).toBe(false)
      expect(map.get(text), text).toBeUndefined()
      expect(map.delete(text), text).toBe(false)
    }
    expect(map.size).toBe(1)
  })
})
