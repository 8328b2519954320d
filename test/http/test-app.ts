import type { OpenAPIHono } from '@hono/zod-openapi'
import { sql } from 'drizzle-orm'
import { type Access, openAccess } from '../../src/accounts/access.ts'
import type { Sessions } from '../../src/accounts/sessions.ts'
import type { Users } from '../../src/accounts/users.ts'
import { AccessTally } from '../../src/audit/access-tally.ts'
import { AuditArchive } from '../../src/audit/audit-archive.ts'
import { AuditLog } from '../../src/audit/audit-log.ts'
import type { CreditTerms } from '../../src/billing/accounts.ts'
import { Charges, type TenantCharging } from '../../src/billing/charges.ts'
import { Ledger } from '../../src/billing/ledger.ts'
import { LedgerArchive } from '../../src/billing/ledger-archive.ts'
import { PriceConversion } from '../../src/billing/price-conversion.ts'
import { StatementArchive } from '../../src/billing/statement-archive.ts'
import { UsageArchive } from '../../src/billing/usage-archive.ts'
import { Binds } from '../../src/binds.ts'
import type { TargetOf } from '../../src/callbacks/callback-target.ts'
import type { BindStatus } from '../../src/carriers/carrier.ts'
import { SmppCarrier } from '../../src/carriers/smpp-carrier.ts'
import { DEFAULT_GUARDS } from '../../src/config/guards.ts'
import { completeCarrier } from '../../src/config/load.ts'
import { type Clock, systemClock } from '../../src/core/clock.ts'
import { type Logger, silentLogger } from '../../src/core/logger.ts'
import { parseMicros } from '../../src/core/money.ts'
import { ReferenceCounter } from '../../src/encoding/reference.ts'
import { createApp } from '../../src/http/app.ts'
import type { AppEnv } from '../../src/http/env.ts'
import type { Refusal } from '../../src/http/refusal-log.ts'
import { InboundArchive } from '../../src/inbound/inbound-archive.ts'
import { Archive } from '../../src/messages/archive.ts'
import { Cancellation } from '../../src/messages/cancellation.ts'
import { CarrierHealth } from '../../src/messages/carrier-health.ts'
import { DeadLetters } from '../../src/messages/dead-letters.ts'
import { Dispatcher } from '../../src/messages/dispatcher.ts'
import { endEntry } from '../../src/messages/endings.ts'
import { Feedback } from '../../src/messages/feedback.ts'
import { Funding } from '../../src/messages/funding.ts'
import { IdempotencyKeys } from '../../src/messages/idempotency.ts'
import { Intake } from '../../src/messages/intake.ts'
import { type LiveMessage, LiveMessages } from '../../src/messages/live.ts'
import { OutboxLog } from '../../src/messages/outbox-log.ts'
import { Reconciliations } from '../../src/messages/reconciliation.ts'
import { Replacement } from '../../src/messages/replacement.ts'
import { Resolution } from '../../src/messages/resolution.ts'
import { Routes } from '../../src/messages/routes.ts'
import { Spool } from '../../src/messages/spool.ts'
import { TableWriter } from '../../src/messages/table-writer.ts'
import { Teller } from '../../src/messages/teller.ts'
import { Templates, type TenantTemplate } from '../../src/messages/templates.ts'
import { Tracker } from '../../src/messages/tracker.ts'
import { Withdrawal } from '../../src/messages/withdrawal.ts'
import { NetworkDirectory } from '../../src/networks/directory.ts'
import { type OpenCallbacks, openCallbacks } from '../../src/open-callbacks.ts'
import { openKeys } from '../../src/open-keys.ts'
import { RateDecks } from '../../src/rates/rate-decks.ts'
import { DEFAULT_BREAKER } from '../../src/routing/breaker.ts'
import { Destinations } from '../../src/routing/destination.ts'
import { Guards } from '../../src/routing/guards.ts'
import { Quality } from '../../src/routing/quality.ts'
import type { LossMaking } from '../../src/routing/tenant-price.ts'
import { openSignIn } from '../../src/sign-in.ts'
import { receiptKeys } from '../../src/smpp/id-profile.ts'
import { Recorder } from '../../src/smpp/recorder.ts'
import { isReachable, type Store } from '../../src/store/open.ts'
import { AddressGuard } from '../../src/webhooks/address-guard.ts'
import { Endpoints } from '../../src/webhooks/endpoints.ts'
import { LocalPoster } from '../../src/webhooks/poster.ts'
import { WebhookSender } from '../../src/webhooks/sender.ts'
import { limitsBy, policyOf } from '../limits/policies.ts'
import { ids, moved, receipt, submitting } from '../messages/builders.ts'
import { testPolicies } from '../messages/harness.ts'
import { openTestPglite, truncate } from '../support/database.ts'
import { type ConfiguredTenant, openTenants } from './test-tenants.ts'

