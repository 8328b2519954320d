import type { Clock } from '../../src/core/clock.ts'
import type { LogCall, Logger } from '../../src/core/logger.ts'
import { Dispatcher } from '../../src/messages/dispatcher.ts'
import { Intake, type MessageRequest } from '../../src/messages/intake.ts'
import { type PricedCarrier, Routes } from '../../src/messages/routes.ts'
import { Spool } from '../../src/messages/spool.ts'
import { PrefixTable } from '../../src/routing/prefix-table.ts'
import type { Rate } from '../../src/routing/router.ts'
import type { Store } from '../../src/store/open.ts'
import type { FakeCarrier } from './fake-carrier.ts'

/** A logger that keeps its lines: level, message and fields. */
export function keepingLogger(): Logger & { readonly lines: [string, string, object][] } {
  const lines: [string, string, object][] = []
  const log =
    (level: string): LogCall =>
    (fields, message) => {
      lines.push([level, message, fields])
    }
  return {
    lines,
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
  }
}

/** A carrier that charges the same everywhere. */
export function priced(
  carrier: FakeCarrier,
  priceMicros: bigint,
  prefixes: readonly string[] = [''],
): PricedCarrier {
  const rates = new PrefixTable<Rate>()
  for (const prefix of prefixes) rates.set(prefix, { priceMicros, currency: 'EUR' })
  return { carrier, rates }
}

/** Everything between a front door and the carriers; the first carrier is the cheapest. */
export class Harness {
  readonly spool: Spool
  readonly routes: Routes
  readonly dispatcher: Dispatcher
  readonly intake: Intake
  readonly logger = keepingLogger()
  readonly clock: Clock
  now: Date | undefined
  readonly #waiters = new Set<() => void>()

  constructor(
    store: Store,
    carriers: readonly FakeCarrier[],
    options: { readonly maxQueued?: number } = {},
  ) {
    this.clock = () => this.now ?? new Date()
    this.spool = new Spool({
      store,
      logger: this.logger,
      onCommit: () => {
        // The entries' promises come first, then what they set going.
        setImmediate(() => this.check())
      },
    })
    const { spool, logger, clock } = this
    this.routes = new Routes(
      carriers.map((carrier, index) => priced(carrier, BigInt(index + 1) * 10_000n)),
      clock,
    )
    const { routes } = this
    this.dispatcher = new Dispatcher({
      carriers: new Map(carriers.map((carrier) => [carrier.name, carrier])),
      routes,
      spool,
      logger,
      clock,
      ...options,
    })
    this.intake = new Intake({ routes, spool, dispatcher: this.dispatcher, clock })
  }

  /** Resolves when the condition holds; it is looked at after every commit and {@link check}. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!condition()) return
        this.#waiters.delete(look)
        resolve()
      }
      this.#waiters.add(look)
      look()
    })
  }

  check(): void {
    for (const look of this.#waiters) look()
  }

  async close(): Promise<void> {
    await this.dispatcher.stop(0)
    await this.dispatcher.drained()
    await this.spool.close()
  }
}

/** A request of a front door. */
export function request(more: Partial<MessageRequest> = {}): MessageRequest {
  return {
    source: 'rest',
    partner: null,
    to: '+447700900123',
    from: 'ACME',
    text: 'Hello',
    raw: null,
    registeredDelivery: 0,
    encoding: 'auto',
    trafficClass: 'transactional',
    maxSegments: null,
    clientReference: null,
    ...more,
  }
}
