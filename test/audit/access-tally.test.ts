import { describe, expect, test } from 'vitest'
import { AccessTally } from '../../src/audit/access-tally.ts'
import type { AuditEvent } from '../../src/audit/entry.ts'

const START = Date.parse('2026-11-01T10:00:00Z')
const GET = { method: 'GET', path: '/v1/messages/:id' }
const POST = { method: 'POST', path: '/v1/messages' }
const ONE = { name: 'one', tenant: { id: 't1' } }
const TWO = { name: 'two', tenant: undefined }

function tally() {
  let now = START
  const written: AuditEvent[] = []
  const log = { note: (event: AuditEvent) => written.push(event), flush: () => Promise.resolve() }
  const accesses = new AccessTally({ log, clock: () => new Date(now) })
  return {
    accesses,
    written,
    pass: (ms: number) => {
      now += ms
    },
    said: () =>
      written
        .splice(0)
        .map(({ action, actor, address, subject, outcome, reason, counted }) =>
          [
            action,
            actor.name,
            address,
            subject?.id,
            outcome,
            ...(reason ? [reason] : []),
            counted?.count,
            (counted?.firstAt.getTime() ?? 0) - START,
            (counted?.lastAt.getTime() ?? 0) - START,
          ].join(' '),
        ),
  }
}

describe('accesses', () => {
  test('the first of a minute is written at once, the others together when it is over', async () => {
    const { accesses, pass, said } = tally()
    accesses.access(ONE, GET, '192.0.2.1', 'done')
    await accesses.flush()
    expect(said()).toEqual(['access one 192.0.2.1 GET /v1/messages/:id done 1 0 0'])
    for (let count = 0; count < 5_000; count++) {
      pass(1)
      accesses.access(ONE, GET, '192.0.2.1', 'done')
    }
    await accesses.flush()
    expect(said()).toEqual([])
    await accesses.roll()
    expect(said()).toEqual(['access one 192.0.2.1 GET /v1/messages/:id done 5000 1 5000'])
    await accesses.roll()
    expect(said()).toEqual([])
    accesses.access(ONE, GET, '192.0.2.1', 'done')
    await accesses.flush()
    expect(said()).toEqual(['access one 192.0.2.1 GET /v1/messages/:id done 1 5000 5000'])
  })

  test('key, address, route and outcome are told apart', async () => {
    const { accesses, written, said } = tally()
    for (const caller of [ONE, TWO]) {
      for (const route of [GET, POST]) accesses.access(caller, route, '192.0.2.1', 'done')
    }
    accesses.access(ONE, GET, '192.0.2.2', 'done')
    accesses.access(ONE, GET, null, 'refused')
    // The same key, whoever holds it in memory.
    accesses.access({ ...ONE }, GET, null, 'refused')
    await accesses.close()
    expect(written[0]).toMatchObject({
      actor: { kind: 'key', name: 'one', tenantId: 't1' },
      tenantId: 't1',
    })
    expect(said()).toEqual([
      'access one 192.0.2.1 GET /v1/messages/:id done 1 0 0',
      'access one 192.0.2.1 POST /v1/messages done 1 0 0',
      'access two 192.0.2.1 GET /v1/messages/:id done 1 0 0',
      'access two 192.0.2.1 POST /v1/messages done 1 0 0',
      'access one 192.0.2.2 GET /v1/messages/:id done 1 0 0',
      'access one  GET /v1/messages/:id refused 2 0 0',
    ])
  })

  test('a flood of addresses makes a bounded number of entries, and none is lost', async () => {
    const { accesses, written } = tally()
    for (let address = 0; address < 10_000; address++) {
      accesses.access(ONE, GET, `address ${address % 5_000}`, 'done')
    }
    accesses.access(ONE, GET, 'another', 'failed')
    await accesses.roll()
    expect(written).toHaveLength(2_002)
    const counts = written.map(({ counted }) => counted?.count ?? 0)
    expect(counts.reduce((sum, count) => sum + count)).toBe(10_001)
    const [more, failed] = written.slice(-2)
    expect(more).toMatchObject({
      actor: { name: null },
      outcome: 'done',
      reason: expect.stringMatching(/^too many different ones/),
      counted: { count: 6_000 },
    })
    expect(failed).toMatchObject({ outcome: 'failed', counted: { count: 1 } })
  })
})

describe('refusals and binds', () => {
  const refusal = (address: string, reason = 'unauthorized') =>
    ({
      action: 'access.refused',
      actor: { kind: 'key', name: null, tenantId: null },
      address,
      subject: { kind: 'route', id: 'POST /v1/messages' },
      outcome: 'refused',
      reason,
    }) as const

  test('equal ones are counted', async () => {
    const { accesses, said, pass } = tally()
    accesses.note(refusal('192.0.2.1'))
    accesses.note(refusal('192.0.2.1', 'forbidden'))
    pass(10)
    accesses.note(refusal('192.0.2.1'))
    await accesses.flush()
    expect(said()).toEqual([
      'access.refused  192.0.2.1 POST /v1/messages refused unauthorized 2 0 10',
      'access.refused  192.0.2.1 POST /v1/messages refused forbidden 1 0 0',
    ])
    await accesses.roll()
    expect(said()).toEqual([])
  })

  test('a flood of them is bounded, and hides no access', async () => {
    const { accesses, written } = tally()
    for (let address = 0; address < 3_000; address++) accesses.note(refusal(`address ${address}`))
    accesses.access(ONE, GET, '192.0.2.1', 'done')
    await accesses.roll()
    expect(written).toHaveLength(502)
    expect(written.find(({ action }) => action === 'access')).toBeDefined()
    expect(written.at(-1)).toMatchObject({
      action: 'access.refused',
      actor: { name: null },
      counted: { count: 2_500 },
    })
  })
})
