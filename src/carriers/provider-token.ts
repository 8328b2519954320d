import type { HttpRequest } from '../providers/http-call.ts'
import { isRawError, type ProviderAccount, type ProviderToken } from '../providers/provider.ts'
import type { RawError } from '../providers/provider-error.ts'
import type { Exchanged } from './http-exchange.ts'
import { reasonOf } from './http-mapping.ts'

type TokenSource = NonNullable<ProviderAccount['token']>

/** How long before its end a token is no longer used, in milliseconds. */
const MARGIN_MS = 200_000

/** A token, or why there is none. */
export type TokenResult =
  | { readonly ok: true; readonly value: string }
  | {
      readonly ok: false
      readonly reason: string
      /** What the provider has said; absent: it has said nothing. */
      readonly error?: RawError
    }

/** Keeps the token of an account: fetched once however many calls want it, and anew before it ends. */
export class TokenKeeper {
  readonly #source: TokenSource
  readonly #exchange: (request: HttpRequest) => Promise<Exchanged>
  readonly #requestOf: (source: TokenSource) => HttpRequest
  readonly #now: () => number
  #token: { readonly value: string; readonly usedUntil: number } | undefined
  #fetching: Promise<TokenResult> | undefined

  constructor(options: {
    readonly source: TokenSource
    readonly exchange: (request: HttpRequest) => Promise<Exchanged>
    readonly requestOf: (source: TokenSource) => HttpRequest
    readonly now: () => number
  }) {
    this.#source = options.source
    this.#exchange = options.exchange
    this.#requestOf = options.requestOf
    this.#now = options.now
  }

  /** The token of the moment. Never rejects. */
  get(): Promise<TokenResult> {
    if (this.#token && this.#now() < this.#token.usedUntil) {
      return Promise.resolve({ ok: true, value: this.#token.value })
    }
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  /** The provider takes it no longer; another one that was fetched meanwhile stays. */
  drop(value: string): void {
    if (this.#token?.value === value) this.#token = undefined
  }

  async #fetch(): Promise<TokenResult> {
    const exchanged = await this.#exchange(this.#requestOf(this.#source))
    if (exchanged.kind !== 'answered') return { ok: false, reason: exchanged.reason }
    let read: ProviderToken | ReturnType<TokenSource['read']>
    try {
      read = this.#source.read(exchanged.response)
    } catch (error) {
      return { ok: false, reason: error instanceof Error ? error.message : String(error) }
    }
    if (isRawError(read)) return { ok: false, reason: reasonOf(read), error: read }
    const lifetimeMs = read.lifetimeSeconds * 1_000
    // A short one is used for half of its time.
    const usableMs = Math.max(lifetimeMs - MARGIN_MS, lifetimeMs / 2)
    this.#token = { value: read.value, usedUntil: this.#now() + usableMs }
    return { ok: true, value: read.value }
  }
}
