import { type Clock, systemClock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type {
  BalanceTelling,
  InboundTelling,
  StatusTelling,
  Telling,
  TellingOutcome,
  TellingTry,
} from '../messages/telling.ts'
import type { AddressGuard, WebhookTarget } from './address-guard.ts'
import type { Endpoint, Endpoints, Signing } from './endpoints.ts'
import type { ExchangeResult } from './exchange.ts'
import { Pace } from './pace.ts'
import type { Poster } from './poster.ts'
import { asksForLess, fateOf, retryAfterOf, showsStrain } from './schedule.ts'

/** Addresses of callbacks remembered as read. */
const MAX_READ_URLS = 1_000

const ENDPOINT_RECIPIENT = 'endpoint:'

const SECRET_DAMAGED = 'its secret is damaged: replace it'

/** How {@link WebhookSender} is built. */
export interface WebhookSenderOptions {
  readonly endpoints: Endpoints
  readonly guard: AddressGuard
  readonly logger: Logger
  readonly poster: Poster
  readonly clock?: Clock
  /** A recipient that {@link WebhookSender.concurrencyOf} had at 0 can be sent to again. */
  readonly onReady: (recipient: string) => void
  /** An endpoint was switched off because of its own answer. */
  readonly onDisabled?: (endpoint: Endpoint, reason: string) => void
  /** From 0 up to 1: spreads the tries. */
  readonly random?: () => number
}

/** Where a request goes and what it is signed with. */
interface Destination {
  readonly target: WebhookTarget
  readonly signing: Signing
  /** Set when it is an endpoint, which can be switched off. */
  readonly endpoint: Endpoint | undefined
}

/** Why a telling cannot be sent at all. */
interface Refusal {
  readonly refused: string
}

/** Sends webhooks: one signed POST for each telling. */
export class WebhookSender {
  readonly #endpoints: Endpoints
  readonly #guard: AddressGuard
  readonly #logger: Logger
  readonly #poster: Poster
  readonly #clock: Clock
  readonly #random: () => number
  readonly #pace = new Pace()
  /** A record never changes, so what was read from it holds as long as it does. */
  #destinations = new WeakMap<Endpoint, Destination>()
  readonly #readUrls = new Map<string, WebhookTarget>()
  /** Recipients that have asked to be left alone. */
  readonly #pauses = new Map<string, NodeJS.Timeout>()
  readonly #onReady: (recipient: string) => void
  readonly #onDisabled: WebhookSenderOptions['onDisabled']
  #isClosed = false
  #underWay = 0
  #onIdle: (() => void) | undefined

  constructor(options: WebhookSenderOptions) {
    this.#endpoints = options.endpoints
    this.#guard = options.guard
    this.#logger = options.logger
    this.#poster = options.poster
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? Math.random
    this.#onReady = options.onReady
    this.#onDisabled = options.onDisabled
  }

  /** Reads every URL again: which addresses are allowed has changed. */
  readAgain(): void {
    this.#destinations = new WeakMap()
    this.#readUrls.clear()
  }

  /**
   * Requests that may run at once to a recipient: 32 at first, up to 128 while it takes them, fewer
   * while it shows strain, none while it has asked to be left alone.
   */
  concurrencyOf(recipient: string): number {
    const waitMs = this.#pace.readyAtMs(recipient) - this.#clock().getTime()
    return waitMs > 0 ? 0 : this.#pace.concurrencyOf(recipient)
  }

  /** Makes one try. Never rejects: whatever goes wrong is in the outcome. */
  deliver(telling: Telling): Promise<TellingOutcome> {
    const { url, tenantId } = telling
    if (url === null) return this.#send(telling, this.#endpointDestination(telling.recipient))
    const signing = this.#endpoints.knownCallbackSigning(tenantId)
    if (signing) return this.#send(telling, this.#callbackDestination(url, signing))
    return this.#endpoints.callbackSigning(tenantId).then(
      (made) => this.#send(telling, this.#callbackDestination(url, made)),
      (error: unknown) => this.#notSent(telling, `no secret to sign with: ${messageOf(error)}`),
    )
  }

  /**
   * Sends an event `webhook.test` to an endpoint, enabled or not, once.
   *
   * @param id - the `webhook-id`
   */
  async sendTest(endpoint: Endpoint, id: string): Promise<TellingTry> {
    const at = this.#clock()
    const destination = this.#destinationOf(endpoint)
    if ('refused' in destination) return tryWithoutAnswer(at, destination.refused)
    const body = JSON.stringify({
      type: 'webhook.test',
      timestamp: at.toISOString(),
      data: { webhook_id: endpoint.id },
    })
    return new Promise((resolve) => {
      this.#post(destination, id, body, at, (result) => resolve(tryOf(at, result)))
    })
  }

  /** Waits for the requests under way, cuts off what is not done in time, and closes connections. */
  async close(patienceMs = 0): Promise<void> {
    this.#isClosed = true
    for (const timer of this.#pauses.values()) clearTimeout(timer)
    if (this.#underWay > 0 && patienceMs > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, patienceMs)
        this.#onIdle = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    await this.#poster.close()
  }

  #send(telling: Telling, destination: Destination | Refusal): Promise<TellingOutcome> {
    const at = this.#clock()
    if ('refused' in destination) {
      const { refused } = destination
      return Promise.resolve({
        try: tryWithoutAnswer(at, refused),
        fate: { kind: 'dead', reason: refused },
      })
    }
    this.#pace.noteStart(telling.recipient)
    return new Promise((resolve) => {
      this.#post(destination, telling.id, bodyOf(telling), at, (result) =>
        resolve(this.#settle(telling, destination, at, result)),
      )
    })
  }

  #post(
    destination: Destination,
    id: string,
    body: string,
    at: Date,
    settle: (result: ExchangeResult) => void,
  ): void {
    const { target, signing } = destination
    const timestamp = Math.floor(at.getTime() / 1_000)
    this.#underWay += 1
    this.#poster.post(
      { target, id, timestamp, body, secrets: secretsAt(signing, at) },
      (result) => {
        this.#underWay -= 1
        if (this.#underWay === 0) this.#onIdle?.()
        settle(result)
      },
    )
  }

  #settle(
    telling: Telling,
    destination: Destination,
    at: Date,
    result: ExchangeResult,
  ): TellingOutcome {
    const now = this.#clock()
    const { recipient } = telling
    const fate = fateOf(telling.tries, result, now, this.#random)
    if (showsStrain(result.status) || result.isTimeout) {
      const until = asksForLess(result.status) ? retryAfterOf(result.retryAfter, now) : undefined
      this.#pace.noteStrain(recipient, now, until)
      this.#wakeAfterPause(recipient, now)
    } else if (fate.kind === 'done') this.#pace.noteSuccess(recipient)
    this.#pace.noteEnd(recipient)
    if (result.status === 410 && destination.endpoint) this.#disable(destination.endpoint)
    return { try: tryOf(at, result), fate }
  }

  /** The longest pause holds: a timer that is there already asks again when it fires. */
  #wakeAfterPause(recipient: string, now: Date): void {
    const waitMs = this.#pace.readyAtMs(recipient) - now.getTime()
    if (waitMs <= 0 || this.#pauses.has(recipient) || this.#isClosed) return
    const timer = setTimeout(() => {
      this.#pauses.delete(recipient)
      this.#wakeAfterPause(recipient, this.#clock())
      if (!this.#pauses.has(recipient)) this.#onReady(recipient)
    }, waitMs)
    this.#pauses.set(recipient, timer.unref())
  }

  #disable(endpoint: Endpoint): void {
    const { id, tenantId } = endpoint
    const reason = 'it answered 410 Gone'
    this.#endpoints.disable(endpoint, reason).then(
      () => {
        this.#logger.info({ endpoint: id, tenant: tenantId }, 'a webhook endpoint is gone')
        this.#onDisabled?.(endpoint, reason)
      },
      (error: unknown) =>
        this.#logger.error(
          { endpoint: id, error: messageOf(error) },
          'cannot disable a webhook endpoint',
        ),
    )
  }

  #notSent(telling: Telling, error: string): TellingOutcome {
    const at = this.#clock()
    const answer = { status: null, retryAfter: null }
    return {
      try: tryWithoutAnswer(at, error),
      fate: fateOf(telling.tries, answer, at, this.#random),
    }
  }

  #endpointDestination(recipient: string): Destination | Refusal {
    const id = recipient.startsWith(ENDPOINT_RECIPIENT)
      ? recipient.slice(ENDPOINT_RECIPIENT.length)
      : ''
    const endpoint = this.#endpoints.endpoint(id)
    if (!endpoint) return { refused: 'the endpoint has been removed' }
    if (!endpoint.isEnabled) return { refused: 'the endpoint is disabled' }
    if (endpoint.secret === '') return { refused: SECRET_DAMAGED }
    return this.#destinationOf(endpoint)
  }

  #destinationOf(endpoint: Endpoint): Destination | Refusal {
    const known = this.#destinations.get(endpoint)
    if (known) return known
    const target = this.#read(endpoint.url)
    if ('refused' in target) return target
    const destination = { target, signing: endpoint, endpoint }
    this.#destinations.set(endpoint, destination)
    return destination
  }

  #callbackDestination(url: string, signing: Signing): Destination | Refusal {
    if (signing.secret === '') return { refused: SECRET_DAMAGED }
    const known = this.#readUrls.get(url)
    if (known) return { target: known, signing, endpoint: undefined }
    const target = this.#read(url)
    if ('refused' in target) return target
    if (this.#readUrls.size >= MAX_READ_URLS) this.#readUrls.clear()
    this.#readUrls.set(url, target)
    return { target, signing, endpoint: undefined }
  }

  /** What was allowed when it was given may be refused by now: the setting can have changed. */
  #read(url: string): WebhookTarget | Refusal {
    try {
      return this.#guard.target(url)
    } catch (error) {
      return { refused: messageOf(error) }
    }
  }
}

