import { type CarrierOutcome, RECEIPT_MISSING } from './carrier-outcome.ts'
import { decidingSubmit, returnedEvent, segmentsOf, submitAtCarrier } from './deciding-submit.ts'
import { receiptFailureCode } from './failure.ts'
import type {
  AcceptedEntry,
  Effects,
  Ending,
  FellBackEntry,
  JournalEntry,
  LateEntry,
  MovedEntry,
  ReceiptEntry,
  ReplacedEntry,
  ReplayedEntry,
  SubmittingEntry,
  TimelineEvent,
  ToldEntry,
} from './journal.ts'
import type { Attempt, LiveMessage, LiveMessages } from './live.ts'
import { isLost, lossOf, lossReason, rawErrorOf, withoutText } from './loss.ts'
import type { Message } from './message.ts'
import { type CarrierCost, costOfSubmit, setCost, shareOf } from './message-cost.ts'
import { settledBy } from './receipt-parts.ts'
import {
  isFinal,
  isSettled,
  type MessageStatus,
  mayMove,
  type SegmentState,
  statusOfSegments,
} from './states.ts'
import { type Telling, type TellingPayload, type TellingRecipient, tellingId } from './telling.ts'

/** Says whose queues an event of a message goes to. */
export type RecipientsFor = (message: Message, status: MessageStatus) => readonly TellingRecipient[]

/** Says whose queues the word of a carrier goes to that a message is on its way. */
export type IntermediateFor = (message: Message) => readonly TellingRecipient[]

/** What a {@link Tracker} is built with. */
export interface TrackerOptions {
  readonly live: LiveMessages
  readonly recipientsFor: RecipientsFor
  /** Nobody, unless given. */
  readonly intermediateFor?: IntermediateFor
}

/**
 * Turns journal entries into the state of messages.
 *
 * Entries come in the order of the journal, after their commit; a start feeds it the journal again.
 * So nothing here may depend on anything but the entries and what they have made before. State
 * moves only along `states.ts`: an entry that comes too late changes nothing.
 */
export class Tracker {
  readonly #live: LiveMessages
  readonly #recipientsFor: RecipientsFor
  readonly #intermediateFor: IntermediateFor
  #endings: Ending[] = []
  #outcomes: CarrierOutcome[] = []
  #tellings: Telling[] = []
  #unmatched: ReceiptEntry[] = []
  #undecided: LiveMessage[] = []

  constructor(options: TrackerOptions) {
    this.#live = options.live
    this.#recipientsFor = options.recipientsFor
    this.#intermediateFor = options.intermediateFor ?? (() => [])
  }

  /** Applies committed entries, oldest first. */
  apply(entries: readonly JournalEntry[]): Effects {
    for (const entry of entries) this.#applyOne(entry)
    const effects = {
      endings: this.#endings,
      outcomes: this.#outcomes,
      tellings: this.#tellings,
      unmatched: this.#unmatched,
      undecided: this.#undecided,
    }
    this.#endings = []
    this.#outcomes = []
    this.#tellings = []
    this.#unmatched = []
    this.#undecided = []
    return effects
  }

