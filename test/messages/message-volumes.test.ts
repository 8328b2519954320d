import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Ledger } from '../../src/billing/ledger.ts'
import { termsText, USUAL_TERMS } from '../../src/core/charging.ts'
import type { ReplacedEntry } from '../../src/messages/journal.ts'
import type { Message } from '../../src/messages/message.ts'
import { recover } from '../../src/messages/recovery.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { accepted, COST, Journal, moved, submitting, TENANT, testMessage } from './builders.ts'
import { testPolicies } from './harness.ts'
import { Unsteady } from './unsteady.ts'

const OTHER = '01890000-0000-7000-8000-000000000002'
const OCTOBER = new Date('2026-10-31T23:59:59.999Z')
const NOVEMBER = new Date('2026-11-01T00:00:00Z')

function billed(segments: number, createdAt = OCTOBER, more: Partial<Message> = {}): Message {
  return testMessage({ segments, createdAt, charging: termsText(USUAL_TERMS), ...more })
}

function replacedBy(message: Message, segments: number): ReplacedEntry {
  return {
    kind: 'replaced',
    message,
    at: NOVEMBER,
    to: 'queued',
    text: 'x',
    encoding: 'gsm7',
    segments,
    priceMicros: 35_000n * BigInt(segments),
    priceCurrency: 'EUR',
    carrier: 'alpha',
    sendAt: null,
    expiresAt: message.expiresAt,
    dueAt: null,
    events: [],
    octets: null,
    registeredDelivery: 0,
    costMicros: COST.micros,
    costCurrency: COST.currency,
    carrierDeckVersion: 0,
    tenantDeckVersion: null,
  }
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
    await journal.batch(replacedBy(written, 1), accepted(fresh), replacedBy(fresh, 4))
    expect(await stored()).toEqual([[TENANT, '2026-10', 5]])
    expect(journal.ledger.volumes.segments(TENANT, OCTOBER)).toBe(5)
  })

  it('are exact after a crash between the journal and the tables', async () => {
    const first = await openJournal()
    const written = billed(3)
    await first.write(accepted(written))
    await first.spool.write(replacedBy(written, 2))
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
})
