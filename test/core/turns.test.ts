import { expect, it } from 'vitest'
import { Turns } from '../../src/core/turns.ts'

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
