import type { LimitRule } from './rule.ts'

/** What one subject has taken of one limit. Plain state; `now` is in milliseconds. */
export interface Meter {
  /** When so much can be taken: at once if that is not after `now`. Changes nothing that counts. */
  freeAt(rule: LimitRule, cost: number, nowMs: number): number
  /** Takes it, whether it is free or not. */
  take(rule: LimitRule, cost: number, nowMs: number): void
  /** What is taken of the limit at present. */
  used(rule: LimitRule, nowMs: number): number
}

/** Instants of rates count from here: so near, a double holds them to less than a hundredth of a microsecond. */
export const RATE_EPOCH_MS: number = Date.UTC(2025, 0, 1)

/** What rounding may add to an instant, in milliseconds. */
export const ROUNDING_MS = 0.001

/**
 * A rate with a burst: the generic cell rate algorithm of ITU-T I.371, which is a token bucket whose state is
 * one number, the instant at which all that was taken is paid back. It is exact, and knows when to return.
 *
 * What is more than the burst needs the whole of it and takes the rest on credit, or it could never pass;
 * the debt delays what comes behind it.
 */
export class RateMeter implements Meter {
  /** After {@link RATE_EPOCH_MS}. */
  #paidBackAt = Number.NEGATIVE_INFINITY

  freeAt({ quota, burst }: LimitRule, cost: number, nowMs: number): number {
    const now = nowMs - RATE_EPOCH_MS
    const before = Math.max(this.#paidBackAt, now)
    const at = before + ((Math.min(cost, burst) - burst) * 1_000) / quota
    return at - now > ROUNDING_MS ? at + RATE_EPOCH_MS : nowMs
  }

  take({ quota }: LimitRule, cost: number, nowMs: number): void {
    const now = nowMs - RATE_EPOCH_MS
    this.#paidBackAt = Math.max(this.#paidBackAt, now) + (cost * 1_000) / quota
  }

  used({ quota }: LimitRule, nowMs: number): number {
    return Math.max(0, ((this.#paidBackAt - (nowMs - RATE_EPOCH_MS)) * quota) / 1_000)
  }
}

/** A slot and what was taken in it. */
export type SlotCount = readonly [slot: number, count: number]

/** A window of slots: see `window.ts`. Slots in which nothing was taken have no entry. */
export class WindowMeter implements Meter {
  /** Set while it has changed since it was stored last. */
  isDirty = false
  readonly #slots: number[] = []
  readonly #counts: number[] = []
  /** Entries before this one are out of the window. */
  #head = 0
  #sum = 0

  /** @param counts - slots in their order */
  constructor(counts: readonly SlotCount[] = []) {
    for (const [slot, count] of counts) {
      this.#slots.push(slot)
      this.#counts.push(count)
      this.#sum += count
    }
  }

  freeAt(rule: LimitRule, cost: number, nowMs: number): number {
    const { window, quota } = rule
    if (!window) return nowMs
    this.#forget(window.outAt(nowMs))
    let excess = this.#sum + cost - quota
    if (excess <= 0) return nowMs
    for (let index = this.#head; index < this.#slots.length; index++) {
      excess -= this.#counts[index] ?? 0
      if (excess <= 0) return window.freeAt(this.#slots[index] ?? 0)
    }
    return Number.POSITIVE_INFINITY
  }

  take({ window }: LimitRule, cost: number, nowMs: number): void {
    if (!window) return
    const last = this.#slots.length - 1
    const slot = window.slotOf(nowMs)
    this.#sum += cost
    // A clock that goes back adds to the latest slot.
    if (last >= this.#head && slot <= (this.#slots[last] ?? 0)) {
      this.#counts[last] = (this.#counts[last] ?? 0) + cost
      return
    }
    this.#slots.push(slot)
    this.#counts.push(cost)
  }

  used({ window }: LimitRule, nowMs: number): number {
    if (window) this.#forget(window.outAt(nowMs))
    return this.#sum
  }

  /** What is in the window, and perhaps some slots before it. */
  counts(): SlotCount[] {
    return this.#slots
      .slice(this.#head)
      .map((slot, index) => [slot, this.#counts[this.#head + index] ?? 0] as const)
  }

  #forget(out: number): void {
    const before = this.#head
    while (this.#head < this.#slots.length && (this.#slots[this.#head] ?? 0) <= out) {
      this.#sum -= this.#counts[this.#head] ?? 0
      this.#head++
    }
    if (this.#head === before || this.#head < this.#slots.length / 2) return
    this.#slots.splice(0, this.#head)
    this.#counts.splice(0, this.#head)
    this.#head = 0
  }
}
