import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MarkWriter } from '../../src/callbacks/mark-writer.ts'
import type { Mark } from '../../src/callbacks/tables.ts'
import type { Store } from '../../src/store/open.ts'
import { keepingLogger } from '../messages/keeping-logger.ts'

describe('MarkWriter', () => {
  let statements = 0
  let isAway = false
  let written: string[][] = []
  let marks: MarkWriter

  beforeEach(() => {
    vi.useFakeTimers()
    statements = 0
    isAway = false
    written = []
    const query = () => {
      statements++
      return isAway ? Promise.reject(new Error('away')) : Promise.resolve([])
    }
    marks = new MarkWriter({
      store: { query } as unknown as Store,
      onWritten: (some) => written.push(some.map(({ id }) => id)),
      logger: keepingLogger(),
    })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const mark = (id: string): Mark => ({ id, error: null, at: new Date(0) })

  it('writes what comes within a moment in one statement', async () => {
    marks.add(mark('a'))
    await vi.advanceTimersByTimeAsync(100)
    marks.add(mark('b'))
    expect(statements).toBe(0)
    await vi.advanceTimersByTimeAsync(100)
    expect(written).toEqual([['a', 'b']])
    marks.add(mark('c'))
    await vi.advanceTimersByTimeAsync(200)
    expect(written).toEqual([['a', 'b'], ['c']])
    expect(statements).toBe(2)
  })

  it('does not gather without an end', async () => {
    for (let index = 0; index < 1_000; index++) marks.add(mark(String(index)))
    await vi.advanceTimersByTimeAsync(0)
    expect(written.map((some) => some.length)).toEqual([1_000])
  })

  it('writes with the next what could not be written', async () => {
    isAway = true
    marks.add(mark('a'))
    await vi.advanceTimersByTimeAsync(200)
    expect([statements, written]).toEqual([1, []])
    isAway = false
    marks.add(mark('b'))
    await marks.flush()
    expect(written).toEqual([['a', 'b']])
    await marks.flush()
    expect(statements).toBe(2)
  })
})
