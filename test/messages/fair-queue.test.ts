import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FairQueue, type FairQueueOptions } from '../../src/messages/fair-queue.ts'

interface Item {
  readonly tenant: string
  readonly priority: number
  readonly cost: number
  readonly number: number
}

function queue(more: Partial<FairQueueOptions<Item>> = {}): FairQueue<Item> {
  return new FairQueue<Item>({
    tenantOf: ({ tenant }) => tenant,
    priorityOf: ({ priority }) => priority,
    costOf: ({ cost }) => cost,
    ...more,
  })
}

function item(number: number, more: Partial<Item> = {}): Item {
  return { tenant: 'a', priority: 1, cost: 1, number, ...more }
}

function filled(items: readonly Item[], more: Partial<FairQueueOptions<Item>> = {}) {
  const made = queue(more)
  for (const each of items) expect(made.push(each)).toBe(true)
  return made
}

function costs(tenant: string, priority: number, list: readonly number[]): Item[] {
  return list.map((cost, number) => ({ tenant, priority, cost, number }))
}

const numbers = (items: readonly Item[]) => items.map(({ number }) => number)

const anyCosts = fc.integer({ min: 1, max: 30 }).chain((largest) =>
  fc.record({
    largest: fc.constant(largest),
    a: fc.array(fc.integer({ min: 1, max: largest }), { minLength: 1, maxLength: 200 }),
    b: fc.array(fc.integer({ min: 1, max: largest }), { minLength: 1, maxLength: 200 }),
  }),
)

describe('priorities', () => {
  it('serve 81 otp, 8 transactional and 1 marketing of 90 segments', () => {
    const all = [0, 1, 2].flatMap((priority) => costs('a', priority, Array(100).fill(1)))
    const taken = filled(all).takeAll().slice(0, 90)
    const shares = [0, 1, 2].map((of) => taken.filter(({ priority }) => priority === of).length)
    expect(shares).toEqual([81, 8, 1])
  })

  it('share by cost, whatever the items cost', () => {
    fc.assert(
      fc.property(
        fc.tuple(
          fc.integer({ min: 1, max: 12 }),
          fc.integer({ min: 1, max: 12 }),
          fc.integer({ min: 1, max: 12 }),
        ),
        (each) => {
          const all = each.flatMap((cost, priority) =>
            // As many as one of them would be served of alone.
            costs('a', priority, Array(Math.ceil(1800 / cost)).fill(cost)),
          )
          const waiting = filled(all)
          const served = [0, 0, 0]
          while (served.reduce((sum, cost) => sum + cost) < 1800) {
            const next = waiting.shift() as Item
            served[next.priority]! += next.cost
          }
          expect(Math.abs(served[0]! - 1620)).toBeLessThan(130)
          expect(Math.abs(served[1]! - 160)).toBeLessThan(110)
          expect(Math.abs(served[2]! - 20)).toBeLessThan(14)
        },
      ),
      { numRuns: 30 },
    )
  })

  it('leave everything to those behind when the urgent have nothing waiting', () => {
    const waiting = filled(costs('a', 2, [1, 1, 1, 1]))
    expect(numbers(waiting.takeAll())).toEqual([0, 1, 2, 3])
  })

  it('let an urgent message pass a backlog', () => {
    const waiting = filled(costs('a', 2, Array(1000).fill(1)))
    waiting.shift()
    waiting.push(item(-1, { priority: 0 }))
    expect(numbers([waiting.shift() as Item])).toEqual([-1])
  })

  it('make a long message of those behind pay for its length', () => {
    // The urgent come one by one: each time one is there, a long one waits behind it.
    const waiting = filled(costs('a', 2, Array(1000).fill(10)))
    let urgent = 0
    for (let turn = 0; turn < 900; turn++) {
      if (waiting.sizeOf(0, 'a') === 0) waiting.push(item(turn, { priority: 0 }))
      if ((waiting.shift() as Item).priority === 0) urgent++
    }
    expect(urgent).toBeGreaterThan(880)
  })

  it('remember that debt while nobody is behind', () => {
    const waiting = filled(costs('a', 0, Array(3100).fill(1)))
    let long = 0
    for (let urgent = 0; urgent < 3000; ) {
      if ((waiting.shift() as Item).priority === 0) {
        urgent++
        if (waiting.sizeOf(2, 'a') === 0) waiting.push(item(0, { priority: 2, cost: 10 }))
      } else {
        long++
        // One of the urgent goes while nothing is behind it.
        waiting.shift()
        urgent++
      }
    }
    // 10 for 90.
    expect(long).toBeGreaterThan(29)
    expect(long).toBeLessThan(37)
  })
})

