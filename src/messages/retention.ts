import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { FIRST_ID, firstIdAt } from '../core/id.ts'
import type { Logger } from '../core/logger.ts'
import { textArray } from '../store/batch.ts'
import type { Store } from '../store/open.ts'
import { reseal } from './resealing.ts'

/** How long a tenant's messages are kept, counted from their end. */
export interface KeptFor {
  /** Days until a message goes with its records; undefined: never. */
  readonly days: number | undefined
  /** Days until the text is erased, the record staying; undefined: with the record. */
  readonly bodyDays: number | undefined
}

/** What can be erased. */
export type Erased =
  | 'messages'
  | 'texts'
  | 'inbound_messages'
  | 'inbound_texts'
  | 'account_events'
  | 'receipts'
  | 'refused_entries'
  | 'answers'
  | 'usage'
  | 'audit_entries'
  | 'callbacks'

/** What a {@link Retention} is built with. */
export interface RetentionOptions {
  readonly store: Store
  /** By the tenant's name; undefined asks for what belongs to no tenant. */
  readonly keptFor: (tenant: string | undefined) => KeptFor
  /** Deletes answers to calls with a key that are over; gives how many. */
  readonly purgeAnswers?: (now: Date) => Promise<number>
  /** Deletes a batch of usage that is kept no longer; gives how many rows, 0 when none are left. */
  readonly purgeUsage?: (now: Date) => Promise<number>
  /** Deletes a batch of providers' callbacks that are kept no longer; gives how many, 0 when none are left. */
  readonly purgeCallbacks?: (now: Date) => Promise<number>
  /** Deletes a stretch of the audit log that is over; gives how many entries, 0 when nothing is left to do. */
  readonly eraseAudit?: (now: Date) => Promise<number>
  /** Told after every batch. */
  readonly onErased?: (what: Erased, count: number) => void
  readonly logger: Logger
  readonly clock: Clock
  /** Wait between two batches, in milliseconds: leaves the database to the traffic. Default 50. */
  readonly pauseMs?: number
}

const FIRST_RUN_AFTER_MS = 60_000
const RUN_EVERY_MS = 3_600_000

/** Messages in one batch: some tens of milliseconds of the database's time. */
const PAGE = 1_000

const PAUSE_MS = 50
const DAY_MS = 24 * 3_600_000

/** How long a receipt may wait for its submit; a start looks for half of that. */
const ORPHAN_MS = 2 * DAY_MS

/**
 * True for a message `m` that nobody is still to be told of. Not written as `state = 'waiting'`: the
 * index of all that wait would be read for every single message.
 */
const NOBODY_WAITS = sql`not exists (
  select from outbox o where o.subject_id = m.id and o.state not in ('done', 'dead'))`

/**
 * Erases what has been kept long enough: the texts of messages, then whole messages with their
 * submits, timelines and what senders were told; and seals with the active key what another one has
 * sealed.
 *
 * A message that has not ended, or that somebody is still to be told of, is never touched. Works in
 * small batches of one statement each, so that it holds up nobody and may stop at any of them.
 */
