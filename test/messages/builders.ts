import { sql } from 'drizzle-orm'
import { uuidv7 } from 'uuidv7'
import { Ledger } from '../../src/billing/ledger.ts'
import type { CarrierOutcome } from '../../src/messages/carrier-outcome.ts'
import type {
  AcceptedEntry,
  Effects,
  Ending,
  JournalEntry,
  MovedEntry,
  ReceiptEntry,
  ReplacedEntry,
  SegmentAnswer,
  SubmittingEntry,
} from '../../src/messages/journal.ts'
import { type LiveMessage, LiveMessages } from '../../src/messages/live.ts'
import type { Message } from '../../src/messages/message.ts'
import type { CarrierCost } from '../../src/messages/message-cost.ts'
import { ReceiptMatcher } from '../../src/messages/receipt-matcher.ts'
import { owesReceipt } from '../../src/messages/recipients.ts'
import { Spool } from '../../src/messages/spool.ts'
import { TableWriter } from '../../src/messages/table-writer.ts'
import { loadMessages } from '../../src/messages/tables.ts'
import type { Telling } from '../../src/messages/telling.ts'
import { type TimelineLine, timelineOf } from '../../src/messages/timeline.ts'
import { type RecipientsFor, Tracker } from '../../src/messages/tracker.ts'
import type { Store } from '../../src/store/open.ts'
import type { attempts } from '../../src/store/schema/attempts.ts'
import type { messages } from '../../src/store/schema/messages.ts'
import type { outbox } from '../../src/store/schema/outbox.ts'
import type { receipts } from '../../src/store/schema/receipts.ts'
import { keepingLogger } from './keeping-logger.ts'

export const TENANT = '01890000-0000-7000-8000-000000000001'

/** A message that waits is given another text, `x`, with the same segments and price. */
export function replaced(message: Message, more: Partial<ReplacedEntry> = {}): ReplacedEntry {
  return {
    kind: 'replaced',
    message,
    at: message.createdAt,
    to: 'queued',
    text: 'x',
    encoding: message.encoding,
    segments: message.segments,
    priceMicros: message.priceMicros,
    priceCurrency: message.priceCurrency,
    carrier: message.carrier,
    sendAt: message.sendAt,
    expiresAt: message.expiresAt,
    dueAt: null,
    events: [],
    octets: null,
    registeredDelivery: message.registeredDelivery,
    costMicros: message.costMicros,
    costCurrency: message.costCurrency,
    carrierDeckVersion: message.carrierDeckVersion,
    tenantDeckVersion: message.tenantDeckVersion,
    ...more,
  }
}

/** A message of one segment that waits for carrier `alpha`. */
export function testMessage(more: Partial<Message> = {}): Message {
  const createdAt = more.createdAt ?? new Date()
  const expiresAt = new Date(createdAt.getTime() + 72 * 3_600_000)
  return {
    id: uuidv7(),
    tenantId: TENANT,
    source: 'rest',
    partner: null,
    partnerMessageId: null,
    channel: 'sms',
    to: '+447700900123',
    from: 'ACME',
    template: null,
    mail: null,
    text: 'Hello',
    raw: null,
    passThrough: null,
    registeredDelivery: 0,
    encoding: 'gsm7',
    requestedEncoding: 'auto',
    segments: 1,
    maxSegments: null,
    trafficClass: 'transactional',
    tags: [],
    expectsReply: false,
    clientReference: null,
    callbackUrl: null,
    country: 'GB',
    priceMicros: 35_000n,
    priceCurrency: 'EUR',
    costMicros: 35_000n,
    costCurrency: 'EUR',
    carrierDeckVersion: 0,
    tenantDeckVersion: null,
    createdAt,
    sendAt: null,
    expiresAt,
    replayOf: null,
    status: 'queued',
    carrier: 'alpha',
    attempt: 0,
    failures: 0,
    errorCode: null,
    errorDetail: null,
    updatedAt: createdAt,
    finalAt: null,
    dueAt: null,
    deadlineAt: expiresAt,
    deadLetter: null,
    replayedAs: null,
    heldBy: null,
    charging: null,
    network: null,
    fallback: null,
    fallbackAt: null,
    fallbackAs: null,
    fallbackOf: null,
    ...more,
  }
}

/** What a carrier charges, where a test does not care. */
export const COST: CarrierCost = { micros: 35_000n, currency: 'EUR', deckVersion: 0 }

/** A message of a partner that wants every final receipt. */
export function partnerMessage(more: Partial<Message> = {}): Message {
  return testMessage({ source: 'smpp', partner: 'acme', registeredDelivery: 1, ...more })
}