  #applyOne(entry: JournalEntry): void {
    if (entry.kind === 'accepted') this.#accept(entry)
    else if (entry.kind === 'submitting') this.#submit(entry)
    else if (entry.kind === 'moved') this.#move(entry)
    else if (entry.kind === 'late') this.#answerLate(entry)
    else if (entry.kind === 'receipt') this.#receive(entry)
    else if (entry.kind === 'told') this.#tell(entry)
    else if (entry.kind === 'kept') this.#live.addAnswer(entry)
    else if (entry.kind === 'replaced') this.#replace(entry)
    else if (entry.kind === 'fell_back') this.#fallBack(entry)
    else this.#replay(entry)
  }

  #accept({ message, events }: AcceptedEntry): void {
    if (this.#live.get(message.id)) return
    const live = this.#live.add(message)
    this.#live.touch(live).events.push(...events)
  }

  #submit(entry: SubmittingEntry): void {
    const live = this.#live.get(entry.message.id)
    // A commit whose answer was lost can be in the journal twice.
    if (!live || entry.attempt <= live.message.attempt) return
    if (!this.#advance(live.message, 'sending', entry.at)) return
    const { message } = live
    message.carrier = entry.carrier
    message.attempt = entry.attempt
    message.dueAt = null
    message.deadlineAt = entry.deadlineAt
    message.heldBy = null
    live.failedReceipt = undefined
    const { events, attempts } = this.#live.touch(live)
    for (let segment = 1; segment <= entry.segmentCount; segment++) {
      const attempt: Attempt = {
        messageId: message.id,
        attempt: entry.attempt,
        segment,
        carrier: entry.carrier,
        submittedAt: entry.at,
        state: 'sending',
        carrierMessageId: null,
        matchKey: null,
        code: null,
        rawCode: null,
        answeredAt: null,
        receiptAt: null,
        openParts: null,
        costMicros: shareOf(message.costMicros, entry.segmentCount, segment),
        costCurrency: message.costCurrency,
        carrierDeckVersion: message.carrierDeckVersion,
        storedState: undefined,
        isOwed: false,
      }
      live.attempts.push(attempt)
      attempts.add(attempt)
    }
    events.push(submittedEvent(entry))
  }

  #move(entry: MovedEntry): void {
    const live = this.#live.get(entry.message.id)
    if (!live) return
    const arrived = this.#answer(live, entry)
    const { message } = live
    const { carrier } = message
    // An earlier submit has been noted when the message was sent again.
    const isSilence =
      entry.errorCode === RECEIPT_MISSING && decidingSubmit(live) === message.attempt
    const isMove = mayLeave(live, entry) && this.#advance(message, entry.to, entry.at)
    // A message that a receipt has ended before its response stays ended; the line is kept.
    if (isMove || (entry.answers.length > 0 && entry.events.length > 0)) {
      const events = isMove
        ? entry.events
        : entry.events.slice(0, 1).map((event) => ({ ...event, status: message.status }))
      this.#live.touch(live).events.push(...events)
    }
    if (isMove) {
      if (isSilence) {
        this.#outcomes.push({ message, carrier, outcome: 'unanswered', latencyMs: undefined })
      }
      message.carrier = entry.carrier
      if (entry.cost) this.#setCost(live, entry.cost)
      message.errorCode = entry.errorCode
      message.errorDetail = entry.errorDetail
      message.failures = entry.failures
      message.dueAt = entry.dueAt
      message.deadlineAt = isFinal(entry.to) ? null : entry.deadlineAt
      message.deadLetter = entry.deadLetter
      message.heldBy = isFinal(entry.to) ? null : (entry.heldBy ?? null)
      if (isFinal(entry.to)) {
        this.#endings.push({ message, carrier: entry.carrier, status: entry.to, byReceipt: false })
      }
      this.#announce(live, entry.to, entry.at, entry.rawError ?? null)
    }
    for (const { attempt, receipt } of arrived) this.#settle(live, attempt, receipt, true)
  }

  /** A carrier has answered after all. A message that has gone on meanwhile stays where it is. */
  #answerLate(entry: LateEntry): void {
    const live = this.#live.get(entry.message.id)
    if (!live) return
    const { message } = live
    const of = live.attempts.filter(({ attempt }) => attempt === entry.attempt)
    const isNews = entry.answers.some(({ segment }) =>
      of.some((one) => one.segment === segment && isOpen(one.state)),
    )
    if (!isNews) return
    const arrived = this.#answer(live, entry)
    const isTaken = entry.answers.some(({ state }) => state === 'sent')
    const wasSending = message.status === 'sending'
    const isMove =
      isTaken &&
      entry.attempt === message.attempt &&
      (wasSending || message.status === 'sent') &&
      this.#advance(message, 'sent', entry.at)
    const { carrier } = of[0] ?? message
    this.#live.touch(live).events.push({ ...entry.event, carrier, status: message.status })
    if (isMove) {
      message.deadlineAt = entry.deadlineAt
      message.heldBy = null
      if (!of.some(({ state }) => isOpen(state))) {
        message.errorCode = null
        message.errorDetail = null
      }
      if (wasSending) this.#announce(live, 'sent', entry.at, null)
    } else if (
      wasSending &&
      entry.attempt === message.attempt &&
      !of.some(({ state }) => isOpen(state))
    ) {
      // No carrier has it. Should whoever moves it on now be stopped, the sweeper does so.
      message.deadlineAt = entry.at
    }
    for (const { attempt, receipt } of arrived) this.#settle(live, attempt, receipt, true)
  }

  /** Writes the answers down; gives the receipts that have come before them. */
  #answer(
    live: LiveMessage,
    entry: Pick<MovedEntry, 'attempt' | 'answers' | 'at'>,
  ): { readonly attempt: Attempt; readonly receipt: ReceiptEntry }[] {
    const arrived: { attempt: Attempt; receipt: ReceiptEntry }[] = []
    for (const answer of entry.answers) {
      const attempt = live.attempts.find(
        (one) => one.attempt === entry.attempt && one.segment === answer.segment,
      )
      // An answer that comes after the outcome counted as unknown still tells the id.
      if (!attempt || !isOpen(attempt.state)) continue
      if (attempt.state === 'uncertain') this.#live.forgetUncertain(attempt, live.message)
      attempt.state = answer.state
      attempt.carrierMessageId = answer.carrierMessageId
      attempt.matchKey = answer.matchKey
      attempt.code = answer.code
      attempt.rawCode = answer.rawCode
      attempt.answeredAt = entry.at
      this.#live.touch(live).attempts.add(attempt)
      if (answer.state === 'uncertain') {
        this.#live.noteUncertain(attempt, live.message)
        // Its receipt may have come already, with an id that nobody knows.
        this.#unmatched.push(...this.#live.orphansFor(attempt.carrier, live.message.to))
      }
      if (answer.matchKey === null) continue
      this.#live.index(attempt)
      for (const receipt of this.#live.takeOrphans(attempt.carrier, answer.matchKey)) {
        arrived.push({ attempt, receipt })
      }
    }
    return arrived
  }

  #receive(receipt: ReceiptEntry): void {
    const attempt = this.#live.findSubmit(receipt)
    const live = attempt && this.#live.get(attempt.messageId)
    if (attempt && live) {
      this.#settle(live, attempt, receipt, false)
      return
    }
    this.#live.addOrphan(receipt)
    this.#unmatched.push(receipt)
  }

  /** Applies a receipt that has waited, its submit now being in memory. */
  match(receipt: ReceiptEntry, attempt: Attempt): Effects {
    const live = this.#live.get(attempt.messageId)
    if (live && this.#live.takeOrphan(receipt)) this.#settle(live, attempt, receipt, false)
    return this.apply([])
  }

  /**
   * Applies a receipt that has waited to an attempt whose outcome is unknown, and takes over its id.
   *
   * @param matchedBy - what has told that the receipt belongs there
   */
  matchUnknown(
    receipt: ReceiptEntry,
    attempt: Attempt,
    matchedBy: 'address' | 'reference',
  ): Effects {
    const live = this.#live.get(attempt.messageId)
    if (!live || attempt.state !== 'uncertain' || !this.#live.takeOrphan(receipt)) {
      return this.apply([])
    }
    const { message } = live
    this.#live.forgetUncertain(attempt, message)
    attempt.state = 'sent'
    attempt.carrierMessageId = receipt.carrierMessageId || null
    attempt.matchKey = receipt.matchKeys[0] ?? null
    attempt.answeredAt = receipt.receivedAt
    this.#live.touch(live).attempts.add(attempt)
    this.#live.index(attempt)
    this.#settle(live, attempt, receipt, false, matchedBy)
    if (message.status === 'sending' && message.attempt === attempt.attempt) {
      this.#advance(message, 'sent', receipt.receivedAt)
      message.heldBy = null
      this.#announce(live, 'sent', receipt.receivedAt, null)
    }
    if (attempt.matchKey !== null) {
      for (const other of this.#live.takeOrphans(attempt.carrier, attempt.matchKey)) {
        this.#settle(live, attempt, other, false)
      }
    }
    return this.apply([])
  }

  /** Moves the receipt's segment forward, never back, and with it the message. */
  #settle(
    live: LiveMessage,
    attempt: Attempt,
    receipt: ReceiptEntry,
    cameBeforeResponse: boolean,
    matchedBy?: 'address' | 'reference',
  ): void {
    const { message } = live
    const isDuplicate = isSettled(attempt.state)
    const unsaved = this.#live.touch(live)
    const settles = isDuplicate ? null : settledBy(attempt, receipt)
    if (receipt.settles !== null && !isDuplicate) unsaved.attempts.add(attempt)
    if (settles !== null) {
      const before = statusOf(live, attempt)
      if (attempt.state === 'uncertain') this.#live.forgetUncertain(attempt, message)
      attempt.state = settles
      attempt.receiptAt = receipt.receivedAt
      if (before === undefined) this.#noteOutcome(live, attempt, receipt)
    }
    const end = this.#endByReceipts(live, attempt)
    const isUndecided =
      receipt.asksRules === true &&
      end !== undefined &&
      end !== 'delivered' &&
      mayMove(message.status, end)
    const isFirstLoss = !isDuplicate && isLossOf(receipt) && lostSegments(live, attempt) === 1
    if (isUndecided) this.#leaveUndecided(live, receipt, isFirstLoss)
    const isEnd =
      end !== undefined && !isUndecided && this.#advance(message, end, receipt.receivedAt)
    const earlier =
      isFirstLoss && attempt.attempt === message.attempt && !isFinal(message.status)
        ? segmentsOf(live, decidingSubmit(live))[0]
        : undefined
    unsaved.events.push(
      receiptEvent(message, attempt, receipt, {
        ...(isDuplicate ? { after_final: true } : {}),
        ...(cameBeforeResponse ? { came_before_response: true } : {}),
        ...(matchedBy ? { matched_by: matchedBy } : {}),
      }),
    )
    if (receipt.settles === null && !isFinal(message.status)) {
      this.#passOn(message, attempt, receipt)
    }
    if (earlier && earlier.attempt !== attempt.attempt) {
      noteLoss(message, receipt)
      const { errorCode, errorDetail } = message
      unsaved.events.push(returnedEvent(earlier, errorCode, errorDetail, receipt.receivedAt))
      this.#returnTo(live, earlier)
    }
    if (!isEnd || !end) return
    this.#returnTo(live, attempt)
    if (end === 'delivered') {
      message.errorCode = null
      message.errorDetail = null
    } else if (isFirstLoss) {
      noteLoss(message, receipt)
    }
    message.dueAt = null
    message.deadlineAt = null
    message.deadLetter = null
    message.heldBy = null
    this.#endings.push({ message, carrier: attempt.carrier, status: end, byReceipt: true })
    const isOwnWord = end === 'delivered' || isFirstLoss
    const rawError = isOwnWord ? receipt.rawError : rawErrorOf(message.errorDetail)
    this.#announce(live, end, receipt.receivedAt, rawError)
  }

  /** It is with the carrier of one of its submits, which may be an earlier one. */
  #returnTo(live: LiveMessage, { attempt: number, carrier }: Attempt): void {
    const { message } = live
    if (number === message.attempt && carrier === message.carrier) return
    message.carrier = carrier
    const cost = costOfSubmit(segmentsOf(live, number))
    if (cost) this.#setCost(live, cost)
  }

  #setCost(live: LiveMessage, cost: CarrierCost): void {
    setCost(live.message, cost)
    this.#live.touch(live).hasNewCost = true
  }

  /** It is lost by its receipts: a `moved` that follows says whether that is its end. */
  #leaveUndecided(live: LiveMessage, receipt: ReceiptEntry, isFirstLoss: boolean): void {
    const { message } = live
    if (isFirstLoss) {
      live.failedReceipt = receipt
      noteLoss(message, receipt)
    }
    if (!isLost(live)) return
    // Should whoever decides be stopped, the sweeper does so.
    message.deadlineAt = receipt.receivedAt
    this.#undecided.push(live)
  }

  /** What a receipt has made of a submit counts for its carrier, whatever the message has become. */
  #noteOutcome(live: LiveMessage, attempt: Attempt, receipt: ReceiptEntry): void {
    const status = statusOf(live, attempt)
    if (status === undefined) return
    this.#outcomes.push({
      message: live.message,
      carrier: attempt.carrier,
      outcome: status === 'delivered' ? 'delivered' : 'failed',
      // An answer to a question comes when we ask.
      latencyMs: receipt.isQuery
        ? undefined
        : receipt.receivedAt.getTime() - attempt.submittedAt.getTime(),
    })
  }

  /** The end that the segments of the receipt's attempt now give the message, if any. */
  #endByReceipts(
    live: LiveMessage,
    attempt: Attempt,
  ): 'delivered' | 'undelivered' | 'expired' | undefined {
    const status = statusOf(live, attempt)
    // Any attempt can turn out delivered; its failure is no news while another one may.
    return status === undefined || status === 'delivered' ? status : lossOf(live)
  }

  #advance(message: Message, to: MessageStatus, at: Date): boolean {
    if (!mayMove(message.status, to)) return false
    message.status = to
    // A receipt may come before the response that it follows.
    message.updatedAt = at < message.updatedAt ? message.updatedAt : at
    if (isFinal(to)) message.finalAt = message.updatedAt
    return true
  }

  #announce(live: LiveMessage, status: MessageStatus, at: Date, rawError: string | null): void {
    const { message } = live
    // Told once, whatever is tried afterwards.
    if (status === 'sent' && wasTakenBefore(live)) return
    for (const { recipient, url } of this.#recipientsFor(message, status)) {
      const telling: Telling = {
        id: tellingId(message.id, isFinal(status) ? 2 : 1, recipient),
        recipient,
        url,
        tenantId: message.tenantId,
        subjectId: message.id,
        event: `message.${status}`,
        payload: payloadOf(message, at, rawError),
        tries: 0,
      }
      this.#live.addTelling(telling, at)
      this.#tellings.push(telling)
    }
  }

  /** One segment speaks for all: a long message is one message to its sender. */
  #passOn(message: Message, { attempt, segment }: Attempt, receipt: ReceiptEntry): void {
    if (segment !== 1 || attempt !== message.attempt || receipt.isQuery) return
    for (const { recipient, url } of this.#intermediateFor(message)) {
      const telling: Telling = {
        // Sorts between what was told of `sent` and of the end; the same after any restart.
        id: `${tellingId(message.id, 1, recipient)}_${receipt.id}`,
        recipient,
        url,
        tenantId: message.tenantId,
        subjectId: message.id,
        event: `message.${message.status}`,
        payload: {
          ...payloadOf(message, receipt.receivedAt, receipt.rawError),
          carrierState: receipt.state,
        },
        tries: 0,
      }
      this.#live.addTelling(telling, receipt.receivedAt)
      this.#tellings.push(telling)
    }
  }

  #tell({ telling, outcome }: ToldEntry): void {
    const { fate } = outcome
    const record = this.#live.tellingRecord(telling)
    record.tries++
    record.log.push(outcome.try)
    record.state = fate.kind === 'later' ? 'waiting' : fate.kind
    record.dueAt = fate.kind === 'later' ? fate.at : null
    if (fate.kind === 'done' && isForPartner(telling.recipient) && record.fresh) {
      this.#live.dropTelling(telling.id)
    }
  }

  #replace(entry: ReplacedEntry): void {
    const live = this.#live.get(entry.message.id)
    if (!live || !this.#advance(live.message, entry.to, entry.at)) return
    const { message } = live
    const unsaved = this.#live.touch(live)
    if (entry.text !== message.text && message.template) {
      // Another text is not what the template says.
      unsaved.left = { template: message.template.id, currency: message.priceCurrency }
      message.template = null
    }
    message.text = entry.text
    if (message.raw && entry.octets) message.raw = { ...message.raw, octets: entry.octets }
    message.registeredDelivery = entry.registeredDelivery
    message.encoding = entry.encoding
    message.segments = entry.segments
    message.priceMicros = entry.priceMicros
    message.priceCurrency = entry.priceCurrency
    this.#setCost(live, {
      micros: entry.costMicros,
      currency: entry.costCurrency,
      deckVersion: entry.carrierDeckVersion,
    })
    message.tenantDeckVersion = entry.tenantDeckVersion
    message.carrier = entry.carrier
    message.sendAt = entry.sendAt
    message.expiresAt = entry.expiresAt
    message.dueAt = entry.dueAt
    message.deadlineAt = entry.expiresAt
    unsaved.replacements.push(++live.replacements)
    unsaved.events.push(...entry.events)
  }

  #fallBack({ message, fallbackAs, event }: FellBackEntry): void {
    const live = this.#live.get(message.id)
    if (!live || live.message.fallback === null || live.message.fallbackAs !== null) return
    if (fallbackAs === null) live.message.fallback = null
    else live.message.fallbackAs = fallbackAs
    this.#live.touch(live).events.push({ ...event, status: live.message.status })
  }

  #replay({ message, replayedAs, at }: ReplayedEntry): void {
    const live = this.#live.get(message.id)
    if (!live || live.message.deadLetter === null) return
    live.message.deadLetter = null
    live.message.replayedAs = replayedAs
    this.#live.touch(live).events.push({
      messageId: message.id,
      at,
      type: 'replayed',
      status: live.message.status,
      detail: { replayed_as: replayedAs },
    })
  }
}

