import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger } from '../../src/core/logger.ts'
import { CarrierHealth } from '../../src/messages/carrier-health.ts'
import { DEFAULT_BREAKER } from '../../src/routing/breaker.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { FakeCarrier, NOT_SENT, REFUSED, THROTTLED } from './fake-carrier.ts'

const START = new Date('2026-01-01T00:00:00Z')
const SECOND = 1_000
const BUSY = {
  ...REFUSED,
  code: 'carrier_error',
  rawCode: '0x00000008',
  reason: 'ESME_RSYSERR',
  class: 'passing',
} as const
const TAKEN = { kind: 'accepted', carrierMessageId: '1', matchKey: '1' } as const

describe.each(testDatabases())('the health of carriers on $name', ({ open }) => {
  let store: Store
  let now = START
  const opened: CarrierHealth[] = []

  beforeAll(async () => {
    store = await open()
  })
  afterEach(async () => {
    for (const health of opened.splice(0)) await health.close()
    now = START
    await truncate(store)
  })
  afterAll(() => store.close())

  /** Two carriers, the second with the lower index. */
  async function run(historyLines = 100) {
    const carriers = new Map(['alpha', 'beta'].map((name) => [name, new FakeCarrier(name)]))
    const health = new CarrierHealth({
      carriers,
      indexOf: (name) => (name === 'alpha' ? 1 : 0),
      breaker: { ...DEFAULT_BREAKER, consecutiveFailures: 3, probes: 2, goodProbes: 2 },
      historyLines,
      store,
      logger: silentLogger,
      clock: () => now,
    })
    opened.push(health)
    await health.load()
    const alpha = carriers.get('alpha') ?? new FakeCarrier('')
    return { health, alpha }
  }

  function later(ms: number): void {
    now = new Date(now.getTime() + ms)
  }

  function codes(health: CarrierHealth): number[] {
    const into = new Uint8Array(2)
    health.read(now.getTime(), into)
    return [...into]
  }

  function fail(health: CarrierHealth, times = 3): void {
    for (let n = 0; n < times; n++) health.noteSubmit('alpha', [BUSY], false)
  }

  async function changes(health: CarrierHealth): Promise<string[]> {
    const lines = await health.history('alpha', 100)
    return lines.reverse().map(({ kind, from, to }) => `${kind} ${from} ${to}`)
  }

  it('is told by index: a carrier takes everything while it is bound', async () => {
    const { health, alpha } = await run()
    expect(codes(health)).toEqual([1, 1])
    alpha.isUp = false
    expect(codes(health)).toEqual([1, 0])
    expect(health.standing('alpha')).toMatchObject({ takes: 'nothing', reason: 'not connected' })
    const narrow = new Uint8Array(1)
    health.read(now.getTime(), narrow)
    expect([...narrow]).toEqual([1])
  })

  it('goes through the circuit breaker: open, probes, closed, with the causes', async () => {
    const { health } = await run()
    const told: string[] = []
    health.onChange(({ carrier, to, cause }) => told.push(`${carrier} ${to}: ${cause}`))
    const gate = health.gateOf('alpha')
    fail(health)
    expect(codes(health)).toEqual([1, 0])
    expect(gate?.isOpen).toBe(false)
    expect(health.standing('alpha').reason).toContain(
      'is open until 2026-01-01T00:00:30.000Z: 3 fail',
    )
    later(30 * SECOND)
    health.tick()
    expect(codes(health)).toEqual([1, 2])
    expect(gate?.isOpen).toBe(true)
    expect([gate?.take(), gate?.take()]).toEqual([true, true])
    expect(gate?.isOpen).toBe(false)
    expect(codes(health)).toEqual([1, 0])
    health.noteSubmit('alpha', [TAKEN], true)
    health.noteSubmit('alpha', [TAKEN], true)
    expect(codes(health)).toEqual([1, 1])
    expect(gate?.take()).toBe(false)
    expect(told).toEqual([
      'alpha open: 3 failures without a success; it refused: ESME_RSYSERR (carrier_error)',
      'alpha half_open: its cool-down of 30 s is over',
      'alpha closed: 2 probes were taken',
    ])
    expect(await changes(health)).toEqual([
      'breaker closed open',
      'breaker open half_open',
      'breaker half_open closed',
    ])
  })

  it('counts a probe that is on its way, and forgets it when it does not come', async () => {
    const { health } = await run()
    fail(health)
    later(30 * SECOND)
    health.tick()
    health.gateOf('alpha')?.expect(now.getTime())
    expect(codes(health)).toEqual([1, 2])
    health.gateOf('alpha')?.expect(now.getTime())
    expect(codes(health)).toEqual([1, 0])
    // They are what the lane gives out.
    expect(health.gateOf('alpha')?.isOpen).toBe(true)
    health.gateOf('alpha')?.take()
    expect(health.takes('alpha', now.getTime())).toBe(0)
    later(31 * SECOND)
    expect(health.takes('alpha', now.getTime())).toBe(2)
  })

  it('counts a check without an answer, and takes an answer for no more than it is', async () => {
    const { health, alpha } = await run()
    const failed = { kind: 'link', at: now, error: 'no answer', latencyMs: null } as const
    const passed = { ...failed, error: null, latencyMs: 12, isAsked: true }
    expect(health.standing('alpha')).toMatchObject({ linkCheck: null, messageCheck: null })
    alpha.isUp = false
    for (let n = 0; n < 3; n++) health.noteCheck('alpha', { ...failed, isAsked: false })
    alpha.isUp = true
    expect(health.standing('alpha')).toMatchObject({
      breaker: 'closed',
      linkCheck: { latencyMs: null },
    })
    health.noteCheck('alpha', { ...failed, isAsked: true })
    fail(health, 1)
    // It makes up for no failure.
    health.noteCheck('alpha', passed)
    health.noteCheck('alpha', { ...failed, isAsked: true })
    expect(health.standing('alpha')).toMatchObject({
      breaker: 'open',
      reason: expect.stringContaining('3 failures without a success; a check failed: no answer'),
      linkCheck: { error: 'no answer', isAsked: true },
    })
    health.noteCheck('alpha', passed)
    expect(health.standing('alpha')).toMatchObject({
      breaker: 'open',
      linkCheck: { latencyMs: 12 },
    })
    // A message that was delivered says more.
    health.noteCheck('alpha', { ...failed, kind: 'message', isAsked: true })
    expect(health.standing('alpha').breaker).toBe('open')
    health.noteCheck('alpha', { ...passed, kind: 'message' })
    expect(health.standing('alpha')).toMatchObject({
      breaker: 'half_open',
      reason: expect.stringContaining('its check message was delivered'),
    })
    expect(await changes(health)).toEqual(['breaker closed open', 'breaker open half_open'])
  })

  it('does not count what says nothing of the carrier', async () => {
    const { health } = await run()
    for (let n = 0; n < 50; n++) {
      health.noteSubmit('alpha', [REFUSED], false)
      health.noteSubmit('alpha', [NOT_SENT], false)
      health.noteSubmit('alpha', [THROTTLED], false)
      health.noteSubmit('alpha', [{ kind: 'uncertain', reason: 'closed', isLost: true }], false)
    }
    expect(health.standing('alpha').breaker).toBe('closed')
    for (let n = 0; n < 3; n++) {
      health.noteSubmit('alpha', [{ kind: 'uncertain', reason: 'no answer in 10 s' }], false)
    }
    expect(health.standing('alpha')).toMatchObject({ breaker: 'open' })
    expect(health.standing('alpha').reason).toContain('it did not answer: no answer in 10 s')
  })

  it('counts lost connections, those that break together once', async () => {
    const { health, alpha } = await run()
    let up = 0
    const bind = (count: number, lastError: string | null = null) => {
      const state = 'bound'
      alpha.isUp = count > 0
      alpha.lostConnections += Math.max(0, up - count)
      up = count
      const one = { bind: 'b', host: 'h', state, lastError }
      const closed = { ...one, state: 'waiting' }
      alpha.binds = Array.from({ length: 4 }, (_, n) => (n < count ? one : closed))
      health.noteConnections('alpha')
    }
    bind(4)
    for (const left of [3, 2, 1, 0]) bind(left, 'peer_closed')
    expect(health.standing('alpha').breaker).toBe('closed')
    for (let n = 0; n < 2; n++) {
      later(5 * SECOND)
      bind(4)
      bind(3, 'peer_closed')
    }
    expect(health.standing('alpha').breaker).toBe('open')
    expect((await changes(health)).slice(0, 3)).toEqual([
      'connection down up',
      'connection up down',
      'connection down up',
    ])
    expect((await health.history('alpha', 1))[0]?.cause).toContain('a connection was lost: peer_c')
  })

  it('does as the operator says, and still does after a restart', async () => {
    const { health } = await run()
    const gate = health.gateOf('alpha')
    await health.setMode('alpha', 'drained', 'their maintenance')
    expect(codes(health)).toEqual([1, 0])
    expect([gate?.isOpen, gate?.mayJoin(now.getTime())]).toEqual([true, true])
    await health.setMode('alpha', 'disabled', 'they lose everything')
    expect([gate?.isOpen, gate?.mayJoin(now.getTime())]).toEqual([false, false])
    await health.close()

    const next = await run()
    expect(next.health.standing('alpha')).toMatchObject({
      takes: 'nothing',
      mode: 'disabled',
      modeReason: 'they lose everything',
      modeAt: START,
      reason: 'disabled by the operator: they lose everything',
    })
    await next.health.setMode('alpha', 'enabled', 'they are back')
    expect(codes(next.health)).toEqual([1, 1])
    expect(await changes(next.health)).toEqual([
      'mode enabled drained',
      'mode drained disabled',
      'mode disabled enabled',
    ])
    await expect(next.health.setMode('gamma', 'drained', 'x')).rejects.toMatchObject({
      code: 'not_found',
    })
  })

  it('ignores the circuit breaker of a carrier that is forced', async () => {
    const { health, alpha } = await run()
    fail(health)
    await health.setMode('alpha', 'forced', 'the only one')
    expect(codes(health)).toEqual([1, 1])
    fail(health, 100)
    expect(health.gateOf('alpha')?.isOpen).toBe(true)
    expect(health.standing('alpha').breaker).toBe('closed')
    alpha.isUp = false
    expect(codes(health)).toEqual([1, 0])
  })

  it('goes on with an open breaker after a restart', async () => {
    const { health } = await run()
    fail(health)
    await health.close()
    later(10 * SECOND)
    const next = await run()
    expect(codes(next.health)).toEqual([1, 0])
    later(20 * SECOND)
    next.health.tick()
    expect(codes(next.health)).toEqual([1, 2])
    next.health.noteSubmit('alpha', [BUSY], true)
    expect(next.health.standing('alpha').probesAt).toEqual(new Date(now.getTime() + 60 * SECOND))
  })

  it('keeps so many lines of history of each carrier', async () => {
    const { health } = await run(3)
    await health.setMode('beta', 'drained', 'another')
    for (let n = 0; n < 6; n++) await health.setMode('alpha', n % 2 ? 'enabled' : 'drained', `${n}`)
    expect((await health.history('alpha', 10)).map(({ cause }) => cause)).toEqual(['5', '4', '3'])
    const [row] = await store.query<{ count: number }>(
      sql`select count(*)::int4 as count from carrier_history`,
    )
    expect(row?.count).toBe(4)
  })

  it('stays as it was where the word cannot be stored', async () => {
    const { health } = await run()
    await store.query(sql`alter table carrier_health rename to away`)
    await expect(health.setMode('alpha', 'disabled', 'x')).rejects.toThrow()
    await store.query(sql`alter table away rename to carrier_health`)
    expect(codes(health)).toEqual([1, 1])
    await health.setMode('alpha', 'disabled', 'x')
    expect(codes(health)).toEqual([1, 0])
  })
})
