import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { silentLogger } from '../../src/core/logger.ts'
import { readMarks, removeMarks, WrittenMarks } from '../../src/messages/written-marks.ts'

const FIRST = '0190a4f0-0000-7000-8000-000000000001'
const SECOND = '0190a4f0-0000-7000-8000-000000000002'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'linehaul-marks-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function begin(node = 'node-1', capacity = 100): WrittenMarks {
  const marks = WrittenMarks.begin(folder, node, capacity, silentLogger)
  if (!marks) throw new Error('this system has no boot id')
  return marks
}

it('tells the next run what was written, by message and attempt', () => {
  const marks = begin()
  marks.complete()
  marks.mark([{ messageId: FIRST, attempt: 1 }])
  marks.mark([{ messageId: FIRST, attempt: 12 }])
  // Killed: nothing is closed.
  const earlier = readMarks(folder, 'node-1')
  expect(earlier?.has(FIRST, 1)).toBe(true)
  expect(earlier?.has(FIRST, 12)).toBe(true)
  expect(earlier?.has(FIRST, 2)).toBe(false)
  expect(earlier?.has(SECOND, 1)).toBe(false)
  expect(readMarks(folder, 'node-2')).toBeUndefined()
  removeMarks(folder, 'node-1')
  expect(readMarks(folder, 'node-1')).toBeUndefined()
})

it('is not relied on when the run ended while it took over an earlier one', () => {
  begin().mark([{ messageId: FIRST, attempt: 1 }])
  expect(readMarks(folder, 'node-1')).toBeUndefined()
})

it('is not relied on after the machine has been started anew, or with half a header', () => {
  const marks = begin()
  marks.complete()
  const path = join(folder, 'written-node-1')
  const text = readFileSync(path, 'latin1')
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  writeFileSync(path, text.replace(boot, '00000000-0000-4000-8000-000000000000'))
  expect(readMarks(folder, 'node-1')).toBeUndefined()
  for (const part of ['', text.slice(0, 60)]) {
    writeFileSync(path, part)
    expect(readMarks(folder, 'node-1')).toBeUndefined()
  }
})

it('keeps the latest marks within its size', () => {
  const marks = begin('node-1', 10)
  marks.complete()
  const size = readFileSync(join(folder, 'written-node-1')).length
  const attempts = Array.from({ length: 25 }, (_, index) => ({
    messageId: FIRST,
    attempt: index + 1,
  }))
  // Some alone, some together, over the end of the file and round more than once.
  for (const [from, to] of [
    [0, 1],
    [1, 3],
    [3, 9],
    [9, 10],
    [10, 24],
    [24, 25],
  ]) {
    marks.mark(attempts.slice(from, to))
  }
  const earlier = readMarks(folder, 'node-1')
  const known = Array.from({ length: 25 }, (_, index) => index + 1).filter((attempt) =>
    earlier?.has(FIRST, attempt),
  )
  expect(known).toEqual([16, 17, 18, 19, 20, 21, 22, 23, 24, 25])
  expect(readFileSync(join(folder, 'written-node-1'))).toHaveLength(size)
})

it('leaves nothing behind when it is closed in order', () => {
  const marks = begin()
  marks.mark([{ messageId: FIRST, attempt: 1 }])
  marks.close()
  expect(readdirSync(folder)).toEqual([])
})

it('keeps what it has when it gets room for more', () => {
  const marks = begin('node-1', 10)
  marks.complete()
  const submits = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, n) => ({ messageId: FIRST, attempt: from + n }))
  marks.mark(submits(0, 15))
  marks.grow(5)
  marks.grow(25)
  // Of those before, the oldest are written over once as many have come as there is room for.
  marks.mark(submits(15, 30))
  const kept = (from: number, to: number) => {
    const earlier = readMarks(folder, 'node-1')
    return submits(from, to).every(({ messageId, attempt }) => earlier?.has(messageId, attempt))
  }
  expect(kept(5, 30)).toBe(true)
  marks.mark(submits(30, 40))
  expect(kept(15, 40)).toBe(true)
  marks.close()
})
