import { createHash } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Clock } from '../core/clock.ts'
import { GatewayError } from '../core/errors.ts'
import type { Store } from '../store/open.ts'
import { isRefusedByDatabase } from '../store/refusal.ts'
import type { KeptEntry } from './journal.ts'
import { answerKeyOf, type LiveMessages } from './live.ts'
import { inAnswer } from './sealing.ts'

/** A call that its sender may repeat without a second effect. */
export interface KeyedCall {
  readonly tenantId: string
  /** The front door that it came through: keys of two doors never meet. */
  readonly scope: string
  readonly key: string
  /** Equal for equal calls: a key with another fingerprint is refused. */
  readonly fingerprint: string
  /** Seconds for which the answer is kept. */
  readonly keepSeconds: number
  /** What happens to a call while the first one with its key runs. */
  readonly whileRunning: 'refuse' | 'wait'
}

/** What a call is answered. */
export interface Answer {
  readonly status: number
  readonly body: string
}

/** The entry that keeps an answer; it belongs into the commit of what the call has brought about. */
export type Keep = (answer: Answer) => KeptEntry

/** Calls with a key that may run at once. */
const MAX_RUNNING = 20_000

/** Rows that one statement of a purge deletes. */
const PURGE_PAGE = 5_000

interface Row {
  readonly fingerprint: string
  readonly status: number
  readonly body: string
}

/**
 * The answers to calls with a key.
 *
 * An answer is kept in the commit of the messages that it speaks of: after a crash either both are
 * there or neither. A call that is refused for the moment keeps nothing, and may be repeated.
 *
 * @see draft-ietf-httpapi-idempotency-key-header-07
 */
export class IdempotencyKeys {
  readonly #store: Store
  readonly #live: LiveMessages
  readonly #clock: Clock
  readonly #running = new Map<
    string,
    { readonly fingerprint: string; readonly end: Promise<void> }
  >()

  constructor(options: {
    readonly store: Store
    readonly live: LiveMessages
    readonly clock: Clock
  }) {
    this.#store = options.store
    this.#live = options.live
    this.#clock = options.clock
  }

  /**
   * Runs a call, or gives the answer that an earlier one with its key got.
   *
   * @param run - carries it out; writes the entry that `keep` makes together with everything else
   *   that it writes, or does not use it and so keeps nothing
   * @throws {GatewayError} `idempotency_key_in_use` (retryable), `idempotency_key_reused`, `busy` or
   *   `storage_unavailable` (retryable), and whatever `run` throws
   */
  async once(
    call: KeyedCall,
    run: (keep: Keep) => Promise<Answer>,
  ): Promise<Answer & { readonly isReplayed: boolean }> {
    const key = answerKeyOf(call)
    for (let other = this.#running.get(key); other; other = this.#running.get(key)) {
      requireSame(call, other.fingerprint)
      if (call.whileRunning === 'refuse') {
        throw new GatewayError(
          'idempotency_key_in_use',
          'the first call with this Idempotency-Key has no answer yet: repeat this one in a second',
          { retryable: true },
        )
      }
      await other.end
    }
    if (this.#running.size >= MAX_RUNNING) {
      throw new GatewayError('busy', 'too many calls with a key run: try again in a second', {
        retryable: true,
      })
    }
    let done = () => {}
    const end = new Promise<void>((resolve) => {
      done = resolve
    })
    this.#running.set(key, { fingerprint: call.fingerprint, end })
    try {
      const known = await this.#find(call)
      if (known) {
        requireSame(call, known.fingerprint)
        return { status: known.status, body: known.body, isReplayed: true }
      }
      return { ...(await run((answer) => this.#entry(call, answer))), isReplayed: false }
    } finally {
      this.#running.delete(key)
      done()
    }
  }

  /** Deletes what is over; gives how many there were. */
  async purge(now: Date): Promise<number> {
    let total = 0
    for (;;) {
      const deleted = await this.#store.query(sql`
        delete from idempotency_keys
        where (tenant_id, scope, key) in (
          select tenant_id, scope, key from idempotency_keys
          where expires_at <= ${now.toISOString()}::text::timestamptz
          order by expires_at
          limit ${PURGE_PAGE})
        returning 1 as one`)
      total += deleted.length
      if (deleted.length < PURGE_PAGE) return total
    }
  }

  #entry(call: KeyedCall, answer: Answer): KeptEntry {
    const at = this.#clock()
    const { tenantId, scope, key, fingerprint, keepSeconds } = call
    const expiresAt = new Date(at.getTime() + keepSeconds * 1_000)
    return { kind: 'kept', tenantId, scope, key, fingerprint, ...answer, at, expiresAt }
  }

  #opened({ fingerprint, status, body }: Row, call: KeyedCall): Row {
    const { cipher } = this.#store
    return {
      fingerprint: cipher.open(fingerprint, inAnswer('fingerprint', call)),
      status,
      body: cipher.open(body, inAnswer('body', call)),
    }
  }

  async #find(call: KeyedCall): Promise<Row | undefined> {
    const now = this.#clock()
    const fresh = this.#live.findAnswer(call)
    if (fresh) return fresh.expiresAt > now ? fresh : undefined
    try {
      const [row] = await this.#store.query<Row>(sql`
        select fingerprint, status, body from idempotency_keys
        where tenant_id = ${call.tenantId} and scope = ${call.scope} and key = ${call.key}
          and expires_at > ${now.toISOString()}::text::timestamptz`)
      return row && this.#opened(row, call)
    } catch (cause) {
      if (isRefusedByDatabase(cause)) throw cause
      throw new GatewayError('storage_unavailable', 'the database is away: try again later', {
        retryable: true,
        cause,
      })
    }
  }
}

function requireSame(call: KeyedCall, fingerprint: string): void {
  if (call.fingerprint === fingerprint) return
  throw new GatewayError(
    'idempotency_key_reused',
    'this Idempotency-Key has come with another request: use a new key for every new request',
  )
}

/** SHA-256, in hex, of a JSON value: the same for any order of its keys and any white space. */
export function fingerprintOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex')
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`)
  return `{${members.join(',')}}`
}

const MAX_KEY_CHARACTERS = 255
// An sf-string, RFC 9651 section 3.3.3: printable ASCII, `"` and `\` escaped.
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/
const BARE = /^[\x21\x23-\x7e]+$/

/**
 * The key in a header `Idempotency-Key`: a string in quotes, as the draft has it, or bare.
 *
 * @throws {GatewayError} `idempotency_key_invalid`
 */
export function readIdempotencyKey(header: string): string {
  const trimmed = header.trim()
  const quoted = QUOTED.exec(trimmed)?.[1]?.replace(/\\(["\\])/g, '$1')
  const key = quoted ?? (BARE.test(trimmed) ? trimmed : undefined)
  if (key === undefined || key.length === 0 || key.length > MAX_KEY_CHARACTERS) {
    throw new GatewayError(
      'idempotency_key_invalid',
      `the header Idempotency-Key is wrong: give 1 to ${MAX_KEY_CHARACTERS} printable ASCII characters, best in double quotes`,
    )
  }
  return key
}
