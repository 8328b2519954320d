import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import type { OutbindConfig, SmppCarrierConfig } from '../config/smpp-carriers.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { BindType } from '../smpp/bind.ts'
import { SmppClient } from '../smpp/client.ts'
import { OutbindListener } from '../smpp/outbind.ts'
import type { Pacer } from '../smpp/pacer.ts'
import type { Recorder } from '../smpp/recorder.ts'
import type { Session } from '../smpp/session.ts'
import type { RequestHandler, UnbindOptions } from '../smpp/session-options.ts'
import type { BindStatus } from './carrier.ts'
import { OutbindPort } from './outbind-port.ts'
import {
  addressText,
  bindFields,
  clientOptions,
  isOtherAccount,
  isSameBind,
  sessionLimits,
  tlsOptions,
} from './smpp-options.ts'

/** What {@link Connections} are built with. */
export interface ConnectionsOptions {
  readonly config: SmppCarrierConfig
  /** One for all binds: what carriers limit is the account. */
  readonly pacer: Pacer
  readonly logger: Logger
  /** Keeps the latest PDUs of every bind. */
  readonly recorder?: Recorder | undefined
  readonly onRequest: RequestHandler
  /** Requests with these tags are about to be written. */
  readonly onWrite: (tags: readonly unknown[]) => void
  /** A connection came, went, or began to: the sessions that take submits now. */
  readonly onChange: (sending: readonly Session[]) => void
}

/** A bind that moves to another host lets its open requests finish, then gives the new one time. */
const MOVE_DRAIN_MS = 5_000
const MOVE_PATIENCE_MS = 30_000

interface Bind {
  readonly label: string
  readonly sends: boolean
  readonly client: SmppClient
}

/** One of the sessions that are kept open: a bind, or a pair of them. */
interface Place {
  readonly config: SmppCarrierConfig
  readonly binds: readonly Bind[]
}

/**
 * The connections of one carrier: its binds, which are kept open, and the port on which it may ask for
 * one.
 *
 * Where other settings ask for other binds, these come one place after the other. Carriers count the
 * binds of an account, so the old one goes first: it takes nothing more, hands back what is not written,
 * waits for the answers to what is, and unbinds; then the new one is bound, and only when that stands
 * the next place is touched. At another account or other hosts the new bind comes first.
 */
export class Connections {
  readonly #options: ConnectionsOptions
  #config: SmppCarrierConfig
  #places: Place[]
  /** On its way to take the place of another that still serves. */
  #arriving: Place | undefined
  /** Closing: binds that have lost their places. */
  readonly #leaving = new Set<Promise<unknown>>()
  #isMoving = false
  #moved: Promise<void> = Promise.resolve()
  readonly #outbind: OutbindPort
  #returnTimer: NodeJS.Timeout | undefined
  /** Told of every change of a bind and of the settings. */
  readonly #watchers = new Set<() => void>()
  #lost = 0
  #stage: 'new' | 'started' | 'closed' = 'new'