export function accepted(message: Message): AcceptedEntry {
  const { id: messageId, createdAt: at } = message
  return {
    kind: 'accepted',
    message,
    events: [{ messageId, at, type: 'accepted', status: 'accepted' }],
  }
}

export function submitting(
  message: Message,
  more: Partial<Omit<SubmittingEntry, 'kind' | 'message'>> = {},
): SubmittingEntry {
  return {
    kind: 'submitting',
    message,
    carrier: message.carrier,
    attempt: 1,
    segmentCount: message.segments,
    replacements: [],
    at: new Date(),
    deadlineAt: new Date(Date.now() + 72 * 3_600_000),
    ...more,
  }
}

/** The carrier's `yes` to segments, with the ids it gave them. */
export function ids(...carrierMessageIds: readonly string[]): SegmentAnswer[] {
  return carrierMessageIds.map((id, index) => ({
    segment: index + 1,
    state: 'sent',
    carrierMessageId: id,
    matchKey: id.toLowerCase(),
    code: null,
    rawCode: null,
  }))
}

export function moved(
  message: Message,
  to: MovedEntry['to'],
  more: Partial<Omit<MovedEntry, 'kind' | 'message' | 'to'>> = {},
): MovedEntry {
  const at = more.at ?? new Date()
  const attempt = more.attempt ?? 1
  return {
    kind: 'moved',
    message,
    to,
    at,
    carrier: message.carrier,
    attempt,
    answers: [],
    events: [{ messageId: message.id, at, type: 'response', status: to, attempt }],
    errorCode: null,
    errorDetail: null,
    failures: message.failures,
    dueAt: null,
    deadlineAt: message.deadlineAt,
    deadLetter: null,
    ...more,
  }
}

const SETTLES: Readonly<Record<string, ReceiptEntry['settles']>> = {
  DELIVERED: 'delivered',
  UNDELIVERABLE: 'undelivered',
  REJECTED: 'undelivered',
  EXPIRED: 'expired',
}

/** A receipt of carrier `alpha`. */
export function receipt(
  carrierMessageId: string,
  state: string,
  more: Partial<Omit<ReceiptEntry, 'kind'>> = {},
): ReceiptEntry {
  return {
    kind: 'receipt',
    id: uuidv7(),
    carrier: 'alpha',
    carrierMessageId,
    matchKeys: [carrierMessageId.toLowerCase()],
    state,
    settles: SETTLES[state] ?? null,
    rawError: null,
    rawText: state,
    receivedAt: new Date(),
    ...more,
  }
}

/** How a {@link Journal} is made. */
export interface JournalOptions {
  readonly node?: string
  readonly maxKept?: number
  readonly gatherMs?: number
  readonly ledger?: Ledger
  /** Who is told of an event; partners of what they are owed, by default. */
  readonly recipientsFor?: RecipientsFor
}

const partnersOnly: RecipientsFor = (message, status) =>
  owesReceipt(message, status) ? [{ recipient: `partner:${message.partner}`, url: null }] : []

/** What entries have brought about. */
export interface Came {
  readonly endings: readonly Ending[]
  readonly tellings: readonly Telling[]
}

/** The life of messages from the journal to the tables, with nothing in front or behind. */
export class Journal {
  readonly node: string
  readonly logger = keepingLogger()
  readonly store: Store
  readonly live: LiveMessages
  readonly tracker: Tracker
  readonly spool: Spool
  readonly tables: TableWriter
  readonly ledger: Ledger
  readonly matcher: ReceiptMatcher
  /** All that entries have brought about. */
  /** Told what receipts say of carriers. */
  onOutcome: (outcome: CarrierOutcome) => void = () => {}
  readonly effects: { endings: Ending[]; tellings: Telling[] } = { endings: [], tellings: [] }

  /** Told of messages that are lost by their receipts, unless a rule says otherwise. */
  onUndecided: (lost: Effects['undecided']) => void = () => {}

  /** Told after every commit. */
  onWritten: () => void = () => {}

  /** @param node - the process; another one for a start after a crash */
  constructor(store: Store, options: JournalOptions = {}) {
    const {
      node = 'test',
      gatherMs,
      recipientsFor = partnersOnly,
      ledger = new Ledger(),
      ...more
    } = options
    const { logger } = this
    this.store = store
    this.node = node
    this.live = new LiveMessages(more)
    this.ledger = ledger
    const { live } = this
    this.tracker = new Tracker({
      live,
      recipientsFor,
    })
    this.spool = new Spool({ store, logger, node, onCommit: (batch) => this.#onCommit(batch) })
    this.tables = new TableWriter({
      store,
      live,
      ledger: this.ledger,
      node,
      logger,
      committedSeq: () => this.spool.committedSeq,
      ...(gatherMs === undefined ? {} : { gatherMs }),
    })
    this.matcher = new ReceiptMatcher({
      store,
      live,
      tracker: this.tracker,
      onEffects: (effects) => this.onEffects(effects),
      logger,
    })
  }

  /** Opens it on a database without an earlier run. */
  static async open(store: Store, options: JournalOptions = {}): Promise<Journal> {
    const journal = new Journal(store, options)
    await store.query(sql`delete from nodes`)
    await store.query(sql`insert into nodes (id, started_at) values (${journal.node}, now())`)
    await store.query(sql`delete from journal`)
    return journal
  }

  /** Writes entries, one commit each, brings them into the tables, and gives what came of it. */
  write(...entries: readonly JournalEntry[]): Promise<Came> {
    return this.#noting(async () => {
      for (const entry of entries) await this.#commit(entry)
    })
  }

