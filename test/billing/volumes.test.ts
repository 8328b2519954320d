import { describe, expect, it } from 'vitest'
import { monthOf, Volumes } from '../../src/billing/volumes.ts'

const TENANT = 'acme'
const LAST_MOMENT = new Date('2026-10-31T23:59:59.999Z')
const FIRST_MOMENT = new Date('2026-11-01T00:00:00Z')

describe('monthOf', () => {
  it.each([
    ['2026-01-01T00:00:00Z', '2026-01'],
    ['2026-10-31T23:59:59.999Z', '2026-10'],
    ['2026-11-01T00:30:00+02:00', '2026-10'],
    ['2026-12-31T23:59:59Z', '2026-12'],
    ['2027-01-01T00:00:00Z', '2027-01'],
  ])('of %s is %s', (at, month) => {
    expect(monthOf(new Date(at))).toBe(month)
  })
})

describe('Volumes', () => {
  it('count what is written and what is held, each once', () => {
    const volumes = new Volumes()
    volumes.load([{ tenantId: TENANT, month: '2026-10', segments: 100 }])
    volumes.hold('a', TENANT, LAST_MOMENT, 3)
    volumes.hold('b', TENANT, LAST_MOMENT, 2)
    expect(volumes.segments(TENANT, LAST_MOMENT)).toBe(105)
    volumes.giveBack('a')
    volumes.giveBack('a')
    expect(volumes.segments(TENANT, LAST_MOMENT)).toBe(102)
    volumes.giveBack('b')
    volumes.add({ tenantId: TENANT, month: '2026-10', segments: 2 })
    expect(volumes.segments(TENANT, LAST_MOMENT)).toBe(102)
  })

  it('add up what is held for one message', () => {
    const volumes = new Volumes()
    volumes.hold('a replaced', TENANT, LAST_MOMENT, 2)
    volumes.hold('a replaced', TENANT, LAST_MOMENT, -1)
    expect(volumes.segments(TENANT, LAST_MOMENT)).toBe(1)
    volumes.giveBack('a replaced')
    expect(volumes.segments(TENANT, LAST_MOMENT)).toBe(0)
  })

  it('begin anew with the month, for each tenant by itself', () => {
    const volumes = new Volumes()
    volumes.hold('a', TENANT, LAST_MOMENT, 3)
    volumes.hold('b', 'other', FIRST_MOMENT, 1)
    expect(volumes.segments(TENANT, FIRST_MOMENT)).toBe(0)
    // Accepted at the very end of the month, and judged after it.
    volumes.hold('c', TENANT, LAST_MOMENT, 1)
    expect(volumes.segments(TENANT, LAST_MOMENT)).toBe(4)
    expect(volumes.segments('other', FIRST_MOMENT)).toBe(1)
  })

  it('forget months that no price goes by any more', () => {
    const volumes = new Volumes()
    volumes.hold('a', TENANT, new Date('2026-09-01T00:00:00Z'), 3)
    volumes.hold('b', TENANT, LAST_MOMENT, 3)
    volumes.hold('c', TENANT, FIRST_MOMENT, 3)
    expect(volumes.segments(TENANT, new Date('2026-09-01T00:00:00Z'))).toBe(0)
    volumes.giveBack('a')
    expect(volumes.segments(TENANT, LAST_MOMENT)).toBe(3)
  })
})
