import { type BenchOptions, type BenchRow, rowFrom } from './harness.ts'
import { tenantName } from './load/message.ts'
import { type Child, Children, epochMs } from './support/child.ts'
import type { CarrierCommand, CarrierReport } from './support/end-to-end-carrier.ts'
import {
  cpuSeconds,
  type GatewayProcess,
  startGatewayProcess,
  untilAllEnded,
} from './support/end-to-end-gateway.ts'
import type { Shares, TenantsCommand, TenantsReport } from './support/tenants-load.ts'

/** What billing costs: the whole gateway with it, as `ours`, against the same without it, as `baseline`. */
export const subject = 'billing'

const TENANTS = 1_000
const CONNECTIONS = 64
const WINDOW = 100
const RECIPIENTS = 100
/** A round has this times the seconds asked for; about what a small machine does in one. */
const MESSAGES_PER_SECOND = 2_000
const PRICE = '0.0400'
const PRICE_MICROS = 40_000n

const DOORS = ['rest', 'smpp'] as const

interface Scenario {
  readonly name: string
  readonly door: (typeof DOORS)[number]
  readonly shares: Shares
}

interface Stage {
  readonly on: GatewayProcess
  readonly off: GatewayProcess
  readonly carrier: Child<CarrierCommand, CarrierReport>
  readonly load: Child<TenantsCommand, TenantsReport>
}

/** What one round at one gateway gives. */
interface Figures {
  readonly deliveredPerSecond: number
  readonly cpuMicrosPerMessage: number
}

/**
 * Measures two gateways on PostgreSQL in turns, one with billing and one without: from the first request until the last
 * message is delivered and written. Both price messages by the decks of their tenants; the one with billing has taxes,
 * tiers and balances besides. Each round begins with the other of the two. Rounds of five seconds and more tell something:
 * the tables are written every half second, and shorter ones mostly measure that wait.
 *
 * At the end the ledger must have charged every message once, and the volumes must have counted them.
 *
 * @throws {Error} when a message is lost, or not charged
 */
export async function run({ rounds, secondsPerRound }: BenchOptions): Promise<BenchRow[]> {
  const children = new Children()
  const gateways: GatewayProcess[] = []
  // A short run proves that it works; so many sessions would take longer than all else.
  const tenants = Math.max(2, Math.min(TENANTS, Math.round(TENANTS * secondsPerRound)))
  try {
    const carrier = children.start<CarrierCommand, CarrierReport>(
      'carrier',
      'end-to-end-carrier.ts',
    )
    const load = children.start<TenantsCommand, TenantsReport>('tenants', 'tenants-load.ts')
    const { port } = await carrier.ask({ type: 'listen' }, 'listening')
    for (const isOn of [true, false]) {
      const gateway = await startGatewayProcess(port, 'warn', configFor(tenants, isOn))
      gateways.push(gateway)
      await load.ask(
        { type: 'bind', gateway: nameOf(isOn), port: gateway.smppPort, tenants },
        'bound',
      )
    }
    const [on, off] = gateways as [GatewayProcess, GatewayProcess]
    const stage: Stage = { on, off, carrier, load }
    const messages = messageCount(secondsPerRound)
    const rows: BenchRow[] = []
    for (const scenario of scenarios(tenants)) {
      rows.push(...(await measure(stage, scenario, rounds, messages)))
    }
    await proveCharges(on, rows.length / ROWS_EACH, rounds, messages)
    return rows
  } finally {
    for (const gateway of gateways) await gateway.close()
    children.end()
  }
}

const ROWS_EACH = 2

function scenarios(tenants: number): Scenario[] {
  const shares = [
    { name: 'one tenant', tenants: 1, isOneLarge: false },
    { name: `${tenants} tenants alike`, tenants, isOneLarge: false },
    { name: `${tenants} tenants, one has 90 %`, tenants, isOneLarge: true },
  ]
  const doors = { rest: 'REST 100 a call', smpp: 'SMPP to SMPP' }
  return DOORS.flatMap((door) =>
    shares.map(({ name, ...share }) => ({ name: `${doors[door]}, ${name}`, door, shares: share })),
  )
}

