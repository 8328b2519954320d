import type { OpenAPIHono } from '@hono/zod-openapi'
import { sql } from 'drizzle-orm'
import { openAccess } from '../../src/accounts/access.ts'
import { Binds } from '../../src/binds.ts'
import { SmppCarrier } from '../../src/carriers/smpp-carrier.ts'
import { completeCarrier } from '../../src/config/load.ts'
import { systemClock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { parseMicros } from '../../src/core/money.ts'
import { ReferenceCounter } from '../../src/encoding/reference.ts'
import { createApp } from '../../src/http/app.ts'
import type { AppEnv } from '../../src/http/env.ts'
import { InboundArchive } from '../../src/inbound/inbound-archive.ts'
import { Archive } from '../../src/messages/archive.ts'
import { Cancellation } from '../../src/messages/cancellation.ts'
import { DeadLetters } from '../../src/messages/dead-letters.ts'
import { Dispatcher } from '../../src/messages/dispatcher.ts'
import { endEntry } from '../../src/messages/endings.ts'
import { IdempotencyKeys } from '../../src/messages/idempotency.ts'
import { Intake } from '../../src/messages/intake.ts'
import { LiveMessages } from '../../src/messages/live.ts'
import { OutboxLog } from '../../src/messages/outbox-log.ts'
import { Replacement } from '../../src/messages/replacement.ts'
import { Resolution } from '../../src/messages/resolution.ts'
import { Routes } from '../../src/messages/routes.ts'
import { Spool } from '../../src/messages/spool.ts'
import { TableWriter } from '../../src/messages/table-writer.ts'
import { Teller } from '../../src/messages/teller.ts'
import { Tracker } from '../../src/messages/tracker.ts'
import { Withdrawal } from '../../src/messages/withdrawal.ts'
import { NetworkDirectory } from '../../src/networks/directory.ts'
import { Destinations } from '../../src/routing/destination.ts'
import { PrefixTable } from '../../src/routing/prefix-table.ts'
import type { Rate } from '../../src/routing/router.ts'
import { Recorder } from '../../src/smpp/recorder.ts'
import { isReachable, type Store } from '../../src/store/open.ts'
import { AddressGuard } from '../../src/webhooks/address-guard.ts'
import { Endpoints } from '../../src/webhooks/endpoints.ts'
import { LocalPoster } from '../../src/webhooks/poster.ts'
import { WebhookSender } from '../../src/webhooks/sender.ts'
import { testPolicies } from '../messages/harness.ts'
import { openTestPglite } from '../support/database.ts'

/** Limits to test the gateway at. */
export interface TestAppOptions {
  readonly maxPending?: number
  readonly maxQueued?: number
}

/** The HTTP API over a database, with two carriers that are down: what is accepted waits. */
export interface TestApp {
  readonly app: OpenAPIHono<AppEnv>
  readonly store: Store
  readonly intake: Intake
  readonly spool: Spool
  readonly keys: IdempotencyKeys
  /** Codes of the refusals that were counted. */
  readonly refused: string[]
  /** A request of the tenant `demo`, unless the headers say otherwise. */
  request(path: string, init?: RequestInit): Promise<Response>
  post(body: unknown, headers?: Record<string, string>): Promise<Response>
  /** Resolves when the tables hold everything. */
  settled(): Promise<void>
  /** Ends a waiting message as the sweeper does after its validity: then it is a dead letter. */
  bury(id: string): Promise<void>
  /** Rows in the tables that a message is written to. */
  rowCount(): Promise<number>
  close(): Promise<void>
}

const CARRIERS = [
  { name: 'alpha', rates: { '44': '0.0350', '86': '0.0210' } },
  { name: 'beta', rates: { '44': '0.0500' } },
]

export async function openTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const store = await openTestPglite()
  const access = await openAccess(
    store,
    [
      { name: 'demo', apiKeys: ['demo-key'] },
      { name: 'other', apiKeys: ['other-key'] },
    ],
    ['operator-key'],
  )
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
    const table = new PrefixTable<Rate>()
    for (const [prefix, price] of Object.entries(rates)) {
      table.set(prefix, { priceMicros: parseMicros(price), currency: 'EUR' })
    }
    return { carrier, rates: table }
  })
  const logger = silentLogger
  const clock = systemClock
  const routes = new Routes(carriers, clock)
  const { maxPending, maxQueued } = options
  const node = 'test'
  await store.query(sql`insert into nodes (id, started_at) values (${node}, now())`)
  const live = new LiveMessages()
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
    node,
    logger,
    committedSeq: () => spool.committedSeq,
  })
  const work = { store, spool, live, tables, node, policyFor: testPolicies(), logger, clock }
  const dispatcher = new Dispatcher({
    ...work,
    carriers: new Map(carriers.map(({ carrier }) => [carrier.name, carrier])),
    routes,
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
  const networks = await NetworkDirectory.open({ store, clock, logger })
  const destinations = new Destinations()
  const intake = new Intake({
    routes,
    spool,
    dispatcher,
    policyFor: work.policyFor,
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
    carriers: carriers.map(({ carrier }) => carrier),
    carrierConfigs: [],
  })
  const app = createApp({
    intake,
    archive: new Archive(store, live, tables),
    inbound: new InboundArchive(store),
    keys,
    cancellation: new Cancellation({ ...work, withdrawal, carriers: new Map() }),
    replacement: new Replacement({ ...work, withdrawal, intake, dispatcher }),
    deadLetters: new DeadLetters({ ...work, intake }),
    resolution: new Resolution({ ...work, dispatcher }),
    endpoints,
    webhookSender: webhooks,
    webhookEvents: new OutboxLog(store, tables, teller),
    binds,
    networks,
    destinations,
    trace: (message, showTexts) => binds.trace(message, showTexts),
    mayShowTexts: false,
    access,
    logger,
    version: '0.0.0',
    onRefused: (code) => refused.push(code),
    isReady: async () => !spool.isFull && (await isReachable(store)),
    carriers: () => [],
    partners: () => [],
    renderMetrics: () => Promise.resolve({ text: '', contentType: 'text/plain' }),
  })
  const request = async (path: string, init: RequestInit = {}) =>
    app.request(path, { ...init, headers: { authorization: 'Bearer demo-key', ...init.headers } })
  return {
    app,
    store,
    intake,
    spool,
    keys,
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
      const [found] = await store.query<{ tenant_id: string }>(
        sql`select tenant_id from messages where id = ${id}`,
      )
      const taken = await withdrawal.take(
        found?.tenant_id ?? live.get(id)?.message.tenantId ?? '',
        id,
      )
      if (!taken.isTaken) throw new Error(`${id} does not wait`)
      await spool.write(endEntry(taken.message, 'expired', new Date()))
      live.letGo(taken.live)
    },
    async rowCount() {
      await tables.flush()
      const [row] = await store.query<{ rows: number }>(
        sql`select ((select count(*) from messages) + (select count(*) from events))::int as rows`,
      )
      return row?.rows ?? -1
    },
    async close() {
      await dispatcher.stop(0)
      await spool.close()
      await tables.close()
      await webhooks.close()
      await store.close()
    },
  }
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
