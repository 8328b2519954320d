import { describe, expect, it } from 'vitest'
import { atOnce, Slices, Turns } from '../../src/core/turns.ts'

it('gives one caller its turn in each turn of the event loop, in the order of the calls', async () => {
  const turns = new Turns()
  const order: string[] = []
  const work = async (name: string) => {
    for (let slice = 1; slice <= 2; slice++) {
      await turns.next()
      order.push(`${name}${slice}`)
    }
  }
  let isOver = false
  const all = Promise.all(['a', 'b', 'c'].map(work)).then(() => {
    isOver = true
  })
  while (!isOver) {
    await new Promise((resolve) => setImmediate(resolve))
    order.push('-')
  }
  await all
  // Between two slices something else always had its turn.
  expect(order.join('')).toMatch(/^-*a1-+b1-+c1-+a2-+b2-+c2-*$/)
})

describe('Slices', () => {
  /** Steps that are longer than a slice each. */
  function* longWork(steps: number): Generator<void, string> {
    for (let step = 0; step < steps; step++) {
      const end = performance.now() + 5
      while (performance.now() < end);
      yield
    }
    return 'done'
  }

  it('let others work between the steps of long work', async () => {
    let turns = 0
    let isOver = false
    const others = () => {
      turns++
      if (!isOver) setImmediate(others)
    }
    setImmediate(others)
    expect(await new Slices(new Turns()).run(longWork(10))).toBe('done')
    isOver = true
    expect(turns).toBeGreaterThanOrEqual(9)
  })

  it('are not needed by who can wait', () => {
    let others = 0
    setImmediate(() => others++)
    expect(atOnce(longWork(2))).toBe('done')
    expect(others).toBe(0)
  })
})
