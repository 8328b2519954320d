import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { SegmentAnswer } from '../../src/messages/journal.ts'
import { Resolution } from '../../src/messages/resolution.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import {
  accepted,
  ids,
  Journal,
  messageRow,
  moved,
  submitting,
  TENANT,
  testMessage,
} from './builders.ts'
import { FakeCarrier } from './fake-carrier.ts'
import { claimerOf, Harness } from './harness.ts'

const UNCERTAIN: Omit<SegmentAnswer, 'segment'> = {
  state: 'uncertain',
  carrierMessageId: null,
  matchKey: null,
  code: null,
  rawCode: null,
}
const LATER = new Date(Date.now() + 3_600_000)

describe.each(testDatabases())('Resolution on $name', ({ open }) => {
  let store: Store
  let alpha: FakeCarrier
  let harness: Harness
  let resolution: Resolution

  beforeAll(async () => {
    store = await open()
  })
  afterEach(async () => {
    await harness.close()
    await truncate(store)
  })
  afterAll(() => store.close())

  async function gateway(maxKept = 1_000): Promise<void> {
    alpha = new FakeCarrier('alpha')
    const journal = await Journal.open(store, { maxKept })
    harness = new Harness(journal, [alpha])
    const { dispatcher, clock } = harness
    resolution = new Resolution({ ...claimerOf(journal, { clock }), dispatcher })
  }

  /** A message of two segments, of which some have an answer. */
  async function submitted(...answers: readonly SegmentAnswer[]) {
    const message = testMessage({ segments: answers.length })
    const isTaken = answers.some(({ state }) => state === 'sent')
    await harness.journal.write(
      accepted(message),
      submitting(message),
      moved(message, isTaken ? 'sent' : 'sending', { answers, deadlineAt: LATER }),
    )
    return message
  }

  it('sends a message again that only the tables know', async () => {
    await gateway(0)
    const message = await submitted({ ...UNCERTAIN, segment: 1 })
    expect(harness.journal.live.get(message.id)).toBeUndefined()
    await resolution.resolve(TENANT, message.id, 'resend')
    await harness.until(() => alpha.sent.length === 1)
    await harness.idle()
    expect(await messageRow(store, message)).toMatchObject({ status: 'sent', attempt: 2 })
  })

  it('does not send a message again of which the carrier has a part; it can be given up', async () => {
    await gateway()
    const message = await submitted(...ids('a1'), { ...UNCERTAIN, segment: 2 })
    await expect(resolution.resolve(TENANT, message.id, 'resend')).rejects.toMatchObject({
      code: 'outcome_known',
    })
    await resolution.resolve(TENANT, message.id, 'fail')
    await harness.journal.settled()
    expect(await messageRow(store, message)).toMatchObject({
      status: 'failed',
      error_code: 'outcome_unknown',
      dead_letter: 'outcome_unknown',
      lease_node: null,
    })
    expect(alpha.sent).toEqual([])
  })

  it('leaves alone what has no unknown outcome, and what is not the tenant’s', async () => {
    await gateway()
    const known = await submitted(...ids('b1'))
    await expect(resolution.resolve(TENANT, known.id, 'fail')).rejects.toMatchObject({
      code: 'outcome_known',
    })
    const other = '01890000-0000-7000-8000-000000000002'
    await expect(resolution.resolve(other, known.id, 'fail')).rejects.toMatchObject({
      code: 'not_found',
    })
    await harness.journal.settled()
    expect(await messageRow(store, known)).toMatchObject({ status: 'sent', lease_node: null })
  })

  it('asks for patience while somebody works on the message', async () => {
    await gateway()
    const message = await submitted({ ...UNCERTAIN, segment: 1 })
    const live = harness.journal.live.get(message.id)
    if (!live) throw new Error('it is not in memory')
    harness.journal.live.hold(live)
    await expect(resolution.resolve(TENANT, message.id, 'fail')).rejects.toMatchObject({
      code: 'busy',
      retryable: true,
    })
  })
})
