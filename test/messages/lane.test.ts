import { afterEach, describe, expect, it, vi } from 'vitest'
import { Lane } from '../../src/messages/lane.ts'
import { type Held, newlyHeld } from '../../src/messages/settle.ts'
import { testMessage } from './builders.ts'
import { FakeCarrier } from './fake-carrier.ts'

const NOW = 1_000_000

function held(text: string, segments = 1): Held {
  return newlyHeld(testMessage({ text, segments }))
}

function laneOf(more: Partial<Pick<FakeCarrier, 'isUp' | 'windowSize'>> = {}) {
  const carrier = Object.assign(new FakeCarrier('alpha'), more)
  return { carrier, lane: new Lane(carrier) }
}

afterEach(() => {
  vi.useRealTimers()
})

describe('next', () => {
  it('gives messages in their order, then nothing', () => {
    const { lane } = laneOf()
    for (const text of ['a', 'b', 'c']) lane.push(held(text))
    expect(lane.waiting).toBe(3)
    const texts = [1, 2, 3].map(() => lane.next(NOW).held?.message.text)
    expect(texts).toEqual(['a', 'b', 'c'])
    expect(lane.next(NOW)).toEqual({ held: undefined, waitMs: 0 })
    expect(lane.waiting).toBe(0)
  })

  it('keeps the order of many, while they come and go', () => {
    const { lane } = laneOf({ windowSize: 1_000_000 })
    const given: (string | undefined)[] = []
    for (let n = 0; n < 5_000; n++) {
      lane.push(held(String(n)))
      if (n % 3 !== 0) given.push(lane.next(NOW).held?.message.text)
    }
    given.push(...lane.takeAll().map(({ message }) => message.text))
    expect(given).toEqual(Array.from({ length: 5_000 }, (_, n) => String(n)))
  })

  it('gives nothing while the carrier is down', () => {
    const { lane, carrier } = laneOf({ isUp: false })
    lane.push(held('a'))
    expect(lane.next(NOW)).toEqual({ held: undefined, waitMs: 0 })
    carrier.isUp = true
    expect(lane.next(NOW).held?.message.text).toBe('a')
  })

  it('gives nothing to a carrier that is up and has no window', () => {
    const { lane } = laneOf({ windowSize: 0 })
    lane.push(held('a'))
    expect(lane.next(NOW)).toEqual({ held: undefined, waitMs: 0 })
    expect(lane.waiting).toBe(1)
  })

  it('lets two windows be journalled and no more', () => {
    const { lane } = laneOf({ windowSize: 3 })
    for (let n = 0; n < 10; n++) lane.push(held(String(n)))
    while (lane.next(NOW).held) lane.inFlight++
    expect(lane.inFlight).toBe(6)
    lane.inFlight--
    expect(lane.next(NOW).held).toBeDefined()
  })

  it('waits as long as the pace says, and tells it what is being journalled', () => {
    const { lane, carrier } = laneOf()
    lane.push(held('long', 3))
    lane.journalling = 2
    const asked: [number, number][] = []
    carrier.waitFor = (...args) => {
      asked.push(args)
      return asked.length === 1 ? 300 : 0
    }
    expect(lane.next(NOW)).toEqual({ held: undefined, waitMs: 300 })
    expect(lane.waiting).toBe(1)
    expect(lane.next(NOW).held).toBeDefined()
    expect(asked.map((each) => each.slice(0, 2))).toEqual([
      [3, 2],
      [3, 2],
    ])
  })
})

describe('waits', () => {
  it('not at all for a carrier that is up', async () => {
    vi.useFakeTimers({ now: NOW })
    const { lane } = laneOf()
    expect(await lane.isUpWithin(30_000)).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('for a carrier to come up, in vain', async () => {
    vi.useFakeTimers({ now: NOW })
    const { lane } = laneOf({ isUp: false })
    const waiting = lane.isUpWithin(30_000)
    await vi.advanceTimersByTimeAsync(30_000)
    expect(await waiting).toBe(false)
  })

  it('until woken, every one of them, and leaves no timer', async () => {
    vi.useFakeTimers({ now: NOW })
    const { lane, carrier } = laneOf({ isUp: false })
    const waits = Promise.all([lane.isUpWithin(30_000), lane.isUpWithin(10), lane.rest(500)])
    carrier.isUp = true
    lane.wake()
    expect(await waits).toEqual([true, true, undefined])
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('while memory is full', () => {
  function lanePushing(count: number, isMemoryFull: () => boolean) {
    const lane = new Lane(new FakeCarrier('alpha'), { capacity: 1_000, isMemoryFull })
    const taken = Array.from({ length: count }, (_, n) => held(String(n))).filter((one) => {
      const isTaken = lane.push(one)
      if (!isTaken) lane.noteOverflow(one.message)
      return isTaken
    })
    return { lane, taken }
  }

  it('keeps only a few of each tenant, and counts the others', () => {
    const { lane, taken } = lanePushing(600, () => true)
    expect(taken).toHaveLength(250)
    expect(lane.waiting).toBe(600)
  })

  it('takes back a few when half of those are gone, and all that fit once there is room', () => {
    let isFull = true
    const { lane } = lanePushing(600, () => isFull)
    expect(lane.refillable()).toEqual([])
    for (let n = 0; n < 125; n++) lane.next(NOW)
    expect(lane.refillable()).toMatchObject([{ room: 125 }])
    isFull = false
    expect(lane.refillable()).toMatchObject([{ room: 875 }])
  })
})

describe('what has waited elsewhere', () => {
  it('takes its place by acceptance among those of its tenant', () => {
    const { lane } = laneOf()
    const all = ['a', 'b', 'c', 'd', 'e'].map((text) => held(text))
    const [a, b, c, d, e] = all as [Held, Held, Held, Held, Held]
    for (const each of [b, e]) lane.push(each)
    for (const each of [d, a, c]) expect(lane.pushMoved(each)).toBe(true)
    expect(lane.takeAll()).toEqual([a, b, c, d, e])
  })

  it('waits in the database where it belongs behind others that do, and not before them', () => {
    const lane = new Lane(new FakeCarrier('alpha'), { capacity: 2 })
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((text) => held(text)) as [Held, Held, Held, Held]
    for (const each of [b, c]) lane.push(each)
    expect(lane.pushMoved(d)).toBe(false)
    // There is no room, but what it goes before has had it.
    expect(lane.pushMoved(a)).toBe(true)
    expect(lane.takeAll()).toEqual([a, b, c])
  })
})
