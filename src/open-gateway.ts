import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Access } from './accounts/access.ts'
import type { MadeTenants } from './accounts/made-tenants.ts'
import type { Auditing } from './auditing.ts'
import { Binds } from './binds.ts'
import type { PartnerConfig } from './config/partners.ts'
import type { CarrierConfig, Config, LogLevel } from './config/schema.ts'
import { ConfigWatch } from './config-watch.ts'
import { systemClock } from './core/clock.ts'
import type { Logger } from './core/logger.ts'
import { failureAlert, failureRules } from './failures.ts'
import { createApp } from './http/app.ts'
import { type HttpServer, listenHttp } from './http/server.ts'
import { InboundArchive } from './inbound/inbound-archive.ts'
import { InboundRoutes } from './inbound/inbound-routes.ts'
import { Inbox } from './inbound/inbox.ts'
import { LiveBounces } from './live-bounces.ts'
import { callbackTarget, type LiveCarrier, LiveCarriers, marksFor } from './live-carriers.ts'
import { LiveConfig } from './live-config.ts'
import { LivePartners } from './live-partners.ts'
import { inboundRoutes, liveParts, recorderOptions, tenantTemplates } from './live-parts.ts'
import { LiveTenants } from './live-tenants.ts'
import { Feedback } from './messages/feedback.ts'
import { Funding } from './messages/funding.ts'
import { receiptEntry } from './messages/receipt-matcher.ts'
import { Reconciliations } from './messages/reconciliation.ts'
import type { Recovered } from './messages/recovery.ts'
import { Retention } from './messages/retention.ts'
import type { PolicyFor } from './messages/settle.ts'
import { Templates } from './messages/templates.ts'
import { countEntries, observeParts } from './metering.ts'
import { openNumbers } from './numbers.ts'
import { openAlerting } from './open-alerting.ts'
import { openBilling } from './open-billing.ts'
import { openCallbacks } from './open-callbacks.ts'
import { openCarriers } from './open-carriers.ts'
import { openGuards } from './open-guards.ts'
import { openJournal } from './open-journal.ts'
import { openKeys } from './open-keys.ts'
import { openLimits } from './open-limits.ts'
import { openMessages } from './open-messages.ts'
import { openPartners } from './open-partners.ts'
import { openRouting } from './open-routing.ts'
import { openTelling } from './open-telling.ts'
import { FailureRules } from './routing/failure-rules.ts'
import { openSignIn } from './sign-in.ts'
import { receiptKeys } from './smpp/id-profile.ts'
import { Recorder } from './smpp/recorder.ts'
import { carrierBalance, carrierReports, partnerReports } from './standings.ts'
import { isReachable, type Store } from './store/open.ts'
import { Upkeep } from './store/upkeep.ts'
import { Metrics } from './telemetry/metrics.ts'
import { LiveTenantDirectory } from './tenant-directory.ts'
import { VERSION } from './version.ts'
import { Configuration } from './versions/configuration.ts'
import type { HeldVersion } from './versions/start-version.ts'

/** Time that a stopping gateway gives carriers to answer what they have, in milliseconds. */
const DRAIN_MS = 10_000

/** Time for the unbind after that. */
const UNBIND_MS = 2_000

/** What {@link openGateway} works with. */
export interface OpenGatewayOptions {
  readonly config: Config
  readonly carrierConfigs: readonly CarrierConfig[]
  readonly partnerConfigs: readonly PartnerConfig[]
  readonly store: Store
  readonly access: Access
  readonly made: MadeTenants
  /** Undefined: whoever has made the logger decides. */
  readonly setLogLevel: ((level: LogLevel) => void) | undefined
  /** Undefined: there are no versions. */
  readonly held: HeldVersion | undefined
  readonly auditing: Auditing
  readonly logger: Logger
  /** Gets what is to be undone, last first, when a later part cannot start. */
  readonly opened: (() => Promise<void>)[]
}

/** A gateway that takes messages. */
export interface OpenGateway {
  readonly httpPort: number
  /** Without TLS; 0 when there is no such listener. */
  readonly smppPort: number
  /** With TLS; 0 when there is no such listener. */
  readonly smppTlsPort: number
  readonly recovered: Recovered
  /** Reads the configuration file now, as is done when it changes. */
  reload(): Promise<void>
  /** Takes nothing new, lets carriers answer, unbinds, writes everything down. */
  close(): Promise<void>
}

