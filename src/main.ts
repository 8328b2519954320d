import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Access, DEMO_TENANT, openAccess, openDemoAccess } from './accounts/access.ts'
import { MadeTenants } from './accounts/made-tenants.ts'
import { OperatorAlerts } from './alerting/operator-alerts.ts'
import { Auditing } from './auditing.ts'
import { Charges } from './billing/charges.ts'
import { Ledger } from './billing/ledger.ts'
import { LedgerArchive } from './billing/ledger-archive.ts'
import { StatementArchive } from './billing/statement-archive.ts'
import { UsageArchive } from './billing/usage-archive.ts'
import { UsageRetention } from './billing/usage-retention.ts'
import { UsageRollUp } from './billing/usage-roll-up.ts'
import { Binds } from './binds.ts'
import { carrierChecks, checkPlans } from './carrier-checking.ts'
import type { CarrierEvents } from './carriers/carrier.ts'
import { HttpCarrier } from './carriers/http-carrier.ts'
import { SmppCarrier } from './carriers/smpp-carrier.ts'
import { SmtpCarrier } from './carriers/smtp-carrier.ts'
import type { ConfigDocuments } from './config/documents.ts'
import { completeCarrier, completePartner } from './config/load.ts'
import type { CarrierConfig, Config, LogLevel, PartnerConfig } from './config/schema.ts'
import { ConfigWatch } from './config-watch.ts'
import { systemClock } from './core/clock.ts'
import { messageOf } from './core/errors.ts'
import type { Logger } from './core/logger.ts'
import { ReferenceCounter } from './encoding/reference.ts'
import { failureAlert, failureRules } from './failures.ts'
import { HealthAlerts } from './health-alerts.ts'
import { createApp } from './http/app.ts'
import { type HttpServer, listenHttp } from './http/server.ts'
import { InboundArchive } from './inbound/inbound-archive.ts'
import type { InboundMessage } from './inbound/inbound-message.ts'
import { InboundRoutes } from './inbound/inbound-routes.ts'
import { Inbox } from './inbound/inbox.ts'
import { LiveBilling } from './live-billing.ts'
import { LiveBounces } from './live-bounces.ts'
import { callbackTarget, type LiveCarrier, LiveCarriers, marksFor } from './live-carriers.ts'
import { LiveConfig } from './live-config.ts'
import { LivePartners, partnerAccounts } from './live-partners.ts'
import {
  guardPolicy,
  inboundRoutes,
  liveParts,
  recorderOptions,
  tenantTemplates,
} from './live-parts.ts'
import { deckOwners, LiveRates } from './live-rates.ts'
import { LiveTenants } from './live-tenants.ts'
import { Archive } from './messages/archive.ts'
import { BalanceNotices } from './messages/balance-notices.ts'
import { Cancellation } from './messages/cancellation.ts'
import { CarrierHealth } from './messages/carrier-health.ts'
import { DeadLetters } from './messages/dead-letters.ts'
import { Dispatcher } from './messages/dispatcher.ts'
import { FailureJudge } from './messages/failure-judge.ts'
import { Fallbacks } from './messages/fallbacks.ts'
import { Feedback } from './messages/feedback.ts'
import { Funding } from './messages/funding.ts'
import { loadGuards, saveGuards } from './messages/guard-store.ts'
import { IdempotencyKeys } from './messages/idempotency.ts'
import { Intake } from './messages/intake.ts'
import type { Effects, Ending, JournalEntry } from './messages/journal.ts'
import { LiveMessages } from './messages/live.ts'
import { Losses } from './messages/losses.ts'
import type { Message } from './messages/message.ts'
import { MissingReceipts } from './messages/missing-receipts.ts'
import { OutboxLog } from './messages/outbox-log.ts'
import { PartnerMessages } from './messages/partner-messages.ts'
import { QualityStore, registerCarriers } from './messages/quality-store.ts'
import { ReceiptMatcher, receiptEntry } from './messages/receipt-matcher.ts'
import { owesReceipt, wantsIntermediate } from './messages/recipients.ts'
import { Reconciliations } from './messages/reconciliation.ts'
import { type Recovered, recover } from './messages/recovery.ts'
import { Rehearsal } from './messages/rehearsal.ts'
import { Replacement } from './messages/replacement.ts'
import { Resolution } from './messages/resolution.ts'
import { Retention } from './messages/retention.ts'
import { Routes } from './messages/routes.ts'
import type { PolicyFor } from './messages/settle.ts'
import { Spool } from './messages/spool.ts'
import { StateQueries } from './messages/state-queries.ts'
import { isFinal, MESSAGE_STATUSES, type MessageStatus } from './messages/states.ts'
import { Superseding } from './messages/superseding.ts'
import { Sweeper } from './messages/sweeper.ts'
import { TableWriter } from './messages/table-writer.ts'
import { Teller } from './messages/teller.ts'
import type { TellingRecipient } from './messages/telling.ts'
import { Templates } from './messages/templates.ts'
import { isForPartner, Tracker } from './messages/tracker.ts'
import { Withdrawal } from './messages/withdrawal.ts'
import { WrittenMarks } from './messages/written-marks.ts'
import { openNumbers } from './numbers.ts'
import { openCallbacks } from './open-callbacks.ts'
import { openKeys } from './open-keys.ts'
import { openLimits } from './open-limits.ts'
import { Alerts } from './partners/alerts.ts'
import { MessageIds } from './partners/message-ids.ts'
import { PartnerServer } from './partners/partner-server.ts'
import { partnerRecipient, ReceiptTransport } from './partners/receipt-transport.ts'
import { Replacing } from './partners/replacing.ts'
import { PartnerRequests } from './partners/requests.ts'
import { RateDecks } from './rates/rate-decks.ts'
import { rehearseRouting } from './route-rehearsal.ts'
import { type RouteSources, RouteUpkeep, routeSetup } from './route-upkeep.ts'
import { FailureRules } from './routing/failure-rules.ts'
import { Guards } from './routing/guards.ts'
import { parseNumber } from './routing/number.ts'
import { Quality } from './routing/quality.ts'
import { type Sandbox, startSandbox } from './sandbox/carriers.ts'
import { openSignIn } from './sign-in.ts'
import { receiptKeys } from './smpp/id-profile.ts'
import { Recorder } from './smpp/recorder.ts'
import { statusInfo } from './smpp/status.ts'
import { carrierBalance, carrierReports, partnerReports } from './standings.ts'
import { createCipher } from './store/cipher.ts'
import { checkEncryptionKeys } from './store/key-check.ts'
import { isReachable, openStore, type Store } from './store/open.ts'
import { Upkeep } from './store/upkeep.ts'
import { Metrics } from './telemetry/metrics.ts'
import { LiveTenantDirectory, withMadeTenants } from './tenant-directory.ts'
import { VERSION } from './version.ts'
import { Configuration } from './versions/configuration.ts'
import { type HeldVersion, holdVersion } from './versions/start-version.ts'
import { VersionStore } from './versions/version-store.ts'
import { AddressGuard } from './webhooks/address-guard.ts'
import { Endpoints } from './webhooks/endpoints.ts'
import { PosterThread } from './webhooks/poster-thread.ts'
import { WebhookSender } from './webhooks/sender.ts'

