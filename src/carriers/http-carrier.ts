import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { HttpCarrierConfig } from '../config/http-carriers.ts'
import type { Channel } from '../core/channel.ts'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { HttpResponse } from '../providers/http-call.ts'
import {
  type Call,
  isRawError,
  type ProviderAccount,
  type ProviderMessage,
  type ProviderReports,
  type SendResult,
} from '../providers/provider.ts'
import { Pacer } from '../smpp/pacer.ts'
import { type CallLimits, type CallResult, Calls } from './calls.ts'
import type {
  BalanceOutcome,
  CarrierEvents,
  CheckOutcome,
  ConfiguredCarrier,
  Content,
  ContentLayout,
  OutboundMessage,
  QueryOutcome,
  SegmentOutcome,
  Submission,
  SubmittedSegment,
} from './carrier.ts'
import { readResults, restMs, tokenOutcome, unreachable, unsendable } from './http-answer.ts'
import { HttpClient } from './http-exchange.ts'
import { httpLayout, httpLayoutKey } from './http-layout.ts'
import {
  inboundPartOf,
  providerMessage,
  queryOutcomeOf,
  reasonOf,
  receiptOf,
  sendOutcome,
} from './http-mapping.ts'
import { callLimits, type OpenedAccount, openAccount } from './provider-account.ts'
import { TokenKeeper } from './provider-token.ts'
import { ReportPuller } from './report-puller.ts'

/** What an {@link HttpCarrier} is built with. */
export interface HttpCarrierOptions {
  readonly config: HttpCarrierConfig
  readonly events: CarrierEvents
  readonly logger: Logger
  readonly clock: Clock
}

const NONCE_OCTETS = 16
/** Calls of one message, where the first is refused for its token or its time. */
const MAX_CALLS = 2

/** A carrier reached over the API of a provider: messages become calls, callbacks and pulls become receipts. */
export class HttpCarrier implements ConfiguredCarrier<HttpCarrierConfig> {
  readonly name: string
  readonly type = 'http'
  readonly channel: Channel
  #config: HttpCarrierConfig
  #opened: OpenedAccount
  #layoutKey: string
  #limits: CallLimits
  #client: HttpClient
  #tokens: TokenKeeper | undefined
  #puller: ReportPuller
  /** What goes by earlier settings, until it has its answers. */
  readonly #leavingClients = new Set<HttpClient>()
  readonly #leavingPullers = new Set<ReportPuller>()
  readonly #events: CarrierEvents
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #pacer: Pacer
  readonly #calls: Calls<ProviderMessage>
  #isStarted = false