async function measure(
  stage: Stage,
  scenario: Scenario,
  rounds: number,
  messages: number,
): Promise<BenchRow[]> {
  const figures: Record<'on' | 'off', Figures[]> = { on: [], off: [] }
  // What a process does for the first time is not counted.
  await runRound(stage, scenario, 'on', messages)
  await runRound(stage, scenario, 'off', messages)
  for (let round = 0; round < rounds; round++) {
    for (const side of round % 2 === 0 ? (['on', 'off'] as const) : (['off', 'on'] as const)) {
      figures[side].push(await runRound(stage, scenario, side, messages))
    }
  }
  const row = (what: string, unit: string, key: keyof Figures) =>
    rowFrom(
      `${scenario.name}: ${what}`,
      unit,
      figures.on.map((one) => one[key]),
      figures.off.map((one) => one[key]),
    )
  return [
    row('delivered', 'messages/s', 'deliveredPerSecond'),
    row('processor time of the gateway', 'us/message', 'cpuMicrosPerMessage'),
  ]
}

async function runRound(
  stage: Stage,
  { door, shares }: Scenario,
  side: 'on' | 'off',
  messages: number,
): Promise<Figures> {
  const { load, carrier } = stage
  const gateway = stage[side]
  const cpuBefore = await cpuSeconds(gateway)
  const { startedAtMs } = await load.ask(
    door === 'rest'
      ? {
          type: 'rest',
          port: gateway.httpPort,
          calls: messages / RECIPIENTS,
          recipients: RECIPIENTS,
          connections: CONNECTIONS,
          shares,
        }
      : { type: 'submit', gateway: side, messages, window: WINDOW, shares },
    'loaded',
  )
  await carrier.ask({ type: 'collect', receipts: messages }, 'collected')
  await untilAllEnded(gateway)
  const seconds = (epochMs() - startedAtMs) / 1_000
  const cpu = (await cpuSeconds(gateway)) - cpuBefore
  if (door === 'smpp') await load.ask({ type: 'receipts', receipts: messages }, 'received')
  return {
    deliveredPerSecond: messages / seconds,
    cpuMicrosPerMessage: (cpu * 1_000_000) / messages,
  }
}

async function proveCharges(
  { sql }: GatewayProcess,
  scenarioCount: number,
  rounds: number,
  messages: number,
): Promise<void> {
  const expected = BigInt(scenarioCount * (rounds + 1) * messages)
  const [row] = await sql<{ revenue: string; reserved: string; segments: string }[]>`
    select (select sum(revenue) from ledger_accounts)::text as revenue,
      (select sum(reserved) from ledger_accounts)::text as reserved,
      (select sum(segments) from tenant_volumes)::text as segments`
  const found = `${row?.revenue} charged, ${row?.reserved} reserved, ${row?.segments} segments counted`
  const wanted = `${expected * PRICE_MICROS} charged, 0 reserved, ${expected} segments counted`
  if (found !== wanted) throw new Error(`the ledger has ${found}, not ${wanted}`)
}

/** A whole number of calls. */
function messageCount(seconds: number): number {
  return Math.ceil((MESSAGES_PER_SECOND * seconds) / RECIPIENTS) * RECIPIENTS
}

function nameOf(isOn: boolean): 'on' | 'off' {
  return isOn ? 'on' : 'off'
}

function configFor(tenants: number, isOn: boolean): object {
  const names = Array.from({ length: tenants }, (_, tenant) => tenantName(tenant))
  const charged = {
    tax_percent: '19',
    tiers: [{ above_segments: 1_000_000_000, discount_percent: '5' }],
  }
  return {
    tenants: names.map((name) => ({
      name,
      api_keys: [name],
      rates: [{ prefix: '44', price: PRICE, currency: 'EUR' }],
    })),
    partners: names.map((name) => ({ system_id: name, password: 'bench', tenant: name })),
    billing: isOn ? charged : { enabled: false },
    balances: isOn
      ? names.map((tenant) => ({ tenant, amount: '1000000000', currency: 'EUR' }))
      : [],
  }
}
