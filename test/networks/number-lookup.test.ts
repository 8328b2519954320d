import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  type FetchJson,
  type LookupSettings,
  NumberLookup,
} from '../../src/networks/number-lookup.ts'
import { NetworkPlaces } from '../../src/routing/network.ts'
import { keepingLogger } from '../messages/keeping-logger.ts'

const SETTINGS: LookupSettings = {
  url: 'https://hlr.example/v1/{number}?again={number}',
  token: 'secret',
  field: 'mccmnc',
  timeoutMs: 1_000,
  deadlineMs: 60_000,
  concurrency: 2,
  ttlSeconds: 100,
  negativeTtlSeconds: 10,
  cacheEntries: 1_000,
  maxFailures: 2,
  pauseSeconds: 30,
}

interface Asked {
  readonly url: string
  readonly token: string | undefined
  answer(status: number, body: unknown): void
  fail(): void
}

/** A hook whose answers the test gives, and a clock that the test moves. */
class Stage {
  readonly asked: Asked[] = []
  readonly places = new NetworkPlaces()
  readonly logger = keepingLogger()
  nowMs = 1_700_000_000_000
  readonly lookup: NumberLookup

  constructor(more: Partial<LookupSettings> = {}) {
    const fetchJson: FetchJson = (url, { token }) =>
      new Promise((resolve, reject) => {
        this.asked.push({
          url,
          token,
          answer: (status, body) => resolve({ status, body }),
          fail: () => reject(new Error('connect ECONNREFUSED')),
        })
      })
    this.lookup = new NumberLookup({
      settings: { ...SETTINGS, ...more },
      fetchJson,
      places: this.places,
      clock: () => new Date(this.nowMs),
      logger: this.logger,
    })
  }

  get urls(): string[] {
    return this.asked.map(({ url }) => /\/v1\/(\d+)/.exec(url)?.[1] ?? '')
  }
}

