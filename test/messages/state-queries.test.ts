import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { QueryOutcome } from '../../src/carriers/carrier.ts'
import type { Message } from '../../src/messages/message.ts'
import { StateQueries } from '../../src/messages/state-queries.ts'
import { Sweeper } from '../../src/messages/sweeper.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { accepted, eventRows, ids, messageRow, moved, submitting, testMessage } from './builders.ts'
import { FakeCarrier } from './fake-carrier.ts'
import { Harness, testPolicies } from './harness.ts'

const START = new Date('2026-01-01T00:00:00Z')
const SECONDS = 1_000
const POLICY = { uncertain: 'query', uncertainSeconds: 60, receiptDeadlineSeconds: 600 } as const

const ENROUTE: QueryOutcome = { kind: 'state', state: 'ENROUTE', settles: null, rawError: null }
const DELIVERED: QueryOutcome = {
  kind: 'state',
  state: 'DELIVERED',
  settles: 'delivered',
  rawError: null,
}
const NO_SUCH_THING: QueryOutcome = { kind: 'refused', reason: 'ESME_RINVCMDID' }

class AskableCarrier extends FakeCarrier {
  readonly asked: string[] = []
  tell: () => QueryOutcome | Promise<QueryOutcome> = () => ENROUTE

  query({ carrierMessageId }: { readonly carrierMessageId: string }): Promise<QueryOutcome> {
    this.asked.push(carrierMessageId)
    return Promise.resolve(this.tell())
  }
}

describe.each(testDatabases())('questions to carriers on $name', ({ open }) => {
  let store: Store
  let alpha: AskableCarrier
  let harness: Harness
  let queries: StateQueries
  let sweeper: Sweeper

  beforeAll(async () => {
    store = await open()
  })
  afterEach(async () => {
    await sweeper.close()
    await queries.close()
    await harness.close()
    await truncate(store)
  })
  afterAll(() => store.close())

  async function gateway(): Promise<void> {
    alpha = new AskableCarrier('alpha')
    harness = await Harness.open(store, [alpha], { policy: POLICY })
    const { journal, dispatcher, logger, clock } = harness
    const { live, spool, tables, node } = journal
    const policyFor = testPolicies(POLICY)
    const work = { store, live, spool, tables, node, policyFor, logger, clock }
    queries = new StateQueries({ ...work, carriers: new Map([['alpha', alpha]]) })
    sweeper = new Sweeper({ ...work, dispatcher, queries })
  }

  /** A message that its carrier has since the start. */
  async function sent(): Promise<Message> {
    const message = testMessage({ createdAt: START })
    const deadlineAt = new Date(START.getTime() + 60 * SECONDS)
    await harness.journal.write(
      accepted(message),
      submitting(message, { at: START, deadlineAt }),
      moved(message, 'sent', { at: START, answers: ids(message.id), deadlineAt }),
    )
    return message
  }

  async function sweepAt(seconds: number): Promise<void> {
    harness.now = new Date(START.getTime() + seconds * SECONDS)
    await sweeper.sweep()
    await queries.settled()
    await harness.journal.settled()
  }

  it('follow each doubling of the time, and a final state ends the message', async () => {
    await gateway()
    const message = await sent()
    const counts: [number, number][] = []
    for (const seconds of [59, 60, 119, 120, 239, 240]) {
      if (seconds === 240) alpha.tell = () => DELIVERED
      await sweepAt(seconds)
      counts.push([seconds, alpha.asked.length])
    }
    expect(counts).toEqual([
      [59, 0],
      [60, 1],
      [119, 1],
      [120, 2],
      [239, 2],
      [240, 3],
    ])
    expect(await messageRow(store, message)).toMatchObject({
      status: 'delivered',
      lease_node: null,
    })
    expect((await eventRows(store, message)).slice(-3)).toMatchObject([
      { type: 'query', status: 'sent', detail: { segments: [{ state: 'enroute' }] } },
      { type: 'query', status: 'sent' },
      { type: 'query', status: 'delivered', code: 'delivered' },
    ])
  })

  it('end at the receipt deadline, after a last one', async () => {
    await gateway()
    const message = await sent()
    for (const seconds of [60, 120, 240, 480, 599, 600]) await sweepAt(seconds)
    expect(alpha.asked).toHaveLength(5)
    expect(await messageRow(store, message)).toMatchObject({
      status: 'unconfirmed',
      error_code: 'receipt_missing',
    })
  })

  it('are not repeated before the deadline where the carrier does not answer them', async () => {
    await gateway()
    alpha.tell = () => NO_SUCH_THING
    const message = await sent()
    for (const seconds of [60, 120, 240, 599]) await sweepAt(seconds)
    expect(alpha.asked).toHaveLength(1)
    expect(await messageRow(store, message)).toMatchObject({ status: 'sent' })
    await sweepAt(600)
    expect(alpha.asked).toHaveLength(2)
    expect(await messageRow(store, message)).toMatchObject({ status: 'unconfirmed' })
  })

  it('are put again soon where nothing was learnt, without a line in the timeline', async () => {
    await gateway()
    alpha.tell = () => ({ kind: 'no_answer', reason: 'no bind is up' })
    const message = await sent()
    for (const seconds of [60, 120, 180]) await sweepAt(seconds)
    expect(alpha.asked).toHaveLength(3)
    expect(await eventRows(store, message)).toHaveLength(3)
  })

  it('are not put about a submit without an id', async () => {
    await gateway()
    const message = testMessage({ createdAt: START })
    const deadlineAt = new Date(START.getTime() + 60 * SECONDS)
    const [answer] = ids('x')
    if (!answer) throw new Error('no answer')
    await harness.journal.write(
      accepted(message),
      submitting(message, { at: START, deadlineAt }),
      moved(message, 'sending', {
        at: START,
        answers: [{ ...answer, state: 'uncertain', carrierMessageId: null, matchKey: null }],
        deadlineAt,
      }),
    )
    for (const seconds of [60, 599]) await sweepAt(seconds)
    expect(await messageRow(store, message)).toMatchObject({ status: 'sending' })
    await sweepAt(600)
    expect(alpha.asked).toEqual([])
    expect(await messageRow(store, message)).toMatchObject({ status: 'unconfirmed' })
  })

  it('are under way five at a time; what waits is let go of at the end', async () => {
    await gateway()
    const answers: ((outcome: QueryOutcome) => void)[] = []
    alpha.tell = () => new Promise((resolve) => answers.push(resolve))
    const messages: Message[] = []
    for (let count = 0; count < 8; count++) messages.push(await sent())
    harness.now = new Date(START.getTime() + 60 * SECONDS)
    await sweeper.sweep()
    expect(alpha.asked).toHaveLength(5)
    // Nobody is asked twice meanwhile.
    await sweeper.sweep()
    expect(alpha.asked).toHaveLength(5)
    const closed = queries.close()
    for (const answer of answers) answer(DELIVERED)
    await closed
    await harness.journal.settled()
    const rows = await Promise.all(messages.map((message) => messageRow(store, message)))
    expect(rows.filter(({ status }) => status === 'delivered')).toHaveLength(5)
    expect(rows.map(({ lease_node }) => lease_node)).toEqual(rows.map(() => null))
    expect(alpha.asked).toHaveLength(5)
  })
})
