import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { proveLedger } from '../../src/ledger-commands.ts'
import { audit, type Evidence, type Findings, microsOf } from './audit.ts'
import { readCarrierJournal } from './carrier-journal.ts'
import { CarrierUnderTest } from './carrier-under-test.ts'
import { DatabaseProxy } from './database-proxy.ts'
import { GatewayApi } from './gateway-api.ts'
import { GatewayUnderTest } from './gateway-under-test.ts'
import { Load } from './load.ts'
import type { Fault, LabOptions } from './options.ts'
import { planRounds, type RoundPlan, type Victim } from './plan.ts'
import { findPostgresPrograms, PostgresCluster } from './postgres-cluster.ts'
import { Random } from './random.ts'
import { findClockLibrary, Scratch } from './scratch.ts'
import { freePorts, holds, pause } from './waiting.ts'
import { WebhookSink } from './webhook-sink.ts'

/** How one round went. */
export interface RoundReport {
  readonly plan: RoundPlan
  /** Milliseconds from the end of the fault until the gateway was ready again. */
  readonly backAfterMs: number
  /** Times the gateway ended though nobody killed it: when it was ready, and before. */
  readonly crashes: number
  readonly failedStarts: number
}

/** What a run gives. */
export interface LabReport {
  readonly rounds: readonly RoundReport[]
  readonly findings: Findings
  /** Segments that may be sent again: 0, or the windows of all binds for each kill. */
  readonly mayResend: number
  /** Uncertain messages had time to become final. */
  readonly settlesUncertain: boolean
  /** Refusals by status, with how often. */
  readonly refusals: Readonly<Record<string, number>>
  /** Why signatures were not right, with how often. */
  readonly signatureFaults: Readonly<Record<string, number>>
  /** Faults that are not possible on this machine, with the reason. */
  readonly skipped: readonly string[]
  /** Milliseconds until everything was final; null: it never was. */
  readonly settledAfterMs: number | null
  /** Exit code after SIGTERM; 0 when all went well. */
  readonly exitCode: number | null
  readonly tookMs: number
  readonly gatewayLog: string
  /** Messages of which the gateway's log holds the text. */
  readonly loggedTexts: number
  /** What `linehaul ledger check` finds wrong afterwards. */
  readonly ledgerFaults: readonly string[]
}

const API_KEY = 'crash-key-1'
const PARTNER = { systemId: 'crash', password: 'crash' }
const READY_WITHIN_MS = 60_000
/** Load goes on for so long after a recovery. */
const AFTER_MS = 700
/** Nothing has been told for so long: nothing more comes. */
const SILENCE_MS = 2_000
const SESSIONS = 2
const WINDOW = 20
const PRICES = {
  'carrier-a': { '44': '0.0350', '86': '0.0275' },
  'carrier-b': { '44': '0.0410', '86': '0.0210' },
} as const
/** The shortest that the configuration allows. */
const DEADLINE_SECONDS = 60
const RESEND_SECONDS = 3
const ONE_JUMP = '+0'

/**
 * Runs the laboratory: rounds of load with one fault each, a quiet phase, the count.
 *
 * @throws {Error} when the laboratory itself cannot work: no PostgreSQL, a gateway that does not
 *   come back within a minute
 */