describe('tenants', () => {
  it('are served costs that differ by less than a quantum and the largest cost', () => {
    fc.assert(
      fc.property(anyCosts, ({ largest, a, b }) => {
        const waiting = filled([...costs('a', 1, a), ...costs('b', 1, b)])
        const served: Record<string, number> = { a: 0, b: 0 }
        for (;;) {
          const next = waiting.shift() as Item
          served[next.tenant]! += next.cost
          if (waiting.sizeOf(1, 'a') === 0 || waiting.sizeOf(1, 'b') === 0) return
          expect(Math.abs(served.a! - served.b!)).toBeLessThan(10 + largest)
        }
      }),
    )
  })

  it('are served by their weights', () => {
    fc.assert(
      fc.property(anyCosts, fc.integer({ min: 1, max: 5 }), ({ largest, a, b }, weight) => {
        const weightOf = (tenant: string) => (tenant === 'a' ? weight : 1)
        const waiting = filled([...costs('a', 1, a), ...costs('b', 1, b)], { weightOf })
        const served: Record<string, number> = { a: 0, b: 0 }
        for (;;) {
          const next = waiting.shift() as Item
          served[next.tenant]! += next.cost / weightOf(next.tenant)
          if (waiting.sizeOf(1, 'a') === 0 || waiting.sizeOf(1, 'b') === 0) return
          expect(Math.abs(served.a! - served.b!)).toBeLessThan(10 + largest)
        }
      }),
    )
  })

  it('do not wait for the backlog of another', () => {
    const waiting = filled(costs('big', 1, Array(100_000).fill(1)))
    for (let taken = 0; taken < 3; taken++) waiting.shift()
    waiting.push(item(0, { tenant: 'small' }))
    let before = 0
    while ((waiting.shift() as Item).tenant !== 'small') before++
    expect(before).toBeLessThan(10)
  })

  it('do not save up turns while they have nothing waiting', () => {
    const waiting = queue()
    for (let round = 0; round < 50; round++) {
      waiting.push(item(round))
      waiting.shift()
    }
    for (const each of [...costs('a', 1, Array(40).fill(1)), ...costs('b', 1, Array(40).fill(1))]) {
      waiting.push(each)
    }
    const first = waiting.takeAll().slice(0, 20)
    expect(first.filter(({ tenant }) => tenant === 'a')).toHaveLength(10)
  })

  it('get a message that costs more than many turns', () => {
    const waiting = filled([
      ...costs('a', 1, [255]),
      ...costs('b', 1, Array(300).fill(1)),
      item(0, { tenant: 'c', cost: 0 }),
    ])
    const order = waiting.takeAll().map(({ tenant }) => tenant)
    expect(order.indexOf('a')).toBeGreaterThan(200)
    expect(order.indexOf('a')).toBeLessThan(265)
  })

  it('are told with what waits of them, most urgent first', () => {
    const waiting = filled([
      item(1, { tenant: 'b' }),
      item(2, { priority: 2 }),
      item(3, { priority: 0 }),
      item(4, { tenant: 'b' }),
    ])
    expect([...waiting.subQueues()]).toEqual([
      { priority: 0, tenant: 'a', size: 1 },
      { priority: 1, tenant: 'b', size: 2 },
      { priority: 2, tenant: 'a', size: 1 },
    ])
  })
})