  constructor(options: ConnectionsOptions) {
    this.#options = options
    this.#config = options.config
    this.#places = this.#makePlaces()
    this.#outbind = new OutbindPort({
      config: options.config,
      make: (config, outbind) => this.#makeListener(config, outbind),
      logger: options.logger,
    })
  }

  /** Binds that have ended without our will. */
  get lost(): number {
    return this.#lost
  }

  /** The sessions of all binds that have their places, and of those that the carrier has asked for. */
  get links(): { readonly label: string; readonly session: Session }[] {
    const ours = this.#places.flatMap(({ binds }) =>
      binds.flatMap(({ label, client: { session } }) => (session ? [{ label, session }] : [])),
    )
    const asked = this.#outbind.sessions.map((session) => ({ label: 'outbind', session }))
    return [...ours, ...asked]
  }

  /** Every bind, and the port for outbinds where there is one. */
  get statuses(): readonly BindStatus[] {
    const ours = this.#places.flatMap(({ binds }) => binds.map(statusOf))
    // It counts as soon as it has its place.
    const coming = (this.#arriving?.binds ?? []).map((bind) => {
      const status = statusOf(bind)
      return status.state === 'bound' ? { ...status, state: 'binding' } : status
    })
    const asked = this.#outbind.status
    return [...ours, ...coming, ...(asked ? [asked] : [])]
  }

  start(): void {
    if (this.#stage !== 'new') return
    this.#stage = 'started'
    for (const place of this.#places) startAll(place)
    this.#outbind.start()
    this.#returnLater()
  }

  /** Goes by other settings; see the class. A renewed certificate holds for connections to come. */
  follow(config: SmppCarrierConfig): void {
    this.#config = config
    if (this.#stage === 'closed') return
    this.#outbind.follow(config)
    if (this.#stage === 'new') {
      this.#places = this.#makePlaces()
      return
    }
    this.#renewTls()
    this.#returnLater()
    this.#tellWatchers()
    if (!this.#isMoving) this.#moved = this.#move()
  }

  /** Lets open requests finish for at most `drainMs`, unbinds, and closes. */
  async close(options: UnbindOptions): Promise<void> {
    this.#stage = 'closed'
    clearTimeout(this.#returnTimer)
    this.#tellWatchers()
    await this.#moved
    await Promise.all([
      ...this.#places.map((place) => closeAll(place, options)),
      ...this.#leaving,
      this.#outbind.close(options),
    ])
  }

  #makePlaces(): Place[] {
    return Array.from({ length: this.#config.sessions }, (_, index) => this.#makePlace(index))
  }

  #makePlace(index: number): Place {
    const config = this.#config
    const types =
      config.bind === 'pair' ? (['transmitter', 'receiver'] as const) : ([config.bind] as const)
    const binds = types.map((bindType) => {
      const label = `${bindType}-${index + 1}`
      const client = this.#makeClient(bindType, label)
      return { label, sends: bindType !== 'receiver', client }
    })
    return { config, binds }
  }

  #makeClient(bindType: BindType, label: string): SmppClient {
    return new SmppClient({
      ...clientOptions(this.#config),
      ...this.#sessionEvents(label),
      bindType,
      onStateChange: () => this.#onStateChange(),
      onDraining: () => this.#onStateChange(),
      onUnbound: (_end, retryInMs) => {
        // Null or no wait: we have ended it ourselves.
        if (!retryInMs) return
        this.#lost++
        this.#onStateChange()
      },
    })
  }

  #makeListener(config: SmppCarrierConfig, outbind: OutbindConfig): OutbindListener {
    const { host, port, systemId, password, bind } = outbind
    return new OutbindListener({
      ...sessionLimits(config),
      ...this.#sessionEvents('outbind'),
      host,
      port,
      smsc: { system_id: systemId, password },
      bindType: bind,
      bind: bindFields(config),
      onChange: () => this.#onStateChange(),
    })
  }

  /** @param label - names the bind where it is recorded */
  #sessionEvents(label: string) {
    const { recorder, logger, pacer, onRequest, onWrite } = this.#options
    const { name, systemId } = this.#config
    const about = { role: 'esme', owner: name, label, systemId } as const
    return {
      logger,
      pacer,
      ...(recorder && {
        openRecording: (stream: Duplex) => recorder.open({ ...about, stream }),
      }),
      onRequest,
      onWrite,
    }
  }

  /** Brings the binds, one place after the other, to the settings as they are by then. */
  async #move(): Promise<void> {
    this.#isMoving = true
    try {
      // Others may be about to change in this turn as well.
      await setImmediate()
      while (this.#stage === 'started') {
        this.#fill()
        const index = this.#places.findIndex((place, at) => !this.#isWanted(place, at))
        const old = this.#places[index]
        if (!old) return
        if (isOtherAccount(old.config, this.#config)) await this.#replaceByStanding(index, old)
        else await this.#replaceByNext(index, old)
      }
    } finally {
      this.#isMoving = false
    }
  }

  /** As many places as there are to be: nothing has to go for those that come. */
  #fill(): void {
    const { sessions } = this.#config
    for (const surplus of this.#places.splice(sessions)) void this.#leave(surplus)
    while (this.#places.length < sessions) {
      const place = this.#makePlace(this.#places.length)
      this.#places.push(place)
      startAll(place)
    }
    this.#onStateChange()
  }

  /** The new bind first. */
  async #replaceByStanding(index: number, old: Place): Promise<void> {
    const place = this.#makePlace(index)
    this.#arriving = place
    startAll(place)
    await this.#until(() => isBound(place) || !this.#isWanted(place, index))
    this.#arriving = undefined
    if (!this.#isWanted(place, index)) return void (await closeAll(place, { drainMs: 0 }))
    this.#places[index] = place
    this.#onStateChange()
    void this.#leave(old)
  }

  /** The old bind has to go first. */
  async #replaceByNext(index: number, old: Place): Promise<void> {
    const place = this.#makePlace(index)
    this.#places[index] = place
    await this.#leave(old)
    if (!this.#isWanted(place, index)) return
    startAll(place)
    await this.#until(() => isBound(place) || !this.#isWanted(place, index))
  }

  #isWanted({ config }: Place, index: number): boolean {
    const isAsked = index < this.#config.sessions && isSameBind(config, this.#config)
    return isAsked && this.#stage === 'started'
  }

  /** An answer that has not come by its time is no longer waited for anyway. */
  #leave(place: Place): Promise<unknown> {
    const drainMs = place.config.responseTimeoutSeconds * 1_000
    const left = closeAll(place, { drainMs, handsBack: true }).finally(() => {
      this.#leaving.delete(left)
    })
    this.#leaving.add(left)
    return left
  }

  #renewTls(): void {
    const { tls } = this.#config
    if (!tls) return
    const options = tlsOptions(tls)
    for (const { config, binds } of [
      ...this.#places,
      ...(this.#arriving ? [this.#arriving] : []),
    ]) {
      if (!isSameBind(config, this.#config)) continue
      for (const { client } of binds) client.renewTls(options)
    }
  }

  /** Looks after a while whether binds to later hosts can go back to the first. */
  #returnLater(): void {
    clearTimeout(this.#returnTimer)
    const { hosts, preferFirstAfterSeconds, name } = this.#config
    if (hosts.length < 2 || preferFirstAfterSeconds === 0 || this.#stage !== 'started') return
    this.#returnTimer = setTimeout(() => {
      this.#returnToFirstHost()
        .catch((error: unknown) => {
          const fields = { carrier: name, error: messageOf(error) }
          this.#options.logger.error(fields, 'a bind could not be moved to the first host')
        })
        .finally(() => this.#returnLater())
    }, preferFirstAfterSeconds * 1_000).unref()
  }

  /** One bind after the other, so that the others carry on. */
  async #returnToFirstHost(): Promise<void> {
    for (const { client } of this.#places.flatMap(({ binds }) => binds)) {
      if (this.#stage !== 'started') return
      if (!(await client.moveToFirstHost({ drainMs: MOVE_DRAIN_MS }))) continue
      // The next one waits until this one stands again, here or there.
      const isOver = () => client.session !== undefined || this.#stage !== 'started'
      await this.#until(isOver, MOVE_PATIENCE_MS)
    }
  }

  /** Resolves when it is so, looked at with every change of a bind; and when that takes too long. */
  #until(isSo: () => boolean, patienceMs?: number): Promise<void> {
    return new Promise((resolve) => {
      const settle = () => {
        clearTimeout(timer)
        this.#watchers.delete(look)
        resolve()
      }
      const look = () => {
        if (isSo()) settle()
      }
      const timer = patienceMs === undefined ? undefined : setTimeout(settle, patienceMs)
      this.#watchers.add(look)
      look()
    })
  }

  #onStateChange(): void {
    const ours = this.#places.flatMap(({ binds }) =>
      binds.flatMap(({ sends, client }) => (sends && client.session ? [client.session] : [])),
    )
    this.#options.onChange([...ours, ...this.#outbind.sending])
    this.#tellWatchers()
  }

  #tellWatchers(): void {
    for (const look of this.#watchers) look()
  }
}

function statusOf({ label, client }: Bind): BindStatus {
  return {
    bind: label,
    host: addressText(client.host),
    state: client.state,
    lastError: client.lastError?.message ?? null,
  }
}

function startAll({ binds }: Place): void {
  for (const { client } of binds) client.start()
}

function closeAll({ binds }: Place, options: UnbindOptions): Promise<unknown> {
  return Promise.all(binds.map(({ client }) => client.close(options)))
}

function isBound({ binds }: Place): boolean {
  return binds.every(({ client }) => client.session !== undefined)
}
