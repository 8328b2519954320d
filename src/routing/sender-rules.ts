import type { TrafficClass } from '../core/policy.ts'
import type { ShortCode } from './destination.ts'
import type { Sender } from './sender.ts'
import { SENDER_COUNTRIES } from './sender-countries.ts'

/** What is done about a sender. */
export type SenderAction = (typeof SENDER_ACTIONS)[number]

/** `replace`: the message goes out from another sender. */
export const SENDER_ACTIONS = ['allow', 'refuse', 'replace'] as const

/** Kinds of senders. */
export const SENDER_KINDS = ['alphanumeric', 'number', 'short_code'] as const

/** One rule; what is undefined fits all. */
export interface SenderRule {
  /** ISO 3166 codes of destinations. */
  readonly countries?: readonly string[] | undefined
  /** Ids of tenants. */
  readonly tenants?: readonly string[] | undefined
  readonly trafficClasses?: readonly TrafficClass[] | undefined
  readonly kinds?: readonly Sender['kind'][] | undefined
  /** The senders themselves, in any case, numbers as digits without `+`. */
  readonly senders?: readonly string[] | undefined
  readonly action: SenderAction
  /** With `replace`: the sender in its place. */
  readonly replacement?: Sender | undefined
  /** Told to whoever is refused. */
  readonly reason?: string | undefined
}

/** A sender on its way to a country. */
export interface SenderQuestion {
  readonly country: string
  /** null: of no tenant; rules of tenants do not fit. */
  readonly tenantId: string | null
  readonly trafficClass: TrafficClass
  readonly sender: Sender
}

/** What becomes of a sender. */
export type SenderVerdict =
  /** `warning`: what may become of it all the same. */
  | { readonly action: 'allow'; readonly warning?: string }
  | { readonly action: 'refuse'; readonly reason: string }
  | { readonly action: 'replace'; readonly sender: Sender; readonly reason: string }

/** What {@link SenderRules} are made of. */
export interface SenderRulesOptions {
  /** The operator's own; the first that fits counts. */
  readonly rules?: readonly SenderRule[]
  /** Follow {@link SENDER_COUNTRIES} where no own rule fits. */
  readonly useShipped?: boolean
  /** Refuse names where all networks of a country want them registered and no own rule allows them. */
  readonly refuseUnregistered?: boolean
  /** Short codes of ours, which work in their own country only. */
  readonly shortCodes?: readonly ShortCode[]
}

const ALLOWED: SenderVerdict = { action: 'allow' }

/** Judges senders by the rules of the destination's country. */
export class SenderRules {
  #rules: readonly SenderRule[] = []
  /** The rules that can fit a country at all, in order. */
  readonly #byCountry = new Map<string, readonly SenderRule[]>()
  /** For names that no own rule fits, as shipped. */
  #shipped: ReadonlyMap<string, SenderVerdict> = new Map()
  #homes: ReadonlyMap<string, readonly string[]> = new Map()

  constructor(options: SenderRulesOptions = {}) {
    this.replace(options)
  }

  /** Judges by other rules from now on. */
  replace(options: SenderRulesOptions): void {
    const { rules = [], useShipped = false, refuseUnregistered = false } = options
    this.#rules = rules
    this.#byCountry.clear()
    this.#shipped = useShipped ? shippedVerdicts(refuseUnregistered) : new Map()
    this.#homes = homesOf(options.shortCodes ?? [])
  }

  judge(question: SenderQuestion): SenderVerdict {
    const { country, sender } = question
    for (const rule of this.#rulesFor(country)) {
      if (!fits(rule, question)) continue
      const reason = rule.reason ?? `the rules for ${country} do not allow ${sender.value}`
      if (rule.action === 'refuse') return { action: 'refuse', reason }
      if (rule.action === 'allow' || !rule.replacement) return ALLOWED
      return { action: 'replace', sender: rule.replacement, reason }
    }
    if (sender.kind === 'alphanumeric') return this.#shipped.get(country) ?? ALLOWED
    const homes = sender.kind === 'short_code' ? this.#homes.get(sender.value) : undefined
    if (!homes || homes.includes(country)) return ALLOWED
    const reason = `the short code ${sender.value} works in ${homes.join(', ')} only`
    return { action: 'refuse', reason }
  }

  #rulesFor(country: string): readonly SenderRule[] {
    let rules = this.#byCountry.get(country)
    if (!rules) {
      rules = this.#rules.filter(
        ({ countries }) => countries === undefined || countries.includes(country),
      )
      this.#byCountry.set(country, rules)
    }
    return rules
  }
}

function shippedVerdicts(refuseUnregistered: boolean): Map<string, SenderVerdict> {
  const verdicts = new Map<string, SenderVerdict>()
  for (const { country, names, note } of SENDER_COUNTRIES.values()) {
    const isRefused = names === 'none' || (names === 'register' && refuseUnregistered)
    verdicts.set(
      country,
      isRefused ? { action: 'refuse', reason: note } : { action: 'allow', warning: note },
    )
  }
  return verdicts
}

function fits(rule: SenderRule, { tenantId, trafficClass, sender }: SenderQuestion): boolean {
  const { tenants, trafficClasses, kinds, senders } = rule
  return (
    (tenants === undefined || (tenantId !== null && tenants.includes(tenantId))) &&
    (trafficClasses === undefined || trafficClasses.includes(trafficClass)) &&
    (kinds === undefined || kinds.includes(sender.kind)) &&
    (senders === undefined || senders.some((each) => isSame(each, sender.value)))
  )
}

function isSame(listed: string, value: string): boolean {
  return listed.length === value.length && listed.toLowerCase() === value.toLowerCase()
}

function homesOf(shortCodes: readonly ShortCode[]): Map<string, string[]> {
  const homes = new Map<string, string[]>()
  for (const { code, country } of shortCodes) {
    const others = homes.get(code)
    if (others) others.push(country)
    else homes.set(code, [country])
  }
  return homes
}
