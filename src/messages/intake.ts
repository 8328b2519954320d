import { GatewayError } from '../core/errors.ts'
import type { TenantStatus } from '../core/tenant-status.ts'
import { Turns } from '../core/turns.ts'
import { elapsed } from '../core/waits.ts'
import type { NowOrLater } from '../limits/limit-store.ts'
import type { Limits } from '../limits/limits.ts'
import type { OpenBreaker } from '../routing/guard-breakers.ts'
import { type Guards, guardCode } from '../routing/guards.ts'
import { acceptedEntry } from './acceptance.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { AcceptedEntry, JournalEntry } from './journal.ts'
import type { Message } from './message.ts'
import type { MessageRequest } from './message-request.ts'
import { type Quote, Quotes, type QuotesOptions } from './quotes.ts'
import type { PolicyFor } from './settle.ts'
import type { Spool } from './spool.ts'

/** What became of one request among many: a message, or the reason why not. */
export type Verdict =
  | { readonly request: MessageRequest; readonly message: Message; readonly error?: never }
  | { readonly request: MessageRequest; readonly error: GatewayError; readonly message?: never }

/** What an {@link Intake} is built with. */
export interface IntakeOptions extends QuotesOptions {
  readonly spool: Spool
  readonly dispatcher: Dispatcher
  readonly policyFor: PolicyFor
  /** True while the tables are too far behind to take more. */
  readonly isBehind: () => boolean
  /** True while they are so far behind that calls with many messages had better wait. */
  readonly isCrowded: () => boolean
  /** What may be taken by whom; undefined: everybody takes what he likes. */
  readonly limits?: Limits
  /** What a tenant is that sends; undefined: everybody may. */
  readonly statusOf?: (tenantId: string) => TenantStatus
  /** Looks for pumping and loops; undefined: nobody does. */
  readonly guards?: Guards | undefined
}

/** One request of many; what refuses it may still be awaited. */
interface Judged {
  readonly request: MessageRequest
  readonly entry: AcceptedEntry | null
  readonly refusal: NowOrLater<GatewayError | null>
}

/** Messages of one call that are judged in one turn of the event loop: about a millisecond. */
const SLICE = 25

/** How long such a call waits for the tables, and how often it looks, in milliseconds. */
const CROWDED_PATIENCE_MS = 2_000
const CROWDED_REST_MS = 5

/** The one way in, for every front door: judge, route, price, make durable, hand on. */
export class Intake {
  /** What a request would become, for those who only ask. */
  readonly quotes: Quotes
  readonly #spool: Spool
  readonly #dispatcher: Dispatcher
  readonly #options: IntakeOptions
  readonly #turns = new Turns()
  #isClosed = false

  constructor(options: IntakeOptions) {
    this.quotes = new Quotes(options)
    this.#options = options
    this.#spool = options.spool
    this.#dispatcher = options.dispatcher
  }

  /**
   * Takes a message over: resolves once it is durable and on its way.
   *
   * @param replayOf - the dead letter that it repeats: the list loses it in the same commit
   * @throws {GatewayError} what {@link Quotes.quote} throws; `tenant_suspended`; `balance_insufficient`; `message_over_limit`;
   *   `busy`, `queue_full`, `storage_unavailable`, `pumping_suspected`, `loop_suspected`, `rate_limited`,
   *   `quota_exceeded` or `closed`, all retryable, when it cannot be taken now
   */
  async accept(
    tenantId: string,
    request: MessageRequest,
    replayOf: Message | null = null,
  ): Promise<Message> {
    this.checkTenant(tenantId)
    const admission = this.#admit([request])
    if (admission) await admission
    const at = this.#options.clock()
    const entry = this.#entryOf(tenantId, request, at, replayOf)
    const { message } = entry
    const asked = this.#takeOfLimits(message, request)
    const refusal = asked instanceof Promise ? await asked : asked
    if (refusal) throw refusal
    const replay: JournalEntry[] = replayOf
      ? [{ kind: 'replayed', message: replayOf, replayedAs: message.id, at }]
      : []
    await this.#write([...replay, entry], [message])
    this.#handOn(message)
    return message
  }

