import { OperatorAlerts } from './alerting/operator-alerts.ts'
import type { Config } from './config/schema.ts'
import type { Clock } from './core/clock.ts'
import type { Logger } from './core/logger.ts'
import { HealthAlerts } from './health-alerts.ts'
import { VERSION } from './version.ts'

/** What {@link openAlerting} works with. */
export interface OpenAlertingOptions {
  readonly config: Config['alerts']
  readonly tenantName: (tenantId: string) => string
  readonly logger: Logger
  readonly clock: Clock
}

/** What operators are told, and what is found worth it. */
export interface OpenAlerting {
  readonly operatorAlerts: OperatorAlerts
  readonly healthAlerts: HealthAlerts
  /** Finds nothing more, and sends what was found. */
  close(): Promise<void>
}

/** Connects what watches the health of the gateway with what brings the word of it. */
export function openAlerting(options: OpenAlertingOptions): OpenAlerting {
  const { config, tenantName, logger, clock } = options
  const operatorAlerts = new OperatorAlerts({ config, version: VERSION, logger, clock })
  const healthAlerts = new HealthAlerts({
    config,
    raise: (alert) => operatorAlerts.raise(alert),
    tenantName,
  })
  return {
    operatorAlerts,
    healthAlerts,
    async close() {
      healthAlerts.close()
      await operatorAlerts.close()
    },
  }
}