export class Retention {
  readonly #options: RetentionOptions
  readonly #pauseMs: number
  readonly #closing = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(options: RetentionOptions) {
    this.#options = options
    this.#pauseMs = options.pauseMs ?? PAUSE_MS
  }

  /** Runs a minute from now, and every hour after that. */
  start(): void {
    this.#runAfter(FIRST_RUN_AFTER_MS)
  }

  /** Stops after the batch that runs. */
  async close(): Promise<void> {
    this.#closing.abort()
    clearTimeout(this.#timer)
    await this.#running
  }

  /** Erases all that is due; resolves when it is done, or closed. */
  async run(): Promise<void> {
    const { store, keptFor, purgeAnswers, purgeUsage, purgeCallbacks, eraseAudit, clock } =
      this.#options
    const now = clock()
    const tenants = await store.query<{ id: string; name: string }>(
      sql`select id, name from tenants order by id`,
    )
    for (const { id, name } of tenants) {
      const kept = keptFor(name)
      const { days, bodyDays } = kept
      if (bodyDays !== undefined) await this.#eraseTexts(id, daysBefore(now, bodyDays), now)
      if (days !== undefined) await this.#deleteMessages(id, daysBefore(now, days))
      await this.#eraseInbound(id, kept, now)
      if (days !== undefined) await this.#eraseAccountEvents(id, daysBefore(now, days))
    }
    await this.#deleteReceipts(new Date(now.getTime() - ORPHAN_MS))
    const keptWithoutOwner = keptFor(undefined)
    await this.#eraseInbound(null, keptWithoutOwner, now)
    const { days } = keptWithoutOwner
    if (days !== undefined) await this.#deleteRefused(daysBefore(now, days))
    await this.#purge('usage', purgeUsage, now)
    await this.#purge('callbacks', purgeCallbacks, now)
    if (this.#isClosed) return
    if (purgeAnswers) this.#tell('answers', await purgeAnswers(now))
    await this.#purge('audit_entries', eraseAudit, now)
    if (this.#isClosed) return
    await this.#reseal()
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  #runAfter(waitMs: number): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => {
      this.#running = this.run()
        .catch((error: unknown) => {
          this.#options.logger.error({ error: messageOf(error) }, 'cannot erase what is over')
        })
        .then(() => this.#runAfter(RUN_EVERY_MS))
    }, waitMs).unref()
  }

  async #eraseTexts(tenantId: string, before: Date, now: Date): Promise<void> {
    await this.#batches('texts', async () => {
      const rows = await this.#options.store.query(sql`
        update messages set body = '', template = null, mail = null, fallback = null, octets = null, pass_through = null, body_erased_at = ${instant(now)}
        where id = any(array(
            select id from messages
            where tenant_id = ${tenantId} and final_at is not null and body_erased_at is null
              and final_at < ${instant(before)}
            order by final_at
            limit ${PAGE}))
          and final_at is not null
        returning id`)
      return { erased: rows.length, isLast: rows.length < PAGE }
    })
  }

  /** The messages of handsets that a tenant has got; null: those that no route has brought to anybody. */
  async #eraseInbound(
    tenantId: string | null,
    { days, bodyDays }: KeptFor,
    now: Date,
  ): Promise<void> {
    const owner = sql`m.tenant_id is not distinct from ${tenantId}::text::uuid`
    if (bodyDays !== undefined) {
      await this.#batches('inbound_texts', async () => {
        const rows = await this.#options.store.query(sql`
          update inbound_messages set body = '', pdus = '[]', body_erased_at = ${instant(now)}
          where id = any(array(
            select m.id from inbound_messages m
            where ${owner} and m.body_erased_at is null
              and m.received_at < ${instant(daysBefore(now, bodyDays))} and ${NOBODY_WAITS}
            order by m.received_at
            limit ${PAGE}))
          returning id`)
        return { erased: rows.length, isLast: rows.length < PAGE }
      })
    }
    if (days === undefined) return
    await this.#batches('inbound_messages', async () => {
      const rows = await this.#options.store.query<{ id: string }>(sql`
        with gone as (
          delete from inbound_messages
          where id = any(array(
            select m.id from inbound_messages m
            where ${owner} and m.received_at < ${instant(daysBefore(now, days))} and ${NOBODY_WAITS}
            order by m.received_at
            limit ${PAGE}))
          returning id
        ), told as (
          delete from outbox o using gone where o.subject_id = gone.id
        )
        select id from gone`)
      return { erased: rows.length, isLast: rows.length < PAGE }
    })
  }

  /** What a tenant was told of its account belongs to no message that it could go with. */
  async #eraseAccountEvents(tenantId: string, before: Date): Promise<void> {
    await this.#batches('account_events', async () => {
      const rows = await this.#options.store.query(sql`
        delete from outbox where id = any(array(
          select id from outbox
          where subject_id = ${tenantId} and state <> 'waiting' and created_at < ${instant(before)}
          limit ${PAGE}))
        returning id`)
      return { erased: rows.length, isLast: rows.length < PAGE }
    })
  }

  /** Goes along the ids, which sort by acceptance: nothing that ended before is younger. */
  async #deleteMessages(tenantId: string, before: Date): Promise<void> {
    let last = FIRST_ID
    await this.#batches('messages', async () => {
      const rows = await this.#options.store.query<{ id: string; is_over: boolean }>(sql`
        select m.id, m.final_at is not null and m.final_at < ${instant(before)}
          and ${NOBODY_WAITS} as is_over
        from messages m
        where m.tenant_id = ${tenantId} and m.id > ${last}::text::uuid
          and m.id < ${firstIdAt(before)}::text::uuid
        order by m.id
        limit ${PAGE}`)
      last = rows.at(-1)?.id ?? last
      const over = rows.filter(({ is_over }) => is_over).map(({ id }) => id)
      const erased = over.length > 0 ? await this.#deleteAll(over, before) : 0
      return { erased, isLast: rows.length < PAGE }
    })
  }

  /** What has changed since it was looked at stays. */
  async #deleteAll(ids: readonly string[], before: Date): Promise<number> {
    const [row] = await this.#options.store.query<{ count: number }>(sql`
      with gone as (
        delete from messages m
        where m.id = any(${textArray(ids)}::text::uuid[]) and m.final_at < ${instant(before)}
          and ${NOBODY_WAITS}
        returning m.id
      ), submits as (
        delete from attempts a using gone where a.message_id = gone.id
      ), timeline as (
        delete from events e using gone where e.message_id = gone.id
      ), feedback as (
        delete from message_feedback f using gone where f.message_id = gone.id
      ), told as (
        delete from outbox o using gone where o.subject_id = gone.id and o.state <> 'waiting'
      )
      select count(*)::int4 as count from gone`)
    return row?.count ?? 0
  }

  /** Receipts that belong to nothing of ours. */
  async #deleteReceipts(before: Date): Promise<void> {
    await this.#batches('receipts', async () => {
      const rows = await this.#options.store.query(sql`
        delete from receipts
        where id = any(array(
          select id from receipts where id < ${firstIdAt(before)}::text::uuid
          order by id limit ${PAGE}))
        returning id`)
      return { erased: rows.length, isLast: rows.length < PAGE }
    })
  }

  async #deleteRefused(before: Date): Promise<void> {
    await this.#batches('refused_entries', async () => {
      const rows = await this.#options.store.query(sql`
        delete from journal_refused
        where id = any(array(
          select id from journal_refused where id < ${firstIdAt(before)}::text::uuid
          order by id limit ${PAGE}))
        returning id`)
      return { erased: rows.length, isLast: rows.length < PAGE }
    })
  }

  /** @param purge - erases a batch; undefined: there is nothing of the kind */
  async #purge(
    what: Erased,
    purge: ((now: Date) => Promise<number>) | undefined,
    now: Date,
  ): Promise<void> {
    if (!purge) return
    await this.#batches(what, async () => {
      const erased = await purge(now)
      return { erased, isLast: erased === 0 }
    })
  }

  async #reseal(): Promise<void> {
    const { store, logger } = this.#options
    const { rows, unreadable } = await reseal(store, () => this.#pause())
    if (rows > 0) logger.info({ rows }, 'sealed what was stored with the active encryption key')
    if (unreadable > 0) logger.error({ rows: unreadable }, 'damaged rows: no key opens them')
  }

  async #batches(
    what: Erased,
    batch: () => Promise<{ erased: number; isLast: boolean }>,
  ): Promise<void> {
    let isOver = this.#isClosed
    while (!isOver) {
      const { erased, isLast } = await batch()
      this.#tell(what, erased)
      isOver = isLast || (await this.#pause())
    }
  }

  #tell(what: Erased, count: number): void {
    if (count > 0) this.#options.onErased?.(what, count)
  }

  /** True when it is closed. */
  async #pause(): Promise<boolean> {
    if (this.#pauseMs > 0) {
      await sleep(this.#pauseMs, undefined, { signal: this.#closing.signal }).catch(() => {})
    }
    return this.#isClosed
  }
}

function daysBefore(now: Date, days: number): Date {
  return new Date(now.getTime() - days * DAY_MS)
}

function instant(at: Date) {
  return sql`${at.toISOString()}::text::timestamptz`
}
