import { sql } from 'drizzle-orm'
import type { BalanceChange } from '../billing/balance-watch.ts'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { newId } from '../core/id.ts'
import type { Logger } from '../core/logger.ts'
import { formatMicros } from '../core/money.ts'
import type { Store } from '../store/open.ts'
import { untold } from './live.ts'
import { type FreshTelling, insertTellings } from './table-statements.ts'
import { type BalancePayload, type TellingRecipient, tellingId } from './telling.ts'

/** What a {@link BalanceNotices} is built with. */
export interface BalanceNoticesOptions {
  readonly store: Store
  /** Who is told that a tenant's balance is low. */
  readonly recipientsFor: (tenantId: string) => readonly TellingRecipient[]
  readonly tenantName: (tenantId: string) => string
  /** There is something in the outbox for this recipient. */
  readonly onTold: (recipient: string) => void
  readonly logger: Logger
  readonly clock: Clock
}

/** Rest after the database did not take a change. */
const RETRY_MS = 1_000

interface Noted {
  readonly change: BalanceChange
  readonly at: Date
  /** The same for every try to write it. */
  readonly eventId: string
}

/**
 * Keeps what was told of accounts that run low, so that a start does not tell it again, and tells the tenant's own
 * webhooks: the mark and what is to be told go in one statement, so that each fall is told exactly once.
 */
export class BalanceNotices {
  readonly #options: BalanceNoticesOptions
  readonly #waiting: Noted[] = []
  #writing: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: BalanceNoticesOptions) {
    this.#options = options
  }

  /** Keeps a change; they are written in their order, each as often as it takes. */
  keep(change: BalanceChange): void {
    this.#waiting.push({ change, at: this.#options.clock(), eventId: newId() })
    if (!this.#timer) this.#begin()
  }

  /** Writes what waits, once more where that has failed. */
  async close(): Promise<void> {
    await this.#writing
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#waiting.length > 0) await this.#writeAll()
    clearTimeout(this.#timer)
  }

  #begin(): void {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined
    })
  }

  async #writeAll(): Promise<void> {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      try {
        await this.#write(next)
        this.#waiting.shift()
      } catch (error) {
        const { tenantId, state } = next.change
        this.#options.logger.error(
          { tenantId, state, error: messageOf(error) },
          'cannot keep what was told of a balance, will try again; a start before that tells it again',
        )
        this.#timer = setTimeout(() => {
          this.#timer = undefined
          this.#begin()
        }, RETRY_MS).unref()
        return
      }
    }
  }

  async #write(noted: Noted): Promise<void> {
    const { store, onTold } = this.#options
    const { tenantId, currency, state, isIn } = noted.change
    if (!isIn) {
      await store.query(sql`
        delete from balance_alerts
        where tenant_id = ${tenantId} and currency = ${currency} and state = ${state}`)
      return
    }
    const at = noted.at.toISOString()
    const tellings = this.#tellingsOf(noted)
    // What finds the mark there has been written before, though its answer was lost.
    await store.query(sql`
      with guard as (
        insert into balance_alerts (tenant_id, currency, state, told_at)
        values (${tenantId}, ${currency}, ${state}, ${at}::text::timestamptz)
        on conflict do nothing returning 1
      ), told as (${insertTellings(tellings, store.cipher)})
      select 1 from guard`)
    for (const { recipient } of tellings) onTold(recipient)
  }

  #tellingsOf({ change, at, eventId }: Noted): FreshTelling[] {
    const { tenantId, currency, state, balance, available, lowMicros } = change
    if (state !== 'low' || lowMicros === undefined) return []
    const { recipientsFor, tenantName } = this.#options
    const payload: BalancePayload = {
      tenant: tenantName(tenantId),
      currency,
      balance: formatMicros(balance),
      available: formatMicros(available),
      threshold: formatMicros(lowMicros),
      fellAt: at.toISOString(),
    }
    return recipientsFor(tenantId).map(({ recipient, url }) => {
      const id = tellingId(eventId, 0, recipient)
      const about = { id, recipient, url, tenantId, subjectId: tenantId, tries: 0 }
      const fresh = { telling: { ...about, event: 'balance.low', payload } as const, createdAt: at }
      return { ...untold(fresh.telling, fresh), fresh }
    })
  }
}
