import { carrierChecks, checkPlans } from './carrier-checking.ts'
import type { CarrierEvents } from './carriers/carrier.ts'
import { HttpCarrier } from './carriers/http-carrier.ts'
import { SmppCarrier } from './carriers/smpp-carrier.ts'
import { SmtpCarrier } from './carriers/smtp-carrier.ts'
import type { CarrierConfig, Config } from './config/schema.ts'
import type { Clock } from './core/clock.ts'
import type { Logger } from './core/logger.ts'
import { ReferenceCounter } from './encoding/reference.ts'
import type { HealthAlerts } from './health-alerts.ts'
import type { LiveCarrier } from './live-carriers.ts'
import type { LivePart } from './live-part.ts'
import type { CarrierChecks } from './messages/carrier-checks.ts'
import { CarrierHealth } from './messages/carrier-health.ts'
import { QualityStore, registerCarriers } from './messages/quality-store.ts'
import { Quality } from './routing/quality.ts'
import type { Recorder } from './smpp/recorder.ts'
import type { Store } from './store/open.ts'
import type { Metrics } from './telemetry/metrics.ts'

/** What {@link openCarriers} works with. */
export interface OpenCarriersOptions {
  readonly config: Pick<Config, 'health' | 'quality'>
  readonly carrierConfigs: readonly CarrierConfig[]
  /** What carriers bring; receipts of messages by which carriers are tried do not get there. */
  readonly events: CarrierEvents
  readonly recorder: Recorder
  readonly metrics: Metrics
  readonly alerts: HealthAlerts
  readonly store: Store
  readonly logger: Logger
  readonly clock: Clock
}

/** The carriers, and what is known of how well they do. */
export interface OpenCarriers {
  /** By name; changes with the configuration. */
  readonly carriers: Map<string, LiveCarrier>
  readonly make: (config: CarrierConfig) => LiveCarrier
  readonly quality: Quality
  readonly qualityStore: QualityStore
  readonly health: CarrierHealth
  readonly checks: CarrierChecks
  /** Looks at the carriers of another configuration; it comes after the part that brings them. */
  readonly watching: LivePart
  /** Takes over what earlier runs have learned of carriers. */
  load(): Promise<void>
  /** Begins to look at carriers and to store what is learned; call it when they are connected. */
  start(): void
}

/**
 * Makes the carriers of a configuration, not connected yet.
 *
 * There is no one moment to close all of it: checks end first of all, health when nothing is sent any more, and what
 * was learned is stored after the last answer.
 */
export function openCarriers(options: OpenCarriersOptions): OpenCarriers {
  const { config, carrierConfigs, events, recorder, metrics, alerts, store, logger, clock } =
    options
  const references = new ReferenceCounter()
  const ofCarriers: CarrierEvents = {
    ...events,
    onReceipt: (receipt) => checks.screen(receipt, () => events.onReceipt(receipt)),
    onCapacityChange(name) {
      health.noteConnections(name)
      events.onCapacityChange(name)
    },
  }
  const carriers = new Map(carrierConfigs.map((each) => [each.name, make(each)]))
  const quality = new Quality(config.quality)
  for (const name of carriers.keys()) quality.carrierIndex(name)
  const health = new CarrierHealth({
    ...config.health,
    carriers,
    indexOf: (name) => quality.carrierIndex(name),
    store,
    logger,
    clock,
  })
  const checks = carrierChecks({ carrierConfigs, carriers, health, metrics, alerts, clock })
  const qualityStore = new QualityStore({ store, quality, logger, clock })
  health.onChange((change) => {
    alerts.noteChange(change)
    if (change.kind !== 'connection') events.onCapacityChange(change.carrier)
  })

  function make(carrierConfig: CarrierConfig): LiveCarrier {
    switch (carrierConfig.type) {
      case 'http':
        return new HttpCarrier({ config: carrierConfig, events: ofCarriers, logger, clock })
      case 'smtp':
        return new SmtpCarrier({ config: carrierConfig, events: ofCarriers })
      case 'smpp':
        return new SmppCarrier({
          config: carrierConfig,
          references,
          logger,
          recorder,
          events: ofCarriers,
        })
    }
  }

  return {
    carriers,
    make,
    quality,
    qualityStore,
    health,
    checks,
    watching: {
      sections: ['carriers'],
      prepare: async (next) => () => {
        checks.follow(checkPlans(next.carriers, carriers))
        alerts.watch(carriers.values())
      },
    },
    async load() {
      await registerCarriers(store, [...carriers.values()], clock())
      await qualityStore.load()
      await health.load()
    },
    start() {
      qualityStore.start()
      checks.start()
    },
  }
}
