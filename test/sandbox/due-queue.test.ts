import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { DueQueue } from '../../src/sandbox/due-queue.ts'

beforeEach(() => {
  vi.useFakeTimers({ now: 0 })
})

afterEach(() => {
  vi.useRealTimers()
})

describe('DueQueue', () => {
  it('hands items out when they are due, with one timer', () => {
    const seen: string[] = []
    const queue = new DueQueue<string>((item) => seen.push(item))
    queue.push(30, 'c')
    queue.push(10, 'a')
    queue.push(10, 'b')
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(9)
    expect(seen).toEqual([])
    vi.advanceTimersByTime(1)
    expect(seen).toEqual(['a', 'b'])
    vi.advanceTimersByTime(20)
    expect(seen).toEqual(['a', 'b', 'c'])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('takes items that are pushed while others are handed out', () => {
    const seen: number[] = []
    const queue: DueQueue<number> = new DueQueue((item) => {
      seen.push(item)
      if (item < 3) queue.push(Date.now() + item * 10, item + 1)
    })
    queue.push(0, 0)
    vi.advanceTimersByTime(100)
    expect(seen).toEqual([0, 1, 2, 3])
  })

  it('forgets everything when cleared', () => {
    const queue = new DueQueue<number>(() => expect.unreachable())
    queue.push(5, 1)
    queue.clear()
    expect(queue.size).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
    vi.advanceTimersByTime(10)
  })

  it('keeps the order of instants, and of calls for equal ones', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50)), (dues) => {
        vi.setSystemTime(0)
        const seen: number[] = []
        const queue = new DueQueue<number>((item) => seen.push(item))
        for (const [index, due] of dues.entries()) queue.push(due, index)
        const expected = dues
          .map((due, index) => ({ due, index }))
          .sort((a, b) => a.due - b.due || a.index - b.index)
          .map(({ index }) => index)
        expect(queue.entries().map(({ item }) => item)).toEqual(expected)
        vi.advanceTimersByTime(60)
        expect(seen).toEqual(expected)
      }),
    )
  })
})
