import type { ConversionPolicy } from '../core/guards.ts'
import type { GuardBreakers, OpenBreaker } from './guard-breakers.ts'
import type { PhoneNumber } from './number.ts'

/** Codes of one tenant to one prefix by one carrier, as plain data that can be stored. */
export interface ConversionState {
  readonly tenantId: string
  readonly prefix: string
  readonly carrier: string
  /** Decayed numbers of delivered and of used codes, as of `atMs`. */
  readonly delivered: number
  readonly converted: number
  readonly atMs: number
}

/** How many of a carrier's codes are used. */
export interface CarrierConversion {
  readonly carrier: string
  readonly delivered: number
  readonly converted: number
  /** Prefixes, each with its tenant, where it delivers and nothing is used, while codes by others are. */
  readonly suspect: readonly { readonly tenantId: string; readonly prefix: string }[]
}

/** A code as the guard needs it. */
export interface CodeMessage {
  readonly tenantId: string
  readonly carrier: string
  readonly createdMs: number
}

/** Codes whose users may still be typing, by the time of acceptance. */
interface Young {
  readonly slot: number
  delivered: number
  converted: number
}

/** One carrier's codes to a prefix. */
interface Cell {
  readonly carrier: string
  delivered: number
  converted: number
  atMs: number
  young: Young[]
}

/** A tenant's codes to a prefix. */
interface Group {
  readonly tenantId: string
  readonly prefix: string
  readonly cells: Cell[]
  /** True when codes were added whose time for feedback is over. */
  isChanged: boolean
}

const NOBODY: readonly string[] = []

/** Prefixes, each with its tenant; those idle for longest leave. */
const CAPACITY = 10_000

/** The time for feedback in slots: one is judged when it is wholly over. */
const SLOTS = 4

/** Codes used, decayed, below which a tenant counts as one that gives no feedback. */
const LEAST_FEEDBACK = 0.5

/** A carrier is suspect where all others do so many times better on the same prefix. */
const BETTER = 3

/**
 * The share of delivered codes that their users have typed in, by tenant, prefix and carrier, time-decayed. Codes to
 * ranges of a pumper are delivered and never used; a carrier that fakes receipts delivers codes that nobody has.
 *
 * A code counts as not used when nobody has reported on it in time. Tenants that never report are not judged.
 */
export class Conversion {
  readonly #policy: ConversionPolicy
  readonly #breakers: GuardBreakers
  readonly #slotMs: number
  readonly #prefixDigits: number
  readonly #groups = new Map<string, Group>()
  /** Used codes of each tenant, over all prefixes. */
  readonly #reported = new Map<string, { converted: number; atMs: number }>()

  constructor(policy: ConversionPolicy, prefixDigits: number, breakers: GuardBreakers) {
    this.#policy = policy
    this.#breakers = breakers
    this.#prefixDigits = prefixDigits
    this.#slotMs = (policy.feedbackSeconds * 1_000) / SLOTS
  }

  /** Prefixes in memory. */
  get size(): number {
    return this.#groups.size
  }

