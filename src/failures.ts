import type { Access } from './accounts/access.ts'
import type { OperatorAlert } from './alerting/operator-alerts.ts'
import type { FailureRule } from './core/failure-rule.ts'
import type { RuleAlert } from './messages/failure-judge.ts'

/** The rules of a file, tenants by id: a name that nobody has stays, and fits nobody. */
export function failureRules(rules: readonly FailureRule[], access: Access): FailureRule[] {
  return rules.map((rule) => {
    const { tenants } = rule.match
    if (tenants === undefined) return rule
    const ids = tenants.map((name) => access.tenantNamed(name)?.id ?? name)
    return { ...rule, match: { ...rule.match, tenants: ids } }
  })
}

/** What the operator is told when a rule says so. */
export function failureAlert({ rule, messageId, detail, facts }: RuleAlert): OperatorAlert {
  const { scene, carrier, channel, code, rawCode, tenantId, trafficClass, country, attempt } = facts
  return {
    type: 'alert.failure_rule',
    kind: `failure_rule:${rule}`,
    title: `${rule}: ${detail}`,
    data: {
      rule,
      scene,
      carrier,
      channel,
      code,
      raw_code: rawCode,
      reason: detail,
      message_id: messageId,
      tenant_id: tenantId,
      traffic_class: trafficClass,
      country,
      attempt,
    },
  }
}