/** Lets what has been settled run its course. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

describe('NumberLookup', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('asks once for each number, at most so many at once, and remembers the answers', async () => {
    const stage = new Stage()
    const numbers = ['+4471', '+4472', '+4473', '+4472']
    const resolving = stage.lookup.resolve(numbers)
    const other = stage.lookup.resolve(['+4473'])
    expect(stage.urls).toEqual(['4471', '4472'])
    expect(stage.asked[0]).toMatchObject({
      url: 'https://hlr.example/v1/4471?again=4471',
      token: 'secret',
    })
    stage.asked[0]?.answer(200, { mccmnc: '23415' })
    await turn()
    expect(stage.urls).toEqual(['4471', '4472', '4473'])
    stage.asked[1]?.answer(200, { mccmnc: null })
    stage.asked[2]?.answer(404, undefined)
    await Promise.all([resolving, other])
    stage.places.rename((code) => (code === '23415' ? 'Vodafone' : undefined))
    expect(stage.lookup.find('+4471')).toEqual({ mccmnc: '23415', name: 'Vodafone' })
    expect(stage.lookup.find('+4472')).toBeNull()
    expect(stage.lookup.find('+4474')).toBeUndefined()
    expect(stage.lookup.resolve(numbers), 'all is known').toBeUndefined()
    expect(stage.lookup.report).toEqual({
      asked: 3,
      failed: 0,
      late: 0,
      cached: 3,
      isPaused: false,
    })
  })

  it('asks again when an answer is too old; that nothing is known sooner', async () => {
    const stage = new Stage()
    const first = stage.lookup.resolve(['+4471', '+4472'])
    stage.asked[0]?.answer(200, { mccmnc: '23415' })
    stage.asked[1]?.answer(404, undefined)
    await first
    stage.nowMs += 11_000
    const second = stage.lookup.resolve(['+4471', '+4472'])
    expect(stage.urls).toEqual(['4471', '4472', '4472'])
    stage.asked[2]?.answer(404, undefined)
    await second
    stage.nowMs += 90_000
    expect(stage.lookup.find('+4471')).toBeUndefined()
    void stage.lookup.resolve(['+4471'])
    expect(stage.urls.at(-1)).toBe('4471')
  })

  it('goes on at the deadline; what comes later counts for the next one', async () => {
    const stage = new Stage({ deadlineMs: 1 })
    const resolving = stage.lookup.resolve(['+4471'])
    await vi.advanceTimersByTimeAsync(1)
    await resolving
    expect(stage.lookup.find('+4471')).toBeUndefined()
    expect(stage.lookup.report.late).toBe(1)
    stage.asked[0]?.answer(200, { mccmnc: '23415' })
    await turn()
    expect(stage.lookup.find('+4471')).toMatchObject({ mccmnc: '23415' })
  })

  it('does not ask for numbers that nobody waits for any more', async () => {
    const stage = new Stage({ deadlineMs: 1, concurrency: 1 })
    void stage.lookup.resolve(['+4471', '+4472', '+4473'])
    await vi.advanceTimersByTimeAsync(1)
    stage.asked[0]?.answer(200, { mccmnc: '23415' })
    await turn()
    expect(stage.urls).toEqual(['4471'])
  })

  it('asks for a number as long as anybody waits for it', async () => {
    const stage = new Stage({ deadlineMs: 50, concurrency: 1 })
    void stage.lookup.resolve(['+4471', '+4472'])
    await vi.advanceTimersByTimeAsync(25)
    const second = stage.lookup.resolve(['+4472'])
    await vi.advanceTimersByTimeAsync(25)
    stage.asked[0]?.answer(200, { mccmnc: '23415' })
    await turn()
    expect(stage.urls).toEqual(['4471', '4472'])
    stage.asked[1]?.answer(200, { mccmnc: '23415' })
    await second
    expect(stage.lookup.find('+4472')).toMatchObject({ mccmnc: '23415' })
  })

  it('leaves a dead hook alone, tries it with one request, and comes back', async () => {
    const stage = new Stage()
    const both = stage.lookup.resolve(['+4471', '+4472'])
    const waiting = stage.lookup.resolve(['+4473'])
    stage.asked[0]?.fail()
    stage.asked[1]?.answer(200, { wrong: true })
    await both
    await waiting
    await turn()
    expect(stage.lookup.report).toMatchObject({ failed: expect.any(Number), isPaused: true })
    const before = stage.asked.length
    expect(stage.lookup.resolve(['+4474', '+4475'])).toBeUndefined()
    expect(stage.asked).toHaveLength(before)

    stage.nowMs += 30_000
    const probing = stage.lookup.resolve(['+4474', '+4475'])
    expect(stage.asked).toHaveLength(before + 1)
    stage.asked[before]?.fail()
    await probing
    expect(stage.lookup.resolve(['+4474'])).toBeUndefined()

    stage.nowMs += 30_000
    const again = stage.lookup.resolve(['+4474'])
    stage.asked[before + 1]?.answer(200, { mccmnc: '23415' })
    await again
    expect(stage.lookup.report.isPaused).toBe(false)
    expect(stage.lookup.resolve(['+4476', '+4477'])).toBeDefined()
    expect(stage.asked).toHaveLength(before + 4)
  })

  it('tells that it fails once, without any number', async () => {
    const stage = new Stage({ concurrency: 10 })
    const all = stage.lookup.resolve(['+447700900123', '+447700900124', '+447700900125'])
    for (const each of stage.asked) each.fail()
    await all
    expect(stage.logger.lines).toHaveLength(1)
    expect(JSON.stringify(stage.logger.lines)).toMatch(/ECONNREFUSED/)
    expect(JSON.stringify(stage.logger.lines)).not.toMatch(/7700900/)
  })

  it('asks nobody once it is closed, and lets go of who waits', async () => {
    const stage = new Stage({ concurrency: 1 })
    const waiting = stage.lookup.resolve(['+4471', '+4472'])
    const closing = stage.lookup.close()
    stage.asked[0]?.answer(200, { mccmnc: '23415' })
    await Promise.all([waiting, closing])
    expect(stage.urls).toEqual(['4471'])
    expect(stage.lookup.resolve(['+4473'])).toBeUndefined()
  })
})
