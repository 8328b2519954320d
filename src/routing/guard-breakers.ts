import type { GuardAction } from '../core/guards.ts'
import { newId } from '../core/id.ts'

/** Which guard has opened a breaker. */
export type GuardName = 'velocity' | 'conversion' | 'loop'

/** What a breaker is about; what is null does not matter. */
export interface GuardScope {
  readonly tenantId: string | null
  /** Leading digits. */
  readonly prefix: string | null
  readonly country: string | null
  /** A sender and a recipient as digits, for loops. */
  readonly pair: readonly [ours: string, theirs: string] | null
}

/** An open breaker. */
export interface OpenBreaker {
  readonly id: string
  readonly guard: GuardName
  readonly scope: GuardScope
  readonly action: GuardAction
  readonly reason: string
  readonly openedAtMs: number
  readonly untilMs: number
  /** Messages that it has stopped or flagged. */
  messages: number
}

/** Breakers open at once; the oldest is forgotten beyond that. */
const CAPACITY = 10_000

/** The open breakers of all guards, each under the key by which its guard finds it. */
export class GuardBreakers {
  readonly #open = new Map<string, OpenBreaker>()
  readonly #onOpen: (breaker: OpenBreaker) => void

  /** @param onOpen - told of every breaker that opens */
  constructor(onOpen: (breaker: OpenBreaker) => void = () => {}) {
    this.#onOpen = onOpen
  }

  get size(): number {
    return this.#open.size
  }

  /** The breaker that is open for a key. */
  find(key: string, nowMs: number): OpenBreaker | undefined {
    const breaker = this.#open.get(key)
    if (!breaker || nowMs < breaker.untilMs) return breaker
    this.#open.delete(key)
    return undefined
  }

  open(
    key: string,
    about: Pick<OpenBreaker, 'guard' | 'scope' | 'action' | 'reason'>,
    nowMs: number,
    coolDownSeconds: number,
  ): OpenBreaker {
    const { guard, scope, action, reason } = about
    const untilMs = nowMs + coolDownSeconds * 1_000
    const breaker: OpenBreaker = {
      id: newId(),
      guard,
      scope,
      action,
      reason,
      openedAtMs: nowMs,
      untilMs,
      messages: 0,
    }
    this.#open.delete(key)
    this.#open.set(key, breaker)
    if (this.#open.size > CAPACITY) {
      for (const oldest of this.#open.keys()) {
        this.#open.delete(oldest)
        break
      }
    }
    this.#onOpen(breaker)
    return breaker
  }

  /** Closes a breaker and gives it; undefined for an unknown id. */
  close(id: string): OpenBreaker | undefined {
    for (const [key, breaker] of this.#open) {
      if (breaker.id !== id) continue
      this.#open.delete(key)
      return breaker
    }
    return undefined
  }

  /** What is open now, oldest first, by key. */
  entries(nowMs: number): (readonly [string, OpenBreaker])[] {
    return [...this.#open].filter(([, { untilMs }]) => nowMs < untilMs)
  }

  clear(): void {
    this.#open.clear()
  }

  /** Takes over what an earlier run had open. */
  restore(entries: readonly (readonly [string, OpenBreaker])[]): void {
    for (const [key, breaker] of entries) this.#open.set(key, breaker)
  }
}
