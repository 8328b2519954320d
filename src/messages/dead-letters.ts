import { and, desc, eq, gte, isNotNull, lt } from 'drizzle-orm'
import { GatewayError } from '../core/errors.ts'
import type { Store } from '../store/open.ts'
import { isRefusedByDatabase } from '../store/refusal.ts'
import { messages } from '../store/schema/messages.ts'
import type { Intake } from './intake.ts'
import type { LiveMessages } from './live.ts'
import type { Message } from './message.ts'
import type { MessageRequest } from './message-request.ts'
import { isTo, type MessageRow, openRow } from './rows.ts'
import type { TableWriter } from './table-writer.ts'
import { findMessages } from './tables.ts'

/** Which dead letters are asked for. */
export interface DeadLetterFilter {
  /** Why it is on the list: why nothing more was tried, see `messages/retry.ts`. */
  readonly reason?: string | undefined
  /** Normalised error code. */
  readonly error?: string | undefined
  /** E.164 with `+`. */
  readonly to?: string | undefined
  readonly carrier?: string | undefined
  /** On the list since this instant or later. */
  readonly since?: Date | undefined
}

/** What became of one letter of a replay. */
export type Replay =
  | { readonly id: string; readonly message: Message; readonly error?: never }
  | { readonly id: string; readonly error: GatewayError; readonly message?: never }

/** The letter is off the list: another message repeats it. */
export class AlreadyReplayedError extends GatewayError {
  /** Id of that message. */
  readonly replayedAs: string

  constructor(replayedAs: string) {
    super('already_replayed', `it was sent again before, as ${replayedAs}`)
    this.replayedAs = replayedAs
  }
}

/** Replays that run at once when many are asked for. */
const CONCURRENCY = 50

/** What a {@link DeadLetters} is built with. */
export interface DeadLettersOptions {
  readonly store: Store
  readonly live: LiveMessages
  readonly tables: TableWriter
  readonly intake: Intake
}

/**
 * Messages that ended without a carrier having taken them, until somebody sends them again.
 *
 * A replay is a new message with a new price; the commit that takes it over also takes the letter
 * off the list, so a letter is never sent twice.
 */
export class DeadLetters {
  readonly #options: DeadLettersOptions
  readonly #running = new Map<string, Promise<unknown>>()

  constructor(options: DeadLettersOptions) {
    this.#options = options
  }

  /**
   * A tenant's dead letters, newest first.
   *
   * @param page - at most `limit`, all older than the letter with the id `before`
   * @throws {GatewayError} `storage_unavailable` (retryable)
   */
  async list(
    tenantId: string,
    filter: DeadLetterFilter,
    page: { readonly before?: string | undefined; readonly limit: number },
  ): Promise<MessageRow[]> {
    const { store, tables } = this.#options
    await available(tables.flush())
    const rows = await available(
      store.db
        .select()
        .from(messages)
        .where(
          and(
            eq(messages.tenant_id, tenantId),
            isNotNull(messages.dead_letter),
            filter.reason ? eq(messages.dead_letter, filter.reason) : undefined,
            filter.error ? eq(messages.error_code, filter.error) : undefined,
            filter.to ? isTo(filter.to, store.cipher) : undefined,
            filter.carrier ? eq(messages.carrier, filter.carrier) : undefined,
            filter.since ? gte(messages.final_at, filter.since) : undefined,
            page.before ? lt(messages.id, page.before) : undefined,
          ),
        )
        .orderBy(desc(messages.id))
        .limit(page.limit),
    )
    return rows.map((row) => openRow(row, store.cipher))
  }

  /**
   * Sends a dead letter again, as a new message; resolves when that is durable.
   *
   * @throws {GatewayError} `not_found`; `already_replayed`; what {@link Intake.accept} throws: then the
   *   letter stays on the list
   */
  async replay(tenantId: string, id: string): Promise<Message> {
    for (let other = this.#running.get(id); other; other = this.#running.get(id)) {
      await other.catch(() => {})
    }
    const work = this.#replay(tenantId, id)
    this.#running.set(id, work)
    try {
      return await work
    } finally {
      this.#running.delete(id)
    }
  }

  /** Sends many again, each on its own, in the order of the ids. */
  async replayAll(tenantId: string, ids: readonly string[]): Promise<readonly Replay[]> {
    const replays: Replay[] = []
    for (let start = 0; start < ids.length; start += CONCURRENCY) {
      const some = ids.slice(start, start + CONCURRENCY)
      replays.push(...(await Promise.all(some.map((id) => this.#replayOne(tenantId, id)))))
    }
    return replays
  }

  async #replayOne(tenantId: string, id: string): Promise<Replay> {
    try {
      return { id, message: await this.replay(tenantId, id) }
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      return { id, error }
    }
  }

  async #replay(tenantId: string, id: string): Promise<Message> {
    const { store, live: known, intake } = this.#options
    const [found] = await available(findMessages(known, store, [id]))
    if (found?.message.tenantId !== tenantId) {
      throw new GatewayError('not_found', `there is no dead letter with the id "${id}"`)
    }
    const live = known.adopt(found.message, found.attempts)
    const letter = live.message
    if (letter.replayedAs !== null) {
      throw new AlreadyReplayedError(letter.replayedAs)
    }
    if (letter.deadLetter === null) {
      throw new GatewayError('not_found', `the message ${id} is not on the list of dead letters`)
    }
    // It must not leave memory before the entry that takes it off the list has been applied.
    const isOurs = !live.isHeld
    if (isOurs) known.hold(live)
    try {
      return await intake.accept(tenantId, requestOf(letter), letter)
    } finally {
      if (isOurs) known.letGo(live)
    }
  }
}

/** The request that a message was accepted for. */
function requestOf(letter: Message): MessageRequest {
  const startAt = letter.sendAt ?? letter.createdAt
  const validitySeconds = (letter.expiresAt.getTime() - startAt.getTime()) / 1_000
  return {
    source: letter.source,
    partner: letter.partner,
    channel: letter.channel,
    to: letter.to,
    from: letter.from,
    text: letter.text,
    template: letter.template,
    mail: letter.mail,
    raw: letter.raw,
    passThrough: letter.passThrough,
    // A partner was told the end of the first one, and does not know the id of this one.
    registeredDelivery: 0,
    encoding: letter.requestedEncoding,
    trafficClass: letter.trafficClass,
    tags: letter.tags,
    expectsReply: letter.expectsReply,
    maxSegments: letter.maxSegments,
    clientReference: letter.clientReference,
    callbackUrl: letter.callbackUrl,
    sendAt: null,
    validitySeconds: Math.max(1, Math.round(validitySeconds)),
  }
}

/** The rows of a query; a database that is away is told as such. */
async function available<Rows>(query: PromiseLike<Rows>): Promise<Rows> {
  try {
    return await query
  } catch (cause) {
    if (isRefusedByDatabase(cause)) throw cause
    throw new GatewayError('storage_unavailable', 'the database is away: try again later', {
      retryable: true,
      cause,
    })
  }
}