/** Limits to test the gateway at. */
export interface TestAppOptions {
  readonly maxPending?: number
  readonly maxQueued?: number
  readonly lossMaking?: LossMaking
  readonly templates?: readonly TenantTemplate[]
  /** The `limits` of a file. */
  readonly limits?: object
  /** Tenants besides `demo`, `other` and `own`, as they would stand in the file. */
  readonly tenants?: readonly ConfiguredTenant[]
  /** How every tenant pays; absent: nothing is billed. */
  readonly billing?: TenantCharging & CreditTerms
  /** Where the audit log and the routes write their lines. */
  readonly logger?: Logger
  readonly clock?: Clock
  readonly trustedProxies?: readonly string[]
  readonly onUnauthorized?: (refusal: Refusal) => void
  /** Carriers that are called back by their providers. */
  readonly callbackTargetOf?: TargetOf
  readonly publicUrl?: string
  /** Is emptied first and stays open; without it the app has one of its own. */
  readonly store?: Store
}

/** The HTTP API over a database, with two carriers that are down: what is accepted waits. */
export interface TestApp {
  readonly app: OpenAPIHono<AppEnv>
  readonly store: Store
  readonly intake: Intake
  readonly spool: Spool
  readonly keys: IdempotencyKeys
  readonly quality: Quality
  readonly audit: AuditLog
  readonly accesses: AccessTally
  readonly access: Access
  readonly users: Users
  readonly sessions: Sessions
  readonly callbacks: OpenCallbacks
  /** What became of callbacks, as it was counted: carrier, kind, outcome. */
  readonly callbackOutcomes: string[]
  /** Codes of the refusals that were counted. */
  readonly refused: string[]
  /** A request of the tenant `demo`, unless the headers say otherwise. */
  request(path: string, init?: RequestInit): Promise<Response>
  post(body: unknown, headers?: Record<string, string>): Promise<Response>
  /** Resolves when the tables hold everything. */
  settled(): Promise<void>
  /** Ends a waiting message as the sweeper does after its validity: then it is a dead letter. */
  bury(id: string): Promise<void>
  /** Lets a carrier take a waiting message, and its receipts say that it has arrived. */
  deliver(id: string): Promise<void>
  /** Rows in the tables that a message is written to. */
  rowCount(): Promise<number>
  close(): Promise<void>
}

const NO_EXCEPTIONS = { tenantIds: new Set<string>(), prefixes: [], classes: new Set<never>() }

const CARRIERS = [
  { name: 'alpha', rates: { '44': '0.0350', '86': '0.0210' } },
  { name: 'beta', rates: { '44': '0.0500' } },
]

