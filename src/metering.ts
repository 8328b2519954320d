import type { Carrier } from './carriers/carrier.ts'
import type { Clock } from './core/clock.ts'
import type { Limits } from './limits/limits.ts'
import type { CarrierHealth } from './messages/carrier-health.ts'
import type { Dispatcher } from './messages/dispatcher.ts'
import type { JournalEntry } from './messages/journal.ts'
import type { Spool } from './messages/spool.ts'
import type { PartnerServer } from './partners/partner-server.ts'
import type { Guards } from './routing/guards.ts'
import type { Metrics } from './telemetry/metrics.ts'
import type { Configuration } from './versions/configuration.ts'

/** Counts what was committed. */
export function countEntries(metrics: Metrics, batch: readonly JournalEntry[]): void {
  metrics.committed(batch.length)
  for (const entry of batch) countEntry(metrics, entry)
}

function countEntry(metrics: Metrics, entry: JournalEntry): void {
  switch (entry.kind) {
    case 'accepted':
      metrics.accepted(entry.message.source)
      break
    case 'submitting':
      metrics.submitted((entry.at.getTime() - entry.message.createdAt.getTime()) / 1_000)
      break
    case 'moved':
      for (const { state } of entry.answers) metrics.segment(entry.message.carrier, state)
      break
    case 'receipt':
      metrics.receipt(entry.carrier, entry.state)
      break
  }
}

/** The parts whose state is read when the metrics are. */
export interface MeteredParts {
  readonly dispatcher: Dispatcher
  readonly carriers: ReadonlyMap<string, Carrier>
  readonly spool: Spool
  readonly health: CarrierHealth
  readonly guards: Guards
  readonly limits: Limits
  /** Undefined: there are no versions. */
  readonly configuration: Configuration | undefined
  readonly partners: PartnerServer
  readonly clock: Clock
}

/** Has the metrics read how the parts stand. */
export function observeParts(metrics: Metrics, parts: MeteredParts): void {
  const { dispatcher, carriers, spool, health, guards, limits, partners, clock } = parts
  metrics.observe({
    queueLengths: () => dispatcher.queueLengths(),
    binds: () =>
      [...carriers.values()].flatMap((carrier) =>
        carrier.binds.map(({ bind, state }) => ({
          carrier: carrier.name,
          bind,
          isUp: state === 'bound',
        })),
      ),
    journalPending: () => spool.pending,
    carrierHealth: () => health.standings(),
    openGuards: () => guards.open(clock()),
    areLimitsFallenBack: () => limits.isFallenBack,
    codesUsed: () => guards.carriers(clock()),
    configuration: () => parts.configuration,
    partnerBinds: () =>
      partners.reports.map(({ account: { systemId }, sessions }) => ({
        systemId,
        bound: sessions.length,
      })),
  })
}
