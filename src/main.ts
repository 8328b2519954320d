import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Access, DEMO_TENANT, openAccess, openDemoAccess } from './accounts/access.ts'
import { OperatorAlerts } from './alerting/operator-alerts.ts'
import { Binds } from './binds.ts'
import type { Carrier } from './carriers/carrier.ts'
import { SmppCarrier } from './carriers/smpp-carrier.ts'
import type { GuardsConfig } from './config/guards.ts'
import type { InboundConfig } from './config/inbound.ts'
import { completeCarrier, completePartner } from './config/load.ts'
import type { CarrierConfig, Config, PartnerConfig } from './config/schema.ts'
import { ConfigWatch } from './config-watch.ts'
import { systemClock } from './core/clock.ts'
import { messageOf } from './core/errors.ts'
import type { GuardPolicy } from './core/guards.ts'
import type { Logger } from './core/logger.ts'
import { deckOwners, tenantTerms } from './deck-owners.ts'
import { ReferenceCounter } from './encoding/reference.ts'
import { failureAlert, failureRules } from './failures.ts'
import { createApp } from './http/app.ts'
import type { PartnerStanding } from './http/routes/partners.ts'
import { type HttpServer, listenHttp } from './http/server.ts'
import { InboundArchive } from './inbound/inbound-archive.ts'
import type { InboundMessage } from './inbound/inbound-message.ts'
import { type InboundRoute, InboundRoutes } from './inbound/inbound-routes.ts'
import { Inbox } from './inbound/inbox.ts'
import { Archive } from './messages/archive.ts'
import { Cancellation } from './messages/cancellation.ts'
import { CarrierHealth } from './messages/carrier-health.ts'
import { DeadLetters } from './messages/dead-letters.ts'
import { Dispatcher } from './messages/dispatcher.ts'
import { FailureJudge } from './messages/failure-judge.ts'
import { Feedback } from './messages/feedback.ts'
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
import { isForPartner, Tracker } from './messages/tracker.ts'
import { Withdrawal } from './messages/withdrawal.ts'
import { WrittenMarks } from './messages/written-marks.ts'
import { openNumbers } from './numbers.ts'
import { openLimits } from './open-limits.ts'
import { partnerAccount } from './partners/account.ts'
import { Alerts } from './partners/alerts.ts'
import { MessageIds } from './partners/message-ids.ts'
import { PartnerServer } from './partners/partner-server.ts'
import { partnerRecipient, ReceiptTransport } from './partners/receipt-transport.ts'
import { Replacing } from './partners/replacing.ts'
import { PartnerRequests } from './partners/requests.ts'
import { RateDecks } from './rates/rate-decks.ts'
import { rehearseRouting } from './route-rehearsal.ts'
import { RouteUpkeep, routeSetup } from './route-upkeep.ts'
import { FailureRules } from './routing/failure-rules.ts'
import { Guards } from './routing/guards.ts'
import { parseNumber } from './routing/number.ts'
import { Quality } from './routing/quality.ts'
import { type Sandbox, startSandbox } from './sandbox/carriers.ts'
import { Recorder } from './smpp/recorder.ts'
import { createCipher } from './store/cipher.ts'
import { checkEncryptionKeys } from './store/key-check.ts'
import { isReachable, openStore, type Store } from './store/open.ts'
import { Upkeep } from './store/upkeep.ts'
import { Metrics } from './telemetry/metrics.ts'
import { VERSION } from './version.ts'
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

/** 3 MB; see {@link WrittenMarks}. */
const MIN_MARKS = 65_536

const SAVE_GUARDS_EVERY_MS = 60_000

/** A running gateway. */
export interface Gateway {
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
  /** Reads the configuration again when its file changes; absent: it stays as it is. */
  readonly loadConfig?: () => Config
  /** Replace the demo tenant's key, because it was lost. */
  readonly replaceDemoKey?: boolean
}

/** Builds every part once, connects them, and takes messages when it resolves. */
export async function startGateway(config: Config, options: GatewayOptions): Promise<Gateway> {
  const { logger } = options
  /** What to undo, last first, when a later part cannot start. */
  const opened: (() => Promise<void>)[] = []
  try {
    const { keys, active } = config.encryption
    const store = await openStore({ ...config, cipher: createCipher(keys, active) })
    opened.push(() => store.close())
    await checkEncryptionKeys(store)
    const sandbox = config.sandbox ? await startOwnSandbox(config, logger) : undefined
    if (sandbox) opened.push(() => sandbox.close())
    const { access, newKey } = sandbox
      ? await openDemoAccess(store, { replaceKey: options.replaceDemoKey ?? false })
      : { access: await openAccess(store, config.tenants, config.adminKeys), newKey: undefined }
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
      loadConfig: options.loadConfig ?? (() => config),
      logger,
      opened,
    })
    return { ...gateway, newDemoKey: newKey, demoPartner }
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
  readonly loadConfig: () => Config
  readonly logger: Logger
  readonly opened: (() => Promise<void>)[]
}