/** Time that a stopping gateway gives carriers to answer what they have, in milliseconds. */
const DRAIN_MS = 10_000

/** Time for the unbind after that. */
const UNBIND_MS = 2_000

/** The states that senders are told of. */
const ANNOUNCED: ReadonlySet<MessageStatus> = new Set(['sent', ...MESSAGE_STATUSES.filter(isFinal)])
const NOBODY: readonly TellingRecipient[] = []

/**
 * Messages that the journal may hold before the tables do: beyond the first number calls with many
 * messages wait, beyond the second intake refuses.
 */
const CROWDED_UNSAVED = 8_000
const MAX_UNSAVED = 50_000

const SAVE_GUARDS_EVERY_MS = 60_000

/** A running gateway. */
export interface Gateway {
  /** What it was started with: that of the file, or of a change after it. */
  readonly config: Config
  readonly httpPort: number
  /** Without TLS; 0 when there is no such listener. */
  readonly smppPort: number
  /** With TLS; 0 when there is no such listener. */
  readonly smppTlsPort: number
  /** Set when this start has made the demo tenant's key: it is not shown again. */
  readonly newDemoKey: string | undefined
  /** The account by which an SMPP client can try the sandbox; only without a configuration. */
  readonly demoPartner: { readonly systemId: string; readonly password: string } | undefined
  readonly recovered: Recovered
  /** Reads the configuration file now, as is done when it changes. */
  reload(): Promise<void>
  /** Takes nothing new, lets carriers answer, unbinds, writes everything down, closes. */
  close(): Promise<void>
}

