import type { Booked, Booking } from '../billing/booking.ts'
import type { FailureCode } from '../core/failure-code.ts'
import type { KeptEntry, ReceiptEntry, TimelineEvent, ToldEntry } from './journal.ts'
import type { Message } from './message.ts'
import { changedAt, standsBooked, takeBookings } from './message-bookings.ts'
import { PartnerIndex } from './partner-index.ts'
import { isFinal, type MessageStatus, type SegmentState } from './states.ts'
import type { Telling, TellingTry } from './telling.ts'
import { recipientDigits } from './unknown-receipt.ts'

/** One submit of one segment to one carrier; the row in `attempts` holds the same. */
export interface Attempt {
  readonly messageId: string
  readonly attempt: number
  readonly segment: number
  readonly carrier: string
  readonly submittedAt: Date
  state: SegmentState
  carrierMessageId: string | null
  matchKey: string | null
  code: FailureCode | null
  rawCode: string | null
  answeredAt: Date | null
  receiptAt: Date | null
  /** Its parts that are not delivered yet; null: nothing was told of parts. */
  openParts: readonly number[] | null
  /** What the carrier charges for the segment if it takes it. */
  readonly costMicros: bigint
  readonly costCurrency: string
  /** See {@link Message.carrierDeckVersion}. */
  readonly carrierDeckVersion: number
  /** The state that its row has; undefined: it has no row yet. */
  storedState: SegmentState | undefined
  /** The ledger says what its carrier is owed for it. */
  isOwed: boolean
}

/** What the tables do not hold yet of a message. */
export interface Unsaved {
  readonly events: TimelineEvent[]
  readonly attempts: Set<Attempt>
  /** Numbers of the replacements that the row lacks: for these text, price or times are others than it has. */
  readonly replacements: number[]
  /** The template that another text has taken it from, and the currency of its price then; undefined: none. */
  left: { readonly template: string; readonly currency: string } | undefined
  /** The cost is another than the row has. */
  hasNewCost: boolean
}

/** A message as memory or the tables have it. */
export type KnownMessage = Pick<LiveMessage, 'message'> & {
  readonly attempts: readonly Attempt[]
}

/** A message with what is known of its submits. */
export interface LiveMessage {
  readonly message: Message
  readonly attempts: Attempt[]
  /** The status that its row has; undefined: it has no row yet. */
  storedStatus: MessageStatus | undefined
  /** The segments that its row has; 0: it has no row yet. */
  storedSegments: number
  /** What the row lacks; undefined: nothing. It is written soon; what the database has refused, with the next change. */
  unsaved: Unsaved | undefined
  /** How often it was replaced while it is in memory: the number of the latest replacement. */
  replacements: number
  /** What the ledger says of it; undefined: nothing. */
  booked: Booked | undefined
  /** True while the dispatcher works on it: it stays in memory, and its row says whose it is. */
  isHeld: boolean
  /** True while something is journalled that follows from it: it stays in memory. */
  isPinned: boolean
  /** The receipt that says that its present submit is lost, while it is in memory. */
  failedReceipt: ReceiptEntry | undefined
}

/** A submit whose outcome is unknown, with its message. */
export interface UncertainAttempt {
  readonly attempt: Attempt
  readonly message: Message
}

/** Where the outbox stands with one telling. */
export interface TellingRecord {
  readonly id: string
  readonly recipient: string
  /** What its row is to hold; null once it has one. */
  readonly fresh: { readonly telling: Telling; readonly createdAt: Date } | null
  state: 'waiting' | 'done' | 'dead'
  dueAt: Date | null
  tries: number
  /** Tries that the row does not hold yet. */
  readonly log: TellingTry[]
}

/** Everything that is to be written to the tables, as of one moment. */
export interface Snapshot {
  readonly messages: readonly MessageChange[]
  readonly tellings: readonly TellingRecord[]
  readonly newOrphans: readonly ReceiptEntry[]
  /** Ids of rows in `receipts` that have found their message. */
  readonly adoptedOrphans: readonly string[]
  readonly answers: readonly KeptEntry[]
  /** Lines of the ledger that belong to no message. */
  readonly bookings: readonly (readonly Booking[])[]
}

