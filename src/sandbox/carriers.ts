import { join } from 'node:path'
import { COMMON, type FaultRule, FaultScript } from './faults.ts'
import { SandboxSmsc } from './smsc.ts'
import type { SandboxLog, SandboxSmscOptions } from './smsc-options.ts'

/** What the gateway needs to know of a simulated carrier to bind to it. */
export interface SandboxCarrier {
  readonly name: string
  readonly type: 'smpp'
  readonly host: string
  readonly port: number
  readonly systemId: string
  readonly password: string
  /** Binds to keep open, and unanswered requests for each. */
  readonly sessions: number
  readonly window: number
  /** Prices of one segment as decimal texts. */
  readonly rates: readonly {
    readonly prefix: string
    readonly price: string
    readonly currency: string
  }[]
}

/** How the sandbox is started. */
export interface SandboxOptions {
  /** Folder for what the carriers must not forget over a restart; default: they forget. */
  readonly stateDir?: string
  /** Default 127.0.0.1. */
  readonly host?: string
  /** One port per carrier; default: any free ones. See {@link SANDBOX_PORTS}. */
  readonly ports?: readonly number[]
  readonly log?: SandboxLog
  /** What goes wrong at which carrier, by its name ({@link SANDBOX_CARRIERS}) or {@link COMMON}. */
  readonly faults?: ReadonlyMap<string, readonly FaultRule[]>
}

/** The running sandbox. */
export interface Sandbox {
  readonly carriers: readonly SandboxCarrier[]
  /** The carriers themselves, in the same order, for messages from subscribers and for tests. */
  readonly smscs: readonly SandboxSmsc[]
  close(): Promise<void>
}

/** The ports of the stand-alone sandbox. */
export const SANDBOX_PORTS = [2776, 2777, 2778] as const

const SYSTEM_ID = 'linehaul'
const PASSWORD = 'sandbox'
const SESSIONS = 2
const WINDOW = 50
const CURRENCY = 'EUR'

const EUROPE =
  '30 31 32 33 34 350 351 352 353 354 355 356 357 358 359 36 370 371 372 373 374 375 376 377 378 ' +
  '380 381 382 383 385 386 387 389 39 40 41 420 421 423 43 44 45 46 47 48 49'
const ASIA: Readonly<Record<string, string>> = {
  '86': '0.0210',
  '81': '0.0480',
  '82': '0.0240',
  '65': '0.0310',
  '91': '0.0180',
  '852': '0.0420',
  '853': '0.0260',
  '886': '0.0390',
  '60': '0.0290',
  '62': '0.0330',
  '63': '0.0300',
  '66': '0.0140',
  '84': '0.0450',
}

type Behaviour = Pick<
  SandboxSmscOptions,
  'submitDelayMs' | 'receiptDelayMs' | 'acceptRate' | 'seed' | 'idForm'
>

interface Definition {
  readonly name: string
  readonly prices: Readonly<Record<string, string>>
  readonly behaviour: Behaviour
}

const DEFINITIONS: readonly Definition[] = [
  {
    name: 'sandbox-europe',
    prices: Object.fromEntries(EUROPE.split(' ').map((prefix) => [prefix, '0.0350'])),
    behaviour: { submitDelayMs: 2, receiptDelayMs: [50, 150], acceptRate: 0.98, seed: 1 },
  },
  {
    name: 'sandbox-asia',
    prices: ASIA,
    behaviour: { submitDelayMs: 15, receiptDelayMs: [300, 500], acceptRate: 0.95, seed: 2 },
  },
  {
    name: 'sandbox-global',
    prices: { '': '0.0600' },
    behaviour: { submitDelayMs: 5, receiptDelayMs: [150, 300], acceptRate: 1, seed: 3 },
  },
]

/** Names of the simulated carriers. */
export const SANDBOX_CARRIERS: readonly string[] = DEFINITIONS.map(({ name }) => name)

/**
 * Starts three simulated carriers: a cheap one for Europe, a slower one for Asia and a dearer one for
 * the whole world. Each sends a receipt within a second.
 *
 * When one cannot listen, those already started are closed and the error is thrown.
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const { stateDir, host = '127.0.0.1', ports = [], log, faults } = options
  const commonFaults = new FaultScript(faults?.get(COMMON) ?? [], 1, Date.now())
  const smscs: SandboxSmsc[] = []
  const carriers: SandboxCarrier[] = []
  const close = async () => {
    await Promise.all(smscs.map((smsc) => smsc.close()))
  }
  try {
    for (const [index, { name, prices, behaviour }] of DEFINITIONS.entries()) {
      const smsc = new SandboxSmsc({
        ...behaviour,
        name,
        host,
        port: ports[index] ?? 0,
        systemId: SYSTEM_ID,
        password: PASSWORD,
        ...(stateDir !== undefined && { stateFile: join(stateDir, `${name}.json`) }),
        faults: faults?.get(name) ?? [],
        commonFaults,
        ...(log !== undefined && { log }),
      })
      const { port } = await smsc.start()
      smscs.push(smsc)
      carriers.push(carrierSettings(name, prices, host, port))
      log?.info({ carrier: name, host, port }, 'simulated carrier listens')
    }
  } catch (error) {
    await close()
    throw error
  }
  return { carriers, smscs, close }
}

function carrierSettings(
  name: string,
  prices: Readonly<Record<string, string>>,
  host: string,
  port: number,
): SandboxCarrier {
  return {
    name,
    type: 'smpp',
    host,
    port,
    systemId: SYSTEM_ID,
    password: PASSWORD,
    sessions: SESSIONS,
    window: WINDOW,
    rates: Object.entries(prices).map(([prefix, price]) => ({ prefix, price, currency: CURRENCY })),
  }
}