/** How {@link startGateway} is told things that are no settings. */
export interface GatewayOptions {
  readonly logger: Logger
  /** Reads the file and what stands in for it; absent: the configuration stays as it is, and has no versions. */
  readonly documents?: ConfigDocuments | undefined
  /** The file holds, even where a change after it would. */
  readonly isConfigFromFile?: boolean
  readonly setLogLevel?: (level: LogLevel) => void
  /** Replace the demo tenant's key, because it was lost. */
  readonly replaceDemoKey?: boolean
}

/** Builds every part once, connects them, and takes messages when it resolves. */
export async function startGateway(ofFile: Config, options: GatewayOptions): Promise<Gateway> {
  const { logger } = options
  /** What to undo, last first, when a later part cannot start. */
  const opened: (() => Promise<void>)[] = []
  try {
    const { keys, active } = ofFile.encryption
    const store = await openStore({ ...ofFile, cipher: createCipher(keys, active) })
    opened.push(() => store.close())
    await checkEncryptionKeys(store)
    const auditing = await Auditing.open(store, logger)
    opened.push(() => auditing.close())
    const versions = new VersionStore(store)
    const made = await MadeTenants.open(store, systemClock)
    const documents = options.documents && withMadeTenants(options.documents, made)
    const isFromFile = options.isConfigFromFile ?? false
    const before = documents && (await versions.newest())
    const held =
      documents &&
      (await holdVersion({ versions, documents, clock: systemClock, logger, isFromFile }))
    if (held && held.version.number !== before?.number) auditing.configFound(before, held.version)
    const config = held?.config ?? ofFile
    options.setLogLevel?.(config.logLevel)
    const sandbox = config.sandbox ? await startOwnSandbox(config, logger) : undefined
    if (sandbox) opened.push(() => sandbox.close())
    const { access, newKey } = sandbox
      ? await openDemoAccess(store, { replaceKey: options.replaceDemoKey ?? false })
      : { access: await openAccess(store, config.tenants, config.adminKeys), newKey: undefined }
    if (newKey) auditing.demoKeyMade(DEMO_TENANT, options.replaceDemoKey ?? false)
    const demoPartner =
      sandbox &&
      completePartner({
        systemId: 'demo',
        password: randomBytes(6).toString('base64url'),
        tenant: DEMO_TENANT,
      })
    const gateway = await assemble({
      config,
      carrierConfigs: sandbox ? sandbox.carriers.map(completeCarrier) : config.carriers,
      partnerConfigs: demoPartner ? [demoPartner] : config.partners,
      store,
      sandbox,
      access,
      made,
      setLogLevel: options.setLogLevel,
      held,
      auditing,
      logger,
      opened,
    })
    return { ...gateway, config, newDemoKey: newKey, demoPartner }
  } catch (error) {
    for (const close of opened.reverse()) await close()
    throw error
  }
}

interface Assembly {
  readonly config: Config
  readonly carrierConfigs: readonly CarrierConfig[]
  readonly partnerConfigs: readonly PartnerConfig[]
  readonly store: Store
  readonly sandbox: Sandbox | undefined
  readonly access: Access
  readonly made: MadeTenants
  readonly setLogLevel: GatewayOptions['setLogLevel']
  /** Undefined: there are no versions. */
  readonly held: HeldVersion | undefined
  readonly auditing: Auditing
  readonly logger: Logger
  readonly opened: (() => Promise<void>)[]
}