/** One message of a {@link Snapshot}; what may still change is copied. */
export interface MessageChange {
  readonly live: LiveMessage
  /** The status the row must have; undefined: the row is to be made. */
  readonly storedStatus: MessageStatus | undefined
  readonly row: Message
  readonly isHeld: boolean
  /** When it, or one of its segments, has changed last: the time of {@link bookings}. */
  readonly at: Date
  /** See {@link Unsaved.replacements}. */
  readonly replacements: readonly number[]
  /** See {@link Unsaved.left}. */
  readonly left: Unsaved['left']
  /** The cost is another than the row has. */
  readonly hasNewCost: boolean
  readonly events: readonly TimelineEvent[]
  readonly newAttempts: readonly Attempt[]
  readonly changedAttempts: readonly Attempt[]
  /** What the ledger says of it; undefined: nothing. */
  readonly before: Booked | undefined
  /** Lines of the ledger that follow on that. */
  readonly bookings: readonly Booking[]
  /** Parts of its price that they charge. */
  readonly charged: number
  /** Segments that it has more than its row. */
  readonly addedSegments: number
}

/** Messages kept for the receipts they still wait for; older ones are found in the tables. */
const MAX_KEPT = 50_000

/** Receipts without a submit that are kept in memory. */
const MAX_ORPHANS = 10_000

/**
 * The messages that are in motion: those that the tables do not fully hold yet, those the dispatcher
 * works on, and the latest that wait for a receipt. What it says is newer than the tables.
 */
export class LiveMessages {
  readonly #messages = new Map<string, LiveMessage>()
  #unsaved = new Set<LiveMessage>()
  /** Those of a snapshot that is on its way into the tables: their rows are older. */
  #writing = new Set<LiveMessage>()
  /** For each read of the tables under way: what has left memory since it began. */
  readonly #reads = new Set<Set<string>>()
  /** What partners may ask for by their own ids, and by number. */
  readonly #ofPartners = new PartnerIndex<LiveMessage>()
  /** Newest submit by carrier and id. */
  readonly #byKey = new Map<string, Attempt>()
  readonly #tellings = new Map<string, TellingRecord>()
  readonly #orphans = new Map<string, ReceiptEntry>()
  readonly #orphansByKey = new Map<string, ReceiptEntry[]>()
  readonly #orphansByRecipient = new Map<string, Set<ReceiptEntry>>()
  /** Submits whose outcome is unknown, by carrier and recipient. */
  readonly #uncertain = new Map<string, Set<Attempt>>()
  #newOrphans = new Map<string, ReceiptEntry>()
  #adoptedOrphans = new Set<string>()
  #newAnswers = new Map<string, KeptEntry>()
  /** Those that are on their way into their table. */
  #writtenAnswers = new Map<string, KeptEntry>()
  #newBookings: (readonly Booking[])[] = []
  readonly #maxKept: number

  constructor(options: { readonly maxKept?: number } = {}) {
    this.#maxKept = options.maxKept ?? MAX_KEPT
  }

  get size(): number {
    return this.#messages.size
  }

  /** Messages and tellings that the tables do not fully hold. */
  get unsavedCount(): number {
    return (
      this.#unsaved.size +
      this.#tellings.size +
      this.#newOrphans.size +
      this.#adoptedOrphans.size +
      this.#newAnswers.size +
      this.#newBookings.length
    )
  }

  /** Receipts that wait for their submit. */
  get orphanCount(): number {
    return this.#orphans.size
  }

  get(id: string): LiveMessage | undefined {
    return this.#messages.get(id)
  }