  /**
   * Takes many messages over in one commit: those that are in order, the others are refused one by
   * one. Resolves once they are durable and on their way.
   *
   * @param alongside - gives what belongs into the same commit
   * @throws {GatewayError} `tenant_suspended`; `busy`, `queue_full`, `storage_unavailable` or `closed`, all
   *   retryable, when none can be taken now
   */
  async acceptAll(
    tenantId: string,
    requests: readonly MessageRequest[],
    alongside: (verdicts: readonly Verdict[]) => readonly JournalEntry[] = () => [],
  ): Promise<readonly Verdict[]> {
    this.checkTenant(tenantId)
    if (requests.length > 1) await this.#uncrowded()
    const admission = this.#admit(requests)
    if (admission) await admission
    const at = this.#options.clock()
    const judged: Judged[] = []
    try {
      for (const [index, request] of requests.entries()) {
        // A campaign must not hold up a code that somebody waits for.
        if (index % SLICE === 0 && requests.length > 1) await this.#turns.next()
        judged.push(this.#judged(tenantId, request, at))
      }
    } catch (error) {
      // None is accepted then.
      for (const { entry } of judged) if (entry) this.#options.charges?.giveBack(entry.message)
      throw error
    }
    const entries: JournalEntry[] = []
    const verdicts: Verdict[] = []
    for (const { request, entry, refusal } of judged) {
      const error = refusal instanceof Promise ? await refusal : refusal
      if (error) {
        verdicts.push({ request, error })
      } else if (entry) {
        entries.push(entry)
        verdicts.push({ request, message: entry.message })
      }
    }
    entries.push(...alongside(verdicts))
    const messages = verdicts.flatMap(({ message }) => message ?? [])
    if (entries.length > 0) await this.#write(entries, messages)
    for (const message of messages) this.#handOn(message)
    return verdicts
  }

  /** Judges one request of many. What limits say of it may come later: all are asked at once. */
  #judged(tenantId: string, request: MessageRequest, at: Date): Judged {
    try {
      const entry = this.#entryOf(tenantId, request, at, null)
      return { request, entry, refusal: this.#takeOfLimits(entry.message, request) }
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      return { request, entry: null, refusal: error }
    }
  }

  /**
   * Last of all, and after the money: what is refused for another reason takes nothing of the limits. For what
   * they refuse the money is free again as soon as that is known.
   */
  #takeOfLimits(message: Message, request: MessageRequest): NowOrLater<GatewayError | null> {
    const refusal = this.#options.limits?.takeMessage(message, request.keyName ?? null) ?? null
    if (refusal instanceof Promise) return refusal.then((late) => this.#freed(message, late))
    return this.#freed(message, refusal)
  }

  #freed(message: Message, refusal: GatewayError | null): GatewayError | null {
    if (refusal) this.#options.charges?.giveBack(message)
    return refusal
  }

  /** What cannot be written is not accepted: the money for it is free again. */
  async #write(entries: readonly JournalEntry[], messages: readonly Message[]): Promise<void> {
    try {
      await this.#spool.write(...entries)
    } catch (error) {
      for (const message of messages) this.#options.charges?.giveBack(message)
      throw error
    }
  }

  /**
   * Refuses what a tenant may not send.
   *
   * @throws {GatewayError} `tenant_suspended`
   */
  checkTenant(tenantId: string): void {
    const status = this.#options.statusOf?.(tenantId) ?? 'active'
    if (status === 'active') return
    throw new GatewayError(
      'tenant_suspended',
      `the tenant, or one above it, is ${status}: nothing is accepted; what waits goes on`,
    )
  }

  /** Refuses everything from now on. */
  close(): void {
    this.#isClosed = true
  }

  /**
   * Refuses what cannot be taken now. Where networks are to be asked for, it resolves once that is
   * done; undefined: there is nothing to wait for.
   */
  #admit(requests: readonly MessageRequest[]): Promise<void> | undefined {
    this.#refuseIfFull()
    return this.quotes.resolveNetworks(requests)?.then(() => this.#refuseIfFull())
  }

  #refuseIfFull(): void {
    if (this.#isClosed) {
      throw new GatewayError('closed', 'the gateway is shutting down', { retryable: true })
    }
    if (this.#options.isBehind()) {
      throw new GatewayError('busy', 'the database is behind: try again in a second', {
        retryable: true,
      })
    }
    if (this.#dispatcher.isFull) {
      throw new GatewayError('queue_full', 'too many messages wait for their carriers', {
        retryable: true,
      })
    }
  }

  /** Gives the tables time for what they do not hold yet; resolves in any case before long. */
  async #uncrowded(): Promise<void> {
    const until = performance.now() + CROWDED_PATIENCE_MS
    while (this.#options.isCrowded() && performance.now() < until) await elapsed(CROWDED_REST_MS)
  }

  #entryOf(
    tenantId: string,
    request: MessageRequest,
    at: Date,
    replayOf: Message | null,
  ): AcceptedEntry {
    const quote = this.quotes.decide(tenantId, request, at)
    // What an operator sends again, no guard looks at.
    const suspicion = replayOf ? undefined : this.#suspicionOf(tenantId, request, quote, at)
    const policy = this.#options.policyFor(request.trafficClass)
    const acceptance = {
      tenantId,
      request,
      quote,
      policy,
      replayOf: replayOf?.id ?? null,
      suspicion,
      charging: this.#options.charges?.textOf(quote.agreed) ?? null,
    }
    const entry = acceptedEntry(acceptance, at)
    this.#options.charges?.hold(entry.message)
    return entry
  }

  /**
   * What a guard has against a message, and lets pass.
   *
   * @throws {GatewayError} `pumping_suspected`, `loop_suspected`
   */
  #suspicionOf(
    tenantId: string,
    request: MessageRequest,
    { number, from }: Quote,
    at: Date,
  ): OpenBreaker | undefined {
    const { guards } = this.#options
    if (!guards || guards.isOff || (request.channel ?? 'sms') !== 'sms') return undefined
    const breaker = guards.check(tenantId, request, from, number, at)
    if (breaker?.action !== 'refuse') return breaker
    const until = new Date(breaker.untilMs).toISOString()
    throw new GatewayError(guardCode(breaker), `refused until ${until}: ${breaker.reason}`, {
      pointer: '/to',
      retryable: true,
      retryAfterSeconds: Math.max(1, Math.ceil((breaker.untilMs - at.getTime()) / 1_000)),
    })
  }

  /** The sweeper finds what is scheduled. */
  #handOn(message: Message): void {
    if (message.status === 'queued') this.#dispatcher.enqueue(message)
  }
}