  /** Gives the breaker that is open for a code. */
  check(tenantId: string, number: PhoneNumber, nowMs: number): OpenBreaker | undefined {
    if (this.#breakers.size === 0) return undefined
    return this.#breakers.find(keyOf(tenantId, this.#prefixOf(number)), nowMs)
  }

  /** A carrier says that it has delivered a code. */
  noteDelivered(message: CodeMessage, number: PhoneNumber, nowMs: number): void {
    const group = this.#groupOf(message.tenantId, this.#prefixOf(number))
    const { counts, isYoung } = this.#cellOf(group, message, nowMs)
    counts.delivered++
    if (!isYoung) group.isChanged = true
    if (group.isChanged) this.#judge(group, nowMs)
  }

  /** An application says that a code was used. */
  noteConverted(message: CodeMessage, number: PhoneNumber, nowMs: number): void {
    this.#noteReport(message.tenantId, 1, nowMs)
    const group = this.#groupOf(message.tenantId, this.#prefixOf(number))
    this.#cellOf(group, message, nowMs).counts.converted++
  }

  /** An operator has closed the breaker: what was counted for it is forgotten. */
  accept(tenantId: string, prefix: string): void {
    this.#groups.delete(keyOf(tenantId, prefix))
  }

  /**
   * Carriers that deliver a tenant's codes to the prefix of a number and nobody uses them, though those by
   * others are used.
   */
  suspects(tenantId: string, number: PhoneNumber, nowMs: number): readonly string[] {
    const group = this.#groups.get(keyOf(tenantId, this.#prefixOf(number)))
    if (group === undefined || group.cells.length < 2) return NOBODY
    const suspects = this.#suspectsOf(group, nowMs)
    return suspects.length === 0 ? NOBODY : suspects.map(({ carrier }) => carrier)
  }

  /** What is known of every carrier, by name. */
  carriers(nowMs: number): CarrierConversion[] {
    const found = new Map<string, CarrierConversion>()
    for (const group of this.#groups.values()) {
      const suspects = this.#suspectsOf(group, nowMs)
      for (const cell of group.cells) {
        const { carrier, delivered, converted } = cell
        const { tenantId, prefix } = group
        const before = found.get(carrier)
        found.set(carrier, {
          carrier,
          delivered: (before?.delivered ?? 0) + delivered,
          converted: (before?.converted ?? 0) + converted,
          suspect: [
            ...(before?.suspect ?? []),
            ...(suspects.includes(cell) ? [{ tenantId, prefix }] : []),
          ],
        })
      }
    }
    return [...found.values()].sort((a, b) => (a.carrier < b.carrier ? -1 : 1))
  }

  /** What is known, as of now; codes that wait for their users are left out where nobody has used them. */
  snapshot(nowMs: number): ConversionState[] {
    return [...this.#groups.values()].flatMap((group) =>
      group.cells.map((cell) => {
        this.#settle(group, cell, nowMs)
        const { carrier, atMs } = cell
        const used = cell.young.reduce((sum, { converted }) => sum + converted, 0)
        const delivered = cell.delivered + used
        const converted = cell.converted + used
        const { tenantId, prefix } = group
        return { tenantId, prefix, carrier, delivered, converted, atMs }
      }),
    )
  }

  restore(states: readonly ConversionState[]): void {
    for (const { tenantId, prefix, carrier, delivered, converted, atMs } of states) {
      const group = this.#groupOf(tenantId, prefix)
      group.cells.push({ carrier, delivered, converted, atMs, young: [] })
      this.#noteReport(tenantId, converted, atMs)
    }
  }

  #noteReport(tenantId: string, count: number, nowMs: number): void {
    const reported = this.#reported.get(tenantId)
    if (reported) {
      reported.converted = reported.converted * this.#decay(reported.atMs, nowMs) + count
      reported.atMs = Math.max(reported.atMs, nowMs)
    } else {
      this.#reported.set(tenantId, { converted: count, atMs: nowMs })
    }
  }