/** The secrets that sign at an instant. */
function secretsAt(
  { secret, previousSecret, previousSecretUntil: until }: Signing,
  at: Date,
): string[] {
  if (previousSecret === null || (until !== null && at >= until)) return [secret]
  return [secret, previousSecret]
}

/** The body of a webhook; the same for every try. */
function bodyOf(telling: Telling): string {
  if (telling.event === 'message.received') return receivedBody(telling)
  return telling.event === 'balance.low' ? balanceBody(telling) : statusBody(telling)
}

function statusBody({ event, payload }: StatusTelling): string {
  const { errorCode, errorDetail, rawError } = payload
  return JSON.stringify({
    type: event,
    timestamp: payload.doneAt,
    data: {
      id: payload.messageId,
      channel: payload.channel ?? 'sms',
      to: payload.to,
      from: payload.from,
      status: payload.status,
      error: errorCode === null ? null : { code: errorCode, detail: errorDetail, raw: rawError },
      client_reference: payload.clientReference,
      segments: payload.segments,
      carrier: payload.carrier,
      submitted_at: payload.submittedAt,
      done_at: payload.doneAt,
    },
  })
}

function receivedBody({ event, payload }: InboundTelling): string {
  return JSON.stringify({
    type: event,
    timestamp: payload.receivedAt,
    data: {
      id: payload.messageId,
      to: payload.to,
      from: payload.from,
      text: payload.text,
      encoding: payload.encoding,
      keyword: payload.keyword,
      parts: payload.parts,
      total_parts: payload.totalParts,
      carrier: payload.carrier,
      received_at: payload.receivedAt,
    },
  })
}

function balanceBody({ event, payload }: BalanceTelling): string {
  const { fellAt, ...data } = payload
  return JSON.stringify({ type: event, timestamp: fellAt, data })
}

function tryOf(at: Date, { status, durationMs, error }: ExchangeResult): TellingTry {
  return { at, statusCode: status, durationMs, error: error ?? complaintAbout(status) }
}

function tryWithoutAnswer(at: Date, error: string): TellingTry {
  return { at, statusCode: null, durationMs: 0, error }
}

function complaintAbout(status: number | null): string | null {
  if (status === null || (status >= 200 && status < 300)) return null
  return status >= 300 && status < 400
    ? `answered ${status}: redirects are not followed`
    : `answered ${status}`
}
