import type { Carrier, QueryOutcome } from '../carriers/carrier.ts'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { newId } from '../core/id.ts'
import type { Logger } from '../core/logger.ts'
import { parseSender } from '../routing/sender.ts'
import { decidingSubmit, segmentsOf } from './deciding-submit.ts'
import { unchanged } from './endings.ts'
import type { MovedEntry, ReceiptEntry } from './journal.ts'
import type { Attempt, LiveMessage, LiveMessages } from './live.ts'
import { isLost } from './loss.ts'
import { overdueEntry } from './overdue.ts'
import type { LateAt, PolicyFor } from './settle.ts'
import type { Spool } from './spool.ts'
import { isFinal } from './states.ts'
import { receiptDeadline } from './timing.ts'

/** Messages asked about at once at one carrier: questions must not crowd out submits. */
const MAX_AT_ONCE = 5

/** What {@link StateQueries} are built with. */
export interface StateQueriesOptions {
  readonly carriers: ReadonlyMap<string, Carrier>
  readonly live: LiveMessages
  readonly spool: Spool
  readonly policyFor: PolicyFor
  readonly lateAt?: LateAt | undefined
  /** True while failure rules decide before a receipt ends a message as lost. */
  readonly asksRules?: () => boolean
  readonly logger: Logger
  readonly clock: Clock
}

interface Queue {
  readonly waiting: LiveMessage[]
  running: number
}

/**
 * Asks carriers what became of messages whose receipt is overdue, where the class says `query`.
 *
 * A final state counts as a receipt does. While there is none the next question follows after as long
 * as the message has been at the carrier, so a question more for each doubling of its age; a carrier
 * that does not tell is asked once more, at the receipt deadline. Only a carrier's id can be asked
 * about: a submit without an answer waits for its receipt.
 */
export class StateQueries {
  readonly #options: StateQueriesOptions
  readonly #queues = new Map<string, Queue>()
  readonly #working = new Set<Promise<void>>()
  #isClosed = false

  constructor(options: StateQueriesOptions) {
    this.#options = options
  }

