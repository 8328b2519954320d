import { isDeepStrictEqual } from 'node:util'
import type { SmppCarrier } from './carriers/smpp-carrier.ts'
import { isOtherAccount, tlsOptions } from './carriers/smpp-options.ts'
import type { CarrierConfig, Config } from './config/schema.ts'
import type { Clock } from './core/clock.ts'
import type { LivePart } from './live-part.ts'
import type { CarrierHealth } from './messages/carrier-health.ts'
import type { Dispatcher } from './messages/dispatcher.ts'
import { type QualityStore, registerCarriers } from './messages/quality-store.ts'
import type { WrittenMarks } from './messages/written-marks.ts'
import { PerConfig } from './per-config.ts'
import type { ConfiguredCarrier } from './route-upkeep.ts'
import type { Destinations } from './routing/destination.ts'
import type { Quality } from './routing/quality.ts'
import type { Store } from './store/open.ts'
import { checkTls } from './tls-check.ts'

/** What {@link LiveCarriers} work with. */
export interface LiveCarriersOptions {
  /** By name, in the order of the configuration; it is kept so. */
  readonly carriers: Map<string, SmppCarrier>
  readonly make: (config: CarrierConfig) => SmppCarrier
  readonly dispatcher: Dispatcher
  readonly health: CarrierHealth
  readonly quality: Quality
  readonly qualityStore: QualityStore
  readonly destinations: Destinations
  /** Undefined where none are kept. */
  readonly marks: WrittenMarks | undefined
  readonly store: Store
  readonly clock: Clock
  /** Time that a carrier which goes has to answer what it has, and then for the unbind, in milliseconds. */
  readonly drainMs: number
  readonly unbindMs: number
}

/** 3 MB; see {@link WrittenMarks}. */
const MIN_MARKS = 65_536

interface Departing {
  readonly carrier: SmppCarrier
  /** Resolves when its binds are gone. */
  readonly gone: Promise<void>
}

/** The carriers: started, added, changed and removed while messages go through them. */
export class LiveCarriers implements LivePart {
  readonly sections = ['carriers'] as const
  readonly #options: LiveCarriersOptions
  readonly #next = new PerConfig((config) => Promise.resolve(this.#carriersOf(config)))
  readonly #departing = new Set<Departing>()

  constructor(options: LiveCarriersOptions) {
    this.#options = options
  }

  /** The carriers as they will be, for parts that prepare for the same configuration. */
  carriersOf(next: Config): Promise<readonly ConfiguredCarrier[]> {
    return this.#next.of(next)
  }

  /** Connects all. */
  start(): void {
    for (const carrier of this.#options.carriers.values()) carrier.start()
  }

  /** Unbinds all; what they have not answered has `drainMs` for it. */
  async close(drainMs: number): Promise<void> {
    await Promise.all([
      ...[...this.#options.carriers.values()].map((carrier) => carrier.close(drainMs)),
      ...[...this.#departing].map(({ gone }) => gone),
    ])
  }

  async prepare(next: Config): Promise<() => void> {
    const { carriers, health, qualityStore, marks, store, clock } = this.#options
    for (const { name, tls } of next.carriers) {
      if (tls) checkTls(`the carrier ${name}`, tlsOptions(tls))
    }
    const configured = await this.#next.of(next)
    const byName = new Map(configured.map(({ carrier }) => [carrier.name, carrier]))
    const added = [...byName.values()].filter(({ name }) => !carriers.has(name))
    await registerCarriers(store, added, clock())
    // More of them than are needed harm nobody.
    marks?.grow(marksFor(next.carriers))
    const followHealth = await health.prepare(byName)
    const recallQuality = await qualityStore.prepare(new Set(added.map(({ name }) => name)))
    return () => {
      const removed = [...carriers.values()].filter(({ name }) => !byName.has(name))
      carriers.clear()
      for (const [name, carrier] of byName) carriers.set(name, carrier)
      this.#options.destinations.follow([...byName.keys()])
      for (const name of byName.keys()) this.#options.quality.carrierIndex(name)
      recallQuality()
      followHealth()
      for (const carrier of removed) this.#remove(carrier)
      for (const { carrier, config } of configured) {
        if (!isDeepStrictEqual(carrier.config, config)) carrier.follow(config)
      }
      for (const carrier of added) this.#add(carrier)
      this.#next.forget()
    }
  }

  #carriersOf(next: Config) {
    const { carriers, make } = this.#options
    return next.carriers.map((config) => ({
      carrier: carriers.get(config.name) ?? make(config),
      config,
    }))
  }

  #add(carrier: SmppCarrier): void {
    this.#options.dispatcher.add(carrier)
    void this.#startInTurn(carrier)
  }

  /** Where one that goes has the same account, that has to be free first. */
  async #startInTurn(carrier: SmppCarrier): Promise<void> {
    const rivals = [...this.#departing].filter(
      (departing) => !isOtherAccount(departing.carrier.config, carrier.config),
    )
    await Promise.all(rivals.map(({ gone }) => gone))
    carrier.start()
  }

  #remove(carrier: SmppCarrier): void {
    const { dispatcher, drainMs, unbindMs } = this.#options
    const gone = dispatcher
      .remove(carrier.name, drainMs)
      .then(() => carrier.handBack(unbindMs))
      .finally(() => this.#departing.delete(departing))
    const departing = { carrier, gone }
    this.#departing.add(departing)
  }
}

/** Marks enough for submits whose answers wait for their commit, many times over. */
export function marksFor(carriers: readonly CarrierConfig[]): number {
  const windows = carriers.reduce((sum, { sessions, window }) => sum + sessions * window, 0)
  return Math.max(MIN_MARKS, 8 * windows)
}
