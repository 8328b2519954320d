import type { Carrier, SegmentOutcome } from '../carriers/carrier.ts'
import type { Clock } from '../core/clock.ts'
import { GatewayError, messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { BreakerChange, BreakerOptions, BreakerState } from '../routing/breaker.ts'
import type { Store } from '../store/open.ts'
import {
  type CarrierCheck,
  type CarrierMode,
  CarrierStanding,
  type Takes,
} from './carrier-standing.ts'
import {
  addChange,
  type HealthChange,
  listChanges,
  loadHealth,
  type StoredChange,
  type StoredHealth,
  saveHealth,
} from './health-store.ts'
import type { LaneGate } from './lane.ts'

/** What a {@link CarrierHealth} is built with. */
export interface CarrierHealthOptions {
  readonly carriers: ReadonlyMap<string, Carrier>
  /** The place of a carrier in what {@link CarrierHealth.read} fills. */
  readonly indexOf: (carrier: string) => number
  readonly breaker: BreakerOptions
  /** Lines of history that are kept of each carrier. */
  readonly historyLines: number
  readonly store: Store
  readonly logger: Logger
  readonly clock: Clock
}

/** How a carrier stands, for people. */
export interface HealthStanding {
  readonly carrier: string
  /** What may be routed to it. */
  readonly takes: 'everything' | 'probes' | 'nothing'
  /** In one sentence, why. */
  readonly reason: string
  readonly isUp: boolean
  readonly mode: CarrierMode
  readonly modeReason: string | null
  /** Null: it was never set. */
  readonly modeAt: Date | null
  readonly breaker: BreakerState
  /** Null: it has always been closed. */
  readonly breakerSince: Date | null
  /** When probes are let through; null while it is not open. */
  readonly probesAt: Date | null
  /** The last look at its connections, and by a message; null: there was none since the start. */
  readonly linkCheck: CarrierCheck | null
  readonly messageCheck: CarrierCheck | null
}

/** Told of every change, after it holds. */
export type HealthListener = (change: HealthChange) => void

/** The connections of a carrier mostly break together, when it is restarted. */
const LOST_TOGETHER_MS = 1_000

const TAKES = ['nothing', 'everything', 'probes'] as const

/**
 * Says which carriers can be given messages: those that are bound, whose circuit breaker lets them, and
 * that the operator has not taken out. It is the same over restarts.
 */
export class CarrierHealth {
  readonly #options: CarrierHealthOptions
  readonly #standings = new Map<string, CarrierStanding>()
  /** By the index of the carrier. */
  readonly #byIndex: (CarrierStanding | undefined)[] = []
  readonly #listeners: HealthListener[] = []
  readonly #timers = new Map<string, NodeJS.Timeout>()
  #writing: Promise<void> = Promise.resolve()
  #breaker: BreakerOptions
  #historyLines: number
  #isClosed = false

  constructor(options: CarrierHealthOptions) {
    this.#options = options
    this.#historyLines = options.historyLines
    this.#breaker = options.breaker
    this.#follow(options.carriers)
  }

  /** Takes over how the carriers stood when the last run ended. */
  async load(): Promise<void> {
    for (const stored of await loadHealth(this.#options.store)) {
      const standing = this.#standings.get(stored.carrier)
      if (standing) this.#restore(standing, stored)
    }
  }

  /**
   * Makes ready for other carriers; what it gives takes them over. One that was away stands as it did
   * when it went.
   */
  async prepare(carriers: ReadonlyMap<string, Carrier>): Promise<() => void> {
    await this.#writing
    const stored = await loadHealth(this.#options.store)
    return () => {
      const before = new Set(this.#standings.values())
      this.#follow(carriers)
      for (const each of stored) {
        const standing = this.#standings.get(each.carrier)
        if (standing && !before.has(standing)) this.#restore(standing, each)
      }
    }
  }

  /** Goes by other thresholds from now on. */
  follow({ breaker, historyLines }: Pick<CarrierHealthOptions, 'breaker' | 'historyLines'>): void {
    this.#historyLines = historyLines
    this.#breaker = breaker
    for (const standing of this.#standings.values()) standing.breaker.follow(breaker)
  }

  /** Calls back with every change from now on. */
  onChange(listener: HealthListener): void {
    this.#listeners.push(listener)
  }

  /**
   * Says what may be routed to each carrier: 0 nothing, 1 everything, 2 one message as a probe.
   *
   * @param into - by the index of the carrier; owned by the caller
   */
  read(nowMs: number, into: Uint8Array): void {
    const count = Math.min(into.length, this.#byIndex.length)
    for (let index = 0; index < count; index++) {
      into[index] = this.#byIndex[index]?.takes(nowMs) ?? 0
    }
  }

  /** What may be routed to one carrier. */
  takes(carrier: string, nowMs: number): Takes {
    return this.#standings.get(carrier)?.takes(nowMs) ?? 0
  }

  /** The operator's word about a carrier. */
  modeOf(carrier: string): CarrierMode {
    return this.#standings.get(carrier)?.setting.mode ?? 'enabled'
  }

  /** Remembers what came of a look at a carrier, and counts it. */
  noteCheck(carrier: string, check: CarrierCheck): void {
    const standing = this.#standings.get(carrier)
    if (!standing || this.#isClosed) return
    this.#applied(standing, standing.noteCheck(check, this.#now()))
  }

  /** What decides whether the lane of a carrier gives messages out. */
  gateOf(carrier: string): LaneGate | undefined {
    return this.#standings.get(carrier)
  }

  /** Counts what a carrier has answered to a submit. */
  noteSubmit(carrier: string, outcomes: readonly SegmentOutcome[], isProbe: boolean): void {
    const standing = this.#standings.get(carrier)
    if (!standing || this.#isClosed) return
    this.#applied(standing, standing.note(outcomes, this.#now(), isProbe))
  }

  /** A connection of a carrier came or went; those that are lost together are one failure. */
  noteConnections(carrier: string): void {
    const standing = this.#standings.get(carrier)
    if (!standing || this.#isClosed) return
    const { isUp, binds, lostConnections } = standing.carrier
    const lost = lostConnections - standing.lost
    const { wasUp } = standing
    standing.lost = lostConnections
    standing.wasUp = isUp
    const lastError = binds.find(({ lastError }) => lastError !== null)?.lastError
    const cause = lastError ?? 'the connection was closed'
    if (isUp !== wasUp) {
      const [from, to] = isUp ? ['down', 'up'] : ['up', 'down']
      this.#tell(standing, { kind: 'connection', from, to, cause: isUp ? 'bound' : cause })
    }
    const nowMs = this.#now()
    if (lost <= 0 || standing.isForced || nowMs - standing.lostAtMs < LOST_TOGETHER_MS) return
    standing.lostAtMs = nowMs
    this.#applied(standing, standing.breaker.fail(nowMs, false, `a connection was lost: ${cause}`))
  }

  /**
   * Does as the operator says; resolves when that is stored.
   *
   * @throws {GatewayError} `not_found` for a carrier that is not configured
   */
  async setMode(carrier: string, mode: CarrierMode, reason: string): Promise<void> {
    const standing = this.#standings.get(carrier)
    if (!standing) throw unknownCarrier(carrier)
    const { mode: from } = standing.setting
    const before = standing.setting
    // Before it is written: no message must slip through meanwhile.
    standing.setting = { mode, reason, at: this.#options.clock() }
    const breaker = standing.breaker.record()
    try {
      await this.#after(() =>
        saveHealth(this.#options.store, { carrier, setting: standing.setting, breaker }),
      )
    } catch (error) {
      standing.setting = before
      throw error
    }
    const change = mode === 'forced' ? standing.breaker.reset(this.#now(), 'forced') : undefined
    this.#tell(standing, { kind: 'mode', from, to: mode, cause: reason })
    this.#applied(standing, change)
    await this.#writing
  }

  /** Lets probes through where a cool-down is over. Its own timers do so as well. */
  tick(): void {
    for (const standing of this.#standings.values()) this.#tickOne(standing)
  }

  /** Every carrier's standing, in the order of the configuration. */
  standings(): HealthStanding[] {
    return [...this.#standings.keys()].map((carrier) => this.standing(carrier))
  }

  /**
   * How a carrier stands, with a sentence that says why.
   *
   * @throws {GatewayError} `not_found` for a carrier that is not configured
   */
  standing(carrier: string): HealthStanding {
    const standing = this.#standings.get(carrier)
    if (!standing) throw unknownCarrier(carrier)
    const { setting, breaker, checks } = standing
    const { state, sinceMs } = breaker.record()
    const { halfOpenAtMs } = breaker
    return {
      carrier,
      takes: TAKES[standing.takes(this.#now())],
      reason: reasonOf(standing),
      isUp: standing.carrier.isUp,
      mode: setting.mode,
      modeReason: setting.reason,
      modeAt: setting.at.getTime() === 0 ? null : setting.at,
      breaker: state,
      breakerSince: sinceMs === 0 ? null : new Date(sinceMs),
      probesAt: halfOpenAtMs === undefined ? null : new Date(halfOpenAtMs),
      linkCheck: checks.get('link') ?? null,
      messageCheck: checks.get('message') ?? null,
    }
  }

  /**
   * The latest changes of a carrier, newest first.
   *
   * @throws {GatewayError} `not_found` for a carrier that is not configured
   */
  async history(carrier: string, limit: number): Promise<StoredChange[]> {
    if (!this.#standings.has(carrier)) throw unknownCarrier(carrier)
    await this.#writing
    return listChanges(this.#options.store, carrier, limit)
  }

  /** Counts nothing any more; resolves when everything is stored. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
    await this.#writing
  }

  #follow(carriers: ReadonlyMap<string, Carrier>): void {
    const { indexOf } = this.#options
    const before = new Map(this.#standings)
    this.#standings.clear()
    this.#byIndex.fill(undefined)
    for (const carrier of carriers.values()) {
      const known = before.get(carrier.name)
      const standing =
        known?.carrier === carrier ? known : new CarrierStanding(carrier, this.#breaker)
      this.#standings.set(carrier.name, standing)
      this.#byIndex[indexOf(carrier.name)] = standing
    }
    for (const [name, standing] of before) {
      if (this.#standings.get(name) !== standing) this.#disarm(name)
    }
  }

  #restore(standing: CarrierStanding, { setting, breaker }: StoredHealth): void {
    standing.setting = setting
    standing.breaker.restore(breaker)
    this.#arm(standing)
  }

  #now(): number {
    return this.#options.clock().getTime()
  }

  #tickOne(standing: CarrierStanding): void {
    this.#applied(standing, standing.breaker.tick(this.#now()))
    this.#arm(standing)
  }

  #applied(standing: CarrierStanding, change: BreakerChange | undefined): void {
    if (!change) return
    standing.breakerCause = change.cause
    this.#arm(standing)
    this.#tell(standing, { kind: 'breaker', ...change })
  }

  /** Nothing else happens at the end of a cool-down. */
  #arm(standing: CarrierStanding): void {
    const { name } = standing.carrier
    this.#disarm(name)
    const { halfOpenAtMs } = standing.breaker
    if (halfOpenAtMs === undefined || this.#isClosed) return
    const waitMs = Math.max(1, halfOpenAtMs - this.#now())
    this.#timers.set(name, setTimeout(() => this.#tickOne(standing), waitMs).unref())
  }

  #disarm(name: string): void {
    clearTimeout(this.#timers.get(name))
    this.#timers.delete(name)
  }

  #tell(
    standing: CarrierStanding,
    what: Pick<HealthChange, 'kind' | 'from' | 'to' | 'cause'>,
  ): void {
    const { clock, logger, store } = this.#options
    const change = { carrier: standing.carrier.name, at: clock(), ...what }
    const { carrier, kind, from, to, cause } = change
    logger[to === 'open' || to === 'down' ? 'warn' : 'info'](
      { carrier, kind, from, to, cause },
      'the health of a carrier has changed',
    )
    const { setting } = standing
    const breaker = standing.breaker.record()
    this.#after(async () => {
      if (kind === 'breaker') await saveHealth(store, { carrier, setting, breaker })
      await addChange(store, change, this.#historyLines)
    }).catch((error: unknown) => {
      logger.error({ carrier, error: messageOf(error) }, 'cannot store the health of a carrier')
    })
    for (const listener of this.#listeners) listener(change)
  }

  /** One after the other, in the order of what has happened. */
  #after(write: () => Promise<void>): Promise<void> {
    const written = this.#writing.then(write)
    // Whoever has asked for it is told; the next is written all the same.
    this.#writing = written.catch(() => {})
    return written
  }
}

function reasonOf({ setting, carrier, breaker, breakerCause }: CarrierStanding): string {
  const { mode, reason } = setting
  const why = reason === null ? '' : `: ${reason}`
  if (mode === 'drained') return `drained by the operator, gets nothing new${why}`
  if (mode === 'disabled') return `disabled by the operator${why}`
  if (!carrier.isUp) return 'not connected'
  if (mode === 'forced') return `forced by the operator, its circuit breaker is ignored${why}`
  const cause = breakerCause === '' ? '' : `: ${breakerCause}`
  switch (breaker.state) {
    case 'open':
      return `its circuit breaker is open until ${new Date(breaker.halfOpenAtMs ?? 0).toISOString()}${cause}`
    case 'half_open':
      return `its circuit breaker is half-open, it gets a few messages as probes${cause}`
    case 'closed':
      return 'connected'
  }
}

function unknownCarrier(carrier: string): GatewayError {
  return new GatewayError('not_found', `there is no carrier "${carrier}" in the configuration`)
}
