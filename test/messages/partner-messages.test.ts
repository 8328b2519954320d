import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Message } from '../../src/messages/message.ts'
import { PartnerMessages } from '../../src/messages/partner-messages.ts'
import { recover } from '../../src/messages/recovery.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { accepted, Journal, moved, partnerMessage, submitting, TENANT } from './builders.ts'
import { testPolicies } from './harness.ts'
import { keepingLogger } from './keeping-logger.ts'

const ACME = { tenantId: TENANT, partner: 'acme' }
const GROUP = '01890000-0000-7000-8000-00000000000a'
const NOT_YET = 60_000

describe.each(testDatabases())("a partner's messages, on $name", ({ open }) => {
  let store: Store
  let journal: Journal
  let messages: PartnerMessages

  beforeAll(async () => {
    store = await open()
  })

  afterAll(() => store.close())

  async function begin(gatherMs: number): Promise<void> {
    await truncate(store)
    journal = await Journal.open(store, { gatherMs })
    messages = new PartnerMessages({ store, live: journal.live })
  }

  beforeEach(() => async () => journal.close())

  const idsOf = (found: readonly Message[]) => found.map(({ id }) => id)

  describe.each([
    ['only in memory', NOT_YET],
    ['in the tables', 0],
  ])('%s', (_where, gatherMs) => {
    async function take(...all: readonly Message[]): Promise<void> {
      await journal.spool.write(...all.map(accepted))
      if (gatherMs === 0) await journal.tables.flush()
      for (const { id } of all) {
        expect(journal.live.get(id) === undefined).toBe(gatherMs === 0)
      }
    }

    beforeEach(() => begin(gatherMs))

    test('are found by our id and by theirs, in any case of letters', async () => {
      const plain = partnerMessage()
      const short = partnerMessage({ partnerMessageId: '3B9ACA0F' })
      await take(plain, short)
      expect(idsOf(await messages.byId(ACME, plain.id.toUpperCase()))).toEqual([plain.id])
      expect(idsOf(await messages.byId(ACME, '3b9aca0f'))).toEqual([short.id])
      expect(await messages.byId(ACME, '3B9ACA10')).toEqual([])
      expect(await messages.byId(ACME, GROUP)).toEqual([])
    })

    test('of one submit_multi are found together', async () => {
      const group = [1, 2, 3].map((n) =>
        partnerMessage({ partnerMessageId: GROUP, to: `+44770090000${n}` }),
      )
      await take(...group)
      expect(idsOf(await messages.byId(ACME, GROUP))).toEqual(idsOf(group))
    })

    test('are nobody else’s', async () => {
      const message = partnerMessage({ partnerMessageId: '3B9ACA0F' })
      await take(message)
      const others = [
        { ...ACME, partner: 'other' },
        { ...ACME, tenantId: '01890000-0000-7000-8000-000000000002' },
      ]
      for (const scope of others) {
        for (const id of [message.id, '3B9ACA0F']) {
          expect(await messages.byId(scope, id)).toEqual([])
        }
        expect(await messages.waiting(scope, message)).toEqual([])
      }
    })

    test('that wait are found by their addresses', async () => {
      const wanted = partnerMessage()
      const scheduled = partnerMessage({ status: 'scheduled' })
      const elsewhere = partnerMessage({ to: '+447700900999' })
      const otherSender = partnerMessage({ from: 'OTHER' })
      await take(wanted, scheduled, elsewhere, otherSender)
      expect(idsOf(await messages.waiting(ACME, wanted))).toEqual(idsOf([wanted, scheduled]))
      expect(await messages.waiting(ACME, { from: 'ACME', to: '+447700900000' })).toEqual([])
    })
  })

  test('those that have gone to a carrier wait no longer, whatever the tables say', async () => {
    await begin(NOT_YET)
    const waiting = partnerMessage()
    const going = partnerMessage()
    await journal.spool.write(accepted(waiting), accepted(going))
    await journal.tables.flush()
    for (const message of [waiting, going]) journal.live.adopt(message, [])
    await journal.spool.write(submitting(going), moved(going, 'sent'))
    expect(idsOf(await messages.waiting(ACME, waiting))).toEqual([waiting.id])
  })

  test('keep the id that the partner knows over a crash', async () => {
    await begin(NOT_YET)
    const message = partnerMessage({ partnerMessageId: '3B9ACA0F' })
    await journal.spool.write(accepted(message))
    // Nothing is in the tables: the next start has the journal only.
    const second = new Journal(store, { node: 'second' })
    const { live, tracker, tables, spool } = second
    await recover({
      store,
      node: 'second',
      spool,
      live,
      tracker,
      tables,
      policyFor: testPolicies(),
      onEffects: () => {},
      logger: keepingLogger(),
      clock: () => new Date(),
    })
    const found = await new PartnerMessages({ store, live }).byId(ACME, '3B9ACA0F')
    expect(found).toMatchObject([{ id: message.id, partnerMessageId: '3B9ACA0F' }])
    await second.close()
  })
})
