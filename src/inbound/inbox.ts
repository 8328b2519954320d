import type { InboundPart } from '../carriers/carrier.ts'
import type { Clock } from '../core/clock.ts'
import { GatewayError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import {
  type InboundPayload,
  type Telling,
  type TellingRecipient,
  tellingId,
} from '../messages/telling.ts'
import { isForPartner } from '../messages/tracker.ts'
import type { Store } from '../store/open.ts'
import { type InboundMessage, inboundMessageOf } from './inbound-message.ts'
import type { InboundRoutes } from './inbound-routes.ts'
import {
  type Arrival,
  inOrder,
  type JoinedParts,
  type Joining,
  joinParts,
  keyOf,
} from './joining.ts'
import { forgetDoneParts, readGroups, readOverdueGroups, writeInbound } from './tables.ts'

/** What an {@link Inbox} is built with. */
export interface InboxOptions {
  readonly store: Store
  readonly routes: InboundRoutes
  /** Who is told of a message. */
  readonly recipientsFor: (message: InboundMessage) => readonly TellingRecipient[]
  /** Told of messages that are stored, and of what is to be told of them. */
  readonly onReceived: (messages: readonly InboundMessage[], tellings: readonly Telling[]) => void
  /** How long the missing parts of a message are waited for; asked whenever they are looked for. */
  readonly reassemblySeconds: () => number
  readonly logger: Logger
  readonly clock: Clock
}

/** Parts that are written in one statement at most. */
const BATCH = 500

/** Parts that may wait for it. */
const CAPACITY = 20_000

/** How often messages that stay incomplete are looked for. */
const SWEEP_MS = 5_000

/** How long the parts of a whole message are known, so that they are not taken for another's. */
const REMEMBER_MS = 600_000

interface Waiting {
  readonly arrival: Arrival
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Takes messages of handsets: each part is stored before its carrier is told that we have it. Parts find
 * each other in the database, whichever bind they came over and whatever happened between.
 *
 * A carrier that was not told gets no answer and sends again: a message of one part may come twice.
 */
export class Inbox {
  readonly #options: InboxOptions
  #waiting: Waiting[] = []
  /** One piece of work after the other: what a batch reads must not change until it has written. */
  #work: Promise<void> = Promise.resolve()
  #isBatchDue = false
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: InboxOptions) {
    this.#options = options
  }

  /** Begins to look for messages that stay incomplete. */
  start(): void {
    this.#timer = setInterval(() => {
      this.sweep().catch((error: unknown) => {
        const { logger } = this.#options
        logger.error({ error: messageOf(error) }, 'cannot look for incomplete messages')
      })
    }, SWEEP_MS).unref()
  }

  /**
   * Takes one message, or one part of it; resolves when it is stored.
   *
   * @throws {GatewayError} `queue_full`, `closed`, or what the database says; the carrier had better
   *   send it again
   */
  take(part: InboundPart): Promise<void> {
    if (this.#isClosed) {
      return Promise.reject(new GatewayError('closed', 'the gateway is shutting down'))
    }
    if (this.#waiting.length >= CAPACITY) {
      return Promise.reject(new GatewayError('queue_full', `${CAPACITY} parts wait already`))
    }
    return new Promise((resolve, reject) => {
      const arrival = { part, at: this.#options.clock() }
      this.#waiting.push({ arrival, resolve, reject })
      this.#planBatch()
    })
  }

  /** Gives up what has waited too long for its parts; the timer does it every few seconds. */
  sweep(): Promise<void> {
    const swept = this.#work.then(() => this.#sweep())
    this.#work = swept.catch(() => {})
    return swept
  }

  /** Stores what has come, and takes nothing more. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    while (this.#isBatchDue) await this.#work
    await this.#work
  }

  #planBatch(): void {
    if (this.#isBatchDue) return
    this.#isBatchDue = true
    this.#work = this.#work.then(() => this.#writeBatch())
  }

  async #writeBatch(): Promise<void> {
    const batch = this.#waiting.splice(0, BATCH)
    this.#isBatchDue = false
    if (this.#waiting.length > 0) this.#planBatch()
    try {
      await this.#store(batch.map(({ arrival }) => arrival))
      for (const { resolve } of batch) resolve()
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  async #store(arrivals: readonly Arrival[]): Promise<void> {
    const { store } = this.#options
    const keys = new Set(arrivals.flatMap(({ part }) => keyOf(part) ?? []))
    await this.#write(joinParts(await readGroups(store, [...keys]), arrivals))
  }

  async #sweep(): Promise<void> {
    const { store, clock, reassemblySeconds, logger } = this.#options
    const now = clock().getTime()
    const groups = await readOverdueGroups(store, new Date(now - reassemblySeconds() * 1_000))
    if (groups.length > 0) {
      logger.warn({ messages: groups.length }, 'parts of messages did not come: told as they are')
      const joined = groups.map(inOrder)
      await this.#write({ joined, fresh: [], done: groups.map(({ id }) => id), gone: [] })
    }
    await forgetDoneParts(store, new Date(now - REMEMBER_MS))
  }

  async #write({ joined, ...changes }: Joining): Promise<void> {
    const { store, routes, clock, onReceived, logger } = this.#options
    const messages = joined.flatMap((parts: JoinedParts) => inboundMessageOf(parts, routes) ?? [])
    const tellings = messages.flatMap((message) => this.#tellingsOf(message))
    await writeInbound(store, { ...changes, messages, tellings, at: clock() })
    for (const { id, carrier, tenantId } of messages) {
      if (tenantId === null) logger.warn({ id, carrier }, 'no route says whose this message is')
    }
    if (messages.length > 0) onReceived(messages, tellings)
  }

  #tellingsOf(message: InboundMessage): Telling[] {
    const { id, tenantId } = message
    if (tenantId === null) return []
    return this.#options.recipientsFor(message).map(({ recipient, url }) => ({
      id: tellingId(id, 0, recipient),
      recipient,
      url,
      tenantId,
      subjectId: id,
      event: 'message.received',
      payload: payloadOf(message, isForPartner(recipient)),
      tries: 0,
    }))
  }
}

/** Only partners get what came, octet by octet. */
function payloadOf(message: InboundMessage, withPdus: boolean): InboundPayload {
  const { id, from, to, text, encoding, carrier, keyword, pdus, totalParts, receivedAt } = message
  return {
    messageId: id,
    from,
    to,
    text,
    encoding,
    carrier,
    keyword,
    parts: pdus.length,
    totalParts,
    receivedAt: receivedAt.toISOString(),
    pdus: (withPdus ? pdus : []).map((pdu) => ({
      serviceType: pdu.serviceType,
      protocolId: pdu.protocolId,
      priorityFlag: pdu.priorityFlag,
      esmClass: pdu.esmClass,
      dataCoding: pdu.dataCoding,
      octets: pdu.octets.toString('base64'),
      tlvs: pdu.tlvs.map(({ tag, value }) => [tag, value.toString('base64')] as const),
    })),
  }
}
