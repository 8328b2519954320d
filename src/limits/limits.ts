import { NO_COUNTRY } from '../core/channel.ts'
import type { Clock } from '../core/clock.ts'
import type { GatewayError } from '../core/errors.ts'
import type { LimitKind, LimitScope } from '../core/limits.ts'
import type { Money } from '../core/money.ts'
import type { TrafficClass } from '../core/policy.ts'
import { LimitError, overLimit, uncountable } from './limit-error.ts'
import type { LimitStore, NowOrLater, Refusal, Take } from './limit-store.ts'
import type { LimitRule } from './rule.ts'
import type { RuleBook } from './rule-book.ts'

/** Who asks. */
export interface Caller {
  readonly tenantId: string
  /** Name of the API key; null: not by HTTP. */
  readonly key: string | null
  /** Null: not by SMPP. */
  readonly partner: string | null
}

/** What limits look at in a message. */
export interface LimitedMessage {
  readonly tenantId: string
  readonly partner: string | null
  readonly from: string
  readonly to: string
  readonly country: string
  readonly segments: number
  readonly trafficClass: TrafficClass
  readonly priceMicros: bigint
  readonly priceCurrency: string
}

/** Whose counts are asked for; null: of none. */
export interface Correspondents {
  readonly from: string | null
  readonly to: string | null
  readonly country: string | null
}

/** A limit and what is taken of it. */
export interface Standing {
  readonly rule: LimitRule
  /** Null: it was not asked whose. */
  readonly used: number | null
}

/** What a {@link Limits} works with. */
export interface LimitsOptions {
  readonly store: LimitStore
  /** What stands for a number where it is stored. */
  readonly fingerprint: (number: string) => string
  readonly clock: Clock
  /** Told of every refusal, for the metrics. */
  readonly onRefused?: (scope: LimitScope, kind: LimitKind) => void
}

/** What limits go by; another takes its place when the configuration changes, and all counts stay. */
export interface LimitTerms {
  readonly rules: RuleBook
  /** An amount in another currency, in millionths; undefined: nobody knows. */
  readonly convert: (amount: Money, currency: string) => number | undefined
}

const NONE: readonly LimitRule[] = []

/** Scopes of whoever asks: without one there is nothing to say about it. */
const CALLERS: ReadonlySet<LimitScope> = new Set(['key', 'tenant', 'partner'])
/** Scopes that count for each tenant on its own. */
const OF_TENANT: ReadonlySet<LimitScope> = new Set([
  'sender',
  'recipient',
  'otp_recipient',
  'country',
])
const OVER_ALL: ReadonlySet<LimitScope> = new Set([
  'recipient_everywhere',
  'otp_recipient_everywhere',
])
const RECIPIENTS: ReadonlySet<LimitScope> = new Set(['recipient', 'otp_recipient', ...OVER_ALL])

/**
 * What keys, tenants, partners, senders, recipients and countries may take. A request or message either takes of all
 * limits that concern it or, where one of them is used up, of none.
 */
export class Limits {
  readonly #options: LimitsOptions
  #terms: LimitTerms

  constructor(terms: LimitTerms, options: LimitsOptions) {
    this.#terms = terms
    this.#options = options
  }

  /** Goes by other limits from now on. */
  replace(terms: LimitTerms): void {
    this.#terms = terms
  }

  /** True while limits are not counted where they should be. */
  get isFallenBack(): boolean {
    return this.#options.store.isFallenBack
  }

  /** Takes one request; gives why not, or null. */
  takeRequest(caller: Caller): NowOrLater<GatewayError | null> {
    const takes = this.#requestTakes(caller)
    return takes.length === 0 ? null : this.#take(takes)
  }

  /** What is taken of the limits on requests. */
  requestStandings(caller: Caller): NowOrLater<readonly Standing[]> {
    return this.#standingsOf(this.#requestTakes(caller))
  }

  /**
   * Takes a message; gives why not, or null.
   *
   * @param key - name of the API key that it came by; null: by none
   */
  takeMessage(message: LimitedMessage, key: string | null): NowOrLater<GatewayError | null> {
    const { rules } = this.#terms
    const isOtp = message.trafficClass === 'otp'
    const takes: Take[] = []
    for (const scope of rules.messageScopes) {
      if (!rules.counts(scope, isOtp)) continue
      const name = nameIn(scope, message, key)
      const own = name === null ? NONE : rules.of(scope, name).messages
      if (name === null || own.length === 0) continue
      const { tenantId, subject } = this.#whose(scope, name, message.tenantId)
      for (const rule of own) {
        const cost = this.#costOf(rule, message)
        if (cost === undefined) return this.#told(rule, uncountable(rule, message.priceCurrency))
        if (rule.window && cost > rule.quota) return this.#told(rule, overLimit(rule, cost))
        if (cost > 0) takes.push({ rule, tenantId, subject, cost })
      }
    }
    return takes.length === 0 ? null : this.#take(takes)
  }

