import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type Access, DEMO_TENANT, openAccess, openDemoAccess } from './accounts/access.ts'
import type { Carrier } from './carriers/carrier.ts'
import { SmppCarrier } from './carriers/smpp-carrier.ts'
import { completeCarrier } from './config/load.ts'
import type { CarrierConfig, Config, PartnerConfig } from './config/schema.ts'
import { systemClock } from './core/clock.ts'
import { messageOf } from './core/errors.ts'
import type { Logger } from './core/logger.ts'
import { ReferenceCounter } from './encoding/reference.ts'
import { createApp } from './http/app.ts'
import { type HttpServer, listenHttp } from './http/server.ts'
import { Archive } from './messages/archive.ts'
import { DeadlineSweeper } from './messages/deadline.ts'
import { Dispatcher } from './messages/dispatcher.ts'
import { Intake } from './messages/intake.ts'
import type { CommitEffects, JournalEntry } from './messages/journal.ts'
import { loadQuality, registerCarriers, saveQuality } from './messages/quality-store.ts'
import { receiptEntry } from './messages/receipts.ts'
import { type Recovered, recover } from './messages/recovery.ts'
import { Routes } from './messages/routes.ts'
import { Spool } from './messages/spool.ts'
import { isFinal } from './messages/states.ts'
import { PartnerServer } from './partners/partner-server.ts'
import { PrefixTable } from './routing/prefix-table.ts'
import type { Rate } from './routing/router.ts'
import { type Sandbox, startSandbox } from './sandbox/carriers.ts'
import { isReachable, openStore, type Store } from './store/open.ts'
import { Metrics } from './telemetry/metrics.ts'
import { VERSION } from './version.ts'

/** Time that a stopping gateway gives carriers to answer what they have, in milliseconds. */
const DRAIN_MS = 10_000

/** Time for the unbind after that. */
const UNBIND_MS = 2_000

const SAVE_QUALITY_EVERY_MS = 60_000

/** A running gateway. */
export interface Gateway {
  readonly httpPort: number
  readonly smppPort: number
  /** Set when this start has made the demo tenant's key: it is not shown again. */
  readonly newDemoKey: string | undefined
  /** The account by which an SMPP client can try the sandbox; only without a configuration. */
  readonly demoPartner: { readonly systemId: string; readonly password: string } | undefined
  readonly recovered: Recovered
  /** Takes nothing new, lets carriers answer, unbinds, writes everything down, closes. */
  close(): Promise<void>
}

/** How {@link startGateway} is told things that are no settings. */
export interface GatewayOptions {
  readonly logger: Logger
  /** Replace the demo tenant's key, because it was lost. */
  readonly replaceDemoKey?: boolean
}

