import { describe, expect, it } from 'vitest'
import { DEFAULT_GUARDS } from '../../src/config/guards.ts'
import type { LoopPolicy } from '../../src/core/guards.ts'
import { GuardBreakers } from '../../src/routing/guard-breakers.ts'
import { Loops } from '../../src/routing/loops.ts'

const START = 1_000_000_000
const OURS = '+447700900000'
const THEIRS = '+447911123456'

function loops(more: Partial<LoopPolicy> = {}) {
  const policy: LoopPolicy = { ...DEFAULT_GUARDS.loops, action: 'refuse', exchanges: 3, ...more }
  const breakers = new GuardBreakers()
  return { breakers, guard: new Loops(policy, breakers) }
}

/** The handset writes, and somebody answers; gives whether each answer was stopped. */
function talk(guard: Loops, count: number, gapMs: number, delayMs: number, texts = ['in', 'out']) {
  return Array.from({ length: count }, (_, index) => {
    const nowMs = START + index * gapMs
    const [inbound = '', outbound = ''] = texts
    // Carriers write numbers without "+".
    guard.noteInbound(THEIRS.slice(1), OURS.slice(1), `${inbound}`, nowMs)
    return guard.check(OURS, THEIRS, `${outbound}`, nowMs + delayMs) !== undefined
  })
}

function different(guard: Loops, count: number, gapMs: number, delayMs: number) {
  return Array.from({ length: count }, (_, index) => {
    const nowMs = START + index * gapMs
    guard.noteInbound(THEIRS, OURS, `in ${index}`, nowMs)
    return guard.check(OURS, THEIRS, `out ${index}`, nowMs + delayMs) !== undefined
  })
}

describe('a loop', () => {
  it('is more answers at once than are allowed', () => {
    const { guard, breakers } = loops()
    expect(different(guard, 5, 2_000, 500)).toEqual([false, false, false, true, true])
    expect(breakers.entries(START + 10_000)).toMatchObject([
      [
        expect.anything(),
        {
          guard: 'loop',
          scope: { pair: ['447700900000', '447911123456'] },
          reason: '4 answers at once within 300 s',
        },
      ],
    ])
  })

  it('ends with the cool-down', () => {
    const { guard } = loops({ coolDownSeconds: 60 })
    different(guard, 5, 2_000, 500)
    expect(guard.check(OURS, THEIRS, 'news', START + 50_000)).toBeDefined()
    expect(guard.check(OURS, THEIRS, 'news', START + 80_000)).toBeUndefined()
  })

  it('is the same two texts in turn, however slowly', () => {
    const { guard } = loops({ equalTexts: 5 })
    expect(talk(guard, 6, 60_000, 20_000)).toEqual([false, false, false, false, true, true])
  })
})

describe('no loop is', () => {
  it('a talk of people', () => {
    const { guard } = loops()
    expect(different(guard, 50, 30_000, 8_000)).not.toContain(true)
  })

  it('answers at once that are rare', () => {
    const { guard } = loops({ windowSeconds: 60 })
    expect(different(guard, 50, 30_000, 500)).not.toContain(true)
  })

  it('several messages after one of the handset', () => {
    const { guard } = loops()
    guard.noteInbound(THEIRS, OURS, 'hello', START)
    const sent = Array.from({ length: 20 }, (_, index) =>
      guard.check(OURS, THEIRS, `part ${index}`, START + index * 100),
    )
    expect(sent.every((each) => each === undefined)).toBe(true)
  })

  it('what others say', () => {
    const { guard } = loops()
    different(guard, 5, 2_000, 500)
    expect(guard.check(OURS, '+447911999999', 'x', START + 5_000)).toBeUndefined()
    expect(guard.check('ACME', THEIRS, 'x', START + 5_000)).toBeUndefined()
  })
})

it('remembers no more than so many talks', () => {
  const { guard } = loops()
  for (let index = 0; index < 12_000; index++) {
    guard.noteInbound(`4479${index}`, OURS, 'x', START + index)
  }
  expect(guard.size).toBe(10_000)
})
