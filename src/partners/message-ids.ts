import { sql } from 'drizzle-orm'
import type { Message } from '../messages/message.ts'
import { available } from '../store/available.ts'
import { textArray } from '../store/batch.ts'
import type { Store } from '../store/open.ts'

/**
 * How the ids look that a partner gets: our own, 8 hexadecimal digits in capitals (all that an id of
 * SMPP v3.3 has room for), or 10 decimal digits.
 */
export type MessageIdForm = 'uuid' | 'hex8' | 'decimal'

/** No leading zero that a partner may drop, in 8 hexadecimal digits or in 10 decimal ones. */
const FIRST = 1_000_000_000n
const LAST = 0xffff_ffffn
const COUNT = LAST - FIRST + 1n

/** Ids reserved at once. What a process has in hand when it ends is not given any more. */
const BLOCK = 5_000

/** First version whose ids may have more than 8 characters, and which has optional parameters. */
const FIRST_VERSION_WITH_LONG_IDS = 0x34

/** The form of an account's ids for a bind; an account that names none has what its version can hold. */
export function formFor(
  chosen: MessageIdForm | undefined,
  interfaceVersion: number,
): MessageIdForm {
  return chosen ?? (interfaceVersion < FIRST_VERSION_WITH_LONG_IDS ? 'hex8' : 'uuid')
}

/** The id that the partner of a message knows it by, character for character. */
export function knownAs(message: Message): string {
  return message.partnerMessageId ?? message.id
}

/** What a {@link MessageIds} is built with. */
export interface MessageIdsOptions {
  readonly store: Store
  /** Ids reserved at once; 5,000 unless a test says otherwise. */
  readonly block?: number
}

interface Block {
  readonly numbers: bigint[]
  reserving: Promise<void> | undefined
}

/**
 * The short ids that partners get: numbers that count up for each account, over all starts.
 *
 * After 3,294,967,296 of them they begin again, and those are left out whose message is still kept.
 */
export class MessageIds {
  readonly #store: Store
  readonly #blockSize: number
  readonly #blocks = new Map<string, Block>()

  constructor(options: MessageIdsOptions) {
    this.#store = options.store
    this.#blockSize = options.block ?? BLOCK
  }

  /**
   * A new id in the short form of a partner.
   *
   * @throws {GatewayError} `storage_unavailable` (retryable) when none is in hand and the database is
   *   away
   */
  async next(systemId: string, form: 'hex8' | 'decimal'): Promise<string> {
    const block = this.#blockOf(systemId)
    for (;;) {
      const number = block.numbers.pop()
      if (number !== undefined) return written(number, form)
      block.reserving ??= this.#reserve(systemId, block).finally(() => {
        block.reserving = undefined
      })
      await block.reserving
    }
  }

  #blockOf(systemId: string): Block {
    const known = this.#blocks.get(systemId)
    if (known) return known
    const block: Block = { numbers: [], reserving: undefined }
    this.#blocks.set(systemId, block)
    return block
  }

  async #reserve(systemId: string, block: Block): Promise<void> {
    const size = BigInt(this.#blockSize)
    const [row] = await available(
      this.#store.query<{ reserved: string | bigint | number }>(sql`
        insert into partner_ids (system_id, reserved) values (${systemId}, ${this.#blockSize})
        on conflict (system_id) do update set reserved = partner_ids.reserved + ${this.#blockSize}
        returning reserved`),
    )
    const end = BigInt(row?.reserved ?? 0)
    const numbers: bigint[] = []
    for (let count = end - 1n; count >= end - size; count--) numbers.push(FIRST + (count % COUNT))
    const taken = end > COUNT ? await this.#taken(systemId, numbers) : new Set<bigint>()
    block.numbers.push(...numbers.filter((number) => !taken.has(number)))
  }

  /** Those that name a message which is still kept. */
  async #taken(systemId: string, numbers: readonly bigint[]): Promise<Set<bigint>> {
    const byText = new Map(
      numbers.flatMap((number) => [
        [written(number, 'hex8'), number],
        [written(number, 'decimal'), number],
      ]),
    )
    const rows = await available(
      this.#store.query<{ id: string }>(sql`
        select partner_message_id as id from messages
        where partner = ${systemId}
          and partner_message_id = any(${textArray([...byText.keys()])}::text::text[])`),
    )
    return new Set(rows.map(({ id }) => byText.get(id) ?? 0n))
  }
}

function written(number: bigint, form: 'hex8' | 'decimal'): string {
  return form === 'hex8' ? number.toString(16).toUpperCase() : number.toString()
}
