import { type Allowance, LIMIT_SCOPES, type LimitPolicy, type LimitScope } from '../core/limits.ts'
import { type LimitRule, rulesOf } from './rule.ts'

/** What holds for one subject: what counts requests, and what counts messages. */
export interface SubjectRules {
  readonly requests: readonly LimitRule[]
  readonly messages: readonly LimitRule[]
}

interface ScopeRules {
  readonly usual: SubjectRules
  readonly own: ReadonlyMap<string, SubjectRules>
}

const ALL_OTPS: ReadonlySet<LimitScope> = new Set(['otp_recipient', 'otp_recipient_everywhere'])

/** The limits of a policy, ready to be looked up for every message. */
export class RuleBook {
  readonly #scopes: ReadonlyMap<LimitScope, ScopeRules>
  readonly #withoutOtp: ReadonlySet<LimitScope>
  /** Those that have limits on messages at all. */
  readonly messageScopes: readonly LimitScope[]

  /**
   * @param nameIn - the name by which a subject is known here, for example the id of a tenant; undefined:
   *   it does not exist, and its limits neither
   */
  constructor(
    policy: LimitPolicy,
    nameIn: (scope: LimitScope, name: string) => string | undefined = (_scope, name) => name,
  ) {
    this.#withoutOtp = policy.withoutOtp
    this.#scopes = new Map(
      LIMIT_SCOPES.map((scope) => {
        const own = [...(policy.own[scope] ?? [])].flatMap(([name, allowance]) => {
          const known = nameIn(scope, name)
          return known === undefined ? [] : [[known, subjectRules(scope, allowance)] as const]
        })
        return [scope, { usual: subjectRules(scope, policy.usual[scope]), own: new Map(own) }]
      }),
    )
    this.messageScopes = LIMIT_SCOPES.filter((scope) => this.#has(scope, 'messages'))
  }

  /** What holds for a subject. */
  of(scope: LimitScope, name: string): SubjectRules {
    const rules = this.#scopes.get(scope) as ScopeRules
    return (rules.own.size > 0 ? rules.own.get(name) : undefined) ?? rules.usual
  }

  /** Whether messages count for a scope, by whether they are of the class `otp`. */
  counts(scope: LimitScope, isOtp: boolean): boolean {
    return isOtp ? !this.#withoutOtp.has(scope) : !ALL_OTPS.has(scope)
  }

  #has(scope: LimitScope, what: keyof SubjectRules): boolean {
    const { usual, own } = this.#scopes.get(scope) as ScopeRules
    return [usual, ...own.values()].some((rules) => rules[what].length > 0)
  }
}

function subjectRules(scope: LimitScope, allowance: Allowance): SubjectRules {
  const rules = rulesOf(scope, allowance)
  const isOfRequests = ({ kind }: LimitRule) => kind === 'requests_per_second'
  return {
    requests: rules.filter(isOfRequests),
    messages: rules.filter((rule) => !isOfRequests(rule)),
  }
}
