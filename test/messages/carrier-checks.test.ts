import { afterEach, describe, expect, it } from 'vitest'
import type { CarrierReceipt, SegmentOutcome } from '../../src/carriers/carrier.ts'
import { CarrierChecks, type CheckPlan } from '../../src/messages/carrier-checks.ts'
import type { CarrierCheck, CarrierMode } from '../../src/messages/carrier-standing.ts'
import { FakeCarrier, REFUSED, THROTTLED } from './fake-carrier.ts'

const NOW = new Date('2026-01-01T00:00:00Z')

const opened: CarrierChecks[] = []

afterEach(async () => {
  for (const checks of opened.splice(0)) await checks.close()
})

function setUp(receiptMs = 10_000) {
  const carrier = new FakeCarrier('alpha')
  const plan: CheckPlan = {
    carrier,
    everyMs: 0,
    timeoutMs: 1_000,
    message: { to: '+447700900123', from: 'Us', text: 'Test', receiptMs, everyMs: 1_000_000 },
  }
  const found: CarrierCheck[] = []
  const submits: SegmentOutcome[] = []
  const state: { mode: CarrierMode } = { mode: 'enabled' }
  const checks = new CarrierChecks({
    plans: [plan],
    health: {
      noteCheck: (_name, check) => found.push(check),
      noteSubmit: (_name, outcomes) => submits.push(...outcomes),
      modeOf: () => state.mode,
    },
    clock: () => NOW,
  })
  opened.push(checks)
  return { carrier, plan, checks, found, submits, state }
}

function receipt(id: string, more: Partial<CarrierReceipt> = {}): CarrierReceipt {
  return {
    carrier: 'alpha',
    carrierMessageId: id,
    matchKeys: ['other form', id],
    state: 'DELIVERED',
    settles: 'delivered',
    rawError: null,
    rawText: '',
    ...more,
  }
}

/** Whether a receipt goes on to the messages of others. */
async function isPassedOn(checks: CarrierChecks, which: CarrierReceipt): Promise<boolean> {
  let isOn = false
  await checks.screen(which, async () => {
    isOn = true
  })
  return isOn
}

/** Resolves when the carrier has been given so many messages, and its answers are known. */
async function sent(carrier: FakeCarrier, count: number): Promise<void> {
  while (carrier.sent.length < count) await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setImmediate(resolve))
}

describe('a check by message', () => {
  it('is well when the receipt says delivered; that receipt is for nobody else', async () => {
    const { carrier, plan, checks, found, submits } = setUp()
    const running = checks.checkByMessage(plan)
    await sent(carrier, 1)
    expect(carrier.sent).toMatchObject([{ text: 'Test', segment: 1, validMs: 10_000 }])
    expect(await isPassedOn(checks, receipt('somebody else'))).toBe(true)
    expect(await isPassedOn(checks, { ...receipt('alpha-1'), carrier: 'beta' })).toBe(true)
    expect(await isPassedOn(checks, receipt('alpha-1', { state: 'ENROUTE', settles: null }))).toBe(
      false,
    )
    expect(await isPassedOn(checks, receipt('alpha-1'))).toBe(false)
    await running
    expect(found).toEqual([
      { kind: 'message', at: NOW, error: null, latencyMs: expect.any(Number), isAsked: true },
    ])
    expect(submits).toMatchObject([{ kind: 'accepted' }])
    // Carriers repeat themselves.
    expect(await isPassedOn(checks, receipt('alpha-1'))).toBe(false)
  })

  it('knows a receipt that comes before the response', async () => {
    const { carrier, plan, checks, found } = setUp()
    let respond = (_outcome: SegmentOutcome) => {}
    carrier.answer = () =>
      new Promise((resolve) => {
        respond = resolve
      })
    const running = checks.checkByMessage(plan)
    await sent(carrier, 1)
    const about = { recipient: '447700900123', sender: 'Us', submittedAt: null, reference: null }
    const ours = isPassedOn(checks, receipt('early', { about }))
    const others = isPassedOn(checks, receipt('of a customer', { about }))
    const elsewhere = { ...about, recipient: '447700900124' }
    expect(await isPassedOn(checks, receipt('m', { about: elsewhere }))).toBe(true)
    respond({ kind: 'accepted', carrierMessageId: 'early', matchKey: 'early' })
    await running
    expect([await ours, await others]).toEqual([false, true])
    expect(found).toMatchObject([{ error: null, isAsked: true }])
  })

  it('is not well when the receipt says otherwise, or does not come', async () => {
    const { carrier, plan, checks, found } = setUp(20)
    const running = checks.checkByMessage(plan)
    await sent(carrier, 1)
    const state = { state: 'UNDELIVERABLE', settles: 'undelivered', rawError: '034' } as const
    expect(await isPassedOn(checks, receipt('alpha-1', state))).toBe(false)
    await running
    await checks.checkByMessage(plan)
    expect(found).toMatchObject([
      { error: 'taken, and then UNDELIVERABLE (034)', isAsked: true },
      { error: 'taken, and no receipt came in time', latencyMs: null, isAsked: true },
    ])
    // It comes late: still for nobody else.
    expect(await isPassedOn(checks, receipt('alpha-2'))).toBe(false)
  })

  it('counts a refusal as any submit, and being slowed down as nothing', async () => {
    const { carrier, plan, checks, found, submits } = setUp()
    carrier.answer = () => ({ ...REFUSED, reason: 'ESME_RSYSERR', class: 'passing' })
    await checks.checkByMessage(plan)
    carrier.answer = () => THROTTLED
    await checks.checkByMessage(plan)
    expect(found).toMatchObject([
      { error: 'it refused: ESME_RSYSERR', isAsked: true },
      { error: 'it asks for a slower pace', isAsked: false },
    ])
    expect(submits.map(({ kind }) => kind)).toEqual(['refused', 'throttled'])
  })

  it('sends nothing to a carrier that is down or taken out', async () => {
    const { carrier, plan, checks, found, state } = setUp()
    state.mode = 'drained'
    await checks.checkByMessage(plan)
    state.mode = 'forced'
    carrier.isUp = false
    await checks.checkByMessage(plan)
    expect(carrier.sent).toEqual([])
    expect(found).toMatchObject([
      { error: 'drained by the operator', isAsked: false },
      { error: 'no bind is up', isAsked: false },
    ])
  })

  it('ends at once when the gateway stops, and says nothing then', async () => {
    const { carrier, plan, checks, found } = setUp(3_600_000)
    const running = checks.checkByMessage(plan)
    await sent(carrier, 1)
    await checks.close()
    await running
    expect(found).toEqual([])
  })
})
