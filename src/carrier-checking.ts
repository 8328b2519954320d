import type { Carrier } from './carriers/carrier.ts'
import type { CarrierConfig } from './config/schema.ts'
import type { Clock } from './core/clock.ts'
import type { HealthAlerts } from './health-alerts.ts'
import { CarrierChecks, type CheckPlan } from './messages/carrier-checks.ts'
import type { CarrierHealth } from './messages/carrier-health.ts'
import type { CarrierCheck } from './messages/carrier-standing.ts'
import type { Metrics } from './telemetry/metrics.ts'

/** What {@link carrierChecks} are made of. */
export interface CheckingParts {
  readonly carrierConfigs: readonly CarrierConfig[]
  readonly carriers: ReadonlyMap<string, Carrier>
  readonly health: CarrierHealth
  readonly metrics: Pick<Metrics, 'checked'>
  readonly alerts: HealthAlerts
  readonly clock: Clock
}

/** The looks at all carriers of a configuration. */
export function carrierChecks(parts: CheckingParts): CarrierChecks {
  const { carrierConfigs, carriers, health, metrics, alerts, clock } = parts
  return new CarrierChecks({
    plans: checkPlans(carrierConfigs, carriers),
    health,
    onChecked: (carrier, check) => {
      noteMetrics(metrics, carrier, check)
      alerts.noteCheck(carrier, check)
    },
    clock,
  })
}

/** How carriers are looked at by their configuration. */
export function checkPlans(
  carrierConfigs: readonly CarrierConfig[],
  carriers: ReadonlyMap<string, Carrier>,
): CheckPlan[] {
  return carrierConfigs.flatMap(({ name, check }) => {
    const carrier = carriers.get(name)
    return carrier ? [{ carrier, ...check }] : []
  })
}

function noteMetrics(
  metrics: Pick<Metrics, 'checked'>,
  carrier: string,
  { kind, error, latencyMs, isAsked }: CarrierCheck,
): void {
  if (isAsked) metrics.checked(carrier, kind, error === null ? (latencyMs ?? 0) / 1_000 : null)
}