  /** The one that is used goes to the end. */
  #groupOf(tenantId: string, prefix: string): Group {
    const key = keyOf(tenantId, prefix)
    const known = this.#groups.get(key)
    if (known) this.#groups.delete(key)
    const group = known ?? { tenantId, prefix, cells: [], isChanged: false }
    this.#groups.set(key, group)
    if (this.#groups.size > CAPACITY) {
      for (const oldest of this.#groups.keys()) {
        this.#groups.delete(oldest)
        break
      }
    }
    return group
  }

  /** Where a code is counted: among those whose time for feedback is over, or not. */
  #cellOf(
    group: Group,
    { carrier, createdMs }: CodeMessage,
    nowMs: number,
  ): { readonly counts: Cell | Young; readonly isYoung: boolean } {
    let cell = group.cells.find((each) => each.carrier === carrier)
    if (!cell) {
      cell = { carrier, delivered: 0, converted: 0, atMs: nowMs, young: [] }
      group.cells.push(cell)
    }
    this.#settle(group, cell, nowMs)
    const slot = Math.floor(createdMs / this.#slotMs)
    if (this.#isOver(slot, nowMs)) return { counts: cell, isYoung: false }
    let young = cell.young.find((each) => each.slot === slot)
    if (!young) {
      young = { slot, delivered: 0, converted: 0 }
      cell.young.push(young)
    }
    return { counts: young, isYoung: true }
  }

  /** Opens the breaker of the prefix where too few codes are used, whoever carries them. */
  #judge(group: Group, nowMs: number): void {
    group.isChanged = false
    const { tenantId, prefix } = group
    const key = keyOf(tenantId, prefix)
    if (this.#breakers.find(key, nowMs) || !this.#givesFeedback(tenantId, nowMs)) return
    const sum = this.#sumOf(group, nowMs)
    if (!this.#isTooLow(sum)) return
    const { action, coolDownSeconds, leastPercent } = this.#policy
    const reason =
      `+${prefix}: ${Math.round(sum.converted)} of ${Math.round(sum.delivered)} delivered codes ` +
      `were used, less than ${leastPercent} %`
    const scope = { tenantId, prefix, country: null, pair: null }
    const about = { guard: 'conversion', scope, action, reason } as const
    this.#breakers.open(key, about, nowMs, coolDownSeconds)
  }

  #isTooLow({ delivered, converted }: Counts): boolean {
    const { leastMessages, leastPercent } = this.#policy
    return delivered >= leastMessages && converted * 100 < leastPercent * delivered
  }

  #suspectsOf(group: Group, nowMs: number): Cell[] {
    const sum = this.#sumOf(group, nowMs)
    if (!this.#givesFeedback(group.tenantId, nowMs)) return []
    return group.cells.filter((cell) => {
      if (!this.#isTooLow(cell)) return false
      const delivered = sum.delivered - cell.delivered
      const converted = sum.converted - cell.converted
      if (delivered < this.#policy.leastMessages) return false
      return converted * cell.delivered > BETTER * cell.converted * delivered
    })
  }

  #givesFeedback(tenantId: string, nowMs: number): boolean {
    const reported = this.#reported.get(tenantId)
    if (!reported) return false
    return reported.converted * this.#decay(reported.atMs, nowMs) >= LEAST_FEEDBACK
  }

  #sumOf(group: Group, nowMs: number): Counts {
    let delivered = 0
    let converted = 0
    for (const cell of group.cells) {
      this.#settle(group, cell, nowMs)
      delivered += cell.delivered
      converted += cell.converted
    }
    return { delivered, converted }
  }

  /** Brings a cell up to now. */
  #settle(group: Group, cell: Cell, nowMs: number): void {
    const factor = this.#decay(cell.atMs, nowMs)
    cell.delivered *= factor
    cell.converted *= factor
    cell.atMs = Math.max(cell.atMs, nowMs)
    if (!cell.young.some(({ slot }) => this.#isOver(slot, nowMs))) return
    group.isChanged = true
    for (const young of cell.young) {
      if (!this.#isOver(young.slot, nowMs)) continue
      const weight = this.#decay(this.#overAt(young.slot), nowMs)
      cell.delivered += young.delivered * weight
      cell.converted += young.converted * weight
    }
    cell.young = cell.young.filter(({ slot }) => !this.#isOver(slot, nowMs))
  }

  #isOver(slot: number, nowMs: number): boolean {
    return this.#overAt(slot) <= nowMs
  }

  /** When the last code of a slot has had its time for feedback. */
  #overAt(slot: number): number {
    return (slot + 1 + SLOTS) * this.#slotMs
  }

  #decay(fromMs: number, toMs: number): number {
    return 0.5 ** (Math.max(0, toMs - fromMs) / (this.#policy.halfLifeSeconds * 1_000))
  }

  #prefixOf({ e164, callingCode }: PhoneNumber): string {
    return e164.slice(1, 1 + callingCode.length + this.#prefixDigits)
  }
}

interface Counts {
  readonly delivered: number
  readonly converted: number
}

function keyOf(tenantId: string, prefix: string): string {
  return `conversion ${tenantId} ${prefix}`
}
