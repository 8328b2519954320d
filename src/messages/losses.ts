import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { FailureRule } from '../core/failure-rule.ts'
import type { Logger } from '../core/logger.ts'
import { nextTurn } from '../core/waits.ts'
import type { Dispatcher } from './dispatcher.ts'
import { unchanged } from './endings.ts'
import { alertEvents, type FailureJudge, type Setback, submitsTo } from './failure-judge.ts'
import type { MovedEntry, TimelineEvent } from './journal.ts'
import type { LiveMessage, LiveMessages } from './live.ts'
import { isLost, type Loss, lossEntry, lossOf, rawErrorOf, withoutText } from './loss.ts'
import type { Message } from './message.ts'
import { type ChooseNext, type NextCarrier, ruleWaitMs } from './settle.ts'
import type { Spool } from './spool.ts'

/** What {@link Losses} are built with. */
export interface LossesOptions {
  readonly judge: FailureJudge
  readonly chooseNext: ChooseNext
  readonly live: LiveMessages
  readonly spool: Pick<Spool, 'write'>
  readonly dispatcher: Pick<Dispatcher, 'enqueue'>
  readonly logger: Logger
  readonly clock: Clock
}

/**
 * Decides about messages that are lost by their receipts: failure rules may send them again, or hold
 * them; otherwise that is their end.
 *
 * What is decided is an entry of the journal, after that of the receipt. Where the gateway stops in
 * between, the journal offers the message again at the next start, and the sweeper finds what the
 * journal no longer holds.
 */
export class Losses {
  readonly #options: LossesOptions
  #waiting: LiveMessage[] = []
  #running: Promise<void> | undefined
  #isStarted = false

  constructor(options: LossesOptions) {
    this.#options = options
  }

  /** Takes messages that are to be decided about. */
  offer(lost: readonly LiveMessage[]): void {
    if (lost.length === 0) return
    this.#waiting.push(...lost)
    if (this.#isStarted) this.#running ??= this.#run()
  }

  /** Decides from now on; what was offered before, too. */
  start(): void {
    this.#isStarted = true
    if (this.#waiting.length > 0) this.#running ??= this.#run()
  }

  /** Resolves when everything offered is decided and journalled. */
  async settled(): Promise<void> {
    while (this.#running) await this.#running
  }

  async close(): Promise<void> {
    this.#isStarted = false
    await this.#running
  }

  /** What follows for a message for which {@link isLost} holds. */
  decide(live: LiveMessage, at: Date): MovedEntry {
    const { message, failedReceipt: receipt } = live
    const loss = lossOf(live) ?? 'undelivered'
    const code = message.errorCode ?? 'unknown'
    const setback: Setback = {
      scene: 'callback_failure',
      code,
      rawCode: receipt ? receipt.rawError : rawErrorOf(message.errorDetail),
      detail: message.errorDetail ?? '',
      text: `${message.errorDetail ?? ''} ${receipt ? withoutText(receipt.rawText) : ''}`,
    }
    return this.#options.judge.judge(message, setback, (rule, alerted) => {
      const entry = this.#entryOf(live, rule, loss, at)
      if (!entry) return undefined
      const alerts = alertEvents(message, alerted, entry.to, code, at)
      return alerts.length === 0 ? entry : { ...entry, events: [...alerts, ...entry.events] }
    })
  }

  async #run(): Promise<void> {
    // Whoever waits for the commit of the receipt, or of the response, lets go first.
    await nextTurn()
    while (this.#waiting.length > 0) {
      const page = this.#waiting
      this.#waiting = []
      await Promise.all(page.map((live) => this.#settle(live)))
    }
    this.#running = undefined
  }

  async #settle(live: LiveMessage): Promise<void> {
    const { live: messages, spool, dispatcher, logger, clock } = this.#options
    const { message } = live
    // What somebody else holds, or what has left memory, the sweeper finds.
    if (!isLost(live) || live.isHeld || messages.get(message.id) !== live) return
    messages.hold(live)
    const { carrier } = message
    try {
      await spool.write(this.decide(live, clock()))
    } catch (error) {
      logger.error(
        { messageId: message.id, error: messageOf(error) },
        'a loss was not decided about',
      )
    } finally {
      messages.letGo(live)
    }
    if (message.status !== 'queued' || message.dueAt !== null) return
    dispatcher.enqueue(message, message.carrier === carrier ? [] : carriersOf(live))
  }

  /** What a rule makes of a loss; undefined where that comes to nothing. */
  #entryOf(
    live: LiveMessage,
    { action, name }: FailureRule,
    loss: Loss,
    at: Date,
  ): MovedEntry | undefined {
    const { message, attempts } = live
    const { chooseNext } = this.#options
    switch (action.kind) {
      case 'policy':
        return lossEntry(live, loss, at)
      case 'fail':
        return failed(live, loss, name, action.code, at)
      case 'hold':
        return message.expiresAt > at ? held(message, name, at) : undefined
      case 'retry': {
        const retries = Math.max(0, submitsTo(message.carrier, attempts) - 1)
        if (retries >= action.max) return undefined
        return again(message, name, ruleWaitMs(action, retries), undefined, at)
      }
      case 'switch_provider': {
        const next = chooseNext(message, new Set(carriersOf(live)), at, action.to)
        return next && again(message, name, action.delaySeconds * 1_000, next, at)
      }
      default:
        return undefined
    }
  }
}