async function assemble(
  assembly: Assembly,
): Promise<Omit<Gateway, 'config' | 'newDemoKey' | 'demoPartner'>> {
  const { config, carrierConfigs, store, access, auditing, logger, opened } = assembly
  const clock = systemClock
  const metrics = new Metrics()
  const live = new LiveMessages()
  const tenants = new LiveTenants({ access, config, store })
  const billing = new LiveBilling({
    config,
    tenants,
    logger,
    onOpened: (...booked) => auditing.balanceOpened(...booked),
  })
  const ledger = new Ledger(billing.creditFor, (change) => {
    healthAlerts.noteBalance(change)
    balanceNotices.keep(change)
  })
  await ledger.load(store, clock())
  const going = new LiveConfig(config)

  const node = `${hostname()}-${randomBytes(6).toString('hex')}`
  let { policies } = config
  const policyFor: PolicyFor = (trafficClass) => policies[trafficClass]
  const operatorAlerts = new OperatorAlerts({
    config: config.alerts,
    version: VERSION,
    logger,
    clock,
  })
  const tenantName = (id: string) => access.nameOf(id) ?? id
  const healthAlerts = new HealthAlerts({
    config: config.alerts,
    raise: (alert) => operatorAlerts.raise(alert),
    tenantName,
  })
  const rules = new FailureRules(failureRules(config.failureRules, access))
  const templates = new Templates(tenantTemplates(config.templates, access))
  const asksRules = () => rules.has('callback_failure')
  const tracker = new Tracker({
    live,
    recipientsFor: (message, status) => recipientsFor(message, status),
    intermediateFor: (message) => (wantsIntermediate(message) ? [partnerOf(message)] : NOBODY),
  })
  const spool = new Spool({ store, logger, node, onCommit: (batch) => onCommit(batch) })
  const tables = new TableWriter({
    store,
    live,
    ledger,
    node,
    logger,
    committedSeq: () => spool.committedSeq,
  })
  const flush = () => tables.flush()
  const rollUp = new UsageRollUp({ store, logger })
  const usageRetention = new UsageRetention(store, config.usage)
  const matcher = new ReceiptMatcher({ store, live, tracker, onEffects, logger })
  const receipts = new ReceiptTransport(logger, clock)
  const alerts = new Alerts(receipts, clock)
  const guard = new AddressGuard(config.webhooks)
  const endpoints = await Endpoints.open(store, guard, clock)
  const poster = new PosterThread({ ...config.webhooks, version: VERSION }, logger)
  const webhooks = new WebhookSender({
    endpoints,
    guard,
    logger,
    poster,
    clock,
    onReady: (recipient) => teller.wake(recipient),
    onDisabled: (endpoint, reason) => auditing.webhookGone(endpoint, reason),
  })
  const teller = new Teller({
    store,
    spool,
    tables,
    transportFor: (recipient) => (isForPartner(recipient) ? receipts : webhooks),
    logger,
    clock,
  })
  const balanceNotices = new BalanceNotices({
    store,
    recipientsFor: (tenantId) => endpoints.recipientsFor(tenantId, 'balance.low', null),
    tenantName,
    onTold: (recipient) => teller.wake(recipient, true),
    logger,
    clock,
  })
  const references = new ReferenceCounter()
  const recorder = new Recorder(recorderOptions(config.recorder))
  const carriers = new Map(
    carrierConfigs.map((carrierConfig) => [carrierConfig.name, makeCarrier(carrierConfig)]),
  )
  const routesIn = new InboundRoutes(inboundRoutes(config.inbound, access))
  const inbox = new Inbox({
    store,
    routes: routesIn,
    recipientsFor: inboundRecipients,
    onReceived: (messages, tellings) => {
      for (const { carrier, tenantId, from, to, text } of messages) {
        metrics.inbound(carrier, tenantId !== null)
        guards.noteInbound(from, to, text, clock())
      }
      teller.offer(tellings)
    },
    reassemblySeconds: () => going.running.inbound.reassemblySeconds,
    logger,
    clock,
  })
  const numbers = await openNumbers({
    config: config.numbers,
    carriers: carrierConfigs.map(({ name }) => name),
    tenantId: (name) => access.tenantNamed(name)?.id,
    store,
    logger,
    clock,
    onTableTaken: (...table) => auditing.tableTaken(...table),
  })
  opened.push(() => numbers.close())
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
  const checks = carrierChecks({
    carrierConfigs,
    carriers,
    health,
    metrics,
    alerts: healthAlerts,
    clock,
  })
  health.onChange((change) => {
    healthAlerts.noteChange(change)
    if (change.kind !== 'connection') dispatcher.onCapacityChange(change.carrier)
  })
  const rateDecks = await RateDecks.open(store, clock, deckOwners(config, carrierConfigs))
  const liveRates = new LiveRates({ config, decks: rateDecks, tenants })
  const { termsFor } = liveRates
  const sources: RouteSources = {
    routing: config.routing,
    carriers: [...carriers.values()].map((carrier) => ({ carrier, config: carrier.config })),
    decks: rateDecks,
    access,
  }
  const routes = new Routes(routeSetup(sources), clock, {
    quality,
    health,
    termsFor,
    suspects: (...about) => guards.suspects(...about),
    destinations: numbers.destinations,
    onCanaryStopped: (carrier, route) => {
      const reason = `the canary of the route ${route} delivers too little`
      healthAlerts.noteCanaryStopped(carrier, route, reason)
      health.setMode(carrier, 'drained', reason).then(
        () => auditing.canaryStopped(carrier, reason),
        (error: unknown) =>
          logger.error(
            { carrier, error: messageOf(error) },
            'cannot keep that a canary is stopped',
          ),
      )
    },
  })
  const routeUpkeep = new RouteUpkeep({
    routes,
    sources,
    sourcesOf: async (next) => ({
      routing: next.routing,
      carriers: await liveCarriers.carriersOf(next),
      decks: await liveRates.decksOf(next),
      access: await tenants.accessOf(next),
    }),
    decks: rateDecks,
    logger,
  })
  const missingReceipts = new MissingReceipts({ quality, routes, policyFor })
  const { lateAt } = missingReceipts
  const guards = new Guards(
    guardPolicy(config.guards, access),
    ({ guard, action }) => metrics.guarded(guard, action),
    (breaker) => healthAlerts.noteGuard(breaker),
  )
  const limiting = await openLimits({
    config,
    partners: assembly.partnerConfigs,
    tenants,
    store,
    logger,
    clock,
    onRefused: (scope, kind) => metrics.limited(scope, kind),
  })
  opened.push(() => limiting.close())
  const { limits } = limiting
  const apiKeys = await openKeys({
    config: config.http,
    access,
    store,
    logger,
    clock,
    onUnauthorized: ({ reason }) => metrics.keyRefused(reason),
  })
  opened.push(() => apiKeys.close())
  const callbacks = openCallbacks({
    targetOf: (name) => callbackTarget(carriers.get(name)),
    config: config.http,
    addresses: apiKeys.addresses,
    store,
    logger,
    clock,
    onOutcome: (...outcome) => metrics.callback(...outcome),
  })
  const signIn = await openSignIn({ store, access, config: config.sessions, clock, logger })
  const work = { store, spool, live, tables, node, policyFor, logger, clock }
  const marks = WrittenMarks.begin(config.dataDir, node, marksFor(carrierConfigs), logger)
  const judge = new FailureJudge({
    rules,
    onAlert: (alert) => operatorAlerts.raise(failureAlert(alert)),
    onActed: ({ name, action }) => metrics.failureRule(name, action.kind),
  })
  const dispatcher = new Dispatcher({ ...work, carriers, routes, health, lateAt, judge })
  const losses = new Losses({ ...work, judge, chooseNext: routes.choose, dispatcher })
  const charges = new Charges({
    accounts: ledger.accounts,
    volumes: ledger.volumes,
    termsFor: billing.chargingFor,
    conversion: billing.conversion,
  })
  const funding = new Funding({ ...work, accounts: ledger.accounts })
  const intake = new Intake({
    routes,
    charges,
    spool,
    dispatcher,
    policyFor,
    termsFor,
    statusOf: (tenantId) => access.tree.statusOf(tenantId),
    isBehind: () => live.unsavedCount > MAX_UNSAVED,
    isCrowded: () => live.unsavedCount > CROWDED_UNSAVED,
    checkCallbackUrl: (url) => guard.target(url, '/callback_url'),
    limits,
    guards,
    networks: numbers.networks,
    destinations: numbers.destinations,
    senderRules: numbers.senderRules,
    clock,
  })
  const queries = new StateQueries({ ...work, carriers, lateAt, asksRules })
  const sweeper = new Sweeper({ ...work, dispatcher, queries, missingReceipts, losses })
  const fallbacks = new Fallbacks({ ...work, intake })
  const withdrawal = new Withdrawal({ ...work, dispatcher })
  const cancellation = new Cancellation({ ...work, withdrawal, carriers })
  const replacement = new Replacement({ ...work, charges, withdrawal, intake, dispatcher })
  const keys = new IdempotencyKeys(work)
  const archive = new Archive(store, live, tables)
  const partnerMessages = new PartnerMessages(work)
  const retention = new Retention({
    ...work,
    keptFor: tenants.keptFor,
    purgeAnswers: (now) => keys.purge(now),
    purgeUsage: (now) => usageRetention.purge(now),
    purgeCallbacks: (now) => callbacks.purge(now, going.running.retention.callbackDays),
    eraseAudit: (now) => auditing.erase(now, going.running.retention.auditDays),
    onErased: (what, count) => metrics.erased(what, count),
  })
  const upkeep =
    store.kind === 'pglite'
      ? new Upkeep({ store, writes: () => tables.generation, logger })
      : undefined
  const partners = new PartnerServer({
    config: config.smpp,
    accounts: partnerAccounts(assembly.partnerConfigs, access, policyFor),
    requests: new PartnerRequests({
      intake,
      replacing: new Replacing({
        messages: partnerMessages,
        superseding: new Superseding({ ...work, intake, withdrawal, dispatcher }),
      }),
      keys,
      ids: new MessageIds(work),
      messages: partnerMessages,
      archive,
      cancellation,
      replacement,
      limits,
      congestion: () => dispatcher.fillPercent,
      clock,
      logger,
    }),
    receipts,
    teller,
    clock,
    logger,
    onBind: (bind) => {
      if (bind.refusal) metrics.bindRefused(bind.refusal)
      auditing.bindJudged(bind)
    },
    onConnectionRefused: (reason) => metrics.connectionRefused(reason),
    onRequestRefused: (command, status) => metrics.requestRefused(command, statusInfo(status).name),
    recorder,
  })

  function makeCarrier(carrierConfig: CarrierConfig): LiveCarrier {
    const events = carrierEvents()
    if (carrierConfig.type === 'http') {
      return new HttpCarrier({ config: carrierConfig, events, logger, clock })
    }
    if (carrierConfig.type === 'smtp') {
      return new SmtpCarrier({ config: carrierConfig, events })
    }
    return new SmppCarrier({ config: carrierConfig, references, logger, recorder, events })
  }

  function carrierEvents(): CarrierEvents {
    return {
      onReceipt: (receipt) =>
        checks.screen(receipt, () => spool.write(receiptEntry(receipt, clock(), asksRules()))),
      onInbound: (part) => inbox.take(part),
      onAlert: (alert) => alerts.passOn(alert),
      onWrite: (written) => marks?.mark(written),
      onCapacityChange: (name) => {
        health.noteConnections(name)
        dispatcher.onCapacityChange(name)
      },
    }
  }

  /** A carrier's file may spell ids as its responses or as its receipts do. */
  function billedIdKeys(name: string) {
    const config = carriers.get(name)?.config
    if (!config) return undefined
    const profile = config.type === 'smpp' ? config.messageIdProfile : 'exact'
    return (id: string) => receiptKeys([id], profile)
  }

  function onCommit(batch: readonly JournalEntry[]): void {
    onEffects(tracker.apply(batch))
    tables.wake()
    metrics.committed(batch.length)
    for (const entry of batch) {
      countEntry(metrics, entry)
      if (entry.kind === 'submitting') alerts.noteSubmit(entry.message, entry.carrier)
    }
  }

  function onEffects(effects: Effects): void {
    for (const ending of effects.endings) {
      if (guards.watchesConversion) noteDelivered(guards, ending, clock())
      metrics.ended(ending.carrier, ending.status)
    }
    for (const outcome of effects.outcomes) routes.noteOutcome(outcome)
    teller.offer(effects.tellings)
    losses.offer(effects.undecided)
    matcher.offer(effects.unmatched)
  }

  async function keepGuards(): Promise<void> {
    if (!guards.isOff) await saveGuards(store, guards.snapshot(clock()), clock())
  }

  function recipientsFor(message: Message, status: MessageStatus): readonly TellingRecipient[] {
    if (!ANNOUNCED.has(status)) return NOBODY
    // A callback is told the end; whoever wants more makes an endpoint.
    const callbackUrl = isFinal(status) ? message.callbackUrl : null
    const hooks = endpoints.recipientsFor(message.tenantId, `message.${status}`, callbackUrl)
    if (!owesReceipt(message, status)) return hooks
    return [...hooks, partnerOf(message)]
  }

  function inboundRecipients({ tenantId, partner }: InboundMessage): readonly TellingRecipient[] {
    if (tenantId === null) return NOBODY
    const hooks = endpoints.recipientsFor(tenantId, 'message.received', null)
    return partner === null ? hooks : [...hooks, partnerOf({ partner })]
  }

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
    configuration: () => configuration,
    partnerBinds: () =>
      partners.reports.map(({ account: { systemId }, sessions }) => ({
        systemId,
        bound: sessions.length,
      })),
  })
  const binds = new Binds({ recorder, carriers })
  const qualityStore = new QualityStore({ store, quality, logger, clock })
  const liveCarriers = new LiveCarriers({
    carriers,
    make: makeCarrier,
    dispatcher,
    health,
    quality,
    qualityStore,
    destinations: numbers.destinations,
    marks,
    store,
    clock,
    drainMs: DRAIN_MS,
    unbindMs: UNBIND_MS,
  })
  const bounces = new LiveBounces({ desk: callbacks.callbackDesk, logger })
  going.add([
    tenants,
    billing,
    liveRates,
    liveCarriers,
    routeUpkeep,
    new LivePartners({
      server: partners,
      partners: assembly.partnerConfigs,
      smpp: config.smpp,
      tenants,
      policyFor,
    }),
    limiting,
    signIn,
    bounces,
    // After the carriers: they are those of the map by then.
    {
      sections: ['carriers'],
      prepare: async (next) => () => {
        checks.follow(checkPlans(next.carriers, carriers))
        healthAlerts.watch(carriers.values())
      },
    },
    ...liveParts({
      access,
      alerts: operatorAlerts,
      healthAlerts,
      rules,
      templates,
      health,
      quality,
      guards,
      inboundRoutes: routesIn,
      numbers,
      recorder,
      addressGuard: guard,
      usageRetention,
      webhooks,
      poster,
      clock,
      setPolicies: (next) => {
        policies = next
      },
      setLogLevel: assembly.setLogLevel,
    }),
  ])
  const { held } = assembly
  const configuration =
    held &&
    new Configuration({
      ...held,
      live: going,
      clock,
      logger,
      onFile: (...taken) => auditing.configTaken(...taken),
    })
  const app = createApp({
    ...apiKeys,
    ...callbacks,
    intake,
    templates,
    archive,
    inbound: new InboundArchive(store),
    keys,
    cancellation,
    replacement,
    deadLetters: new DeadLetters({ ...work, intake }),
    resolution: new Resolution({ ...work, dispatcher }),
    endpoints,
    webhookSender: webhooks,
    webhookEvents: new OutboxLog(store, tables, teller),
    health,
    quality,
    binds,
    rateDecks,
    rehearseRouting: (section, range) =>
      rehearseRouting(
        {
          rehearsal: new Rehearsal(store, tables),
          sources: routeUpkeep.sources,
          knowledge: { termsFor, destinations: numbers.destinations },
          clock,
        },
        section,
        range,
      ),
    guards,
    limits,
    tenantName,
    users: signIn.users,
    sessions: signIn.sessions,
    logins: signIn.logins,
    tenants: new LiveTenantDirectory({
      made: assembly.made,
      access,
      running: () => going.running,
      configuration,
    }),
    clock,
    feedback: new Feedback({ store, archive, guards, clock }),
    networks: numbers.networks,
    destinations: numbers.destinations,
    trace: (message, showTexts) => binds.trace(message, showTexts),
    mayShowTexts: () => going.running.recorder.showTexts,
    configuration,
    audit: auditing.log,
    accesses: auditing.accesses,
    auditArchive: auditing.archive,
    accounts: ledger.accounts,
    charges,
    funding,
    ledger: new LedgerArchive(store, flush),
    reconciliations: new Reconciliations({ store, tables, keysFor: billedIdKeys }),
    statements: new StatementArchive(store, flush),
    usage: new UsageArchive(store, flush),
    access,
    logger,
    version: VERSION,
    onRefused: (code) => metrics.refused(code),
    isReady: async () => !spool.isFull && (await isReachable(store)),
    carriers: () => carrierReports(carriers, dispatcher),
    carrierBalance: (name) => carrierBalance(carriers.get(name)),
    partners: (tenantId) => partnerReports(partners, tenantId),
    renderMetrics: () => metrics.render(),
  })

  await registerCarriers(store, [...carriers.values()], clock())
  await qualityStore.load()
  await health.load()
  if (!guards.isOff) guards.restore(await loadGuards(store))
  const recovered = await recover({ ...work, tracker, onEffects, marksFolder: config.dataDir })
  marks?.complete()
  // Before a carrier is up: what waited too long while nobody ran is not sent any more.
  await sweeper.sweep()
  await dispatcher.loadBacklogs()
  await billing.open(funding, ledger.accounts)
  const http: HttpServer = await listenHttp(app, config.http)
  opened.push(() => http.close())
  opened.push(() => bounces.close())
  await partners.start()
  liveCarriers.start()
  healthAlerts.watch(carriers.values())
  losses.start()
  inbox.start()
  callbacks.start()
  await bounces.start(going.running)
  sweeper.start()
  fallbacks.start()
  retention.start()
  rollUp.start()
  upkeep?.start()
  await teller.start()
  qualityStore.start()
  checks.start()
  auditing.started()
  const guardTimer = setInterval(() => {
    keepGuards().catch((error: unknown) =>
      logger.error({ error: messageOf(error) }, 'cannot save what guards have learned'),
    )
  }, SAVE_GUARDS_EVERY_MS).unref()

  const reload = () => configuration?.takeFile() ?? Promise.resolve()
  const configWatch =
    configuration && config.file !== undefined
      ? new ConfigWatch({ file: config.file, onChange: reload, logger })
      : undefined

  async function close(): Promise<void> {
    configWatch?.close()
    await configuration?.close()
    clearInterval(guardTimer)
    intake.close()
    await checks.close()
    await Promise.all([http.close(), partners.close(UNBIND_MS), bounces.close()])
    await callbacks.close()
    await dispatcher.stop(DRAIN_MS)
    await health.close()
    await liveCarriers.close(UNBIND_MS)
    await inbox.close()
    await dispatcher.drained()
    await sweeper.close()
    await fallbacks.close()
    await queries.close()
    await routeUpkeep.close()
    await losses.close()
    await retention.close()
    await upkeep?.close()
    await teller.close()
    await webhooks.close()
    healthAlerts.close()
    await operatorAlerts.close()
    await matcher.close()
    await spool.close()
    await tables.close()
    await rollUp.close()
    await balanceNotices.close()
    marks?.close()
    await qualityStore.close()
    await keepGuards()
    await limiting.close()
    await apiKeys.close()
    await signIn.sessions.close()
    await numbers.close()
    await assembly.sandbox?.close()
    await auditing.close()
    await store.close()
  }

  return {
    httpPort: http.port,
    smppPort: partners.port,
    smppTlsPort: partners.tlsPort,
    recovered,
    reload,
    close,
  }
}

function partnerOf({ partner }: Pick<Message, 'partner'>): TellingRecipient {
  return { recipient: partnerRecipient(partner ?? ''), url: null }
}

function startOwnSandbox(config: Config, logger: Logger): Promise<Sandbox> {
  return startSandbox({
    stateDir: join(config.dataDir, 'sandbox'),
    log: { info: logger.debug, warn: logger.warn },
  })
}

function noteDelivered(guards: Guards, { message, carrier, status }: Ending, now: Date): void {
  if (status !== 'delivered' || message.trafficClass !== 'otp' || message.channel !== 'sms') return
  const number = parseNumber(message.to)
  if (number.ok) guards.noteDelivered(message, carrier, number.number, now)
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