export async function openTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const store = options.store ?? (await openTestPglite())
  if (options.store) await truncate(store)
  const tenants = [
    { name: 'demo', apiKeys: ['demo-key'] },
    { name: 'other', apiKeys: ['other-key'] },
    // As the tenant of `npm start`: its key is the operator's, too.
    { name: 'own', apiKeys: ['own-key'] },
    ...(options.tenants ?? []),
  ]
  const adminKeys = ['admin-key', 'operator-key', 'own-key']
  const access = await openAccess(store, tenants, adminKeys)
  const carriers = CARRIERS.map(({ name, rates }) => {
    const carrier = new SmppCarrier({
      config: completeCarrier({
        name,
        host: '127.0.0.1',
        port: 1,
        systemId: 'linehaul',
        password: 'secret',
        rates: [],
      }),
      references: new ReferenceCounter(),
      logger: silentLogger,
      events: {
        onReceipt: () => Promise.resolve(),
        onInbound: () => Promise.resolve(),
        onCapacityChange() {},
      },
    })
    const deck = Object.entries(rates).map(([prefix, price]) => ({
      prefix,
      network: null,
      priceMicros: parseMicros(price),
      currency: 'EUR',
      effectiveFromMs: 0,
    }))
    return { carrier, rates: deck }
  })
  const logger = silentLogger
  const clock = options.clock ?? systemClock
  const byName = new Map(carriers.map(({ carrier }) => [carrier.name, carrier]))
  const quality = new Quality()
  const health = new CarrierHealth({
    carriers: byName,
    indexOf: (name) => quality.carrierIndex(name),
    breaker: DEFAULT_BREAKER,
    historyLines: 1_000,
    store,
    logger,
    clock,
  })
  const rateDecks = await RateDecks.open(store, clock, [
    ...CARRIERS.map(({ name, rates }) => ({
      kind: 'carrier' as const,
      name,
      rates: Object.entries(rates).map(([prefix, price]) => ({
        prefix,
        priceMicros: parseMicros(price),
        currency: 'EUR',
      })),
    })),
    ...tenants.map(({ name }) => ({ kind: 'tenant' as const, name, rates: [] })),
  ])
  const termsFor = (tenantId: string) => {
    const tenant = tenants.find(({ name }) => access.tenantNamed(name)?.id === tenantId)
    return {
      tariff: tenant && rateDecks.current('tenant', tenant.name),
      lossMaking: options.lossMaking ?? 'allow',
    }
  }
  const routes = new Routes({ carriers }, clock, { quality, health, termsFor })
  const { maxPending, maxQueued } = options
  const node = 'test'
  await store.query(sql`insert into nodes (id, started_at) values (${node}, now())`)
  const live = new LiveMessages()
  const ledger = new Ledger(() => options.billing)
  const tracker = new Tracker({
    live,
    recipientsFor: () => [],
  })
  const spool = new Spool({
    store,
    logger,
    node,
    onCommit: (batch) => {
      tracker.apply(batch)
      tables.wake()
    },
    ...(maxPending === undefined ? {} : { maxPending }),
  })
  const tables = new TableWriter({
    store,
    live,
    ledger,
    node,
    logger,
    committedSeq: () => spool.committedSeq,
  })
  const work = { store, spool, live, tables, node, policyFor: testPolicies(), logger, clock }
  const dispatcher = new Dispatcher({
    ...work,
    carriers: byName,
    routes,
    health,
    ...(maxQueued === undefined ? {} : { maxQueued }),
  })
  const guard = new AddressGuard({ allowPrivateAddresses: false })
  const endpoints = await Endpoints.open(store, guard, clock)
  const webhooks = new WebhookSender({
    endpoints,
    guard,
    logger,
    poster: new LocalPoster({ guard, version: '0.0.0' }),
    onReady: () => {},
  })
  const teller = new Teller({
    store,
    spool,
    tables,
    transportFor: () => webhooks,
    logger,
    clock,
  })
  const guards = new Guards({ ...DEFAULT_GUARDS, except: NO_EXCEPTIONS })
  const networks = await NetworkDirectory.open({ store, clock, logger })
  const destinations = new Destinations()
  const limits = limitsBy(policyOf(options.limits ?? {}))
  const charges = new Charges({
    accounts: ledger.accounts,
    volumes: ledger.volumes,
    termsFor: () => options.billing,
    conversion: () => new PriceConversion(),
  })
  const intake = new Intake({
    limits,
    routes,
    charges,
    spool,
    dispatcher,
    statusOf: (tenantId) => access.tree.statusOf(tenantId),
    policyFor: work.policyFor,
    termsFor,
    isBehind: () => false,
    isCrowded: () => false,
    checkCallbackUrl: (url) => guard.target(url, '/callback_url'),
    networks,
    destinations,
    clock,
  })
  const withdrawal = new Withdrawal({ ...work, dispatcher })
  const keys = new IdempotencyKeys(work)
  const refused: string[] = []
  const binds = new Binds({
    recorder: new Recorder({ pdusPerBind: 0, keepEnded: 0 }),
    carriers: new Map(),
  })
  const audit = await AuditLog.open({ store, logger: options.logger ?? logger, clock })
  const accesses = new AccessTally({ log: audit, clock })
  const apiKeys = await openKeys({
    config: { trustedProxies: options.trustedProxies ?? [], signatureWindowSeconds: 300 },
    access,
    store,
    logger,
    clock,
    ...(options.onUnauthorized && { onUnauthorized: options.onUnauthorized }),
  })
  const terms = { idleSeconds: 43_200, maxSeconds: 604_800 }
  // Only as dear as must be: every test signs somebody in, or opens an app.
  const passwordCost = { N: 16, r: 1, p: 1 }
  const signIn = await openSignIn({ store, access, config: terms, clock, logger, passwordCost })
  const callbackOutcomes: string[] = []
  const callbacks = openCallbacks({
    targetOf: options.callbackTargetOf ?? (() => undefined),
    config: { publicUrl: options.publicUrl },
    addresses: apiKeys.addresses,
    store,
    logger: options.logger ?? logger,
    clock,
    onOutcome: (...outcome) => callbackOutcomes.push(outcome.join(' ')),
  })
  const app = createApp({
    ...apiKeys,
    ...callbacks,
    accounts: ledger.accounts,
    charges,
    funding: new Funding({ ...work, accounts: ledger.accounts }),
    ledger: new LedgerArchive(store, () => tables.flush()),
    reconciliations: new Reconciliations({
      store,
      tables,
      keysFor: (name) => {
        const carrier = byName.get(name)
        return carrier && ((id) => receiptKeys([id], carrier.config.messageIdProfile))
      },
    }),
    statements: new StatementArchive(store, () => tables.flush()),
    usage: new UsageArchive(store, () => tables.flush()),
    intake,
    templates: new Templates(options.templates ?? []),
    archive: new Archive(store, live, tables),
    inbound: new InboundArchive(store),
    keys,
    cancellation: new Cancellation({ ...work, withdrawal, carriers: new Map() }),
    replacement: new Replacement({ ...work, charges, withdrawal, intake, dispatcher }),
    deadLetters: new DeadLetters({ ...work, intake }),
    resolution: new Resolution({ ...work, dispatcher }),
    endpoints,
    webhookSender: webhooks,
    webhookEvents: new OutboxLog(store, tables, teller),
    audit,
    accesses,
    auditArchive: new AuditArchive(store),
    binds,
    rateDecks,
    rehearseRouting: () => Promise.reject(new Error('not part of this test')),
    guards,
    limits,
    tenantName: (id) => tenants.find(({ name }) => access.tenantNamed(name)?.id === id)?.name ?? id,
    clock,
    feedback: new Feedback({ store, archive: new Archive(store, live, tables), guards, clock }),
    networks,
    destinations,
    trace: (message, showTexts) => binds.trace(message, showTexts),
    mayShowTexts: () => false,
    configuration: undefined,
    users: signIn.users,
    sessions: signIn.sessions,
    logins: signIn.logins,
    tenants: await openTenants(store, access, tenants, adminKeys),
    access,
    logger: options.logger ?? logger,
    version: '0.0.0',
    onRefused: (code) => refused.push(code),
    isReady: async () => !spool.isFull && (await isReachable(store)),
    carrierBalance: async () => ({ balance: null, error: null }),
    carriers: () =>
      carriers.map(({ carrier: { name, type, isUp, binds: shown } }) => {
        return {
          name,
          type,
          channel: 'sms',
          is_up: isUp,
          waiting: 0,
          segments_per_second: 0,
          binds: shown.map(shownBind),
        }
      }),
    health,
    quality,
    partners: () => [],
    renderMetrics: () => Promise.resolve({ text: '', contentType: 'text/plain' }),
  })
  const request = async (path: string, init: RequestInit = {}) =>
    app.request(path, { ...init, headers: { authorization: 'Bearer demo-key', ...init.headers } })
  async function withdraw(id: string): Promise<LiveMessage> {
    const [found] = await store.query<{ tenant_id: string }>(
      sql`select tenant_id from messages where id = ${id}`,
    )
    const tenantId = found?.tenant_id ?? live.get(id)?.message.tenantId ?? ''
    const taken = await withdrawal.take(tenantId, id)
    if (!taken.isTaken) throw new Error(`${id} does not wait`)
    return taken.live
  }

  return {
    app,
    store,
    intake,
    spool,
    keys,
    quality,
    audit,
    accesses,
    access,
    users: signIn.users,
    sessions: signIn.sessions,
    callbacks,
    callbackOutcomes,
    refused,
    request,
    post: (body, headers = {}) =>
      request('/v1/messages', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    settled: () => tables.flush(),
    async bury(id) {
      const taken = await withdraw(id)
      await spool.write(endEntry(taken.message, 'expired', new Date()))
      live.letGo(taken)
    },
    async deliver(id) {
      const taken = await withdraw(id)
      const { message } = taken
      const names = Array.from({ length: message.segments }, (_, index) => `${id}-${index}`)
      await spool.write(
        submitting(message),
        moved(message, 'sent', { answers: ids(...names) }),
        ...names.map((name) => receipt(name, 'DELIVERED')),
      )
      live.letGo(taken)
    },
    async rowCount() {
      await tables.flush()
      const [row] = await store.query<{ rows: number }>(
        sql`select ((select count(*) from messages) + (select count(*) from events))::int as rows`,
      )
      return row?.rows ?? -1
    },
    async close() {
      await callbacks.close()
      await dispatcher.stop(0)
      await spool.close()
      await tables.close()
      await webhooks.close()
      await health.close()
      await accesses.close()
      await audit.close()
      await apiKeys.close()
      await signIn.sessions.close()
      if (!options.store) await store.close()
    },
  }
}

function shownBind({ bind, host, state, lastError }: BindStatus) {
  return { bind, host, state, last_error: lastError }
}

/** An error as the API shows it. */
export interface ShownProblem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
  readonly request_id: string
  readonly errors?: { readonly detail: string; readonly pointer: string }[]
}

/** The body of an error, after checking that it is one: RFC 9457 and what we add to it. */
export async function problemIn(response: Response): Promise<ShownProblem> {
  const problem = (await response.json()) as ShownProblem
  const { type, title, status, detail, code, request_id } = problem
  const isWhole =
    response.headers.get('content-type') === 'application/problem+json' &&
    type === `https://linehaul.dev/problems/${code}` &&
    title.length > 0 &&
    detail.length > 0 &&
    status === response.status &&
    request_id === response.headers.get('x-request-id')
  if (!isWhole) throw new Error(`not a problem: ${JSON.stringify(problem)}`)
  return problem
}
