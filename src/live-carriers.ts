import { isDeepStrictEqual } from 'node:util'
import type { CallbackTarget } from './callbacks/callback-target.ts'
import type { HttpCarrier } from './carriers/http-carrier.ts'
import { callLimits, openAccount } from './carriers/provider-account.ts'
import type { SmppCarrier } from './carriers/smpp-carrier.ts'
import { isOtherAccount, tlsOptions } from './carriers/smpp-options.ts'
import type { SmtpCarrier } from './carriers/smtp-carrier.ts'
import type { CarrierConfig, Config } from './config/schema.ts'
import type { Channel } from './core/channel.ts'
import type { Clock } from './core/clock.ts'
import { GatewayError } from './core/errors.ts'
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

/** A carrier of the configuration, of any kind. */
export type LiveCarrier = SmppCarrier | HttpCarrier | SmtpCarrier

/** What {@link LiveCarriers} work with. */
export interface LiveCarriersOptions {
  /** By name, in the order of the configuration; it is kept so. */
  readonly carriers: Map<string, LiveCarrier>
  readonly make: (config: CarrierConfig) => LiveCarrier
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
  readonly carrier: LiveCarrier
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
    for (const config of next.carriers) checkCarrier(config, carriers.get(config.name))
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
        if (!isDeepStrictEqual(carrier.config, config)) follow(carrier, config)
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

  #add(carrier: LiveCarrier): void {
    this.#options.dispatcher.add(carrier)
    void this.#startInTurn(carrier)
  }

  /** Where one that goes has the same account, that has to be free first. */
  async #startInTurn(carrier: LiveCarrier): Promise<void> {
    const rivals = [...this.#departing].filter((departing) => isRival(departing.carrier, carrier))
    await Promise.all(rivals.map(({ gone }) => gone))
    carrier.start()
  }

  #remove(carrier: LiveCarrier): void {
    const { dispatcher, drainMs, unbindMs } = this.#options
    const gone = dispatcher
      .remove(carrier.name, drainMs)
      .then(() => carrier.handBack(unbindMs))
      .finally(() => this.#departing.delete(departing))
    const departing = { carrier, gone }
    this.#departing.add(departing)
  }
}

/** What callbacks have to do with a carrier; undefined for one that reports on its binds. */
export function callbackTarget(carrier: LiveCarrier | undefined): CallbackTarget | undefined {
  if (!carrier || carrier.type === 'smpp') return undefined
  const { secret, addresses } = carrier.config.callback
  return {
    callbacks: carrier.callbacks,
    secret,
    addresses,
    take: (reports) => carrier.take(reports),
  }
}

/** Marks enough for submits whose answers wait for their commit, many times over. */
export function marksFor(carriers: readonly CarrierConfig[]): number {
  const windows = carriers.reduce((sum, config) => sum + inFlightOf(config), 0)
  return Math.max(MIN_MARKS, 8 * windows)
}

function inFlightOf(config: CarrierConfig): number {
  if (config.type === 'smpp') return config.sessions * config.window
  if (config.type === 'smtp') return config.connections
  const { connections, maxBatch } = callLimits(config, openAccount(config))
  return connections * maxBatch
}

/**
 * Makes sure that a carrier can be what its settings say.
 *
 * @throws {GatewayError} `config_invalid`
 */
function checkCarrier(config: CarrierConfig, present: LiveCarrier | undefined): void {
  const { name, type } = config
  if (type === 'smpp' && config.tls) checkTls(`the carrier ${name}`, tlsOptions(config.tls))
  if (!present) return
  const [was, is] = [kindOf(present.type, present.channel), kindOf(type, channelOf(config))]
  if (was === is) return
  const message = `the carrier ${name} is ${was}: one ${is} needs another name`
  throw new GatewayError('config_invalid', message)
}

function kindOf(type: CarrierConfig['type'], channel: Channel): string {
  return channel === 'sms' ? `of type ${type}` : `of type ${type} for ${channel}`
}

function channelOf(config: CarrierConfig): Channel {
  if (config.type === 'smtp') return 'email'
  return config.type === 'http' ? openAccount(config).traits.channel : 'sms'
}

function follow(carrier: LiveCarrier, config: CarrierConfig): void {
  if (carrier.type === 'smpp' && config.type === 'smpp') carrier.follow(config)
  if (carrier.type === 'http' && config.type === 'http') carrier.follow(config)
  if (carrier.type === 'smtp' && config.type === 'smtp') carrier.follow(config)
}

/** Whether one cannot be bound while the other is. */
function isRival(one: LiveCarrier, other: LiveCarrier): boolean {
  if (one.type !== 'smpp' || other.type !== 'smpp') return false
  return !isOtherAccount(one.config, other.config)
}
