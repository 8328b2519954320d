import { type SQL, sql } from 'drizzle-orm'
import type { Clock } from '../core/clock.ts'
import { GatewayError, messageOf } from '../core/errors.ts'
import type { FallbackStep } from '../core/fallback.ts'
import type { Logger } from '../core/logger.ts'
import { Recent } from '../core/recent.ts'
import type { Store } from '../store/open.ts'
import type { Intake } from './intake.ts'
import type { FellBackEntry } from './journal.ts'
import type { LiveMessages } from './live.ts'
import type { Message } from './message.ts'
import type { MessageRequest } from './message-request.ts'
import type { Spool } from './spool.ts'
import { isFinal } from './states.ts'
import { findMessages } from './tables.ts'

/** What {@link Fallbacks} are built with. */
export interface FallbacksOptions {
  readonly store: Store
  readonly live: LiveMessages
  readonly intake: Pick<Intake, 'acceptAll'>
  readonly spool: Pick<Spool, 'write'>
  readonly logger: Logger
  readonly clock: Clock
}

const SWEEP_EVERY_MS = 1_000
/** Messages looked at in one sweep, and how many at once. */
const PAGE = 200
/** Rows are written within seconds; while the database is away, nothing is read from it either. */
const FOLLOWED = 100_000
const FOLLOWED_MS = 120_000
/** How long a channel is asked again that cannot take the message just now. */
const PATIENCE_MS = 3_600_000

/** Why a channel was passed over. */
interface PassedOver {
  readonly channel: string
  readonly code: string
  readonly detail: string
}

/**
 * Sends what did not arrive by its next channel.
 *
 * The next message is a new one with a price of its own; the commit that takes it over also says so in the one it
 * follows, so that nothing is followed twice. What is due is read from the tables, every second: whatever the last
 * run has left is found the same way. What memory knows of a message counts more than its row.
 */
export class Fallbacks {
  readonly #options: FallbacksOptions
  /** What has been followed, or needs nothing any more, by id. */
  readonly #followed = new Recent<true>(FOLLOWED, FOLLOWED_MS)
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(options: FallbacksOptions) {
    this.#options = options
  }

  /** Looks every second from now on. */
  start(): void {
    if (this.#isClosed) return
    this.#timer = setTimeout(() => {
      this.#running = this.sweep()
        .catch((error: unknown) => {
          this.#options.logger.error({ error: messageOf(error) }, 'cannot look for fallbacks')
        })
        .then(() => this.start())
    }, SWEEP_EVERY_MS).unref()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#running
  }

  /** Looks once; resolves when all that was due is durable, or was put off. */
  async sweep(): Promise<void> {
    const { store, live: messages, clock } = this.#options
    const due = await store.query<{ id: string }>(dueFallbacks(clock()))
    for (const { id } of due) {
      if (this.#isClosed) return
      const nowMs = clock().getTime()
      // Its row may not say so yet, or have been read before it did.
      if (this.#followed.get(id, nowMs)) continue
      const [found] = await findMessages(messages, store, [id])
      if (!found) continue
      const live = messages.adopt(found.message, found.attempts)
      // It must not leave memory before the entry that names what follows it has been applied.
      messages.pin(live)
      try {
        await this.#follow(live.message)
        this.#followed.set(id, true, nowMs)
      } catch (error) {
        if (!(error instanceof GatewayError) || !error.retryable) throw error
      } finally {
        messages.unpin(live)
      }
    }
  }

  async #follow(message: Message): Promise<void> {
    const { intake, spool, clock } = this.#options
    const at = clock()
    const cause = causeOf(message, at)
    if (!message.fallback || cause === undefined) return
    const passedOver: PassedOver[] = []
    for (const [index, step] of message.fallback.steps.entries()) {
      const request = requestOf(message, step, index)
      const [verdict] = await intake.acceptAll(message.tenantId, [request], ([first]) =>
        first?.message ? [entryOf(message, first.message, cause, passedOver, at)] : [],
      )
      const error = verdict?.error
      if (!error) return
      if (error.retryable && !isLate(message, at)) throw error
      passedOver.push({ channel: step.channel, code: error.code, detail: error.message })
    }
    await spool.write(entryOf(message, null, cause, passedOver, at))
  }
}

/** What is written here stands in the index `messages_fallback` word for word. */
function dueFallbacks(now: Date): SQL {
  return sql`
    select id from messages
    where fallback is not null and fallback_as is null
      and (final_at is null or status = any(fallback_on))
      and (final_at is not null or fallback_at <= ${now.toISOString()}::text::timestamptz)
    order by id
    limit ${PAGE}`
}

/** Why the next channel's turn has come; undefined: it has not. */
function causeOf(message: Message, at: Date): string | undefined {
  const { fallback, fallbackAs, fallbackAt, status } = message
  if (!fallback || fallbackAs !== null) return undefined
  if (isFinal(status)) return fallback.on.find((cause) => cause === status)
  return fallbackAt !== null && fallbackAt <= at ? 'no_receipt' : undefined
}

function isLate({ finalAt, fallbackAt }: Message, at: Date): boolean {
  const since = finalAt ?? fallbackAt ?? at
  return at.getTime() - since.getTime() > PATIENCE_MS
}

function entryOf(
  message: Message,
  next: Message | null,
  cause: string,
  passedOver: readonly PassedOver[],
  at: Date,
): FellBackEntry {
  return {
    kind: 'fell_back',
    message,
    fallbackAs: next?.id ?? null,
    event: {
      messageId: message.id,
      at,
      type: next ? 'fell_back' : 'fallback_failed',
      status: message.status,
      detail: {
        cause,
        ...(next ? { fallback_as: next.id, channel: next.channel } : {}),
        ...(passedOver.length > 0 ? { passed_over: passedOver } : {}),
      },
    },
  }
}

function requestOf(message: Message, step: FallbackStep, index: number): MessageRequest {
  const startAt = message.sendAt ?? message.createdAt
  const validitySeconds = (message.expiresAt.getTime() - startAt.getTime()) / 1_000
  const steps = message.fallback?.steps.slice(index + 1) ?? []
  return {
    source: message.source,
    partner: null,
    ...step,
    raw: null,
    passThrough: null,
    registeredDelivery: 0,
    encoding: message.requestedEncoding,
    trafficClass: message.trafficClass,
    tags: message.tags,
    expectsReply: message.expectsReply,
    maxSegments: message.maxSegments,
    clientReference: message.clientReference,
    callbackUrl: message.callbackUrl,
    sendAt: null,
    validitySeconds: Math.max(1, Math.round(validitySeconds)),
    fallback: message.fallback && steps.length > 0 ? { ...message.fallback, steps } : null,
    fallbackOf: message.id,
  }
}