/**
 * Builds every part once, connects them, recovers what another run has left, and starts them.
 *
 * Parts report upwards through what they are handed here: such a function may name a part that comes further down, as
 * nothing is reported before all of them are there.
 */
export async function openGateway(options: OpenGatewayOptions): Promise<OpenGateway> {
  const { config, carrierConfigs, partnerConfigs, store, access, auditing, logger, opened } =
    options
  const clock = systemClock
  const common = { store, logger, clock }
  const node = `${hostname()}-${randomBytes(6).toString('hex')}`
  const metrics = new Metrics()
  const going = new LiveConfig(config)
  const tenants = new LiveTenants({ access, config, store })
  const tenantName = (id: string) => access.nameOf(id) ?? id
  let { policies } = config
  const policyFor: PolicyFor = (trafficClass) => policies[trafficClass]

  // Operators, money, the state of messages, and who is told of it.
  const alerting = openAlerting({ config: config.alerts, tenantName, logger, clock })
  const { operatorAlerts, healthAlerts } = alerting
  const billing = await openBilling({
    ...common,
    config,
    tenants,
    tenantName,
    recipientsFor: (tenantId) => telling.balanceRecipients(tenantId),
    onTold: (recipient) => telling.teller.wake(recipient, true),
    onOpened: (...booked) => auditing.balanceOpened(...booked),
    onBalance: (change) => healthAlerts.noteBalance(change),
    flush: () => tables.flush(),
  })
  const { ledger, charges } = billing
  const journal = openJournal({
    ...common,
    ledger,
    node,
    dataDir: config.dataDir,
    marksKept: marksFor(carrierConfigs),
    recipientsFor: (...about) => telling.recipientsFor(...about),
    intermediateFor: (message) => telling.intermediateFor(message),
    onEffects(effects) {
      for (const ending of effects.endings) {
        guarding.noteEnding(ending)
        metrics.ended(ending.carrier, ending.status)
      }
      for (const outcome of effects.outcomes) routes.noteOutcome(outcome)
      teller.offer(effects.tellings)
      messages.losses.offer(effects.undecided)
    },
    onCommitted(batch) {
      countEntries(metrics, batch)
      for (const entry of batch) {
        if (entry.kind === 'submitting') handsetAlerts.noteSubmit(entry.message, entry.carrier)
      }
    },
  })
  const { live, spool, tables, marks } = journal
  const work = { ...common, spool, live, tables, node, policyFor }
  const telling = await openTelling({
    ...common,
    config: config.webhooks,
    spool,
    tables,
    onEndpointDisabled: (endpoint, reason) => auditing.webhookGone(endpoint, reason),
  })
  const { addressGuard, handsetAlerts, teller } = telling

  // Which carriers there are, and which of them may take a message.
  const numbers = await openNumbers({
    ...common,
    config: config.numbers,
    carriers: carrierConfigs.map(({ name }) => name),
    tenantId: (name) => access.tenantNamed(name)?.id,
    onTableTaken: (...table) => auditing.tableTaken(...table),
  })
  opened.push(() => numbers.close())
  const { networks, destinations, senderRules } = numbers
  const recorder = new Recorder(recorderOptions(config.recorder))
  const rules = new FailureRules(failureRules(config.failureRules, access))
  const carrying = openCarriers({
    ...common,
    config,
    carrierConfigs,
    recorder,
    metrics,
    alerts: healthAlerts,
    events: {
      onReceipt: (receipt) =>
        spool.write(receiptEntry(receipt, clock(), rules.has('callback_failure'))),
      onInbound: (part) => inbox.take(part),
      onAlert: (alert) => handsetAlerts.passOn(alert),
      onWrite: (written) => marks?.mark(written),
      onCapacityChange: (name) => dispatcher.onCapacityChange(name),
    },
  })
  const { carriers, quality, qualityStore, health, checks } = carrying
  const guarding = openGuards({
    ...common,
    config: config.guards,
    access,
    onGuarded: ({ guard, action }) => metrics.guarded(guard, action),
    onBreaker: (breaker) => healthAlerts.noteGuard(breaker),
  })
  const { guards } = guarding
  const routing = await openRouting({
    ...common,
    config,
    carrierConfigs,
    carriers: carrying,
    access,
    tenants,
    destinations,
    suspects: (...about) => guards.suspects(...about),
    carriersOf: (next) => liveCarriers.carriersOf(next),
    tables,
    alerts: healthAlerts,
    auditing,
  })
  const { routes } = routing

  // Who may ask for what, and how often.
  const limiting = await openLimits({
    ...common,
    config,
    partners: partnerConfigs,
    tenants,
    onRefused: (scope, kind) => metrics.limited(scope, kind),
  })
  opened.push(() => limiting.close())
  const { limits } = limiting
  const apiKeys = await openKeys({
    ...common,
    config: config.http,
    access,
    onUnauthorized: ({ reason }) => metrics.keyRefused(reason),
  })
  opened.push(() => apiKeys.close())
  const signIn = await openSignIn({ ...common, access, config: config.sessions })

  // The way of a message, the money for it, and the partners that submit.
  const messages = openMessages({
    ...work,
    carriers,
    routes,
    health,
    quality,
    charges,
    termsFor: routing.rates.termsFor,
    statusOf: (tenantId) => access.tree.statusOf(tenantId),
    checkCallbackUrl: (url) => addressGuard.target(url, '/callback_url'),
    limits,
    guards,
    networks,
    destinations,
    senderRules,
    rules,
    onAlert: (alert) => operatorAlerts.raise(failureAlert(alert)),
    onActed: ({ name, action }) => metrics.failureRule(name, action.kind),
  })
  const { dispatcher, intake, keys } = messages
  const templates = new Templates(tenantTemplates(config.templates, access))
  const funding = new Funding({ ...work, accounts: ledger.accounts })
  const partners = openPartners({
    ...work,
    ...telling,
    ...messages,
    config: config.smpp,
    partnerConfigs,
    access,
    limits,
    recorder,
    metrics,
    auditing,
  })

  // The other way: messages of handsets, and what providers call us for.
  const inboundRouting = new InboundRoutes(inboundRoutes(config.inbound, access))
  const inbox = new Inbox({
    ...common,
    routes: inboundRouting,
    recipientsFor: (message) => telling.inboundRecipients(message),
    onReceived: (messages, tellings) => {
      for (const { carrier, tenantId, from, to, text } of messages) {
        metrics.inbound(carrier, tenantId !== null)
        guards.noteInbound(from, to, text, clock())
      }
      teller.offer(tellings)
    },
    reassemblySeconds: () => going.running.inbound.reassemblySeconds,
  })
  const callbacks = openCallbacks({
    ...common,
    targetOf: (name) => callbackTarget(carriers.get(name)),
    config: config.http,
    addresses: apiKeys.addresses,
    onOutcome: (...outcome) => metrics.callback(...outcome),
  })

  // What is forgotten.
  const retention = new Retention({
    ...work,
    keptFor: tenants.keptFor,
    purgeAnswers: (now) => keys.purge(now),
    purgeUsage: (now) => billing.usageRetention.purge(now),
    purgeCallbacks: (now) => callbacks.purge(now, going.running.retention.callbackDays),
    eraseAudit: (now) => auditing.erase(now, going.running.retention.auditDays),
    onErased: (what, count) => metrics.erased(what, count),
  })
  const upkeep =
    store.kind === 'pglite'
      ? new Upkeep({ store, writes: () => tables.generation, logger })
      : undefined

  // What follows the configuration, in the order in which it does.
  const liveCarriers = new LiveCarriers({
    ...carrying,
    dispatcher,
    destinations,
    marks,
    store,
    clock,
    drainMs: DRAIN_MS,
    unbindMs: UNBIND_MS,
  })
  const bounces = new LiveBounces({ desk: callbacks.callbackDesk, logger })
  going.add([
    tenants,
    billing.terms,
    routing.rates,
    liveCarriers,
    routing.upkeep,
    new LivePartners({
      server: partners,
      partners: partnerConfigs,
      smpp: config.smpp,
      tenants,
      policyFor,
    }),
    limiting,
    signIn,
    bounces,
    carrying.watching,
    ...liveParts({
      access,
      alerts: operatorAlerts,
      healthAlerts,
      rules,
      templates,
      health,
      quality,
      guards,
      inboundRoutes: inboundRouting,
      numbers,
      recorder,
      addressGuard,
      usageRetention: billing.usageRetention,
      webhooks: telling.webhookSender,
      poster: telling.poster,
      clock,
      setPolicies: (next) => {
        policies = next
      },
      setLogLevel: options.setLogLevel,
    }),
  ])
  const { held } = options
  const configuration =
    held &&
    new Configuration({
      ...held,
      live: going,
      clock,
      logger,
      onFile: (...taken) => auditing.configTaken(...taken),
    })
  observeParts(metrics, {
    dispatcher,
    carriers,
    spool,
    health,
    guards,
    limits,
    configuration,
    partners,
    clock,
  })

  const binds = new Binds({ recorder, carriers })
  const app = createApp({
    ...apiKeys,
    ...callbacks,
    ...messages,
    ...telling,
    templates,
    inbound: new InboundArchive(store),
    health,
    quality,
    binds,
    rateDecks: routing.rateDecks,
    rehearseRouting: routing.rehearse,
    guards,
    limits,
    tenantName,
    users: signIn.users,
    sessions: signIn.sessions,
    logins: signIn.logins,
    tenants: new LiveTenantDirectory({
      made: options.made,
      access,
      running: () => going.running,
      configuration,
    }),
    clock,
    feedback: new Feedback({ ...common, archive: messages.archive, guards }),
    networks,
    destinations,
    trace: (message, showTexts) => binds.trace(message, showTexts),
    mayShowTexts: () => going.running.recorder.showTexts,
    configuration,
    audit: auditing.log,
    accesses: auditing.accesses,
    auditArchive: auditing.archive,
    accounts: ledger.accounts,
    charges,
    funding,
    ledger: billing.ledgerArchive,
    reconciliations: new Reconciliations({
      store,
      tables,
      keysFor: (name) => billedIdKeys(carriers.get(name)),
    }),
    statements: billing.statements,
    usage: billing.usage,
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

  // What was learned and left by another run.
  await carrying.load()
  await guarding.load()
  const recovered = await journal.recover(policyFor)
  await messages.resume()
  await billing.terms.open(funding, ledger.accounts)

  const http: HttpServer = await listenHttp(app, config.http)
  opened.push(() => http.close())
  opened.push(() => bounces.close())
  await partners.start()
  liveCarriers.start()
  healthAlerts.watch(carriers.values())
  messages.start()
  inbox.start()
  callbacks.start()
  await bounces.start(going.running)
  retention.start()
  billing.start()
  upkeep?.start()
  await telling.start()
  carrying.start()
  auditing.started()
  guarding.start()
  const reload = () => configuration?.takeFile() ?? Promise.resolve()
  const configWatch =
    configuration && config.file !== undefined
      ? new ConfigWatch({ file: config.file, onChange: reload, logger })
      : undefined

  async function close(): Promise<void> {
    // Nothing new comes in.
    configWatch?.close()
    await configuration?.close()
    intake.close()
    await checks.close()
    await Promise.all([http.close(), partners.close(UNBIND_MS), bounces.close()])
    await callbacks.close()
    // Carriers answer what they have, and are unbound.
    await dispatcher.stop(DRAIN_MS)
    await health.close()
    await liveCarriers.close(UNBIND_MS)
    await inbox.close()
    await dispatcher.drained()
    // Nobody looks for what is due any more.
    await messages.close()
    await routing.upkeep.close()
    await retention.close()
    await upkeep?.close()
    // What is being told comes to its end.
    await telling.close()
    await alerting.close()
    // All of it is written down.
    await journal.close()
    await billing.close()
    await qualityStore.close()
    await guarding.close()
    await limiting.close()
    await apiKeys.close()
    await signIn.sessions.close()
    await numbers.close()
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

/** A carrier's file may spell ids as its responses or as its receipts do. */
function billedIdKeys(carrier: LiveCarrier | undefined) {
  if (!carrier) return undefined
  const { config } = carrier
  const profile = config.type === 'smpp' ? config.messageIdProfile : 'exact'
  return (id: string) => receiptKeys([id], profile)
}