describe('an item', () => {
  it('keeps its place in a long backlog that others join all the time', () => {
    const waiting = filled(Array.from({ length: 3_000 }, (_, number) => item(number)))
    const taken: number[] = []
    for (let number = 3_000; number < 9_000; number++) {
      taken.push((waiting.shift() as Item).number)
      if (number % 2 === 0) waiting.push(item(number))
    }
    taken.push(...numbers(waiting.takeAll()))
    expect(taken).toHaveLength(6_000)
    expect(taken).toEqual([...taken].sort((a, b) => a - b))
  })

  it('is refused where its tenant has no room left, and only there', () => {
    const waiting = queue({ capacityPerTenant: 2 })
    expect(waiting.push(item(1))).toBe(true)
    expect(waiting.isFull(1, 'a')).toBe(false)
    expect(waiting.push(item(2))).toBe(true)
    expect(waiting.isFull(1, 'a')).toBe(true)
    expect(waiting.push(item(3))).toBe(false)
    expect(waiting.size).toBe(2)
    expect(waiting.push(item(4, { tenant: 'b' }))).toBe(true)
    expect(waiting.push(item(5, { priority: 0 }))).toBe(true)
    waiting.takeWhere(({ number }) => number === 1)
    expect(waiting.push(item(6))).toBe(true)
  })

  it('goes back before its fellows, even where there is no room', () => {
    const waiting = filled([item(1), item(2), item(3)], { capacityPerTenant: 3 })
    const [first, second] = [waiting.shift() as Item, waiting.shift() as Item]
    expect(waiting.push(item(4))).toBe(true)
    expect(waiting.push(item(5))).toBe(true)
    waiting.unshift(second)
    waiting.unshift(first)
    expect(waiting.size).toBe(5)
    expect(numbers(waiting.takeAll())).toEqual([1, 2, 3, 4, 5])
  })

  it('that goes back does not bring its tenant more turns than others have', () => {
    const waiting = filled([
      ...costs('a', 1, Array(50).fill(1)),
      ...costs('b', 1, Array(50).fill(1)),
    ])
    let tries = 0
    for (let taken = 0; taken < 60; taken++) {
      const next = waiting.shift() as Item
      if (next.tenant !== 'a') continue
      tries++
      waiting.unshift(next)
    }
    expect(tries).toBeLessThanOrEqual(30)
    expect(waiting.sizeOf(1, 'b')).toBe(50 - (60 - tries))
  })

  it('that was looked at is the next one, though a more urgent one comes', () => {
    const waiting = filled([item(1, { priority: 2 })])
    const looked = waiting.peek()
    waiting.push(item(2, { priority: 0 }))
    expect(waiting.peek()).toBe(looked)
    expect(waiting.shift()).toBe(looked)
    expect(waiting.shift()?.number).toBe(2)
    expect(waiting.peek()).toBeUndefined()
    expect(waiting.shift()).toBeUndefined()
  })

  it('without a priority of ours or a finite cost is a mistake', () => {
    const waiting = queue()
    for (const priority of [3, -1, 0.5]) {
      expect(() => waiting.push(item(1, { priority }))).toThrow(RangeError)
      expect(() => waiting.unshift(item(1, { priority }))).toThrow(RangeError)
    }
    for (const cost of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => waiting.push(item(1, { cost }))).toThrow(RangeError)
    }
    expect(waiting.size).toBe(0)
    expect(waiting.remove(item(1, { priority: 7 }))).toBe(false)
  })
})

it.each([
  { quantum: 0 },
  { capacityPerTenant: -1 },
  { capacityPerTenant: Number.NaN },
  { ratios: [9, 0] },
])('bounds that make no sense are refused: %j', (options) => {
  expect(() => queue(options)).toThrow(RangeError)
})

it('a tenant of hardly any weight still gets its turn', () => {
  const waiting = filled([...costs('a', 1, Array(200).fill(1)), ...costs('b', 1, [1])], {
    weightOf: (tenant) => (tenant === 'b' ? 1e-9 : 1),
  })
  expect(waiting.takeAll().findIndex(({ tenant }) => tenant === 'b')).toBeLessThan(20)
})

type Step =
  | { readonly kind: 'push'; readonly item: Item }
  | { readonly kind: 'shift' | 'putBack' }
  | { readonly kind: 'takeWhere' | 'remove'; readonly number: number }

const steps: fc.Arbitrary<Step[]> = fc
  .array(
    fc.oneof(
      {
        weight: 5,
        arbitrary: fc
          .record({
            tenant: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
            priority: fc.integer({ min: 0, max: 2 }),
            cost: fc.integer({ min: 0, max: 40 }),
          })
          .map((made) => ({ kind: 'push' as const, made })),
      },
      { weight: 3, arbitrary: fc.constant({ kind: 'shift' as const }) },
      { weight: 1, arbitrary: fc.constant({ kind: 'putBack' as const }) },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constantFrom('takeWhere' as const, 'remove' as const),
          number: fc.nat({ max: 50 }),
        }),
      },
    ),
    { maxLength: 200 },
  )
  .map((list) =>
    list.map((step, number) =>
      step.kind === 'push' ? { kind: step.kind, item: { ...step.made, number } } : step,
    ),
  )

