import { describe, expect, it } from 'vitest'
import { Recent } from '../../src/core/recent.ts'

describe('Recent', () => {
  it('forgets what was set too long ago, unless it was set again', () => {
    const recent = new Recent<number>(10, 1_000)
    recent.set('a', 1, 0)
    recent.set('b', 2, 0)
    recent.set('a', 3, 500)
    expect(recent.get('a', 1_499)).toBe(3)
    expect(recent.get('b', 999)).toBe(2)
    expect(recent.get('b', 1_000)).toBeUndefined()
    expect(recent.get('c', 0)).toBeUndefined()
    recent.set('c', 4, 1_200)
    expect(recent.size).toBe(2)
  })

  it('keeps the latest', () => {
    const recent = new Recent<number>(2, 1_000)
    for (const [at, name] of ['a', 'b', 'a', 'c'].entries()) recent.set(name, at, at)
    expect(['a', 'b', 'c'].map((name) => recent.get(name, 4))).toEqual([2, undefined, 3])
    expect(recent.size).toBe(2)
  })
})