  constructor({ config, events, logger, clock }: HttpCarrierOptions) {
    this.name = config.name
    this.#config = config
    this.#events = events
    this.#logger = logger
    this.#clock = clock
    this.#opened = openAccount(config)
    this.channel = this.#opened.traits.channel
    this.#layoutKey = httpLayoutKey(config, this.#opened)
    this.#limits = callLimits(config, this.#opened)
    this.#client = new HttpClient(config)
    this.#tokens = this.#makeTokens()
    this.#pacer = new Pacer(config.requestsPerSecond)
    this.#puller = this.#makePuller()
    this.#calls = new Calls({
      limits: this.#limits,
      pacer: this.#pacer,
      call: (messages) => this.#send(messages),
      onWrite: (marks) => events.onWrite?.(marks),
    })
  }

  /** Its settings at present. */
  get config(): HttpCarrierConfig {
    return this.#config
  }

  /** What the provider reports by itself; undefined where it does not. */
  get callbacks() {
    return this.#opened.account.callbacks
  }

  get layoutKey(): string {
    return this.#layoutKey
  }

  get givesReceipts(): boolean {
    return this.#opened.traits.givesReceipts
  }

  /** There is no connection that could be lost: whether it works is for its circuit breaker to say. */
  get isUp(): boolean {
    return this.#isStarted
  }

  get capacity(): number {
    return this.#isStarted ? this.#limits.connections * this.#calls.perCall : 0
  }

  get segmentsPerSecond(): number {
    return this.#pacer.perSecond
  }

  readonly binds = []
  readonly lostConnections = 0

  waitFor(_segments: number, journalling: number, now: number): number {
    return this.#calls.waitFor(journalling, now)
  }

  layOut(content: Content): ContentLayout {
    return httpLayout(this.#opened, this.#config, content)
  }

  prepare(message: OutboundMessage): Submission {
    const prepared = providerMessage(this.#opened, this.#config, message)
    const { acrossTenants } = this.#config.batch
    const { account } = this.#opened
    const key = account.batchKey(prepared)
    const ofTenant = acrossTenants ? key : `${message.tenantId} ${key}`
    // Together with others it could not be repeated as it was.
    const isAlone = account.knowsRepetitions === true && message.submit.mayBeRepeated
    const fullKey = isAlone ? undefined : ofTenant
    return {
      segmentCount: 1,
      replacements: [],
      send: (_segment, _now, options = {}) => this.#calls.send(prepared, fullKey, options),
    }
  }

  /** With the provider's question about one message, where it has one. */
  async query({ to, carrierMessageId, submittedAt }: SubmittedSegment): Promise<QueryOutcome> {
    const { query } = this.#opened.account
    if (!query) return { kind: 'refused', reason: 'the provider has no such call' }
    const sent = { providerId: carrierMessageId, to, sentAt: submittedAt }
    const response = await this.#ask((call) => query.request(sent, call))
    if (typeof response === 'string') return { kind: 'no_answer', reason: response }
    try {
      return queryOutcomeOf(query.read(response, sent))
    } catch (error) {
      return { kind: 'no_answer', reason: messageOf(error) }
    }
  }

  /** With the provider's question for it, where it has one. */
  async balance(): Promise<BalanceOutcome> {
    const { balance } = this.#opened.account
    if (!balance) return { kind: 'not_told' }
    const response = await this.#ask((call) => balance.request(call))
    if (typeof response === 'string') return { kind: 'no_answer', reason: response }
    try {
      const read = balance.read(response)
      if (isRawError(read)) return { kind: 'no_answer', reason: reasonOf(read) }
      return { kind: 'told', ...read }
    } catch (error) {
      return { kind: 'no_answer', reason: messageOf(error) }
    }
  }

  /** With the question for the balance: the only one that changes nothing. */
  async check(timeoutMs: number): Promise<CheckOutcome> {
    const startedAt = performance.now()
    const settled = await settledWithin(this.balance(), timeoutMs)
    if (settled === undefined) {
      return { kind: 'no_answer', reason: `no answer in ${timeoutMs} ms` }
    }
    const { value: balance } = settled
    if (balance.kind === 'not_told') {
      return { kind: 'not_asked', reason: 'the provider has no call for it' }
    }
    if (balance.kind === 'no_answer') return balance
    return { kind: 'answered', latencyMs: performance.now() - startedAt }
  }

  /** Takes what a callback or a pull has brought; resolves when all of it is durable. */
  async take({ receipts, inbound }: ProviderReports): Promise<void> {
    await Promise.all([
      ...receipts.map((receipt) => this.#events.onReceipt(receiptOf(this.name, receipt))),
      ...inbound.map((message) => this.#events.onInbound(inboundPartOf(this.name, message))),
    ])
  }

  start(): void {
    this.#isStarted = true
    this.#puller.start()
    this.#events.onCapacityChange(this.name)
  }

  /** Goes by other settings of the carrier with the same name, from the next call on. */
  follow(config: HttpCarrierConfig): void {
    const before = this.#config
    this.#config = config
    this.#opened = openAccount(config)
    this.#layoutKey = httpLayoutKey(config, this.#opened)
    this.#limits = callLimits(config, this.#opened)
    if (!isSameClient(before, config)) {
      const client = this.#client
      this.#leavingClients.add(client)
      // A call that is written in the last moment has its whole time.
      void client.close(2 * before.timeoutMs).then(() => this.#leavingClients.delete(client))
      this.#client = new HttpClient(config)
    }
    if (!isDeepStrictEqual(before.settings, config.settings)) this.#tokens = this.#makeTokens()
    this.#pacer.agree(config.requestsPerSecond)
    this.#calls.follow(this.#limits)
    const puller = this.#puller
    this.#leavingPullers.add(puller)
    void puller.close().then(() => this.#leavingPullers.delete(puller))
    this.#puller = this.#makePuller()
    if (this.#isStarted) this.#puller.start()
    this.#events.onCapacityChange(this.name)
  }

  async close(drainMs: number): Promise<void> {
    this.#isStarted = false
    const pulls = [this.#puller, ...this.#leavingPullers].map((puller) => puller.close())
    await Promise.all([this.#calls.close(drainMs), settledWithin(Promise.all(pulls), drainMs)])
    await Promise.all([this.#client, ...this.#leavingClients].map((client) => client.close(0)))
    // What was fetched before is durable by then.
    await Promise.all(pulls)
  }

  /** As {@link close}: what has not begun goes back in any case. */
  handBack(drainMs: number): Promise<void> {
    return this.close(drainMs)
  }

  async #send(messages: readonly ProviderMessage[]): Promise<CallResult> {
    const all = (outcome: SegmentOutcome, retryAfterMs = 0): CallResult => ({
      outcomes: messages.map(() => outcome),
      retryAfterMs,
    })
    let mayHaveLeft = false
    try {
      for (let calls = 1; ; calls++) {
        mayHaveLeft = false
        const account = this.#opened.account
        const token = await this.#tokens?.get()
        if (token && !token.ok) return all(tokenOutcome(account, token))
        const request = account.send(messages, this.#call(token?.value))
        mayHaveLeft = true
        const exchanged = await this.#client.exchange(request)
        if (exchanged.kind === 'not_sent') return all(unreachable(exchanged.reason))
        if (exchanged.kind === 'unknown')
          return all({ kind: 'uncertain', reason: exchanged.reason })
        const { response } = exchanged
        const results = readResults(account, response, messages)
        if (typeof results === 'string') return all({ kind: 'uncertain', reason: results })
        if (calls < MAX_CALLS && this.#mayCallAgain(account, results, token?.value)) continue
        const outcomes = results.map((result) => sendOutcome(account, result))
        this.#tellOfDelivered(results, messages)
        return { outcomes, retryAfterMs: restMs(account, results, response, this.#clock()) }
      }
    } catch (error) {
      const reason = messageOf(error)
      this.#logger.error({ carrier: this.name, error: reason }, 'a call has failed')
      // A mistake of ours: once it was sent nobody can say how far it got.
      return all(mayHaveLeft ? { kind: 'uncertain', reason } : unsendable(reason))
    }
  }

  /** What the answer has said of a message's end goes the way of every receipt. */
  #tellOfDelivered(results: readonly SendResult[], messages: readonly ProviderMessage[]): void {
    for (const [index, result] of results.entries()) {
      if (result.kind !== 'accepted' || !result.isDelivered) continue
      const to = messages[index]?.to ?? null
      const { providerId, matchKey } = result
      const told = { providerId, matchKey, to, code: '', failure: null, text: '', at: null }
      const receipt = receiptOf(this.name, { ...told, status: 'delivered' })
      void this.#events.onReceipt(receipt).catch((error: unknown) => {
        this.#logger.error({ carrier: this.name, error: messageOf(error) }, 'cannot keep a receipt')
      })
    }
  }

  /** Whether all of it was refused for a token that has ended, or for the time it was signed at. */
  #mayCallAgain(
    account: ProviderAccount,
    results: readonly SendResult[],
    token: string | undefined,
  ): boolean {
    const [first] = results
    if (first?.kind !== 'refused' || results.some(({ kind }) => kind !== 'refused')) return false
    if (token !== undefined && account.token?.isRefused(first)) {
      this.#tokens?.drop(token)
      return true
    }
    const { type, retryable } = account.classify(first)
    return type === 'auth' && retryable
  }

  /** Asks something that changes nothing; a text says why there is no answer. */
  async #ask(
    requestOf: (call: Call) => Parameters<HttpClient['exchange']>[0],
  ): Promise<HttpResponse | string> {
    const token = await this.#tokens?.get()
    if (token && !token.ok) return `no token: ${token.reason}`
    const exchanged = await this.#client.exchange(requestOf(this.#call(token?.value)))
    return exchanged.kind === 'answered' ? exchanged.response : exchanged.reason
  }

  #call(token = ''): Call {
    return {
      now: this.#clock(),
      nonce: randomBytes(NONCE_OCTETS).toString('hex'),
      token,
      callbackUrl: this.#config.callback.url ?? null,
    }
  }

  #makeTokens(): TokenKeeper | undefined {
    const { token } = this.#opened.account
    return (
      token &&
      new TokenKeeper({
        source: token,
        exchange: (request) => this.#client.exchange(request),
        requestOf: (source) => source.request(this.#call()),
        now: () => this.#clock().getTime(),
      })
    )
  }

  #makePuller(): ReportPuller {
    const { name } = this
    return new ReportPuller({
      pulls: this.#opened.account.pulls ?? [],
      intervalMs: this.#config.pullMs,
      fetch: (pull) => this.#ask((call) => pull.request(call)),
      take: (reports) => this.take(reports),
      onFailure: (pull, error) => {
        this.#logger.warn({ carrier: name, pull, error }, 'cannot fetch reports of a provider')
      },
    })
  }
}

function isSameClient(one: HttpCarrierConfig, other: HttpCarrierConfig): boolean {
  return (
    one.connections === other.connections &&
    one.timeoutMs === other.timeoutMs &&
    one.proxy === other.proxy
  )
}

/** What a promise gives; undefined: it has not settled in time. */
async function settledWithin<Value>(
  promise: Promise<Value>,
  ms: number,
): Promise<{ readonly value: Value } | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms)
  })
  try {
    return await Promise.race([promise.then((value) => ({ value })), late])
  } finally {
    clearTimeout(timer)
  }
}