/** True for the queue of a partner, which has no log to keep. */
export function isForPartner(recipient: string): boolean {
  return recipient.startsWith('partner:')
}

/** What receipts say of one submit of a message. */
function statusOf(live: LiveMessage, { attempt }: Attempt): ReturnType<typeof statusOfSegments> {
  return statusOfSegments(segmentsOf(live, attempt).map(({ state }) => state))
}

/**
 * A carrier has what is `sent`: it goes again only without a receipt, or when its receipts say that it
 * is lost. What waits for a carrier becomes `sent` only where an earlier one has it.
 */
function mayLeave(live: LiveMessage, { to, errorCode }: MovedEntry): boolean {
  if (live.message.status === 'queued' && to === 'sent') return submitAtCarrier(live) !== undefined
  if (live.message.status !== 'sent' || to !== 'queued') return true
  return errorCode === RECEIPT_MISSING || isLost(live)
}

function payloadOf(message: Message, at: Date, rawError: string | null): TellingPayload {
  return {
    messageId: message.id,
    partnerMessageId: message.partnerMessageId,
    from: message.from,
    to: message.to,
    status: message.status,
    errorCode: message.errorCode,
    errorDetail: message.errorDetail,
    rawError,
    clientReference: message.clientReference,
    ...(message.channel === 'sms' ? {} : { channel: message.channel }),
    segments: message.segments,
    carrier: message.carrier,
    submittedAt: message.createdAt.toISOString(),
    doneAt: at.toISOString(),
  }
}

