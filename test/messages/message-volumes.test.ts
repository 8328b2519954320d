import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Ledger } from '../../src/billing/ledger.ts'
import { UsageRollUp } from '../../src/billing/usage-roll-up.ts'
import { termsText, USUAL_TERMS } from '../../src/core/charging.ts'
import { silentLogger } from '../../src/core/logger.ts'
import type { Message } from '../../src/messages/message.ts'
import { recover } from '../../src/messages/recovery.ts'
import { checkVolumes } from '../../src/messages/volume-check.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { accepted, Journal, moved, replaced, submitting, TENANT, testMessage } from './builders.ts'
import { testPolicies } from './harness.ts'
import { Unsteady } from './unsteady.ts'

const OTHER = '01890000-0000-7000-8000-000000000002'
const OCTOBER = new Date('2026-10-31T23:59:59.999Z')
const NOVEMBER = new Date('2026-11-01T00:00:00Z')

function billed(segments: number, createdAt = OCTOBER, more: Partial<Message> = {}): Message {
  return testMessage({ segments, createdAt, charging: termsText(USUAL_TERMS), ...more })
}

describe.each(testDatabases())('the volumes of tenants, on $name', ({ open }) => {
  let store: Store
  const journals: Journal[] = []

  beforeAll(async () => {
    store = await open()
  })
  afterEach(async () => {
    for (const journal of journals.splice(0)) await journal.close()
    await truncate(store)
  })
  afterAll(() => store.close())

  async function openJournal(on: Store = store): Promise<Journal> {
    const journal = await Journal.open(on)
    journals.push(journal)
    return journal
  }

  async function stored(): Promise<[string, string, number][]> {
    const rows = await store.query<{ tenant_id: string; month: string; segments: string }>(
      sql`select tenant_id, month, segments from tenant_volumes order by month, tenant_id`,
    )
    return rows.map(({ tenant_id, month, segments }) => [tenant_id, month, Number(segments)])
  }

  it('are the segments of billed messages by the month of their acceptance', async () => {
    const journal = await openJournal()
    const message = billed(3)
    await journal.batch(
      accepted(message),
      accepted(billed(2)),
      accepted(billed(1, OCTOBER, { tenantId: OTHER })),
      accepted(billed(4, NOVEMBER)),
      accepted(billed(9, OCTOBER, { charging: null })),
    )
    await journal.write(submitting(message), moved(message, 'failed'))
    await journal.write(accepted(billed(1)))
    expect(await stored()).toEqual([
      [TENANT, '2026-10', 6],
      [OTHER, '2026-10', 1],
      [TENANT, '2026-11', 4],
    ])
    expect(journal.ledger.volumes.segments(TENANT, OCTOBER)).toBe(6)
    expect(journal.ledger.volumes.segments(TENANT, NOVEMBER)).toBe(4)
  })

  it('follow a message that is replaced, written or not, in the month of its acceptance', async () => {
    const journal = await openJournal()
    const [written, fresh] = [billed(3), billed(1)]
    await journal.write(accepted(written))
    await journal.batch(
      replaced(written, { at: NOVEMBER, segments: 1 }),
      accepted(fresh),
      replaced(fresh, { at: NOVEMBER, segments: 4 }),
    )
    expect(await stored()).toEqual([[TENANT, '2026-10', 5]])
    expect(journal.ledger.volumes.segments(TENANT, OCTOBER)).toBe(5)
  })

  it('are exact after a crash between the journal and the tables', async () => {
    const first = await openJournal()
    const written = billed(3)
    await first.write(accepted(written))
    await first.spool.write(replaced(written, { at: NOVEMBER, segments: 2 }))
    await first.spool.write(accepted(billed(5)))
    const ledger = new Ledger()
    await ledger.load(store, NOVEMBER)
    expect(ledger.volumes.segments(TENANT, OCTOBER)).toBe(3)
    const second = new Journal(store, { node: 'second', ledger })
    journals.push(second)
    const { spool, live, tracker, tables, logger } = second
    await recover({
      ...{ store, node: 'second', spool, live, tracker, tables, logger },
      policyFor: testPolicies(),
      onEffects: (effects) => second.onEffects(effects),
      clock: () => NOVEMBER,
    })
    expect(ledger.volumes.segments(TENANT, OCTOBER)).toBe(7)
    expect(await stored()).toEqual([[TENANT, '2026-10', 7]])
  })

  it('count once when the answer to a commit was lost', async () => {
    const unsteady = new Unsteady(store)
    const journal = await openJournal(unsteady.store)
    await journal.spool.write(accepted(billed(3)))
    unsteady.ahead.push('answer_lost', 'away')
    await journal.settled()
    await journal.write(accepted(billed(1)))
    expect(await stored()).toEqual([[TENANT, '2026-10', 4]])
  })

  describe('are proved', () => {
    const setTo = (segments: number, month = '2026-10') =>
      store.query(sql`
        update tenant_volumes set segments = ${segments} where month = ${month}`)

    /** Three billed segments and one that is not in October, two billed ones in November, added up or pending. */
    async function filled(isAddedUp: boolean): Promise<Message> {
      const journal = await openJournal()
      const message = billed(3)
      await journal.batch(
        accepted(message),
        accepted(billed(1, OCTOBER, { charging: null })),
        accepted(billed(2, NOVEMBER)),
      )
      if (isAddedUp) await new UsageRollUp({ store, logger: silentLogger }).run()
      expect(await checkVolumes(store)).toEqual([])
      return message
    }

    it.each([true, false])('while all messages are there (added up: %s)', async (isAddedUp) => {
      const message = await filled(isAddedUp)
      for (const wrong of [2, 4]) {
        await setTo(wrong)
        expect(await checkVolumes(store)).toContainEqual({
          where: `the volume of tenant ${TENANT} in 2026-10`,
          what: `${wrong} segments stand there, and its messages have 3`,
        })
      }
      await store.query(sql`delete from tenant_volumes where month = '2026-10'`)
      expect(await checkVolumes(store)).toMatchObject([
        { what: '0 segments stand there, and its messages have 3' },
      ])
      expect(message.segments).toBe(3)
    })

    it('after a replacement in another month', async () => {
      const journal = await openJournal()
      const message = billed(5)
      await journal.write(accepted(message))
      await journal.write(replaced(message, { at: NOVEMBER, segments: 2 }))
      expect(await checkVolumes(store)).toEqual([])
      await setTo(5)
      expect(await checkVolumes(store)).toHaveLength(2)
    })

    it('once messages are gone: not less than is left, not more than there ever was', async () => {
      const message = await filled(true)
      await store.query(sql`delete from messages where id = ${message.id}`)
      expect(await checkVolumes(store)).toEqual([])
      await setTo(1, '2026-11')
      expect(await checkVolumes(store)).toMatchObject([
        { what: '1 segments stand there, and its messages have 2' },
      ])
      await setTo(2, '2026-11')
      // What cannot be told from the one segment that was not billed.
      await setTo(4)
      expect(await checkVolumes(store)).toEqual([])
      await setTo(5)
      expect(await checkVolumes(store)).toEqual([
        {
          where: `the volumes of tenant ${TENANT}`,
          what: '7 segments stand there together, and 6 were ever accepted',
        },
      ])
    })
  })
})