  /**
   * Messages by their ids, from memory or else as the tables have them; those that are nowhere are left out.
   *
   * @param load - reads rows; it may be asked again
   */
  async find(
    ids: readonly string[],
    load: (ids: readonly string[]) => Promise<readonly KnownMessage[]>,
  ): Promise<KnownMessage[]> {
    const stored = new Map<string, KnownMessage>()
    let missing = ids.filter((id) => !this.#messages.has(id))
    while (missing.length > 0) {
      const asked = missing
      const { result, left } = await this.reading(() => load(asked))
      for (const one of result) stored.set(one.message.id, one)
      missing = missing.filter((id) => left.has(id) && !this.#messages.has(id))
    }
    // What has come into memory meanwhile is newer there.
    return ids.flatMap((id) => this.#messages.get(id) ?? stored.get(id) ?? [])
  }

  /**
   * Reads the tables, and says which messages have left memory meanwhile: what was read of these may be older
   * than what they have left.
   */
  async reading<Result>(
    read: () => Promise<Result>,
  ): Promise<{ readonly result: Result; readonly left: ReadonlySet<string> }> {
    const left = new Set<string>()
    this.#reads.add(left)
    try {
      return { result: await read(), left }
    } finally {
      this.#reads.delete(left)
    }
  }

  /** A partner's messages with the id that it knows them by, in no order. */
  byPartnerId(partner: string, partnerMessageId: string): readonly LiveMessage[] {
    return this.#ofPartners.byPartnerId(partner, partnerMessageId)
  }

  /** A partner's messages to a number in E.164, in no order. */
  byRecipient(partner: string, to: string): readonly LiveMessage[] {
    return this.#ofPartners.byRecipient(partner, to)
  }

  /** Takes a message that has no row yet. */
  add(message: Message): LiveMessage {
    return this.#keep(message, [], undefined)
  }

  /** Takes what the tables say of a message, unless something newer is here. */
  adopt(message: Message, attempts: readonly Attempt[]): LiveMessage {
    const known = this.#messages.get(message.id)
    if (known) return known
    const live = this.#keep(message, [...attempts], message.status)
    for (const attempt of live.attempts) {
      this.index(attempt)
      if (attempt.state === 'uncertain') this.noteUncertain(attempt, message)
    }
    return live
  }

  #keep(
    message: Message,
    attempts: Attempt[],
    storedStatus: MessageStatus | undefined,
  ): LiveMessage {
    const live = {
      message,
      attempts,
      storedStatus,
      storedSegments: storedStatus === undefined ? 0 : message.segments,
      unsaved: undefined,
      replacements: 0,
      booked: storedStatus && standsBooked({ message, attempts }),
      isHeld: false,
      isPinned: false,
      failedReceipt: undefined,
    }
    this.#messages.set(message.id, live)
    this.#ofPartners.add(live)
    return live
  }

  /** Says that a message has changed; gives where to note what else is new. */
  touch(live: LiveMessage): Unsaved {
    live.unsaved ??= {
      events: [],
      attempts: new Set(),
      replacements: [],
      left: undefined,
      hasNewCost: false,
    }
    this.#unsaved.add(live)
    return live.unsaved
  }

  /** The dispatcher works on it from now on. */
  hold(live: LiveMessage): void {
    live.isHeld = true
  }

  /** The dispatcher works on it no longer; its row will say so. */
  letGo(live: LiveMessage): void {
    if (!live.isHeld) return
    live.isHeld = false
    if (this.#unsaved.has(live)) return
    if (isFinal(live.message.status)) this.#evictIfIdle(live)
    else this.touch(live)
  }

  /** It stays in memory, whoever else holds it. */
  pin(live: LiveMessage): void {
    live.isPinned = true
  }

  /** It may leave memory again, once its row has all that is known of it. */
  unpin(live: LiveMessage): void {
    live.isPinned = false
    this.touch(live)
  }

  /** Takes lines of the ledger that belong to no message: all of them are written, or none. */
  addBookings(...bookings: readonly Booking[]): void {
    this.#newBookings.push(bookings)
  }

  /** Makes a submit known by its carrier's id. */
  index(attempt: Attempt): void {
    if (attempt.matchKey === null) return
    const key = keyOf(attempt.carrier, attempt.matchKey)
    const known = this.#byKey.get(key)
    // Carriers use their ids again after some time; then the newest submit is meant.
    if (!known || known.submittedAt <= attempt.submittedAt) this.#byKey.set(key, attempt)
  }

  /** The submit that a receipt belongs to: the first of its keys that fits. */
  findSubmit(receipt: ReceiptEntry): Attempt | undefined {
    for (const matchKey of receipt.matchKeys) {
      const attempt = this.#byKey.get(keyOf(receipt.carrier, matchKey))
      if (attempt) return attempt
    }
    return undefined
  }

  /** The outcome of a submit is unknown: a receipt may have to be found by its recipient. */
  noteUncertain(attempt: Attempt, { to }: Message): void {
    addTo(this.#uncertain, recipientKey(attempt.carrier, to), attempt)
  }

  /** The outcome of a submit is known now. */
  forgetUncertain(attempt: Attempt, { to }: Message): void {
    removeFrom(this.#uncertain, recipientKey(attempt.carrier, to), attempt)
  }

  /** The submits to a recipient whose outcome is unknown, in no order. */
  uncertainFor(carrier: string, recipient: string): UncertainAttempt[] {
    const found = this.#uncertain.get(recipientKey(carrier, recipient)) ?? []
    return [...found].flatMap((attempt) => {
      const live = this.#messages.get(attempt.messageId)
      return live ? [{ attempt, message: live.message }] : []
    })
  }

  /** Recipients, each with its carrier, of submits that still wait for a response. */
  recipientsInFlight(): ReadonlySet<string> {
    const keys = new Set<string>()
    for (const { message, attempts } of this.#messages.values()) {
      if (message.status !== 'sending' && message.status !== 'sent') continue
      for (const { state, carrier } of attempts) {
        if (state === 'sending') keys.add(recipientKey(carrier, message.to))
      }
    }
    return keys
  }

  /** The receipts of a recipient that wait for their submit. */
  orphansFor(carrier: string, recipient: string): ReceiptEntry[] {
    return [...(this.#orphansByRecipient.get(recipientKey(carrier, recipient)) ?? [])]
  }

  /** Keeps a receipt until a response brings its id. */
  addOrphan(receipt: ReceiptEntry, isStored = false): void {
    if (this.#orphans.has(receipt.id)) return
    if (this.#orphans.size >= MAX_ORPHANS) this.#forgetOldestOrphan()
    this.#orphans.set(receipt.id, receipt)
    if (!isStored) this.#newOrphans.set(receipt.id, receipt)
    for (const matchKey of receipt.matchKeys) {
      const key = keyOf(receipt.carrier, matchKey)
      const waiting = this.#orphansByKey.get(key)
      if (waiting) waiting.push(receipt)
      else this.#orphansByKey.set(key, [receipt])
    }
    const key = recipientKeyOf(receipt)
    if (key !== undefined) addTo(this.#orphansByRecipient, key, receipt)
  }

  /** True while a receipt waits for its submit. */
  isOrphan(id: string): boolean {
    return this.#orphans.has(id)
  }

  /** Takes the receipts that wait for an id, oldest first. */
  takeOrphans(carrier: string, matchKey: string): ReceiptEntry[] {
    const found = this.#orphansByKey.get(keyOf(carrier, matchKey)) ?? []
    return [...found].filter((receipt) => this.takeOrphan(receipt))
  }

  /** Takes one waiting receipt; false when it waits no longer. */
  takeOrphan(receipt: ReceiptEntry): boolean {
    if (!this.#orphans.delete(receipt.id)) return false
    if (!this.#newOrphans.delete(receipt.id)) this.#adoptedOrphans.add(receipt.id)
    this.#unlinkOrphan(receipt)
    return true
  }

  #forgetOldestOrphan(): void {
    const [oldest] = this.#orphans.values()
    if (!oldest) return
    this.#orphans.delete(oldest.id)
    this.#unlinkOrphan(oldest)
  }

  #unlinkOrphan(receipt: ReceiptEntry): void {
    for (const matchKey of receipt.matchKeys) {
      const key = keyOf(receipt.carrier, matchKey)
      const left = this.#orphansByKey.get(key)?.filter(({ id }) => id !== receipt.id) ?? []
      if (left.length === 0) this.#orphansByKey.delete(key)
      else this.#orphansByKey.set(key, left)
    }
    const key = recipientKeyOf(receipt)
    if (key !== undefined) removeFrom(this.#orphansByRecipient, key, receipt)
  }

  /** Adds a telling that has no row yet. */
  addTelling(telling: Telling, createdAt: Date): void {
    this.#tellings.set(telling.id, untold(telling, { telling, createdAt }))
  }

  /** Where the outbox stands with a telling; one that is not here has its row. */
  tellingRecord(telling: ToldEntry['telling']): TellingRecord {
    const known = this.#tellings.get(telling.id)
    if (known) return known
    const record = untold(telling, null)
    this.#tellings.set(telling.id, record)
    return record
  }

  /** Forgets a telling that never got a row. */
  dropTelling(id: string): void {
    this.#tellings.delete(id)
  }

  /** Keeps an answer until its table has it. */
  addAnswer(entry: KeptEntry): void {
    this.#newAnswers.set(answerKeyOf(entry), entry)
  }

  /** The answer to a key; undefined: if there is one, the table has it. */
  findAnswer(call: Pick<KeptEntry, 'tenantId' | 'scope' | 'key'>): KeptEntry | undefined {
    const key = answerKeyOf(call)
    return this.#newAnswers.get(key) ?? this.#writtenAnswers.get(key)
  }

  /** Takes all that is unsaved, as it stands now. */
  takeSnapshot(): Snapshot {
    const changed = [...this.#unsaved]
    const tellings = [...this.#tellings.values()]
    const snapshot = {
      messages: changed.map(changeOf),
      tellings,
      newOrphans: [...this.#newOrphans.values()],
      adoptedOrphans: [...this.#adoptedOrphans],
      answers: [...this.#newAnswers.values()],
      bookings: this.#newBookings,
    }
    for (const live of changed) {
      live.unsaved = undefined
      live.storedStatus = live.message.status
      live.storedSegments = live.message.segments
    }
    this.#writing = this.#unsaved
    this.#unsaved = new Set()
    this.#tellings.clear()
    this.#newOrphans = new Map()
    this.#adoptedOrphans = new Set()
    this.#writtenAnswers = this.#newAnswers
    this.#newAnswers = new Map()
    this.#newBookings = []
    return snapshot
  }

  /**
   * A snapshot is in the tables: what nobody needs any more may leave memory.
   *
   * @param refused - what the database has refused of it: those rows are as they were, and get all of it with
   *   the next change while the message is in memory
   */
  release(snapshot: Snapshot, refused: ReadonlySet<MessageChange>): void {
    this.#writtenAnswers = new Map()
    this.#writing = new Set()
    for (const change of refused) putBack(change)
    for (const { live } of snapshot.messages) this.#evictIfIdle(live)
    // Only those that wait for receipts are left without a holder; the oldest leave first.
    if (this.#messages.size <= this.#maxKept) return
    let surplus = this.#messages.size - this.#maxKept
    for (const live of this.#messages.values()) {
      if (surplus === 0) break
      if (this.#isNeeded(live)) continue
      this.#evict(live)
      surplus--
    }
  }

  #evictIfIdle(live: LiveMessage): void {
    if (this.#isNeeded(live)) return
    const { status } = live.message
    if (isFinal(status) || status === 'queued' || status === 'scheduled') this.#evict(live)
  }

  /** True while somebody works on a message, or its row is older. */
  #isNeeded(live: LiveMessage): boolean {
    return live.isHeld || live.isPinned || this.#unsaved.has(live) || this.#writing.has(live)
  }

  #evict(live: LiveMessage): void {
    this.#messages.delete(live.message.id)
    for (const left of this.#reads) left.add(live.message.id)
    this.#ofPartners.remove(live)
    for (const attempt of live.attempts) {
      if (attempt.state === 'uncertain') this.forgetUncertain(attempt, live.message)
      if (attempt.matchKey === null) continue
      const key = keyOf(attempt.carrier, attempt.matchKey)
      if (this.#byKey.get(key) === attempt) this.#byKey.delete(key)
    }
  }
}

/** Where the outbox stands with a telling that nobody was told yet. */
export function untold(
  { id, recipient, tries }: ToldEntry['telling'],
  fresh: TellingRecord['fresh'],
): TellingRecord {
  return { id, recipient, fresh, state: 'waiting', dueAt: null, tries, log: [] }
}

function changeOf(live: LiveMessage): MessageChange {
  const attempts = [...(live.unsaved?.attempts ?? [])]
  const newAttempts = copiesOf(attempts.filter(({ storedState }) => storedState === undefined))
  const changedAttempts = copiesOf(attempts.filter(({ storedState }) => storedState !== undefined))
  const before = live.booked
  const at = changedAt(live)
  const bookings = takeBookings(live, at)
  const change = {
    live,
    at,
    before,
    bookings,
    charged: (live.booked?.charged ?? 0) - (before?.charged ?? 0),
    addedSegments: live.message.segments - live.storedSegments,
    storedStatus: live.storedStatus,
    row: { ...live.message },
    isHeld: live.isHeld,
    replacements: live.unsaved?.replacements ?? [],
    left: live.unsaved?.left,
    hasNewCost: live.unsaved?.hasNewCost ?? false,
    events: live.unsaved?.events ?? [],
    newAttempts,
    changedAttempts,
  }
  for (const attempt of attempts) attempt.storedState = attempt.state
  return change
}

function copiesOf(attempts: readonly Attempt[]): Attempt[] {
  return attempts.map((attempt) => ({ ...attempt }))
}

/** The row of a message has nothing of a change: what is unsaved of it comes before what has come since. */
function putBack(change: MessageChange): void {
  const { live, newAttempts, changedAttempts } = change
  live.storedStatus = change.storedStatus
  live.storedSegments -= change.addedSegments
  live.booked = change.before
  const attempts = new Set(live.unsaved?.attempts)
  for (const { attempt, segment, storedState, isOwed } of [...newAttempts, ...changedAttempts]) {
    const one = live.attempts.find((each) => each.attempt === attempt && each.segment === segment)
    if (!one) continue
    one.storedState = storedState
    one.isOwed = isOwed
    attempts.add(one)
  }
  live.unsaved = {
    events: [...change.events, ...(live.unsaved?.events ?? [])],
    attempts,
    replacements: [...change.replacements, ...(live.unsaved?.replacements ?? [])],
    left: change.left ?? live.unsaved?.left,
    hasNewCost: change.hasNewCost || (live.unsaved?.hasNewCost ?? false),
  }
}

/**
 * Names a carrier and a recipient.
 *
 * @param recipient - E.164 with or without `+`
 */
export function recipientKey(carrier: string, recipient: string): string {
  return `${carrier}\n${recipient.startsWith('+') ? recipient.slice(1) : recipient}`
}

/** Whose receipt it says it is; undefined when it does not. */
export function recipientKeyOf({ carrier, about }: ReceiptEntry): string | undefined {
  const digits = about ? recipientDigits(about.recipient) : ''
  return digits === '' ? undefined : recipientKey(carrier, digits)
}

function addTo<Value>(map: Map<string, Set<Value>>, key: string, value: Value): void {
  const known = map.get(key)
  if (known) known.add(value)
  else map.set(key, new Set([value]))
}

function removeFrom<Value>(map: Map<string, Set<Value>>, key: string, value: Value): void {
  const known = map.get(key)
  if (known?.delete(value) && known.size === 0) map.delete(key)
}

function keyOf(carrier: string, matchKey: string): string {
  return `${carrier}\n${matchKey}`
}

/** One text for what makes an answer findable. */
export function answerKeyOf(call: Pick<KeptEntry, 'tenantId' | 'scope' | 'key'>): string {
  return `${call.tenantId}\n${call.scope}\n${call.key}`
}