  /** True for an overdue message about which its carrier can be asked. */
  mayAsk(live: LiveMessage): boolean {
    if (this.#isClosed) return false
    const { message } = live
    const { carriers, policyFor } = this.#options
    const isOpen = message.status === 'sent' || message.status === 'sending'
    return (
      isOpen &&
      policyFor(message.trafficClass).uncertain === 'query' &&
      carriers.get(message.carrier)?.query !== undefined &&
      segmentsOf(live, decidingSubmit(live)).some(isAskable)
    )
  }

  /** Asks about a message that the caller holds, and lets go of it afterwards. */
  ask(live: LiveMessage): void {
    const { carrier } = live.message
    const queue = this.#queues.get(carrier) ?? { waiting: [], running: 0 }
    this.#queues.set(carrier, queue)
    queue.waiting.push(live)
    this.#pump(queue)
  }

  /** Resolves when everything that was asked for has been answered and journalled. */
  async settled(): Promise<void> {
    while (this.#working.size > 0) await Promise.all(this.#working)
  }

  /** Asks nothing more; waits for the answers that are on their way. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const { waiting } of this.#queues.values()) {
      for (const live of waiting.splice(0)) this.#options.live.letGo(live)
    }
    await this.settled()
  }

  #pump(queue: Queue): void {
    while (queue.running < MAX_AT_ONCE) {
      const live = queue.waiting.shift()
      if (!live) return
      queue.running++
      const work = this.#askOne(live)
        .catch((error: unknown) =>
          this.#options.logger.error(
            { messageId: live.message.id, error: messageOf(error) },
            'a message could not be asked about',
          ),
        )
        .finally(() => {
          this.#options.live.letGo(live)
          this.#working.delete(work)
          queue.running--
          this.#pump(queue)
        })
      this.#working.add(work)
    }
  }

  async #askOne(live: LiveMessage): Promise<void> {
    const { carriers, spool, clock, asksRules = () => false } = this.#options
    const { message } = live
    const carrier = carriers.get(message.carrier)
    const parsed = parseSender(message.from)
    const sender = parsed.ok ? parsed.sender : { value: message.from, ton: 0, npi: 0 }
    const outcomes: QueryOutcome[] = []
    for (const attempt of segmentsOf(live, decidingSubmit(live)).filter(isAskable)) {
      const { carrierMessageId: id, submittedAt } = attempt
      const segment = { to: message.to, sender, carrierMessageId: id ?? '', submittedAt }
      const outcome = await carrier?.query?.(segment)
      if (!outcome) return
      outcomes.push(outcome)
      if (outcome.kind === 'state' && outcome.settles !== null) {
        await spool.write(receiptOf(attempt, outcome, clock(), asksRules()))
        // One lost segment is enough, and what is lost is decided about elsewhere.
        if (isFinal(message.status) || isLost(live)) return
      }
    }
    if (isFinal(message.status) || isLost(live)) return
    const at = clock()
    await spool.write(nextQuestion(live, outcomes, this.#options, at))
  }
}

function isAskable({ state, carrierMessageId, matchKey }: Attempt): boolean {
  return state === 'sent' && carrierMessageId !== null && matchKey !== null
}

/** A final answer in the form of a receipt. */
function receiptOf(
  { carrier, carrierMessageId, matchKey }: Attempt,
  { state, settles, rawError, failure }: Extract<QueryOutcome, { kind: 'state' }>,
  receivedAt: Date,
  asksRules: boolean,
): ReceiptEntry {
  return {
    kind: 'receipt',
    id: newId(),
    carrier,
    carrierMessageId: carrierMessageId ?? '',
    matchKeys: matchKey === null ? [] : [matchKey],
    state,
    settles,
    rawError,
    failure,
    rawText: '',
    receivedAt,
    about: null,
    isQuery: true,
    ...(asksRules ? { asksRules } : {}),
  }
}

/** When the carrier is asked again; or the end, when the receipt deadline has come. */
function nextQuestion(
  live: LiveMessage,
  outcomes: readonly QueryOutcome[],
  { policyFor, lateAt }: Pick<StateQueriesOptions, 'policyFor' | 'lateAt'>,
  at: Date,
): MovedEntry {
  const { message } = live
  const policy = policyFor(message.trafficClass)
  const submit = decidingSubmit(live)
  const submittedAt = segmentsOf(live, submit)[0]?.submittedAt ?? message.createdAt
  const line = {
    messageId: message.id,
    at,
    type: 'query' as const,
    status: message.status,
    carrier: message.carrier,
    attempt: submit,
    detail: { segments: outcomes.map(shown) },
  }
  const deadline = receiptDeadline(policy, message, submittedAt).getTime()
  if (deadline <= at.getTime()) {
    const end = overdueEntry(live, policyFor, at)
    return { ...end, events: [line, ...end.events] }
  }
  const kinds = new Set(outcomes.map(({ kind }) => kind))
  const isRefused = kinds.size === 1 && kinds.has('refused')
  const age = kinds.has('state') ? at.getTime() - submittedAt.getTime() : 0
  const late = lateAt?.(message, submittedAt)
  // Where nobody else can take it now, that has passed.
  const until = late && late > at ? Math.min(deadline, late.getTime()) : deadline
  const next = at.getTime() + Math.max(age, policy.uncertainSeconds * 1_000)
  return {
    ...unchanged(message, at),
    deadlineAt: new Date(isRefused ? until : Math.min(next, until)),
    // Nothing was learnt: no news.
    events: kinds.has('state') || isRefused ? [line] : [],
  }
}

function shown(outcome: QueryOutcome): object {
  return outcome.kind === 'state'
    ? { state: outcome.state.toLowerCase() }
    : { result: outcome.kind, reason: outcome.reason }
}
