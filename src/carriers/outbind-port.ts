import { isDeepStrictEqual } from 'node:util'
import type { OutbindConfig, SmppCarrierConfig } from '../config/smpp-carriers.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { OutbindListener } from '../smpp/outbind.ts'
import type { Session } from '../smpp/session.ts'
import type { UnbindOptions } from '../smpp/session-options.ts'
import type { BindStatus } from './carrier.ts'
import { addressText, bindFields, sessionLimits } from './smpp-options.ts'

/** What an {@link OutbindPort} is built with. */
export interface OutbindPortOptions {
  readonly config: SmppCarrierConfig
  readonly make: (config: SmppCarrierConfig, outbind: OutbindConfig) => OutbindListener
  readonly logger: Logger
}

/** Rest before a port that could not be listened on is tried again. */
const LISTEN_AGAIN_MS = 5_000

/** The port on which a carrier may ask for a bind, where it has one. */
export class OutbindPort {
  readonly #options: OutbindPortOptions
  #config: SmppCarrierConfig
  #listener: OutbindListener | undefined
  /** One after the other: a port is free for the next only when the last has left it. */
  #working: Promise<void> = Promise.resolve()
  #error: string | null = null
  #timer: NodeJS.Timeout | undefined
  #isStarted = false

  constructor(options: OutbindPortOptions) {
    this.#options = options
    this.#config = options.config
    this.#listener = this.#make()
  }

  /** The bound sessions. */
  get sessions(): readonly Session[] {
    return this.#listener?.sessions ?? []
  }

  /** The bound sessions that may send: SMPP 5.0 knows such an answer to an outbind. */
  get sending(): readonly Session[] {
    return this.#config.outbind?.bind === 'transceiver' ? this.sessions : []
  }

  /** Undefined where there is no such port. */
  get status(): BindStatus | undefined {
    const { outbind } = this.#config
    if (!this.#listener || !outbind) return undefined
    const { host } = outbind
    const { port, sessions } = this.#listener
    const idle = port === 0 ? 'stopped' : 'listening'
    return {
      bind: 'outbind',
      host: addressText({ host, port: port || outbind.port }),
      state: sessions.length > 0 ? 'bound' : idle,
      lastError: this.#error,
    }
  }

  start(): void {
    this.#isStarted = true
    this.#listenSoon()
  }

  /** Goes by other settings; the sessions that there are go first where these are about them. */
  follow(config: SmppCarrierConfig): void {
    const before = this.#config
    this.#config = config
    if (isSamePort(before, config)) return
    const old = this.#listener
    const drainMs = before.responseTimeoutSeconds * 1_000
    this.#working = this.#working.then(() => old?.close({ drainMs }))
    this.#listener = this.#make()
    this.#listenSoon()
  }

  async close(options: UnbindOptions): Promise<void> {
    this.#isStarted = false
    clearTimeout(this.#timer)
    await this.#working
    await this.#listener?.close(options)
  }

  #make(): OutbindListener | undefined {
    const { outbind } = this.#config
    return outbind && this.#options.make(this.#config, outbind)
  }

  #listenSoon(): void {
    this.#working = this.#working.then(() => this.#listen())
  }

  async #listen(): Promise<void> {
    const listener = this.#listener
    clearTimeout(this.#timer)
    if (!listener || listener.port > 0 || !this.#isStarted) return
    try {
      await listener.listen()
      this.#error = null
    } catch (error) {
      this.#error = messageOf(error)
      const fields = { carrier: this.#config.name, error: this.#error }
      this.#options.logger.error(fields, 'no outbind is possible, will try again')
      this.#timer = setTimeout(() => this.#listenSoon(), LISTEN_AGAIN_MS).unref()
    }
  }
}

/** Whether what listens by one configuration serves for the other. */
function isSamePort(one: SmppCarrierConfig, other: SmppCarrierConfig): boolean {
  if (!one.outbind && !other.outbind) return true
  const settings = (config: SmppCarrierConfig) => ({
    ...sessionLimits(config),
    ...bindFields(config),
    outbind: config.outbind,
  })
  return isDeepStrictEqual(settings(one), settings(other))
}
