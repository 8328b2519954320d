import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RequestError } from '../../src/smpp/errors.ts'
import { MAX_SEQUENCE_NUMBER, Window, type WindowEntry } from '../../src/smpp/window.ts'

interface Entry extends WindowEntry {
  error: RequestError | undefined
}

function entry(takesPlace = true): Entry {
  const made: Entry = {
    sequence_number: 0,
    deadline: 0,
    takesPlace,
    error: undefined,
    reject(error) {
      made.error = error
    },
  }
  return made
}

describe('Window', () => {
  test('counts from 1 and matches by sequence number in any order', () => {
    const window = new Window<Entry>({ capacity: 3 })
    const [first, second, third] = [entry(), entry(), entry()]
    expect([first, second, third].map((each) => window.open(each, 0, 10))).toEqual([1, 2, 3])
    expect(window.freePlaces).toBe(0)
    expect(window.take(3)).toBe(third)
    expect(window.take(1)).toBe(first)
    expect(window.take(1)).toBeUndefined()
    expect(window.take(4)).toBeUndefined()
    expect(window.size).toBe(1)
    expect(window.take(2)).toBe(second)
    expect(window.freePlaces).toBe(3)
  })

  test('wraps from 0x7FFFFFFF to 1 and skips numbers still open', () => {
    const window = new Window<Entry>({
      capacity: 10,
      firstSequenceNumber: MAX_SEQUENCE_NUMBER - 1,
    })
    const oldest = entry()
    expect(window.open(oldest, 0, 10)).toBe(MAX_SEQUENCE_NUMBER - 1)
    expect(window.open(entry(), 0, 10)).toBe(MAX_SEQUENCE_NUMBER)
    expect(window.open(entry(), 0, 10)).toBe(1)

    const wrapped = new Window<Entry>({ capacity: 10 })
    wrapped.open(oldest, 0, 10)
    for (let opened = 0; opened < 200; opened++) {
      const sequence = wrapped.open(entry(), 0, 10)
      expect(sequence).not.toBe(1)
      wrapped.take(sequence)
    }
    expect(wrapped.take(1)).toBe(oldest)
  })

  test('does not mistake a number of another turn for an open request', () => {
    const window = new Window<Entry>({ capacity: 4 })
    window.open(entry(), 0, 10)
    for (const stranger of [0, 17, 33, 0x80000001, 0xffffffff]) {
      expect(window.take(stranger)).toBeUndefined()
    }
  })

  test('expires what is due, the earliest first, and keeps the rest', () => {
    const window = new Window<Entry>({ capacity: 10 })
    const order: number[] = []
    const open = (now: number, timeoutMs: number) => {
      const made = entry()
      const number = window.open(made, now, timeoutMs)
      made.reject = (error) => {
        made.error = error
        order.push(number)
      }
      return made
    }
    const slow = open(0, 100)
    const quick = open(0, 10)
    const late = open(50, 100)
    expect(window.expire(9)).toBe(0)
    expect(window.expire(120)).toBe(2)
    expect(order).toEqual([quick.sequence_number, slow.sequence_number])
    expect(slow.error).toMatchObject({ code: 'response_timeout', written: true })
    expect(late.error).toBeUndefined()
    expect(window.take(slow.sequence_number)).toBeUndefined()
    expect(window.expire(150)).toBe(1)
    expect(window.size).toBe(0)
  })

  test('fails all with an error made for each, and is empty then', () => {
    const window = new Window<Entry>({ capacity: 10 })
    const entries = [entry(), entry(), entry(false)]
    for (const each of entries) window.open(each, 0, 10)
    const failed = window.failAll(
      ({ sequence_number }) => new RequestError('closed', `no. ${sequence_number}`, false),
    )
    expect(failed).toBe(3)
    expect(entries.map((each) => each.error?.message)).toEqual(['no. 1', 'no. 2', 'no. 3'])
    expect(window.size).toBe(0)
    expect(window.expire(1000)).toBe(0)
    expect(window.take(1)).toBeUndefined()
  })

  test('link requests take no place', () => {
    const window = new Window<Entry>({ capacity: 1 })
    window.open(entry(), 0, 10)
    const link = entry(false)
    const number = window.open(link, 0, 10)
    expect(window.size).toBe(1)
    expect(window.take(number)).toBe(link)
    expect(window.size).toBe(1)
  })

  test('a changed capacity keeps the open requests', () => {
    const window = new Window<Entry>({ capacity: 2 })
    const first = entry()
    window.open(first, 0, 10)
    window.capacity = 500
    expect(window.freePlaces).toBe(499)
    for (let opened = 0; opened < 499; opened++) window.open(entry(), 0, 10)
    window.capacity = 10
    expect(window.freePlaces).toBe(0)
    expect(window.take(1)).toBe(first)
    expect(window.size).toBe(499)
  })

  test('behaves as a map of open requests under any use', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('open' as const), timeoutMs: fc.integer({ min: 1, max: 50 }) }),
      fc.record({ kind: fc.constant('take' as const), index: fc.nat(60) }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(20) }),
    )
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.constantFrom(1, 5, MAX_SEQUENCE_NUMBER - 20),
        (steps, firstSequenceNumber) => {
          const window = new Window<Entry>({ capacity: 4, firstSequenceNumber })
          const model = new Map<number, Entry>()
          let now = 0
          for (const each of steps) {
            if (each.kind === 'open') {
              const made = entry()
              const number = window.open(made, now, each.timeoutMs)
              expect(number >= 1 && number <= MAX_SEQUENCE_NUMBER).toBe(true)
              expect(model.has(number)).toBe(false)
              model.set(number, made)
            } else if (each.kind === 'take') {
              const number = [...model.keys()][each.index] ?? 0
              expect(window.take(number)).toBe(model.get(number))
              model.delete(number)
            } else {
              now += each.ms
              const due = [...model].filter(([, { deadline }]) => deadline <= now)
              expect(window.expire(now)).toBe(due.length)
              for (const [number, made] of due) {
                expect(made.error?.code).toBe('response_timeout')
                model.delete(number)
              }
            }
            expect(window.size).toBe(model.size)
          }
        },
      ),
    )
  })
})
