import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { Cancellation } from '../../src/messages/cancellation.ts'
import { DeadLetters } from '../../src/messages/dead-letters.ts'
import { endEntry } from '../../src/messages/endings.ts'
import type { JournalEntry } from '../../src/messages/journal.ts'
import type { LiveMessage, Snapshot } from '../../src/messages/live.ts'
import type { Message } from '../../src/messages/message.ts'
import { Replacement } from '../../src/messages/replacement.ts'
import { findMessages } from '../../src/messages/tables.ts'
import { Withdrawal } from '../../src/messages/withdrawal.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases, truncate } from '../support/database.ts'
import { ids, messageRow, moved, receipt, submitting, TENANT } from './builders.ts'
import { FakeCarrier } from './fake-carrier.ts'
import { claimerOf, Harness, request, testPolicies } from './harness.ts'

const NEVER_MS = 3_600_000

describe.each(testDatabases())(
  'while the end of a message is being written, on $name',
  (database) => {
    let store: Store
    let harness: Harness
    let message: Message
    let cancellation: Cancellation
    let replacement: Replacement
    let letters: DeadLetters

    beforeAll(async () => {
      store = await database.open()
    })
    afterAll(() => store.close())

    beforeEach(async () => {
      await truncate(store)
      const carrier = new FakeCarrier('alpha')
      carrier.isUp = false
      harness = await Harness.open(store, [carrier], { gatherMs: NEVER_MS })
      const { journal, intake, dispatcher, spool, clock } = harness
      const { live, tables } = journal
      const withdrawal = new Withdrawal({ ...claimerOf(journal), dispatcher })
      const work = { withdrawal, live, spool, clock }
      cancellation = new Cancellation({ ...work, carriers: new Map([[carrier.name, carrier]]) })
      replacement = new Replacement({ ...work, intake, dispatcher, policyFor: testPolicies() })
      letters = new DeadLetters({ store, live, tables, intake })
      // It waits in the database, and nobody works on it.
      const waiting = await intake.accept(TENANT, request())
      dispatcher.withdraw(waiting.id)
      const known = live.get(waiting.id)
      if (known) live.letGo(known)
      await tables.flush()
      message = (await held()).message
      return () => harness.close()
    })

    /** The message, brought into memory and held. */
    async function held(): Promise<LiveMessage> {
      const { live } = harness.journal
      const [row] = await store.query<{ id: string }>(sql`select id from messages`)
      const [found] = await findMessages(live, store, row ? [row.id] : [])
      if (!found) throw new Error('it is not in the tables')
      const known = live.adopt(found.message, found.attempts)
      live.hold(known)
      return known
    }

    /** Ends the message; its end is on its way into the tables when whoever holds it lets go. */
    async function end(...entries: readonly JournalEntry[]): Promise<Snapshot> {
      const { live } = harness.journal
      const known = await held()
      await harness.spool.write(...entries)
      const snapshot = live.takeSnapshot()
      live.letGo(known)
      return snapshot
    }

    async function codeOf(work: Promise<unknown>): Promise<string> {
      return work.then(
        () => 'none',
        (error: { code?: string }) => error.code ?? String(error),
      )
    }

    const expired = () => endEntry(message, 'expired', harness.clock())

    it.each<[string, string, () => Promise<unknown>]>([
      ['a cancellation', 'already_final', () => cancellation.cancel(TENANT, message.id)],
      [
        'a replacement',
        'not_replaceable',
        () => replacement.replace(TENANT, message.id, { text: 'x' }),
      ],
    ])('%s finds it ended', async (_, code, work) => {
      const { live } = harness.journal
      const snapshot = await end(expired())
      expect(await messageRow(store, message)).toMatchObject({ status: 'queued', lease_node: null })
      expect(await codeOf(work())).toBe(code)
      live.release(snapshot, new Set())
      expect(live.get(message.id)).toBeUndefined()
    })

    it('a second replay of a dead letter finds the first', async () => {
      const { spool, journal } = harness
      const { live, tables } = journal
      await spool.write(expired())
      live.letGo(await held())
      await tables.flush()
      const write = spool.write.bind(spool)
      const snapshots: Snapshot[] = []
      const writing: typeof write = async (...entries) => {
        await write(...entries)
        snapshots.push(live.takeSnapshot())
      }
      vi.spyOn(spool, 'write').mockImplementationOnce(writing)
      await letters.replay(TENANT, message.id)
      expect(await messageRow(store, message)).toMatchObject({ replayed_as: null })
      expect(await codeOf(letters.replay(TENANT, message.id))).toBe('already_replayed')
      for (const snapshot of snapshots) live.release(snapshot, new Set())
      expect(live.get(message.id)).toBeUndefined()
    })

    it('a late receipt finds it ended', async () => {
      const { journal, spool } = harness
      const { live, tables, matcher, effects } = journal
      await spool.write(submitting(message), moved(message, 'sent', { answers: ids('a') }))
      await tables.flush()
      const snapshot = await end(moved(message, 'unconfirmed'))
      expect(await messageRow(store, message)).toMatchObject({ status: 'sent' })
      await spool.write(receipt('a', 'DELIVERED'))
      await matcher.settled()
      expect(effects.endings.map(({ status }) => status)).toEqual(['unconfirmed'])
      live.release(snapshot, new Set())
      await tables.flush()
      expect(live.get(message.id)).toBeUndefined()
    })
  },
)