export async function runLaboratory(options: LabOptions): Promise<LabReport> {
  const scratch = new Scratch()
  const closing: (() => unknown)[] = [
    () => {
      if (!options.keep) return scratch.remove()
      scratch.unmount()
      options.say(`kept: ${scratch.path}`)
    },
  ]
  try {
    return await new Laboratory(options, scratch, closing).run()
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

class Laboratory {
  readonly #options: LabOptions
  readonly #scratch: Scratch
  readonly #closing: (() => unknown)[]
  readonly #skipped: string[] = []
  readonly #carriers = new Map<Victim, CarrierUnderTest>()
  readonly #clockFile: string
  #cluster: PostgresCluster | undefined
  #proxy: DatabaseProxy | undefined
  #clockSeconds = 0

  constructor(options: LabOptions, scratch: Scratch, closing: (() => unknown)[]) {
    this.#options = options
    this.#scratch = scratch
    this.#closing = closing
    this.#clockFile = join(scratch.path, 'clock')
  }

  async run(): Promise<LabReport> {
    const startedAt = Date.now()
    const plans = this.#plan()
    const random = new Random(this.#options.seed)
    const ports = await freePorts(5)
    const [httpPort = 0, smppPort = 0, databasePort = 0, ...carrierPorts] = ports
    const databaseUrl = await this.#openDatabase(databasePort)
    for (const [index, name] of (['carrier-a', 'carrier-b'] as const).entries()) {
      await this.#startCarrier(name, carrierPorts[index] ?? 0, index === 0)
    }
    const sink = new WebhookSink(random.fork('sink'), { failing: 0.01, broken: 0.005 })
    const sinkUrl = await sink.listen()
    this.#closing.push(() => sink.close())
    const gateway = this.#startGateway({ httpPort, smppPort, databaseUrl, carrierPorts })
    await this.#untilReady(gateway)
    const api = new GatewayApi(httpPort, API_KEY)
    if (this.#options.callbacks) sink.secret = await api.callbackSecret()
    const load = new Load({
      httpPort,
      smppPort,
      apiKey: API_KEY,
      partner: PARTNER,
      messagesPerSecond: this.#options.messagesPerSecond,
      random: random.fork('load'),
      callbackUrl: this.#options.callbacks ? sinkUrl : undefined,
      isIdempotent: this.#options.idempotency,
      fields: this.#options.fields,
    })
    this.#closing.push(() => load.close())

    load.round = 1
    load.start()
    const rounds: RoundReport[] = []
    for (const plan of plans) {
      load.round = plan.number
      rounds.push(await this.#runRound(plan, gateway))
    }
    await load.stop()
    this.#options.say('quiet: waiting for everything to become final')
    const quietFrom = Date.now()
    const isSettled = await this.#untilSettled(
      api,
      () => sink.owed === 0,
      () => load.receipts.length + sink.events.length,
    )
    const settledAfterMs = isSettled ? Date.now() - quietFrom : null
    const ids = new Set(await api.ids())
    for (const { id } of load.submissions) if (id !== undefined) ids.add(id)
    const messages = await api.messages(ids)
    const exitCode = await gateway.stop()
    const ledgerFaults: string[] = []
    await proveLedger(
      { say: this.#options.say, complain: (line) => ledgerFaults.push(line) },
      { databaseUrl, dataDir: join(this.#scratch.databaseFolder, 'data') },
    )
    const evidence: Evidence = {
      submissions: load.submissions,
      messages,
      carriers: [...this.#carriers.values()].flatMap(({ journal }) => readCarrierJournal(journal)),
      told: [...load.receipts, ...sink.events],
      rates: ratesByPrefix(),
      callbacks: this.#options.callbacks,
      resends: this.#options.mayResend ? ['otp'] : [],
    }
    const kills = plans.reduce((sum, { victims }) => sum + victims.length, 0)
    return {
      rounds,
      findings: audit(evidence),
      mayResend: this.#options.mayResend ? kills * this.#carriers.size * SESSIONS * WINDOW : 0,
      settlesUncertain: this.#options.settleUncertain,
      refusals: Object.fromEntries(load.refusals),
      signatureFaults: Object.fromEntries(sink.faults),
      skipped: this.#skipped,
      settledAfterMs,
      exitCode,
      tookMs: Date.now() - startedAt,
      gatewayLog: gateway.logTail(),
      ledgerFaults,
      loggedTexts: new Set(gateway.log().match(/#r\d{2,}-\d{6,}#/g)).size,
    }
  }

  /** The plan, without faults that this machine does not allow. */
  #plan(): RoundPlan[] {
    const possible = this.#options.faults.filter((fault) => {
      const reason = this.#impossible(fault)
      if (reason !== undefined) this.#skipped.push(`${fault}: ${reason}`)
      return reason === undefined
    })
    return planRounds({ ...this.#options, faults: possible })
  }

  #impossible(fault: Fault): string | undefined {
    if (fault === 'disk' && !this.#scratch.mountSmallDisk()) {
      return 'no small file system can be mounted here'
    }
    if (fault === 'clock' && findClockLibrary() === undefined) {
      return 'libfaketime is not installed'
    }
    if (this.#options.database === 'pglite' && (fault === 'reset' || fault === 'slow')) {
      return 'PGlite has no connection'
    }
    return undefined
  }

  /** Address of the database that the gateway is given; undefined for PGlite. */
  async #openDatabase(port: number): Promise<string | undefined> {
    mkdirSync(this.#scratch.databaseFolder, { recursive: true })
    if (this.#options.database === 'pglite') return undefined
    const programs = findPostgresPrograms()
    if (programs === undefined) throw new Error('PostgreSQL is not installed on this machine')
    const cluster = new PostgresCluster(
      programs,
      join(this.#scratch.databaseFolder, 'postgres'),
      port,
    )
    cluster.create()
    this.#closing.push(() => cluster.stop())
    await cluster.start()
    this.#cluster = cluster
    if (!this.#options.faults.some((fault) => fault === 'reset' || fault === 'slow')) {
      return cluster.url
    }
    const proxy = new DatabaseProxy(port)
    const url = new URL(cluster.url)
    url.port = String(await proxy.listen())
    this.#closing.push(() => proxy.close())
    this.#proxy = proxy
    return url.toString()
  }

  async #startCarrier(name: 'carrier-a' | 'carrier-b', port: number, parameters: boolean) {
    const carrier = new CarrierUnderTest({
      name,
      port,
      journal: join(this.#scratch.path, `${name}.jsonl`),
      seed: this.#options.seed,
      latencyMs: 30,
      receiptMs: 1_000,
      throttled: 0.01,
      receiptFirst: 0.05,
      receiptTwice: 0.03,
      receiptUndone: 0.03,
      parameters,
    })
    await carrier.start()
    this.#closing.push(() => carrier.kill())
    this.#carriers.set(name, carrier)
  }

  #startGateway(place: {
    readonly httpPort: number
    readonly smppPort: number
    readonly databaseUrl: string | undefined
    readonly carrierPorts: readonly number[]
  }): GatewayUnderTest {
    const { httpPort, smppPort, databaseUrl, carrierPorts } = place
    const config = join(this.#scratch.path, 'linehaul.yaml')
    const content = {
      http: { host: '127.0.0.1', port: httpPort },
      smpp: { host: '127.0.0.1', port: smppPort },
      data_dir: join(this.#scratch.databaseFolder, 'data'),
      ...(databaseUrl === undefined ? {} : { database_url: databaseUrl }),
      tenants: [{ name: 'crash', api_keys: [API_KEY] }],
      carriers: Object.entries(PRICES).map(([name, prices], index) => ({
        name,
        type: 'smpp',
        host: '127.0.0.1',
        port: carrierPorts[index],
        system_id: 'linehaul',
        password: 'secret',
        sessions: SESSIONS,
        window: WINDOW,
        long_messages: index === 0 ? 'udh8' : 'udh16',
        reconnect_seconds: { min: 1, max: 1 },
        rates: Object.entries(prices).map(([prefix, price]) => ({
          prefix,
          price,
          currency: 'EUR',
        })),
      })),
      partners: [{ system_id: PARTNER.systemId, password: PARTNER.password, tenant: 'crash' }],
      ...(this.#options.callbacks ? { webhooks: { allow_private_addresses: true } } : {}),
      ...policies(this.#options),
      ...this.#options.settings,
    }
    // JSON is YAML.
    writeFileSync(config, JSON.stringify(content, undefined, 2))
    const gateway = new GatewayUnderTest({
      program: this.#options.gateway,
      folder: this.#scratch.path,
      config,
      httpPort,
      env: this.#clockEnvironment(),
    })
    gateway.start()
    this.#closing.push(() => gateway.kill())
    return gateway
  }

  #clockEnvironment(): Record<string, string> {
    const library = this.#options.faults.includes('clock') ? findClockLibrary() : undefined
    if (library === undefined) return {}
    writeFileSync(this.#clockFile, ONE_JUMP)
    return {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.#clockFile,
      FAKETIME_CACHE_DURATION: '1',
      // As when an operator sets a clock: durations are measured right, the time of day jumps.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    }
  }

  async #runRound(plan: RoundPlan, gateway: GatewayUnderTest): Promise<RoundReport> {
    const { number, fault, calmMs, victims, lastsMs, clockSeconds } = plan
    const detail = fault === 'clock' ? `${clockSeconds} s` : victims.join(', ')
    const before = { crashes: gateway.crashes, failedStarts: gateway.failedStarts }
    await pause(calmMs)
    await this.#strike(plan, gateway)
    const overAt = Date.now()
    await this.#untilReady(gateway)
    const backAfterMs = Date.now() - overAt
    const crashes = gateway.crashes - before.crashes
    const failedStarts = gateway.failedStarts - before.failedStarts
    await pause(AFTER_MS)
    this.#options.say(
      `round ${number}: ${fault} ${detail} for ${Math.round(lastsMs)} ms, ` +
        `back after ${backAfterMs} ms${crashes > 0 ? `, CRASHED ${crashes} times` : ''}` +
        `${failedStarts > 0 ? `, ${failedStarts} starts failed` : ''}`,
    )
    return { plan, backAfterMs, crashes, failedStarts }
  }

  async #strike(plan: RoundPlan, gateway: GatewayUnderTest): Promise<void> {
    const { lastsMs } = plan
    switch (plan.fault) {
      case 'kill':
        for (const victim of plan.victims) await this.#kill(victim, gateway)
        await pause(lastsMs)
        await Promise.all(plan.victims.map((victim) => this.#revive(victim, gateway)))
        break
      case 'reset':
        this.#proxy?.cut()
        break
      case 'slow':
        this.#proxy?.delay(2_000)
        await pause(lastsMs)
        this.#proxy?.delay(0)
        break
      case 'stall':
        gateway.halt()
        await pause(lastsMs)
        gateway.resume()
        break
      case 'disk':
        this.#scratch.fillDisk()
        await pause(lastsMs)
        this.#scratch.emptyDisk()
        // A database that could not write has stopped itself.
        await this.#cluster?.start()
        break
      case 'clock':
        this.#clockSeconds += plan.clockSeconds
        writeFileSync(this.#clockFile, `${this.#clockSeconds < 0 ? '' : '+'}${this.#clockSeconds}`)
        await pause(lastsMs + 1_500)
        break
    }
  }

  async #kill(victim: Victim, gateway: GatewayUnderTest): Promise<void> {
    if (victim === 'gateway') await gateway.kill()
    else if (victim === 'postgres') await this.#cluster?.kill()
    else await this.#carriers.get(victim)?.kill()
  }

  async #revive(victim: Victim, gateway: GatewayUnderTest): Promise<void> {
    if (victim === 'gateway') gateway.start()
    else if (victim === 'postgres') await this.#cluster?.start()
    else await this.#carriers.get(victim)?.start()
  }

  async #untilReady(gateway: GatewayUnderTest): Promise<void> {
    if (await gateway.ready(READY_WITHIN_MS)) return
    const files = readdirSync(this.#scratch.path).join(', ')
    throw new Error(`the gateway is not ready in time (${files}): ${gateway.logTail()}`)
  }

  /** Waits until every message is final or uncertain, and nobody is told anything more. */
  async #untilSettled(
    api: GatewayApi,
    isNothingOwed: () => boolean,
    heard: () => number,
  ): Promise<boolean> {
    const { settleUncertain } = this.#options
    let last = -1
    let silentFrom = Date.now()
    return await holds(
      async () => {
        if (heard() !== last) {
          last = heard()
          silentFrom = Date.now()
        }
        const open = await api.open()
        const certain = open.filter(({ error }) => error?.code !== 'outcome_unknown')
        const left = settleUncertain ? open : certain
        return left.length === 0 && isNothingOwed() && Date.now() - silentFrom > SILENCE_MS
      },
      this.#options.settleMs,
      500,
    )
  }
}

/** Short waits, so that what is uncertain is settled while the laboratory watches. */
function policies({ settleUncertain, mayResend }: LabOptions): object {
  if (!settleUncertain) return {}
  const transactional = { receipt_deadline_seconds: DEADLINE_SECONDS }
  const resend = mayResend ? { uncertain: 'resend', uncertain_seconds: RESEND_SECONDS } : {}
  return { policies: { transactional, otp: { ...transactional, ...resend } } }
}

function ratesByPrefix(): Record<string, bigint[]> {
  const rates: Record<string, bigint[]> = {}
  for (const prices of Object.values(PRICES)) {
    for (const [prefix, price] of Object.entries(prices)) {
      rates[prefix] ??= []
      rates[prefix]?.push(microsOf(price))
    }
  }
  return rates
}
