import type { Access } from './accounts/access.ts'
import type { OperatorAlerts } from './alerting/operator-alerts.ts'
import type { UsageRetention } from './billing/usage-retention.ts'
import type { GuardsConfig } from './config/guards.ts'
import type { InboundConfig } from './config/inbound.ts'
import type { Config, LogLevel, RecorderConfig } from './config/schema.ts'
import type { TemplateConfig } from './config/templates.ts'
import type { Clock } from './core/clock.ts'
import type { GuardPolicy } from './core/guards.ts'
import { failureRules } from './failures.ts'
import type { HealthAlerts } from './health-alerts.ts'
import type { InboundRoute, InboundRoutes } from './inbound/inbound-routes.ts'
import type { LivePart } from './live-part.ts'
import type { CarrierHealth } from './messages/carrier-health.ts'
import type { Templates, TenantTemplate } from './messages/templates.ts'
import type { Numbers } from './numbers.ts'
import type { FailureRules } from './routing/failure-rules.ts'
import type { Guards } from './routing/guards.ts'
import type { Quality } from './routing/quality.ts'
import type { Recorder, RecorderOptions } from './smpp/recorder.ts'
import type { AddressGuard } from './webhooks/address-guard.ts'
import type { PosterThread } from './webhooks/poster-thread.ts'
import type { WebhookSender } from './webhooks/sender.ts'

/** The parts of a gateway that {@link liveParts} lets go by another configuration. */
export interface LiveGateway {
  readonly access: Access
  readonly alerts: OperatorAlerts
  readonly healthAlerts: HealthAlerts
  readonly rules: FailureRules
  readonly templates: Templates
  readonly health: CarrierHealth
  readonly quality: Quality
  readonly guards: Guards
  readonly inboundRoutes: InboundRoutes
  readonly numbers: Numbers
  readonly recorder: Recorder
  readonly addressGuard: AddressGuard
  readonly usageRetention: UsageRetention
  readonly webhooks: WebhookSender
  readonly poster: PosterThread
  readonly clock: Clock
  readonly setPolicies: (policies: Config['policies']) => void
  /** Undefined: whoever has made the logger decides. */
  readonly setLogLevel: ((level: LogLevel) => void) | undefined
}

/**
 * What follows a change of the configuration, in the order in which it does. Names of tenants are looked up
 * when a part is committed: parts that bring tenants have to come before.
 */
export function liveParts(gateway: LiveGateway): LivePart[] {
  const { access, clock, setLogLevel } = gateway
  return [
    part('failureRules', (rules) => gateway.rules.replace(failureRules(rules, access))),
    part('templates', (templates) => gateway.templates.replace(tenantTemplates(templates, access))),
    part('policies', gateway.setPolicies),
    {
      sections: ['alerts'],
      prepare: async ({ alerts }) => {
        const takeOver = gateway.alerts.prepare(alerts)
        return () => {
          takeOver()
          gateway.healthAlerts.follow(alerts)
        }
      },
    },
    part('health', (health) => gateway.health.follow(health)),
    part('quality', (quality) => gateway.quality.follow(quality)),
    part('guards', (guards) => gateway.guards.follow(guardPolicy(guards, access), clock())),
    {
      sections: ['numbers'],
      prepare: async ({ numbers, carriers }) =>
        gateway.numbers.prepare(
          numbers,
          carriers.map(({ name }) => name),
        ),
    },
    part('inbound', (inbound) => gateway.inboundRoutes.replace(inboundRoutes(inbound, access))),
    part('usage', (usage) => gateway.usageRetention.follow(usage)),
    part('recorder', (recorder) => gateway.recorder.follow(recorderOptions(recorder))),
    part('webhooks', (webhooks) => {
      gateway.addressGuard.follow(webhooks)
      gateway.poster.follow(webhooks)
      gateway.webhooks.readAgain()
    }),
    ...(setLogLevel ? [part('logLevel', setLogLevel)] : []),
  ]
}

/** A part with one section and nothing to get ready. */
function part<Section extends keyof Config>(
  section: Section,
  takeOver: (value: Config[Section]) => void,
): LivePart {
  return { sections: [section], prepare: async (next) => () => takeOver(next[section]) }
}

/** What guards go by, tenants by id. */
export function guardPolicy({ except, ...policies }: GuardsConfig, access: Access): GuardPolicy {
  const tenantIds = new Set(except.tenants.flatMap((name) => access.tenantNamed(name)?.id ?? []))
  const { prefixes, classes } = except
  return { ...policies, except: { tenantIds, prefixes, classes: new Set(classes) } }
}

/** Texts that messages are made from, tenants by id. */
export function tenantTemplates(
  templates: readonly TemplateConfig[],
  access: Access,
): TenantTemplate[] {
  return templates.map(({ tenants, ...template }) => ({
    ...template,
    tenantIds: tenants && new Set(tenants.flatMap((name) => access.tenantNamed(name)?.id ?? [])),
  }))
}

/** Who gets the messages of handsets, tenants by id. */
export function inboundRoutes({ routes }: InboundConfig, access: Access): InboundRoute[] {
  return routes.flatMap(({ to = null, keyword = null, carrier = null, tenant, partner = null }) => {
    const owner = access.tenantNamed(tenant)
    return owner ? [{ to, keyword, carrier, tenantId: owner.id, partner }] : []
  })
}

/** What is kept of the PDUs of connections. */
export function recorderOptions(config: RecorderConfig): RecorderOptions {
  return { pdusPerBind: config.pdusPerBind, keepEnded: config.keepEndedBinds }
}