/** Lists per priority and tenant: all that the queue promises but whose turn it is. */
class Model {
  readonly lists = new Map<string, Item[]>()

  of({ priority, tenant }: Item): Item[] {
    const key = `${priority} ${tenant}`
    const list = this.lists.get(key) ?? []
    this.lists.set(key, list)
    return list
  }

  /** Most urgent first; the order of tenants is the queue's own affair. */
  sizes(): [string, number][] {
    return [...this.lists].flatMap(([key, { length }]) => (length > 0 ? [[key, length]] : []))
  }
}

function play(waiting: FairQueue<Item>, model: Model, step: Step): void {
  switch (step.kind) {
    case 'push':
      waiting.push(step.item)
      model.of(step.item).push(step.item)
      return
    case 'shift':
    case 'putBack': {
      const looked = waiting.peek()
      const next = waiting.shift()
      expect(next).toBe(looked)
      if (!next) return
      expect(model.of(next).shift()).toBe(next)
      if (step.kind === 'shift') return
      waiting.unshift(next)
      model.of(next).unshift(next)
      return
    }
    case 'remove': {
      const all = [...model.lists.values()].flat()
      const chosen = all[step.number % Math.max(1, all.length)]
      if (!chosen) return
      expect(waiting.remove(chosen)).toBe(true)
      expect(waiting.remove(chosen)).toBe(false)
      model.of(chosen).splice(model.of(chosen).indexOf(chosen), 1)
      return
    }
    case 'takeWhere': {
      const isMeant = ({ number }: Item) => number % 7 === step.number % 7
      const taken = waiting.takeWhere(isMeant)
      expect(taken.every(isMeant)).toBe(true)
      const priorities = taken.map(({ priority }) => priority)
      expect(priorities).toEqual([...priorities].sort())
      for (const [key, list] of model.lists) {
        const gone = taken.filter(({ priority, tenant }) => `${priority} ${tenant}` === key)
        expect(gone).toEqual(list.filter(isMeant))
        model.lists.set(
          key,
          list.filter((each) => !isMeant(each)),
        )
      }
    }
  }
}

it('loses nothing, doubles nothing and keeps the order of each tenant, whatever is done', () => {
  fc.assert(
    fc.property(steps, (list) => {
      const waiting = queue()
      const model = new Model()
      for (const step of list) {
        play(waiting, model, step)
        const sizes = [...waiting.subQueues()].map(
          ({ priority, tenant, size }) => [`${priority} ${tenant}`, size] as [string, number],
        )
        expect(sizes.sort()).toEqual(model.sizes().sort())
        expect(waiting.size).toBe(sizes.reduce((sum, [, size]) => sum + size, 0))
      }
      for (const each of waiting.takeAll()) expect(model.of(each).shift()).toBe(each)
      expect(model.sizes()).toEqual([])
      expect(waiting.size).toBe(0)
    }),
    { numRuns: 300 },
  )
})

describe('insert', () => {
  const isBefore = (a: Item, b: Item) => a.number < b.number

  it('keeps each tenant in order, whatever the order of the calls', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ tenant: fc.constantFrom('a', 'b'), number: fc.nat(50) })),
        (list) => {
          const waiting = queue({ capacityPerTenant: 1 })
          for (const { tenant, number } of list) waiting.insert(item(number, { tenant }), isBefore)
          expect(waiting.size).toBe(list.length)
          const taken = waiting.takeAll()
          for (const each of ['a', 'b']) {
            const own = numbers(taken.filter(({ tenant }) => tenant === each))
            const expected = list
              .filter(({ tenant }) => tenant === each)
              .map(({ number }) => number)
            expect(own).toEqual(expected.sort((a, b) => a - b))
          }
        },
      ),
    )
  })

  it('changes nothing where the item would be last and must not be', () => {
    const waiting = filled([item(1), item(3)])
    expect(waiting.insert(item(4), isBefore, false)).toBe(false)
    expect(waiting.insert(item(4, { tenant: 'b' }), isBefore, false)).toBe(false)
    expect(waiting.size).toBe(2)
    expect(waiting.insert(item(2), isBefore, false)).toBe(true)
    expect(numbers(waiting.takeAll())).toEqual([1, 2, 3])
  })
})
