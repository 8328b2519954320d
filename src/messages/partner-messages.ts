import { type SQL, sql } from 'drizzle-orm'
import { available } from '../store/available.ts'
import { textArray } from '../store/batch.ts'
import type { Store } from '../store/open.ts'
import type { LiveMessages } from './live.ts'
import type { Message } from './message.ts'
import { isWaiting } from './states.ts'
import { findMessages } from './tables.ts'

/** Whose messages are meant: a partner sees its own only. */
export interface PartnerScope {
  readonly tenantId: string
  /** system_id of the partner. */
  readonly partner: string
}

/** What a partner says of messages that it has no id of. */
export interface Addresses {
  /** Sender as messages have it. */
  readonly from: string
  /** E.164 with `+`. */
  readonly to: string
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * Finds the messages that a partner speaks of. What is only in memory yet is found as well.
 *
 * Both methods throw a GatewayError `storage_unavailable` (retryable) while the database is away.
 */
export class PartnerMessages {
  readonly #store: Store
  readonly #live: LiveMessages

  constructor(options: { readonly store: Store; readonly live: LiveMessages }) {
    this.#store = options.store
    this.#live = options.live
  }

  /**
   * The messages with an id that the partner got, oldest first: none or one, or those of a
   * submit_multi. The case of its letters does not matter.
   */
  async byId(scope: PartnerScope, id: string): Promise<Message[]> {
    const isUuid = UUID.test(id)
    if (isUuid) {
      const own = await this.#load([id.toLowerCase()])
      if (own.length > 0) return own.filter((message) => isTheirs(message, scope))
    }
    // As the ids are made: UUIDs in small letters, hexadecimal numbers in capitals.
    const known = isUuid ? id.toLowerCase() : id.toUpperCase()
    const { partner } = scope
    return this.#find(
      scope,
      this.#live.byPartnerId(partner, known).map(({ message }) => message.id),
      sql`partner = ${partner} and partner_message_id = ${known}`,
    )
  }

  /** The messages that wait and have these addresses, oldest first. */
  async waiting(scope: PartnerScope, { from, to }: Addresses): Promise<Message[]> {
    const { partner } = scope
    const forms = textArray(this.#store.cipher.fingerprints(to))
    const found = await this.#find(
      scope,
      this.#live.byRecipient(partner, to).map(({ message }) => message.id),
      sql`
        partner = ${partner} and status in ('queued', 'scheduled')
        and coalesce(to_fingerprint, to_number) = any(${forms}::text::text[])`,
    )
    return found.filter((message) => isWaiting(message.status) && message.from === from)
  }

  /** @param inMemory - ids of those that the tables may not have yet */
  async #find(scope: PartnerScope, inMemory: readonly string[], where: SQL): Promise<Message[]> {
    const rows = await available(
      this.#store.query<{ id: string }>(sql`select id from messages where ${where}`),
    )
    const ids = new Set([...inMemory, ...rows.map(({ id }) => id)])
    const found = await this.#load([...ids])
    return found.filter((message) => isTheirs(message, scope))
  }

  async #load(ids: readonly string[]): Promise<Message[]> {
    const found = await available(findMessages(this.#live, this.#store, ids))
    return found.map(({ message }) => message).sort((a, b) => (a.id < b.id ? -1 : 1))
  }
}

function isTheirs(message: Message, { tenantId, partner }: PartnerScope): boolean {
  return message.tenantId === tenantId && message.partner === partner
}
