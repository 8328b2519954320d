import { sql } from 'drizzle-orm'
import { Turns } from '../core/turns.ts'
import type { RouteCandidate } from '../routing/decision.ts'
import { decisionOf, isDecisionRecord } from '../routing/decision-record.ts'
import type { Store } from '../store/open.ts'
import type { Message } from './message.ts'
import type { Routes } from './routes.ts'
import type { TableWriter } from './table-writer.ts'
import { loadMessages } from './tables.ts'
import { type TimelineLine, timelineOf } from './timeline.ts'

/** Which decisions are made again. */
export interface RehearsalRange {
  readonly since: Date
  readonly until: Date
  /** Messages at most, the earliest first. */
  readonly limit: number
}

/** Money and deliveries of the first candidates of decisions, in millionths of the base currency. */
export interface RehearsalSums {
  readonly cost: number
  /** What the tenants were charged, less that cost. */
  readonly margin: number
  /** Messages that would be delivered, by what was known of the carriers. */
  readonly delivered: number
}

/** What other carriers, rates or routes would have changed. */
export interface RehearsalReport {
  readonly messages: number
  /** Decisions that were made again; a message that was routed again has several. */
  readonly decisions: number
  readonly same: number
  readonly moved: readonly { readonly from: string; readonly to: string; readonly count: number }[]
  /** Decisions that nobody could have taken. */
  readonly unroutable: number
  /** Decisions that cannot be made again: of an older version, or the text or the number is erased. */
  readonly skipped: number
  readonly before: RehearsalSums
  readonly after: RehearsalSums
}

const PAGE = 500
/** Decisions made in one turn of the event loop. */
const SLICE = 50

/** Makes past decisions again, by other routes, and counts what would have been different. */
export class Rehearsal {
  readonly #store: Store
  readonly #tables: TableWriter

  constructor(store: Store, tables: TableWriter) {
    this.#store = store
    this.#tables = tables
  }

  /** @param worthOf - what a unit of a currency is worth in the base currency */
  async run(
    routes: Routes,
    { since, until, limit }: RehearsalRange,
    worthOf: (currency: string) => number,
  ): Promise<RehearsalReport> {
    await this.#tables.flush()
    const count = new Count(routes, worthOf)
    const turns = new Turns()
    let after = firstId(since)
    const end = firstId(until)
    while (count.messages < limit) {
      const most = Math.min(PAGE, limit - count.messages)
      const ids = await this.#idsAfter(after, end, most)
      const last = ids.at(-1)
      if (last === undefined) break
      after = last
      const [stored, timelines] = await Promise.all([
        loadMessages(this.#store, ids),
        this.#timelinesOf(ids),
      ])
      for (const [index, { message }] of stored.entries()) {
        if (index % SLICE === 0) await turns.next()
        count.take(message, timelines.get(message.id) ?? [])
      }
    }
    return count.report()
  }

  async #idsAfter(after: string, end: string, most: number): Promise<string[]> {
    const rows = await this.#store.query<{ id: string }>(sql`
      select id from messages where id > ${after}::uuid and id < ${end}::uuid order by id limit ${most}`)
    return rows.map(({ id }) => id)
  }

  async #timelinesOf(ids: readonly string[]): Promise<Map<string, TimelineLine[]>> {
    const rows = await this.#store.query<{ message_id: string; lines: unknown }>(sql`
      select message_id, lines from events
      where message_id >= ${ids[0]}::uuid and message_id <= ${ids.at(-1)}::uuid
      order by message_id, id`)
    const found = new Map<string, TimelineLine[]>()
    for (const row of rows) {
      const lines = found.get(row.message_id) ?? []
      lines.push(...timelineOf([row]))
      found.set(row.message_id, lines)
    }
    return found
  }
}

class Count {
  messages = 0
  readonly #routes: Routes
  readonly #worthOf: (currency: string) => number
  readonly #moved = new Map<string, { from: string; to: string; count: number }>()
  readonly #before = { cost: 0, margin: 0, delivered: 0 }
  readonly #after = { cost: 0, margin: 0, delivered: 0 }
  #decisions = 0
  #same = 0
  #unroutable = 0
  #skipped = 0

  constructor(routes: Routes, worthOf: (currency: string) => number) {
    this.#routes = routes
    this.#worthOf = worthOf
  }

  take(message: Message, timeline: readonly TimelineLine[]): void {
    this.messages++
    for (const { type, at, detail } of timeline) {
      if (type !== 'routed') continue
      this.#decisions++
      this.#takeOne(message, at, detail as object | null)
    }
  }

  #takeOne(message: Message, at: Date, detail: object | null): void {
    const then = isDecisionRecord(detail) ? decisionOf(detail) : undefined
    const isErased = message.text === '' && message.raw === null
    const now = then && !isErased ? this.#routes.replay(then, message, at) : undefined
    const [chosen] = then?.candidates ?? []
    if (!chosen || !now) {
      this.#skipped++
      return
    }
    const price = Number(message.priceMicros) * this.#worthOf(message.priceCurrency)
    add(this.#before, chosen, price)
    const [other] = now.candidates
    if (!other) {
      this.#unroutable++
      return
    }
    add(this.#after, other, price)
    if (other.carrier === chosen.carrier) this.#same++
    else this.#noteMove(chosen.carrier, other.carrier)
  }

  #noteMove(from: string, to: string): void {
    const key = `${from}\n${to}`
    const known = this.#moved.get(key)
    if (known) known.count++
    else this.#moved.set(key, { from, to, count: 1 })
  }

  report(): RehearsalReport {
    return {
      messages: this.messages,
      decisions: this.#decisions,
      same: this.#same,
      moved: [...this.#moved.values()].sort((a, b) => b.count - a.count),
      unroutable: this.#unroutable,
      skipped: this.#skipped,
      before: this.#before,
      after: this.#after,
    }
  }
}

function add(
  sums: { cost: number; margin: number; delivered: number },
  { cost, success }: RouteCandidate,
  price: number,
): void {
  sums.cost += cost
  sums.margin += price - cost
  sums.delivered += success
}

/** The lowest id that a message of this instant may have: ids begin with it, RFC 9562 section 5.7. */
function firstId(at: Date): string {
  const hex = Math.max(0, at.getTime()).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`
}