  /** As {@link write}, with one commit for all. */
  batch(...entries: readonly JournalEntry[]): Promise<Came> {
    return this.#noting(() => this.#commit(...entries))
  }

  /** What the tables alone know is brought into memory, as those do who work on a message. */
  async #commit(...entries: readonly JournalEntry[]): Promise<void> {
    const needed = entries.flatMap((entry) => ('message' in entry ? [entry.message.id] : []))
    // As the dispatcher does: what somebody works on stays in memory. What is there is held before
    // anything is awaited: else it might leave while it is looked for in tables that lack it still.
    const held = this.#hold(needed)
    const missing = needed.filter((id) => !this.live.get(id))
    for (const { message, attempts } of await loadMessages(this.store, missing)) {
      this.live.adopt(message, attempts)
    }
    held.push(...this.#hold(missing))
    await this.spool.write(...entries)
    for (const live of held) this.live.letGo(live)
  }

  /** Keeps those in memory that are there and nobody holds; gives them. */
  #hold(ids: readonly string[]): LiveMessage[] {
    const free = ids.flatMap((id) => this.live.get(id) ?? []).filter(({ isHeld }) => !isHeld)
    for (const live of free) this.live.hold(live)
    return free
  }

  async #noting(write: () => Promise<void>): Promise<Came> {
    const { endings, tellings } = this.effects
    const [endingsBefore, tellingsBefore] = [endings.length, tellings.length]
    await write()
    await this.settled()
    return { endings: endings.slice(endingsBefore), tellings: tellings.slice(tellingsBefore) }
  }

  /** Resolves when receipts are matched and the tables hold everything. */
  async settled(): Promise<void> {
    await this.matcher.settled()
    await this.tables.flush()
  }

  /** Accepts a message and writes its first submit with the carrier's answer. */
  sent(message: Message, ...carrierMessageIds: readonly string[]): Promise<Came> {
    return this.write(
      accepted(message),
      submitting(message),
      moved(message, 'sent', { answers: ids(...carrierMessageIds) }),
    )
  }

  /** Writes what there is and stops. */
  async close(): Promise<void> {
    await this.matcher.close()
    await this.spool.close()
    await this.tables.close()
  }

  onEffects(effects: Effects): void {
    this.effects.endings.push(...effects.endings)
    this.effects.tellings.push(...effects.tellings)
    for (const outcome of effects.outcomes) this.onOutcome(outcome)
    this.onUndecided(effects.undecided)
    this.matcher.offer(effects.unmatched)
  }

  #onCommit(batch: readonly JournalEntry[]): void {
    this.onEffects(this.tracker.apply(batch))
    this.tables.wake()
    this.onWritten()
  }
}

type MessageRow = typeof messages.$inferSelect
type AttemptRow = typeof attempts.$inferSelect
type OutboxRow = typeof outbox.$inferSelect
type ReceiptRow = typeof receipts.$inferSelect

/** The row of a message, as the database gives it. */
export async function messageRow(store: Store, { id }: { id: string }): Promise<MessageRow> {
  const [row] = await store.query<MessageRow>(sql`select * from messages where id = ${id}`)
  if (!row) throw new Error(`no message ${id}`)
  return row
}

export function attemptRows(store: Store, { id }: { id: string }): Promise<AttemptRow[]> {
  return store.query(sql`select * from attempts where message_id = ${id} order by attempt, segment`)
}

/** The timeline of a message, oldest line first. */
export async function eventRows(store: Store, { id }: { id: string }): Promise<TimelineLine[]> {
  return timelineOf(
    await store.query<{ lines: unknown }>(
      sql`select lines from events where message_id = ${id} order by id`,
    ),
  )
}

export function receiptRows(store: Store): Promise<ReceiptRow[]> {
  return store.query(sql`select * from receipts order by id`)
}

export function outboxRows(store: Store): Promise<OutboxRow[]> {
  return store.query(sql`select * from outbox order by id`)
}
