import { AccessTally } from './audit/access-tally.ts'
import type { AuditAction } from './audit/actions.ts'
import { AuditArchive } from './audit/audit-archive.ts'
import { eraseAudit } from './audit/audit-erasure.ts'
import { AuditLog } from './audit/audit-log.ts'
import { type AuditEvent, CONFIGURATION_FILE, SYSTEM } from './audit/entry.ts'
import type { OpeningBalance } from './config/billing.ts'
import { type Clock, systemClock } from './core/clock.ts'
import { messageOf } from './core/errors.ts'
import type { Logger } from './core/logger.ts'
import { formatMicros } from './core/money.ts'
import type { TableKind } from './networks/table-files.ts'
import type { JudgedBind } from './partners/gatekeeper.ts'
import type { Store } from './store/open.ts'
import { VERSION } from './version.ts'
import { changeEntry, startEntry } from './versions/change-entry.ts'
import type { ConfigOutcome } from './versions/configuration.ts'
import type { StoredVersion } from './versions/version-store.ts'
import type { Endpoint } from './webhooks/endpoints.ts'

/** What the audit log is told beside what comes over HTTP, and by whom. */
export class Auditing {
  readonly log: AuditLog
  readonly accesses: AccessTally
  readonly archive: AuditArchive
  readonly #store: Store
  readonly #logger: Logger
  readonly #clock: Clock
  #isStarted = false

  private constructor(log: AuditLog, store: Store, logger: Logger, clock: Clock) {
    this.log = log
    this.accesses = new AccessTally({ log, clock })
    this.archive = new AuditArchive(store)
    this.#store = store
    this.#logger = logger
    this.#clock = clock
  }

  /** Goes on where the log in the database ends. */
  static async open(store: Store, logger: Logger, clock: Clock = systemClock): Promise<Auditing> {
    return new Auditing(await AuditLog.open({ store, logger, clock }), store, logger, clock)
  }

  /** The gateway takes messages from now on. */
  started(): void {
    this.#isStarted = true
    this.#bySystem('gateway.start', { after: { version: VERSION } })
  }

  /** The demo tenant has got a key, because there was none or another was asked for. */
  demoKeyMade(tenant: string, isAskedFor: boolean): void {
    const actor = isAskedFor ? ({ ...SYSTEM, kind: 'command_line' } as const) : SYSTEM
    this.#note({ actor, action: 'key.create', subject: { kind: 'tenant', id: tenant } })
  }

  /** A start has found another file than the one before. */
  configFound(before: StoredVersion | undefined, found: StoredVersion): void {
    this.#note({
      actor: CONFIGURATION_FILE,
      action: 'config.change',
      subject: { kind: 'configuration', id: String(before?.number ?? 0) },
      before: before ? { version: before.number } : null,
      after: startEntry(before, found),
    })
  }

  /** The file was saved while the gateway runs. */
  async configTaken(before: number, outcome: ConfigOutcome): Promise<void> {
    const isDone = outcome.kind === 'done'
    const event: AuditEvent = {
      at: this.#clock(),
      actor: CONFIGURATION_FILE,
      action: 'config.change',
      subject: { kind: 'configuration', id: String(before) },
      outcome: isDone ? 'done' : 'refused',
      reason: isDone ? null : 'config_invalid',
      before: { version: before },
      after: isDone ? changeEntry(outcome.change) : undefined,
    }
    try {
      await this.log.append(event)
    } catch (error) {
      // The configuration holds all the same; the entry is tried on.
      this.#logger.error({ error: messageOf(error) }, 'a change of the configuration waits')
    }
  }

  /** The opening balance of the file was booked. */
  balanceOpened(tenantId: string, { tenant, micros, currency }: OpeningBalance): void {
    this.#note({
      actor: CONFIGURATION_FILE,
      action: 'payment.book',
      subject: { kind: 'tenant', id: tenant },
      tenantId,
      after: { payment: { kind: 'opening', amount: formatMicros(micros), currency } },
    })
  }

  /** A file about numbers that the configuration names was taken in. */
  tableTaken(kind: TableKind, file: string, rows: number): void {
    this.#note({
      actor: CONFIGURATION_FILE,
      action: kind === 'networks' ? 'network.import' : 'ported_number.import',
      subject: { kind, id: file },
      after: { rows },
    })
  }

  /** A carrier was drained because its canary delivers too little. */
  canaryStopped(carrier: string, reason: string): void {
    this.#bySystem('carrier.drain', { subject: { kind: 'carrier', id: carrier }, reason })
  }

  /** A webhook was switched off because of its own answer. */
  webhookGone({ id, tenantId }: Endpoint, reason: string): void {
    this.#bySystem('webhook.disable', { subject: { kind: 'webhook', id }, tenantId, reason })
  }

  /** A partner has asked for a bind. */
  bindJudged(bind: JudgedBind): void {
    const { systemId, bindType, address, tls, refusal } = bind
    const tenantId = bind.tenantId ?? null
    this.accesses.note({
      action: refusal === undefined ? 'bind.accepted' : 'bind.refused',
      actor: { kind: 'partner', name: systemId, tenantId },
      address,
      tenantId,
      subject: { kind: 'bind', id: tls ? `${bindType}, TLS` : bindType },
      outcome: refusal === undefined ? 'done' : 'refused',
      reason: refusal ?? null,
    })
  }

  /** Deletes a stretch of entries older than so many days; gives how many. */
  async erase(now: Date, days: number | undefined): Promise<number> {
    return days === undefined ? 0 : eraseAudit(this.#store, this.log, { now, days })
  }

  /** Writes everything, last that the gateway stops. */
  async close(): Promise<void> {
    await this.accesses.close()
    if (this.#isStarted) this.#bySystem('gateway.stop', {})
    await this.log.close()
  }

  #bySystem(action: AuditAction, about: Omit<Partial<AuditEvent>, 'actor' | 'action'>): void {
    this.#note({ ...about, actor: SYSTEM, action })
  }

  #note(event: Omit<AuditEvent, 'at' | 'outcome'>): void {
    this.log.note({ ...event, at: this.#clock(), outcome: 'done' })
  }
}