async function assemble(assembly: Assembly): Promise<Omit<Gateway, 'newDemoKey' | 'demoPartner'>> {
  const { config, carrierConfigs, store, access, logger, opened } = assembly
  const clock = systemClock
  const metrics = new Metrics()

  const node = `${hostname()}-${randomBytes(6).toString('hex')}`
  let { policies } = config
  const policyFor: PolicyFor = (trafficClass) => policies[trafficClass]
  const operatorAlerts = new OperatorAlerts({
    config: config.alerts,
    version: VERSION,
    logger,
    clock,
  })
  const rules = new FailureRules(failureRules(config.failureRules, access))
  const asksRules = () => rules.has('callback_failure')
  const live = new LiveMessages()
  const tracker = new Tracker({
    live,
    recipientsFor: (message, status) => recipientsFor(message, status),
    intermediateFor: (message) => (wantsIntermediate(message) ? [partnerOf(message)] : NOBODY),
  })
  const spool = new Spool({ store, logger, node, onCommit: (batch) => onCommit(batch) })
  const tables = new TableWriter({
    store,
    live,
    node,
    logger,
    committedSeq: () => spool.committedSeq,
  })
  const matcher = new ReceiptMatcher({ store, live, tracker, onEffects, logger })
  const receipts = new ReceiptTransport(logger, clock)
  const alerts = new Alerts(receipts, clock)
  const guard = new AddressGuard(config.webhooks)
  const endpoints = await Endpoints.open(store, guard, clock)
  const webhooks = new WebhookSender({
    endpoints,
    guard,
    logger,
    poster: new PosterThread({ ...config.webhooks, version: VERSION }, logger),
    clock,
    onReady: (recipient) => teller.wake(recipient),
  })
  const teller = new Teller({
    store,
    spool,
    tables,
    transportFor: (recipient) => (isForPartner(recipient) ? receipts : webhooks),
    logger,
    clock,
  })
  const references = new ReferenceCounter()
  const recorder = new Recorder({
    pdusPerBind: config.recorder.pdusPerBind,
    keepEnded: config.recorder.keepEndedBinds,
  })
  const carriers = new Map<string, Carrier>(
    carrierConfigs.map((carrierConfig) => [
      carrierConfig.name,
      new SmppCarrier({
        config: carrierConfig,
        references,
        logger,
        recorder,
        events: {
          onReceipt: (receipt) => spool.write(receiptEntry(receipt, clock(), asksRules())),
          onInbound: (part) => inbox.take(part),
          onAlert: (alert) => alerts.passOn(alert),
          onWrite: (written) => marks?.mark(written),
          onCapacityChange: (name) => {
            health.noteConnections(name)
            dispatcher.onCapacityChange(name)
          },
        },
      }),
    ]),
  )
  const inbox = new Inbox({
    store,
    routes: new InboundRoutes(inboundRoutes(config.inbound, access)),
    recipientsFor: inboundRecipients,
    onReceived: (messages, tellings) => {
      for (const { carrier, tenantId, from, to, text } of messages) {
        metrics.inbound(carrier, tenantId !== null)
        guards.noteInbound(from, to, text, clock())
      }
      teller.offer(tellings)
    },
    reassemblySeconds: config.inbound.reassemblySeconds,
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
  health.onChange(({ kind, carrier }) => {
    if (kind !== 'connection') dispatcher.onCapacityChange(carrier)
  })
  const rateDecks = await RateDecks.open(store, clock, deckOwners(config, carrierConfigs))
  const termsFor = tenantTerms(config, access, rateDecks)
  const routeSources = { config, carrierConfigs, carriers, decks: rateDecks, access }
  const routes = new Routes(routeSetup(routeSources), clock, {
    quality,
    health,
    termsFor,
    destinations: numbers.destinations,
    onCanaryStopped: (carrier, route) => {
      const reason = `the canary of the route ${route} delivers too little`
      health.setMode(carrier, 'drained', reason).catch((error: unknown) => {
        logger.error({ carrier, error: messageOf(error) }, 'cannot keep that a canary is stopped')
      })
    },
  })
  const routeUpkeep = new RouteUpkeep(routes, routeSources, logger)
  const missingReceipts = new MissingReceipts({ quality, routes, policyFor })
  const { lateAt } = missingReceipts
  const guards = new Guards(guardPolicy(config.guards, access), ({ guard, action }) =>
    metrics.guarded(guard, action),
  )
  const { limits, ...limitUpkeep } = await openLimits({
    config,
    partners: assembly.partnerConfigs,
    access,
    store,
    logger,
    clock,
    onRefused: (scope, kind) => metrics.limited(scope, kind),
  })
  opened.push(() => limitUpkeep.close())
  const work = { store, spool, live, tables, node, policyFor, logger, clock }
  const marks = WrittenMarks.begin(config.dataDir, node, marksFor(carrierConfigs), logger)
  const judge = new FailureJudge({
    rules,
    onAlert: (alert) => operatorAlerts.raise(failureAlert(alert)),
    onActed: ({ name, action }) => metrics.failureRule(name, action.kind),
  })
  const dispatcher = new Dispatcher({ ...work, carriers, routes, health, lateAt, judge })
  const losses = new Losses({ ...work, judge, chooseNext: routes.choose, dispatcher })
  const intake = new Intake({
    routes,
    spool,
    dispatcher,
    policyFor,
    termsFor,
    isBehind: () => live.unsavedCount > MAX_UNSAVED,
    isCrowded: () => live.unsavedCount > CROWDED_UNSAVED,
    checkCallbackUrl: (url) => guard.target(url, '/callback_url'),
    limits,
    guards: guards.isOff ? undefined : guards,
    networks: numbers.networks,
    destinations: numbers.destinations,
    senderRules: numbers.senderRules,
    clock,
  })
  const queries = new StateQueries({ ...work, carriers, lateAt, asksRules })
  const sweeper = new Sweeper({ ...work, dispatcher, queries, missingReceipts, losses })
  const withdrawal = new Withdrawal({ ...work, dispatcher })
  const cancellation = new Cancellation({ ...work, withdrawal, carriers })
  const replacement = new Replacement({ ...work, withdrawal, intake, dispatcher })
  const keys = new IdempotencyKeys(work)
  const archive = new Archive(store, live, tables)
  const partnerMessages = new PartnerMessages(work)
  const retention = new Retention({
    ...work,
    keptFor: (tenant) =>
      config.tenants.find(({ name }) => name === tenant)?.retention ?? config.retention,
    purgeAnswers: (now) => keys.purge(now),
    onErased: (what, count) => metrics.erased(what, count),
  })
  const upkeep =
    store.kind === 'pglite'
      ? new Upkeep({ store, writes: () => tables.generation, logger })
      : undefined
  const partners = new PartnerServer({
    config: config.smpp,
    accounts: assembly.partnerConfigs.flatMap((partner) => {
      const tenant = access.tenantNamed(partner.tenant)
      if (!tenant) return []
      return [partnerAccount(partner, tenant, (kind) => policyFor(kind).validitySeconds)]
    }),
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
      onRefused: (status) => metrics.refused(`smpp_${status}`),
    }),
    receipts,
    teller,
    clock,
    logger,
    onBindRefused: (reason) => metrics.bindRefused(reason),
    onConnectionRefused: (reason) => metrics.connectionRefused(reason),
    recorder,
  })

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
    partnerBinds: () =>
      partners.reports.map(({ account: { systemId }, sessions }) => ({
        systemId,
        bound: sessions.length,
      })),
  })
  const tenantNames = new Map(
    config.tenants.flatMap(({ name }) => {
      const tenant = access.tenantNamed(name)
      return tenant ? [[tenant.id, name] as const] : []
    }),
  )
  const binds = new Binds({ recorder, carriers: [...carriers.values()], carrierConfigs })
  const app = createApp({
    intake,
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
    tenantName: (id) => tenantNames.get(id) ?? id,
    clock,
    feedback: new Feedback({ store, archive, guards, clock }),
    networks: numbers.networks,
    destinations: numbers.destinations,
    trace: (message, showTexts) => binds.trace(message, showTexts),
    mayShowTexts: config.recorder.showTexts,
    access,
    logger,
    version: VERSION,
    onRefused: (code) => metrics.refused(code),
    isReady: async () => !spool.isFull && (await isReachable(store)),
    carriers: () => carrierReports(carriers, dispatcher),
    partners: (tenantId) => partnerReports(partners, tenantId),
    renderMetrics: () => metrics.render(),
  })

  await registerCarriers(store, [...carriers.values()], clock())
  const qualityStore = new QualityStore({ store, quality, logger, clock })
  await qualityStore.load()
  await health.load()
  if (!guards.isOff) guards.restore(await loadGuards(store))
  const recovered = await recover({ ...work, tracker, onEffects, marksFolder: config.dataDir })
  marks?.complete()
  // Before a carrier is up: what waited too long while nobody ran is not sent any more.
  await sweeper.sweep()
  await dispatcher.loadBacklogs()
  const http: HttpServer = await listenHttp(app, config.http)
  opened.push(() => http.close())
  await partners.start()
  for (const carrier of carriers.values()) carrier.start()
  losses.start()
  inbox.start()
  sweeper.start()
  retention.start()
  upkeep?.start()
  await teller.start()
  qualityStore.start()
  const guardTimer = setInterval(() => {
    keepGuards().catch((error: unknown) =>
      logger.error({ error: messageOf(error) }, 'cannot save what guards have learned'),
    )
  }, SAVE_GUARDS_EVERY_MS).unref()

  const configWatch = new ConfigWatch({
    config,
    load: assembly.loadConfig,
    apply: async (next) => {
      const followLimits = limitUpkeep.prepare(next)
      // The routes take a moment to be made; all else follows in the same turn.
      await routeUpkeep.follow(next.routing)
      rules.replace(failureRules(next.failureRules, access))
      policies = next.policies
      followLimits()
    },
    logger,
  })

  async function close(): Promise<void> {
    await configWatch.close()
    clearInterval(guardTimer)
    intake.close()
    await Promise.all([http.close(), partners.close(UNBIND_MS)])
    await dispatcher.stop(DRAIN_MS)
    await health.close()
    await Promise.all([...carriers.values()].map((carrier) => carrier.close(UNBIND_MS)))
    await inbox.close()
    await dispatcher.drained()
    await sweeper.close()
    await queries.close()
    await routeUpkeep.close()
    await losses.close()
    await retention.close()
    await upkeep?.close()
    await teller.close()
    await webhooks.close()
    await operatorAlerts.close()
    await matcher.close()
    await spool.close()
    await tables.close()
    marks?.close()
    await qualityStore.close()
    await keepGuards()
    await limitUpkeep.close()
    await numbers.close()
    await assembly.sandbox?.close()
    await store.close()
  }

  return {
    httpPort: http.port,
    smppPort: partners.port,
    smppTlsPort: partners.tlsPort,
    recovered,
    reload: () => configWatch.reload(),
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

function guardPolicy({ except, ...policies }: GuardsConfig, access: Access): GuardPolicy {
  const tenantIds = new Set(except.tenants.flatMap((name) => access.tenantNamed(name)?.id ?? []))
  const { prefixes, classes } = except
  return { ...policies, except: { tenantIds, prefixes, classes: new Set(classes) } }
}

function noteDelivered(guards: Guards, { message, carrier, status }: Ending, now: Date): void {
  if (status !== 'delivered' || message.trafficClass !== 'otp') return
  const number = parseNumber(message.to)
  if (number.ok) guards.noteDelivered(message, carrier, number.number, now)
}

function inboundRoutes({ routes }: InboundConfig, access: Access): InboundRoute[] {
  return routes.flatMap(({ to = null, keyword = null, carrier = null, tenant, partner = null }) => {
    const owner = access.tenantNamed(tenant)
    return owner ? [{ to, keyword, carrier, tenantId: owner.id, partner }] : []
  })
}

/** Marks enough for submits whose answers wait for their commit, many times over. */
function marksFor(carriers: readonly CarrierConfig[]): number {
  const windows = carriers.reduce((sum, { sessions, window }) => sum + sessions * window, 0)
  return Math.max(MIN_MARKS, 8 * windows)
}

function carrierReports(carriers: ReadonlyMap<string, Carrier>, dispatcher: Dispatcher) {
  const waiting = new Map(dispatcher.queueLengths().map((lane) => [lane.carrier, lane.waiting]))
  return [...carriers.values()].map((carrier) => ({
    name: carrier.name,
    type: carrier.type,
    is_up: carrier.isUp,
    waiting: waiting.get(carrier.name) ?? 0,
    segments_per_second: Math.round(carrier.segmentsPerSecond * 10) / 10,
    binds: carrier.binds.map(({ bind, host, state, lastError }) => ({
      bind,
      host,
      state,
      last_error: lastError,
    })),
  }))
}

function partnerReports(partners: PartnerServer, tenantId: string): PartnerStanding[] {
  return partners.reports
    .filter(({ account }) => account.tenant.id === tenantId)
    .map(({ account: { systemId, access }, sessions }) => ({
      system_id: systemId,
      max_binds: access.maxBinds || null,
      sessions: sessions.map((session) => ({
        bind_type: session.bindType,
        address: session.address,
        tls: session.tls,
        since: session.since.toISOString(),
        unanswered_by_partner: session.unansweredByPartner,
        unanswered_by_us: session.unansweredByUs,
      })),
    }))
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
