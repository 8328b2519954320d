/** How much a tenant has sent in a month, as the tables or a write of them say. */
export interface Volume {
  readonly tenantId: string
  /** See {@link monthOf}. */
  readonly month: string
  readonly segments: number
}

interface Counter {
  segments: number
}

interface Hold {
  readonly counter: Counter
  readonly segments: number
}

/** Months that are counted: this one, and the last for what was accepted at its very end. */
const KEPT_MONTHS = 2

/**
 * How many segments every tenant has sent this month: those of the messages that are stored, and of those
 * that were accepted since. What a message counts follows its row, as its lines of the ledger do.
 */
export class Volumes {
  /** By month, then by tenant. */
  readonly #months = new Map<string, Map<string, Counter>>()
  /** By message, as the money for it is held. */
  readonly #holds = new Map<string, Hold>()

  /** Takes over what the tables say; call it before anything is held. */
  load(volumes: readonly Volume[]): void {
    for (const volume of volumes) this.add(volume)
  }

  /** The segments of a tenant in the month of an instant, all that was accepted so far. */
  segments(tenantId: string, at: Date): number {
    return this.#months.get(monthOf(at))?.get(tenantId)?.segments ?? 0
  }

  /**
   * Counts what is accepted and not written yet.
   *
   * @param key - whom it is for; what is counted for it already stays
   */
  hold(key: string, tenantId: string, at: Date, segments: number): void {
    const counter = this.#counter(tenantId, monthOf(at))
    const before = this.#holds.get(key)?.segments ?? 0
    counter.segments += segments
    this.#holds.set(key, { counter, segments: before + segments })
  }

  /** What was held is not accepted after all, or counts as written from now on. */
  giveBack(key: string): void {
    const hold = this.#holds.get(key)
    if (!hold) return
    hold.counter.segments -= hold.segments
    this.#holds.delete(key)
  }

  /** Counts what is written. */
  add({ tenantId, month, segments }: Volume): void {
    this.#counter(tenantId, month).segments += segments
  }

  #counter(tenantId: string, month: string): Counter {
    let ofMonth = this.#months.get(month)
    if (!ofMonth) {
      ofMonth = new Map()
      this.#months.set(month, ofMonth)
      this.#forgetOldMonths()
    }
    let counter = ofMonth.get(tenantId)
    if (!counter) {
      counter = { segments: 0 }
      ofMonth.set(tenantId, counter)
    }
    return counter
  }

  #forgetOldMonths(): void {
    const old = [...this.#months.keys()].sort().slice(0, -KEPT_MONTHS)
    for (const month of old) this.#months.delete(month)
  }
}

let latest = { month: '', fromMs: 0, untilMs: 0 }

/** The calendar month of an instant in UTC, for example `2026-10`. */
export function monthOf(at: Date): string {
  const ms = at.getTime()
  // Every message asks, and nearly always for the same.
  if (ms < latest.fromMs || ms >= latest.untilMs) {
    const [year, month] = [at.getUTCFullYear(), at.getUTCMonth()]
    latest = {
      month: at.toISOString().slice(0, 7),
      fromMs: Date.UTC(year, month),
      untilMs: Date.UTC(year, month + 1),
    }
  }
  return latest.month
}
