import { expect, it } from 'vitest'
import { OneByOne } from '../../src/core/one-by-one.ts'

it('lets works with a key in common wait for each other, others not', async () => {
  const works = new OneByOne()
  const log: string[] = []
  const ends: (() => void)[] = []
  const work = (name: string) => async () => {
    log.push(name)
    await new Promise<void>((resolve) => ends.push(resolve))
    return name
  }
  const first = works.run(['a', 'b'], work('first'))
  const second = works.run(['b', 'c'], work('second'))
  const other = works.run(['c'], work('other'))
  expect(log).toEqual(['first', 'other'])
  ends[0]?.()
  expect(await first).toBe('first')
  expect(log).toEqual(['first', 'other'])
  ends[1]?.()
  await other
  await Promise.resolve()
  expect(log).toEqual(['first', 'other', 'second'])
  ends[2]?.()
  expect(await second).toBe('second')
})

it('goes on after a work that has failed, which whoever asked for it is told', async () => {
  const works = new OneByOne()
  const failed = works.run(['a'], () => Promise.reject(new Error('no')))
  const next = works.run(['a'], async () => 'done')
  await expect(failed).rejects.toThrow('no')
  expect(await next).toBe('done')
})