/** Every carrier that has been given the message. */
function carriersOf({ attempts }: LiveMessage): string[] {
  return [...new Set(attempts.map(({ carrier }) => carrier))]
}

/** Another submit; undefined where its validity would be over by then. */
function again(
  message: Message,
  rule: string,
  waitMs: number,
  next: NextCarrier | undefined,
  at: Date,
): MovedEntry | undefined {
  const dueAt = new Date(at.getTime() + waitMs)
  if (dueAt >= message.expiresAt) return undefined
  const events = next ? [{ ...next.event, detail: { ...next.event.detail, rule } }] : []
  const retry = eventOf(message, 'retry', 'queued', message.errorCode, at, {
    ...(waitMs > 0 ? { retry_at: dueAt } : {}),
    reason: message.errorDetail,
    rule,
  })
  return {
    ...unchanged(message, at),
    to: 'queued',
    carrier: next?.carrier ?? message.carrier,
    cost: next?.cost,
    failures: message.failures + 1,
    dueAt: waitMs > 0 ? dueAt : null,
    deadlineAt: message.expiresAt,
    heldBy: null,
    events: [...events, retry],
  }
}

function held(message: Message, rule: string, at: Date): MovedEntry {
  const until = message.expiresAt
  const detail = { reason: message.errorDetail, until, rule }
  return {
    ...unchanged(message, at),
    to: 'queued',
    failures: message.failures + 1,
    dueAt: until,
    deadlineAt: until,
    heldBy: rule,
    events: [eventOf(message, 'held', 'queued', message.errorCode, at, detail)],
  }
}

function failed(
  live: LiveMessage,
  loss: Loss,
  rule: string,
  ownCode: string | null,
  at: Date,
): MovedEntry {
  const { message } = live
  const code = ownCode ?? message.errorCode
  const detail = { reason: message.errorDetail, rule }
  return {
    ...lossEntry(live, loss, at),
    errorCode: code,
    events: [eventOf(message, 'failed', loss, code, at, detail)],
  }
}

function eventOf(
  { id, carrier, attempt }: Message,
  type: 'retry' | 'held' | 'failed',
  status: TimelineEvent['status'],
  code: string | null,
  at: Date,
  detail: object,
): TimelineEvent {
  return { messageId: id, at, type, status, carrier, attempt, code: code ?? undefined, detail }
}
