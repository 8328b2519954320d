import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { AuditArchive, type AuditFilter } from '../../src/audit/audit-archive.ts'
import { checkAudit } from '../../src/audit/audit-check.ts'
import { eraseAudit } from '../../src/audit/audit-erasure.ts'
import { AuditLog } from '../../src/audit/audit-log.ts'
import { hashOf } from '../../src/audit/chain.ts'
import { type AuditEvent, SYSTEM } from '../../src/audit/entry.ts'
import { type EntryRow, entryOf } from '../../src/audit/tables.ts'
import { systemClock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/logger.ts'
import type { Store } from '../../src/store/open.ts'
import { testDatabases } from '../support/database.ts'

const AT = new Date('2026-11-01T10:00:00.123Z')
const TENANT = '01a1fbfe-0226-7d8b-828e-234281d9dc9a'
const NO_FILTER: AuditFilter = {
  tenantId: undefined,
  actor: undefined,
  action: undefined,
  subject: undefined,
  outcome: undefined,
  from: undefined,
  before: undefined,
  beforeNumber: undefined,
  limit: 100,
}

function event(about: Partial<AuditEvent> = {}): AuditEvent {
  return {
    at: AT,
    actor: { kind: 'key', name: 'abcdef012345', tenantId: null },
    address: '192.0.2.7',
    requestId: 'r-1',
    action: 'carrier.drain',
    subject: { kind: 'carrier', id: 'alpha' },
    outcome: 'done',
    reason: 'maintenance',
    before: { mode: 'enabled' },
    after: { mode: 'drained' },
    ...about,
  }
}

describe.each(testDatabases())('the audit log on $name', ({ open }) => {
  let store: Store
  let log: AuditLog

  beforeAll(async () => {
    store = await open()
  })
  afterAll(() => store.close())

  beforeEach(async () => {
    await store.query(sql`truncate audit_entries, audit_anchor`)
    log = await opened()
  })

  function opened(on: Store = store, patienceMs = 10_000): Promise<AuditLog> {
    return AuditLog.open({ store: on, logger: silentLogger, clock: systemClock, patienceMs })
  }

  /** Entries of the carriers `c1`, `c2`, and so on. */
  async function written(count: number): Promise<void> {
    const numbers = Array.from({ length: count }, (_, index) => index + 1)
    await Promise.all(
      numbers.map((number) =>
        log.append(event({ subject: { kind: 'carrier', id: `c${number}` } })),
      ),
    )
  }

  async function rows(): Promise<EntryRow[]> {
    return store.query<EntryRow>(sql`select * from audit_entries order by number`)
  }

  /** What the trigger would not allow. */
  async function tampered(...statements: string[]): Promise<void> {
    for (const statement of [
      'alter table audit_entries disable trigger audit_entries_keep',
      ...statements,
      'alter table audit_entries enable trigger audit_entries_keep',
    ]) {
      await store.db.execute(sql.raw(statement))
    }
  }

  async function faultOf(head?: string) {
    return (await checkAudit(store, head)).fault
  }

  test('keeps what was handed over, in that order and with its chain', async () => {
    const nasty = 'a\0b "quoted" \\ \ud800 {x,y}\nNULL \u2028'
    await Promise.all([
      log.append(event({ reason: nasty, before: { nasty }, after: null })),
      log.append(event({ at: new Date(AT.getTime() + 1), tenantId: TENANT, before: undefined })),
      log.append(
        event({ subject: null, counted: { count: 7, firstAt: AT, lastAt: new Date(AT) } }),
      ),
    ])
    const entries = (await rows()).map(entryOf)
    expect(entries.map(({ number }) => number)).toEqual([1, 2, 3])
    expect(entries[0]?.content.reason).toBe(nasty.replaceAll(/[\0\ud800]/g, '\uFFFD'))
    expect(entries[0]?.content.after).toBe('null')
    expect(entries[1]?.content).toMatchObject({ before: null, tenantId: TENANT })
    expect(entries[2]?.content).toMatchObject({ count: 7, firstAt: AT, subject: null })
    expect(entries[2]?.previousHash).toBe(entries[1]?.hash)
    const report = await checkAudit(store, entries[1]?.hash)
    expect(report).toMatchObject({ entries: 3, fault: undefined, head: log.head })
  })

  test('goes on where the one before has ended', async () => {
    await written(2)
    log = await opened()
    expect(await log.append(event())).toMatchObject({ number: 3 })
    expect(await faultOf()).toBeUndefined()
  })

  test('the database refuses to change or delete an entry', async () => {
    await written(2)
    for (const statement of [
      sql`update audit_entries set reason = 'none' where number = 1`,
      sql`delete from audit_entries where number = 2`,
    ]) {
      await expect(store.query(statement)).rejects.toThrow('audit_entries only grows')
    }
    expect(await faultOf()).toBeUndefined()
  })

  /** All but the number. */
  const COLUMNS =
    'at, actor_kind, actor_name, actor_tenant_id, address, request_id, action, subject_kind, subject_id, ' +
    'tenant_id, outcome, reason, before, after, count, first_at, last_at, previous_hash, hash'
  /** What makes room for an entry, or closes a gap. */
  const SHIFT_UP = 'update audit_entries set number = -number where number > 3'
  const SHIFTED_UP = 'update audit_entries set number = 1 - number where number < 0'
  const SHIFTED_DOWN = 'update audit_entries set number = -1 - number where number < 0'
  const CHANGES = [
    "action = 'carrier.enable'",
    "actor_name = 'somebody'",
    "actor_kind = 'system'",
    'address = null',
    "reason = 'another'",
    "before = '{}'",
    'after = null',
    "subject_id = 'c9'",
    "outcome = 'failed'",
    "at = at + interval '1 second'",
    "at = at + interval '1 millisecond'",
    'count = 2',
    'first_at = at',
    "request_id = 'r-2'",
    `tenant_id = '${TENANT}'`,
    `actor_tenant_id = '${TENANT}'`,
    "hash = 'x'",
    "previous_hash = 'x'",
  ].map((change): [string, string[], number, RegExp] => [
    `one with ${change}`,
    [`update audit_entries set ${change} where number = 3`],
    3,
    /^it was changed$/,
  ])

  test.each<[string, string[], number, RegExp]>([
    ...CHANGES,
    ['one removed', ['delete from audit_entries where number = 3'], 3, /^it was removed$/],
    ['the first removed', ['delete from audit_entries where number = 1'], 1, /^it was removed$/],
    [
      'one removed, and the gap closed',
      ['delete from audit_entries where number = 3', SHIFT_UP, SHIFTED_DOWN],
      3,
      /^it was removed: what was entry 4 stands/,
    ],
    [
      'two that have changed places',
      [
        'update audit_entries set number = -2 where number = 2',
        'update audit_entries set number = 2 where number = 4',
        'update audit_entries set number = 4 where number = -2',
      ],
      2,
      /^the order was changed: what was entry 2 stands as 4, and 4 in its place$/,
    ],
    [
      'one that stands twice',
      [
        SHIFT_UP,
        SHIFTED_UP,
        `insert into audit_entries select 4, ${COLUMNS} from audit_entries where number = 3`,
      ],
      4,
      /^it was added: it is entry 3 once more$/,
    ],
    [
      'one that was written somewhere and says it was deleted by age',
      ["insert into audit_anchor (number, hash) values (2, 'x')"],
      1,
      /^it was added: older ones were deleted by age$/,
    ],
  ])('names %s', async (_, statements, number, what) => {
    await written(5)
    await tampered(...statements)
    const fault = await faultOf()
    expect(fault?.entry).toBe(number)
    expect(fault?.what).toMatch(what)
  })

  /** As one who knows how entries are sealed. */
  async function forged(number: number, about: Partial<EntryRow>): Promise<string> {
    const row = (await rows())[number - 1]
    if (!row) throw new Error(`there is no entry ${number}`)
    const entry = entryOf({ ...row, ...about })
    return hashOf(number, entry.previousHash, entry.content)
  }

  test('names one that was changed and sealed anew', async () => {
    await written(5)
    const hash = await forged(3, { reason: 'none' })
    await tampered(`update audit_entries set reason = 'none', hash = '${hash}' where number = 3`)
    expect(await faultOf()).toMatchObject({ entry: 3, what: expect.stringMatching(/sealed anew/) })
  })

  test('names one that was put in between, sealed as it should be', async () => {
    await written(5)
    const [, , third] = await rows()
    if (!third) throw new Error('there is no third entry')
    const content = { ...entryOf(third).content, reason: 'forged' }
    const hash = hashOf(4, third.hash, content)
    await tampered(
      SHIFT_UP,
      SHIFTED_UP,
      `insert into audit_entries select 4, at, actor_kind, actor_name, actor_tenant_id, address, request_id,
        action, subject_kind, subject_id, tenant_id, outcome, 'forged', before, after, count, first_at, last_at,
        '${third.hash}', '${hash}' from audit_entries where number = 3`,
    )
    expect(await faultOf()).toMatchObject({
      entry: 4,
      what: expect.stringMatching(/^it was added/),
    })
  })

  test('a hash that was kept proves that nothing was cut off the end', async () => {
    await written(5)
    const { hash } = log.head
    expect(await faultOf(hash)).toBeUndefined()
    await log.append(event())
    expect(await faultOf(hash)).toBeUndefined()
    await tampered('delete from audit_entries where number > 4')
    expect(await faultOf()).toBeUndefined()
    expect(await faultOf(hash)).toMatchObject({
      entry: null,
      what: expect.stringContaining(`no entry has the hash ${hash}`),
    })
  })

  test('goes on after what somebody else has written', async () => {
    await written(1)
    const other = await opened()
    await other.append(event({ reason: 'by another' }))
    await log.append(event({ reason: 'by this' }))
    expect((await rows()).map(({ reason }) => reason)).toEqual([
      'maintenance',
      'by another',
      'by this',
    ])
    expect(await faultOf()).toBeUndefined()
  })

  test('an entry whose commit had no answer is written once', async () => {
    let failures = 2
    const shaky: Store = {
      ...store,
      async query(statement, on) {
        const isInsert = JSON.stringify(statement.queryChunks).includes('insert into audit_entries')
        const before = isInsert && failures === 2
        if (isInsert && failures > 0) failures--
        if (before) throw new Error('the connection is gone')
        const found = await store.query<never>(statement, on)
        if (isInsert && failures === 0) {
          failures = -1
          throw new Error('the connection was lost')
        }
        return found
      },
    }
    log = await opened(shaky)
    expect(await log.append(event())).toMatchObject({ number: 1 })
    expect(await log.append(event())).toMatchObject({ number: 2 })
    expect(await rows()).toHaveLength(2)
    expect(await faultOf()).toBeUndefined()
  })

  test('says when an entry cannot be written, and writes it later', async () => {
    let isAway = false
    const away: Store = {
      ...store,
      query: (statement, on) =>
        isAway ? Promise.reject(new Error('nobody is there')) : store.query(statement, on),
    }
    log = await opened(away, 20)
    isAway = true
    await expect(log.append(event())).rejects.toMatchObject({ code: 'audit_unwritten' })
    isAway = false
    await log.flush()
    expect(await rows()).toHaveLength(1)
  })

  test('what is still there at the close is given up where the database is away', async () => {
    const lost: unknown[] = []
    const logger = { ...silentLogger, error: (fields: object) => lost.push(fields) }
    const away: Store = {
      ...store,
      query: (statement, on) =>
        JSON.stringify(statement.queryChunks).includes('insert')
          ? Promise.reject(new Error('nobody is there'))
          : store.query(statement, on),
    }
    log = await AuditLog.open({ store: away, logger, clock: systemClock })
    const told = log.append(event()).catch((error: { code: string }) => error.code)
    await log.close()
    expect(await told).toBe('audit_unwritten')
    expect(lost).toContainEqual(expect.objectContaining({ action: 'carrier.drain' }))
  })

  describe('deletion by age', () => {
    const NOW = new Date('2026-11-21T12:00:00Z')
    const daysAgo = (days: number) => new Date(NOW.getTime() - days * 24 * 3_600_000)

    beforeEach(async () => {
      for (const days of [30, 20, 11, 10, 3]) {
        await log.append(event({ at: daysAgo(days), reason: `${days} days old` }))
      }
    })

    test('takes whole days away, says so, and leaves a chain that can be proved', async () => {
      const { hash } = log.head
      expect(await eraseAudit(store, log, { now: NOW, days: 10 })).toBe(3)
      expect((await rows()).map(({ reason }) => reason)).toEqual([
        '10 days old',
        '3 days old',
        'older than 10 days',
      ])
      expect(await checkAudit(store, hash)).toMatchObject({
        entries: 3,
        anchor: { number: 3 },
        fault: undefined,
      })
      expect(await eraseAudit(store, log, { now: NOW, days: 10 })).toBe(0)
      expect(await eraseAudit(store, log, { now: NOW, days: 5 })).toBe(1)
      expect(await faultOf()).toBeUndefined()
      log = await opened()
      await log.append(event())
      expect(await faultOf()).toBeUndefined()
    })

    test('a beginning that was cut off by hand is told from it', async () => {
      const [, second] = await rows()
      await store.query(
        sql`insert into audit_anchor (number, hash) values (2, ${second?.hash ?? ''})`,
      )
      await store.query(sql`delete from audit_entries where number <= 2`)
      expect(await faultOf()).toMatchObject({
        entry: 2,
        what: expect.stringContaining('no entry says that it was by age'),
      })
    })

    test('all may go but the entry that says so', async () => {
      expect(await eraseAudit(store, log, { now: NOW, days: 1 })).toBe(5)
      expect(await rows()).toHaveLength(1)
      log = await opened()
      expect(log.head.number).toBe(6)
      expect(await faultOf()).toBeUndefined()
    })
  })

  test('is read by every filter, newest first', async () => {
    const key = (name: string) => ({ kind: 'key', name, tenantId: null }) as const
    await log.append(event({ actor: key('one') }))
    await log.append(event({ action: 'carrier.enable', tenantId: TENANT, outcome: 'failed' }))
    await log.append(
      event({ at: new Date(AT.getTime() + 5_000), subject: { kind: 'webhook', id: 'w' } }),
    )
    await log.append(event({ action: 'key.create', actor: SYSTEM, subject: null }))
    const archive = new AuditArchive(store)
    const numbers = async (filter: Partial<AuditFilter>) =>
      (await archive.list({ ...NO_FILTER, ...filter })).map(({ number }) => number)
    expect(await numbers({})).toEqual([4, 3, 2, 1])
    expect(await numbers({ actor: 'one' })).toEqual([1])
    expect(await numbers({ action: 'carrier' })).toEqual([3, 2, 1])
    expect(await numbers({ action: 'carrier.drain' })).toEqual([3, 1])
    expect(await numbers({ action: 'carrier.d' })).toEqual([])
    expect(await numbers({ subject: 'alpha' })).toEqual([2, 1])
    expect(await numbers({ subject: 'webhook:w' })).toEqual([3])
    expect(await numbers({ outcome: 'failed' })).toEqual([2])
    expect(await numbers({ tenantId: TENANT })).toEqual([2])
    expect(await numbers({ from: new Date(AT.getTime() + 1) })).toEqual([3])
    expect(await numbers({ before: new Date(AT.getTime() + 1) })).toEqual([4, 2, 1])
    expect(await numbers({ beforeNumber: 3, limit: 1 })).toEqual([2])
  })
})