function submittedEvent(entry: SubmittingEntry): TimelineEvent {
  return {
    messageId: entry.message.id,
    at: entry.at,
    type: 'submitted',
    status: 'sending',
    carrier: entry.carrier,
    attempt: entry.attempt,
    detail: {
      pdus: entry.segmentCount,
      ...(entry.replacements.length > 0 ? { replaced: entry.replacements } : {}),
    },
  }
}

function receiptEvent(
  message: Message,
  attempt: Attempt,
  receipt: ReceiptEntry,
  more: object,
): TimelineEvent {
  return {
    messageId: message.id,
    at: receipt.receivedAt,
    type: receipt.isQuery ? 'query' : 'receipt',
    status: message.status,
    carrier: receipt.carrier,
    attempt: attempt.attempt,
    segment: attempt.segment,
    code: receipt.state.toLowerCase(),
    rawCode: receipt.rawError ?? undefined,
    detail: {
      carrier_message_id: receipt.carrierMessageId,
      raw: withoutText(receipt.rawText),
      ...(receipt.part ? { part: receipt.part.number, parts: receipt.part.of } : {}),
      ...more,
    },
  }
}

/** True for a segment of which the carrier has said nothing yet. */
function isOpen(state: SegmentState): boolean {
  return state === 'sending' || state === 'uncertain'
}

function isLossOf({ settles }: ReceiptEntry): boolean {
  return settles === 'undelivered' || settles === 'expired'
}

/** Segments of the same submit that receipts say are lost. */
function lostSegments({ attempts }: LiveMessage, { attempt: number }: Attempt): number {
  return attempts.filter(
    ({ attempt, state }) => attempt === number && isSettled(state) && state !== 'delivered',
  ).length
}

function noteLoss(message: Message, receipt: ReceiptEntry): void {
  message.errorCode = receiptFailureCode(receipt.state, receipt.rawError, receipt.failure)
  message.errorDetail = lossReason(receipt)
}

/** True when a carrier has taken an earlier submit. */
function wasTakenBefore({ message, attempts }: LiveMessage): boolean {
  return attempts.some(
    ({ attempt, state }) => attempt < message.attempt && (state === 'sent' || isSettled(state)),
  )
}
