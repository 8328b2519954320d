import { Generations } from './generations.ts'
import type { LimitStore, Refusal, Take } from './limit-store.ts'
import { type Meter, RateMeter, type SlotCount, WindowMeter } from './meter.ts'
import { type LimitRule, windowNamed } from './rule.ts'
import type { Window } from './window.ts'

/** What was taken of one limit by one subject, as plain data that can be stored. */
export interface StoredCount {
  /** {@link LimitRule.name} */
  readonly limit: string
  /** Empty: it counts over all tenants. */
  readonly tenantId: string
  readonly subject: string
  readonly counts: readonly SlotCount[]
  /** When nothing of it counts any more. */
  readonly endsAtMs: number
}

/** Subjects that are kept of one limit and tenant: about 250 octets each. */
const CAPACITY = 500_000

/** How long a meter is kept that nobody asks for; a window's as long as anything in it can count. */
const RATE_LIFE_MS = 3_600_000
const WINDOW_LIVES = 1.1

interface Unsaved extends Pick<Take, 'rule' | 'tenantId' | 'subject'> {
  readonly meter: WindowMeter
}

/** Counts in memory; every answer is at hand. What is to outlive the process is asked for by {@link unsaved}. */
export class MemoryStore implements LimitStore {
  readonly isFallenBack = false
  /** By the name of the limit, then by tenant, then by subject: no text has to be made to look one up. */
  readonly #meters = new Map<string, Map<string, Generations<Meter>>>()
  #unsaved: Unsaved[] = []
  /** Of the call that runs; kept so that no call makes a list. */
  readonly #asked: Meter[] = []

  take(takes: readonly Take[], nowMs: number): Refusal | null {
    let index = -1
    let freeAtMs = nowMs
    for (let each = 0; each < takes.length; each++) {
      const { rule, tenantId, subject, cost } = takes[each] as Take
      const meter = this.#meterOf(rule, tenantId, subject, nowMs)
      this.#asked[each] = meter
      const at = meter.freeAt(rule, cost, nowMs)
      if (at > freeAtMs) {
        freeAtMs = at
        index = each
      }
    }
    if (index >= 0) return { index, freeAtMs }
    for (let each = 0; each < takes.length; each++) {
      const { rule, tenantId, subject, cost } = takes[each] as Take
      const meter = this.#asked[each] as Meter
      meter.take(rule, cost, nowMs)
      if (meter instanceof WindowMeter && !meter.isDirty) {
        meter.isDirty = true
        this.#unsaved.push({ rule, tenantId, subject, meter })
      }
    }
    return null
  }

  used(takes: readonly Take[], nowMs: number): readonly number[] {
    return takes.map(({ rule, tenantId, subject }) => {
      const meter = this.#meters.get(rule.name)?.get(tenantId)?.get(subject, nowMs)
      return meter ? meter.used(rule, nowMs) : 0
    })
  }

  /** What has changed since this was asked last; rates are not worth keeping. */
  unsaved(): StoredCount[] {
    const changed = this.#unsaved
    this.#unsaved = []
    return changed.map(({ rule, tenantId, subject, meter }) => {
      meter.isDirty = false
      const counts = meter.counts()
      const [lastSlot = 0] = counts.at(-1) ?? []
      const endsAtMs = rule.window?.freeAt(lastSlot) ?? 0
      return { limit: rule.name, tenantId, subject, counts, endsAtMs }
    })
  }

  /** Goes on with what another run has counted. */
  restore(stored: readonly StoredCount[], nowMs: number): void {
    for (const { limit, tenantId, subject, counts } of stored) {
      const subjects = this.#subjectsOf(limit, tenantId, windowNamed(limit))
      subjects.set(subject, new WindowMeter(counts), nowMs)
    }
  }

  async close(): Promise<void> {}

  #meterOf(rule: LimitRule, tenantId: string, subject: string, nowMs: number): Meter {
    const { window } = rule
    const subjects =
      this.#meters.get(rule.name)?.get(tenantId) ?? this.#subjectsOf(rule.name, tenantId, window)
    const known = subjects.get(subject, nowMs)
    if (known) return known
    const meter = window ? new WindowMeter() : new RateMeter()
    subjects.set(subject, meter, nowMs)
    return meter
  }

  #subjectsOf(limit: string, tenantId: string, window: Window | null): Generations<Meter> {
    const tenants = this.#meters.get(limit) ?? new Map<string, Generations<Meter>>()
    this.#meters.set(limit, tenants)
    const known = tenants.get(tenantId)
    if (known) return known
    const lifeMs = window ? window.seconds * 1_000 * WINDOW_LIVES : RATE_LIFE_MS
    const subjects = new Generations<Meter>(CAPACITY, lifeMs)
    tenants.set(tenantId, subjects)
    return subjects
  }
}