/** Builds every part once, connects them, and takes messages when it resolves. */
export async function startGateway(config: Config, options: GatewayOptions): Promise<Gateway> {
  const { logger } = options
  /** What to undo, last first, when a later part cannot start. */
  const opened: (() => Promise<void>)[] = []
  try {
    const store = await openStore(config)
    opened.push(() => store.close())
    const sandbox = config.sandbox ? await startOwnSandbox(config, logger) : undefined
    if (sandbox) opened.push(() => sandbox.close())
    const { access, newKey } = sandbox
      ? await openDemoAccess(store, { replaceKey: options.replaceDemoKey ?? false })
      : { access: await openAccess(store, config.tenants), newKey: undefined }
    const demoPartner = sandbox && {
      systemId: 'demo',
      password: randomBytes(6).toString('base64url'),
      tenant: DEMO_TENANT,
    }
    const gateway = await assemble({
      config,
      carrierConfigs: sandbox ? sandbox.carriers.map(completeCarrier) : config.carriers,
      partnerConfigs: demoPartner ? [demoPartner] : config.partners,
      store,
      sandbox,
      access,
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
  readonly logger: Logger
  readonly opened: (() => Promise<void>)[]
}

async function assemble(assembly: Assembly): Promise<Omit<Gateway, 'newDemoKey' | 'demoPartner'>> {
  const { config, carrierConfigs, store, access, logger, opened } = assembly
  const clock = systemClock
  const metrics = new Metrics()

  const spool = new Spool({
    store,
    logger,
    onCommit: (effects, batch) => onCommit(effects, batch),
  })
  const references = new ReferenceCounter()
  const carriers = new Map<string, Carrier>(
    carrierConfigs.map((carrierConfig) => [
      carrierConfig.name,
      new SmppCarrier({
        config: carrierConfig,
        references,
        logger,
        events: {
          onReceipt: (receipt) => spool.write(receiptEntry(receipt, clock())),
          onCapacityChange: (name) => dispatcher.onCapacityChange(name),
        },
      }),
    ]),
  )
  const routes = new Routes(
    carrierConfigs.flatMap(({ name, rates }) => {
      const carrier = carriers.get(name)
      return carrier ? [{ carrier, rates: rateTable(rates) }] : []
    }),
    clock,
  )
  const dispatcher = new Dispatcher({ carriers, routes, spool, logger, clock })
  const intake = new Intake({ routes, spool, dispatcher, clock })
  const sweeper = new DeadlineSweeper({ store, spool, dispatcher, logger, clock })
  const partners = new PartnerServer({
    ...config.smpp,
    accounts: assembly.partnerConfigs.flatMap(({ systemId, password, tenant: name }) => {
      const tenant = access.tenantNamed(name)
      return tenant ? [{ systemId, password, tenant }] : []
    }),
    intake,
    store,
    logger,
    onRefused: (status) => metrics.refused(`smpp_${status}`),
  })

  function onCommit(effects: CommitEffects, batch: readonly JournalEntry[]): void {
    for (const transition of effects.transitions) {
      routes.noteEnd(transition)
      metrics.ended(transition.carrier, transition.status)
    }
    if (effects.outbox.length > 0) partners.onOutbox(effects.outbox)
    metrics.committed(batch.length)
    for (const entry of batch) countEntry(metrics, entry)
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
  })
  const app = createApp({
    intake,
    archive: new Archive(store),
    access,
    logger,
    version: VERSION,
    onRefused: (code) => metrics.refused(code),
    isReady: async () => !spool.isFull && (await isReachable(store)),
    carriers: () => carrierReports(carriers, dispatcher),
    renderMetrics: () => metrics.render(),
  })

  await registerCarriers(store, [...carriers.values()], clock())
  routes.quality.restore(await loadQuality(store))
  const recovered = await recover({
    store,
    spool,
    routes,
    dispatcher,
    carriers: new Set(carriers.keys()),
    logger,
    clock,
  })
  // Before a carrier is up: what waited too long while nobody ran is not sent any more.
  await sweeper.sweep()
  const http: HttpServer = await listenHttp(app, config.http)
  opened.push(() => http.close())
  await partners.start()
  for (const carrier of carriers.values()) carrier.start()
  sweeper.start()
  const qualityTimer = setInterval(() => {
    saveQuality(store, routes.quality.snapshot()).catch((error: unknown) =>
      logger.error({ error: messageOf(error) }, 'cannot save the quality of the carriers'),
    )
  }, SAVE_QUALITY_EVERY_MS).unref()

  async function close(): Promise<void> {
    clearInterval(qualityTimer)
    intake.close()
    await Promise.all([http.close(), partners.close(UNBIND_MS)])
    await dispatcher.stop(DRAIN_MS)
    await Promise.all([...carriers.values()].map((carrier) => carrier.close(UNBIND_MS)))
    await dispatcher.drained()
    await sweeper.close()
    await spool.close()
    await saveQuality(store, routes.quality.snapshot())
    await assembly.sandbox?.close()
    await store.close()
  }

  return {
    httpPort: http.port,
    smppPort: partners.port,
    recovered,
    close,
  }
}

function startOwnSandbox(config: Config, logger: Logger): Promise<Sandbox> {
  return startSandbox({
    stateDir: join(config.dataDir, 'sandbox'),
    log: { info: logger.debug, warn: logger.warn },
  })
}

function rateTable(rates: CarrierConfig['rates']): PrefixTable<Rate> {
  const table = new PrefixTable<Rate>()
  for (const { prefix, priceMicros, currency } of rates) {
    table.set(prefix, { priceMicros, currency })
  }
  return table
}

function carrierReports(carriers: ReadonlyMap<string, Carrier>, dispatcher: Dispatcher) {
  const waiting = new Map(dispatcher.queueLengths().map((lane) => [lane.carrier, lane.waiting]))
  return [...carriers.values()].map((carrier) => ({
    name: carrier.name,
    type: carrier.type,
    is_up: carrier.isUp,
    waiting: waiting.get(carrier.name) ?? 0,
    binds: carrier.binds.map(({ bind, state, lastError }) => ({
      bind,
      state,
      last_error: lastError,
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
      if (isFinal(entry.to)) metrics.ended(entry.message.carrier, entry.to)
      break
    case 'receipt':
      metrics.receipt(entry.carrier, entry.state)
      break
  }
}