  /** What a caller and the messages that it may send have taken; of what counts over all tenants nobody is told. */
  standings(caller: Caller, about: Correspondents): NowOrLater<readonly Standing[]> {
    const { rules } = this.#terms
    const { tenantId } = caller
    const message = { ...about, tenantId, partner: caller.partner }
    const known: Take[] = []
    const others: Standing[] = []
    for (const scope of rules.messageScopes) {
      const name = nameIn(scope, message, caller.key)
      const isAsked = name !== null && !OVER_ALL.has(scope)
      for (const rule of rules.of(scope, name ?? '').messages) {
        if (isAsked) known.push({ rule, ...this.#whose(scope, name, tenantId), cost: 0 })
        else if (!CALLERS.has(scope)) others.push({ rule, used: null })
      }
    }
    const used = this.#standingsOf([...this.#requestTakes(caller), ...known])
    if (used instanceof Promise) return used.then((standings) => [...standings, ...others])
    return [...used, ...others]
  }

  close(): Promise<void> {
    return this.#options.store.close()
  }

  #requestTakes({ tenantId, key, partner }: Caller): Take[] {
    const { rules } = this.#terms
    const takes: Take[] = []
    const add = (scope: LimitScope, subject: string) => {
      for (const rule of rules.of(scope, subject).requests) {
        takes.push({ rule, tenantId: '', subject, cost: 1 })
      }
    }
    if (key !== null) add('key', key)
    if (partner !== null) add('partner', partner)
    add('tenant', tenantId)
    return takes
  }

  #take(takes: readonly Take[]): NowOrLater<GatewayError | null> {
    const { store, clock } = this.#options
    const nowMs = clock().getTime()
    const refusal = store.take(takes, nowMs)
    if (refusal === null) return null
    if (!(refusal instanceof Promise)) return this.#errorOf(refusal, takes, nowMs)
    return refusal.then((late) => late && this.#errorOf(late, takes, nowMs))
  }

  #errorOf({ index, freeAtMs }: Refusal, takes: readonly Take[], nowMs: number): GatewayError {
    const { rule } = takes[index] as Take
    return this.#told(rule, new LimitError(rule, freeAtMs, nowMs))
  }

  #told(rule: LimitRule, error: GatewayError): GatewayError {
    this.#options.onRefused?.(rule.scope, rule.kind)
    return error
  }

  #standingsOf(takes: readonly Take[]): NowOrLater<readonly Standing[]> {
    if (takes.length === 0) return []
    const { store, clock } = this.#options
    const asStandings = (used: readonly number[]) =>
      takes.map(({ rule }, index) => ({ rule, used: used[index] ?? 0 }))
    const used = store.used(takes, clock().getTime())
    return used instanceof Promise ? used.then(asStandings) : asStandings(used)
  }

  /** Whose share it is. */
  #whose(scope: LimitScope, name: string, tenantId: string): Pick<Take, 'tenantId' | 'subject'> {
    return {
      tenantId: OF_TENANT.has(scope) ? tenantId : '',
      subject: RECIPIENTS.has(scope) ? this.#options.fingerprint(name) : name,
    }
  }

  #costOf({ kind, currency }: LimitRule, message: LimitedMessage): number | undefined {
    if (kind === 'messages_per_hour') return 1
    if (currency === null) return message.segments
    const { priceMicros: micros, priceCurrency } = message
    if (priceCurrency === currency) return Number(micros)
    return this.#terms.convert({ micros, currency: priceCurrency }, currency)
  }
}

/** The name by which the rules know whom a scope counts for; null: nobody. */
function nameIn(
  scope: LimitScope,
  message: Correspondents & Pick<LimitedMessage, 'tenantId' | 'partner'>,
  key: string | null,
): string | null {
  switch (scope) {
    case 'key':
      return key
    case 'tenant':
      return message.tenantId
    case 'partner':
      return message.partner
    case 'sender':
      return message.from === '' ? null : message.from
    case 'country':
      return message.country === NO_COUNTRY ? null : message.country
    default:
      return message.to
  }
}
