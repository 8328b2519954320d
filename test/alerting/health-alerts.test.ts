import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { OperatorAlert } from '../../src/alerting/operator-alerts.ts'
import type { AlertsConfig } from '../../src/config/alerts.ts'
import { HealthAlerts } from '../../src/health-alerts.ts'
import type { CarrierCheck } from '../../src/messages/carrier-standing.ts'

const BOTH = ['webhook', 'mail'] as const
const CONFIG: AlertsConfig = {
  webhook: { url: 'https://ops.example', secret: 'whsec_x' },
  mail: undefined,
  events: {
    breaker: BOTH,
    connection: BOTH,
    canary: BOTH,
    guard: BOTH,
    check: BOTH,
    balance_low: BOTH,
    balance_exhausted: ['mail'],
  },
  downMs: 60_000,
}

let raised: OperatorAlert[]
let alerts: HealthAlerts

function open(config: Partial<AlertsConfig> = {}): void {
  alerts = new HealthAlerts({
    config: { ...CONFIG, ...config },
    raise: (alert) => raised.push(alert),
    tenantName: (id) => `name of ${id}`,
  })
}

beforeEach(() => {
  vi.useFakeTimers()
  raised = []
  open()
})

afterEach(() => {
  alerts.close()
  vi.useRealTimers()
})

function change(kind: 'breaker' | 'connection' | 'mode', from: string, to: string): void {
  alerts.noteChange({ carrier: 'alpha', at: new Date(), kind, from, to, cause: 'why' })
}

const titles = () => raised.map(({ title }) => title)

describe('HealthAlerts', () => {
  it('tells that a breaker opens and closes, not what its probes do', () => {
    change('breaker', 'closed', 'open')
    change('breaker', 'open', 'half_open')
    change('breaker', 'half_open', 'open')
    change('breaker', 'open', 'half_open')
    change('breaker', 'half_open', 'closed')
    change('mode', 'enabled', 'disabled')
    expect(raised).toEqual([
      {
        type: 'alert.carrier_breaker',
        kind: 'breaker:alpha',
        title: 'alpha: circuit breaker open: why',
        data: { carrier: 'alpha', state: 'open', reason: 'why' },
        // The other way is not set up.
        ways: ['webhook'],
      },
      expect.objectContaining({ title: 'alpha: circuit breaker closed: why' }),
    ])
  })

  it('tells of a carrier that stays down, once, and that it is up again', () => {
    change('connection', 'up', 'down')
    vi.advanceTimersByTime(59_000)
    change('connection', 'down', 'up')
    vi.advanceTimersByTime(120_000)
    expect(raised).toEqual([])
    change('connection', 'up', 'down')
    vi.advanceTimersByTime(90_000)
    change('connection', 'down', 'up')
    expect(titles()).toEqual(['alpha: down for 60 s: why', 'alpha: connected again after 90 s'])
    expect(raised.map(({ data }) => [data.state, data.seconds])).toEqual([
      ['down', 60],
      ['up', 90],
    ])
  })

  it('tells of a carrier that never came up', () => {
    alerts.watch([
      { name: 'alpha', isUp: false },
      { name: 'beta', isUp: true },
    ])
    vi.advanceTimersByTime(61_000)
    expect(titles()).toEqual(['alpha: down for 60 s: not connected yet'])
  })

  it('tells that a check fails and passes again, each kind for itself', () => {
    const passed = { at: new Date(), error: null, latencyMs: 12.4, isAsked: true } as const
    const note = (more: Partial<CarrierCheck>) =>
      alerts.noteCheck('alpha', { kind: 'link', ...passed, ...more })
    note({})
    for (let n = 0; n < 3; n++) note({ error: 'no answer', latencyMs: null })
    // A carrier that is down meanwhile is none that is well.
    note({ error: 'no bind is up', latencyMs: null, isAsked: false })
    note({ kind: 'message' })
    note({})
    note({ kind: 'message', error: 'taken, and no receipt came in time', latencyMs: null })
    expect(titles()).toEqual([
      'alpha: check of its connections failed: no answer',
      'alpha: check of its connections passed again',
      'alpha: check by a message failed: taken, and no receipt came in time',
    ])
    expect(raised[1]).toMatchObject({
      type: 'alert.carrier_check',
      data: { carrier: 'alpha', check: 'link', state: 'passed', latency_ms: 12 },
    })
  })

  it('tells of guards and canaries, without the numbers of a loop', () => {
    alerts.noteGuard({
      id: '1',
      guard: 'loop',
      action: 'refuse',
      scope: { tenantId: 't', prefix: null, country: 'GB', pair: ['447700900001', '447700900002'] },
      reason: '3 answers at once within 300 s',
      openedAtMs: 0,
      untilMs: 1_000,
      messages: 0,
    })
    alerts.noteCanaryStopped('alpha', 'campaigns', 'it delivers too little')
    expect(raised).toMatchObject([
      {
        kind: 'guard:loop',
        data: { tenant: 'name of t', country: 'GB', until: '1970-01-01T00:00:01.000Z' },
      },
      { kind: 'canary:campaigns', data: { carrier: 'alpha', route: 'campaigns' } },
    ])
    expect(JSON.stringify(raised)).not.toContain('447700900')
  })

  it('says nothing of what nobody wants to know', () => {
    open({ events: { ...CONFIG.events, breaker: [], connection: ['mail'] } })
    change('breaker', 'closed', 'open')
    change('connection', 'up', 'down')
    vi.advanceTimersByTime(61_000)
    expect(raised).toEqual([])
  })

  it('tells of balances by the ways of each event, and nothing when it is over', () => {
    const change = {
      tenantId: 't1',
      currency: 'EUR',
      balance: 9_500_000n,
      available: 9_500_000n,
      lowMicros: 10_000_000n,
      isIn: true,
    }
    alerts.noteBalance({ ...change, state: 'low' })
    alerts.noteBalance({ ...change, state: 'low', isIn: false })
    // By mail only, which is not set up.
    alerts.noteBalance({ ...change, state: 'exhausted' })
    expect(raised).toEqual([
      {
        type: 'alert.balance_low',
        kind: 'balance_low:t1:EUR',
        title: 'name of t1: the balance is low: 9.5000 EUR left',
        data: {
          tenant: 'name of t1',
          currency: 'EUR',
          available: '9.5000',
          low_balance: '10.0000',
        },
        ways: ['webhook'],
      },
    ])
  })
})
