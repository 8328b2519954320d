import { type CallbackDesk, MAX_CALLBACK_OCTETS } from './callbacks/callback-desk.ts'
import { type ArrivingBounce, BouncePort } from './carriers/bounce-port.ts'
import { isReturnPath } from './carriers/smtp-mapping.ts'
import type { Config } from './config/schema.ts'
import type { SmtpCarrierConfig } from './config/smtp-carriers.ts'
import type { Logger } from './core/logger.ts'
import type { LivePart } from './live-part.ts'
import { plainAddress } from './smpp/address.ts'

/** What {@link LiveBounces} work with. */
export interface LiveBouncesOptions {
  readonly desk: CallbackDesk
  readonly logger: Logger
}

/** The ports on which carriers of mails take bounces: opened, moved and closed while the gateway runs. */
export class LiveBounces implements LivePart {
  readonly sections = ['carriers'] as const
  readonly #options: LiveBouncesOptions
  readonly #configs = new Map<string, SmtpCarrierConfig>()
  readonly #ports = new Map<string, BouncePort>()
  /** One after the other: a port is free for the next only when the last has left it. */
  #working: Promise<unknown> = Promise.resolve()

  constructor(options: LiveBouncesOptions) {
    this.#options = options
  }

  /** Opens those of the configuration; resolves when each listens, or is tried again. */
  async start({ carriers }: Pick<Config, 'carriers'>): Promise<void> {
    this.#follow(carriers)
    await this.#working
  }

  /** Takes nothing new; call it while what was taken can still be stored. */
  async close(): Promise<void> {
    this.#follow([])
    await this.#working
  }

  async prepare({ carriers }: Config): Promise<() => void> {
    return () => this.#follow(carriers)
  }

  #follow(carriers: Config['carriers']): void {
    this.#configs.clear()
    for (const config of carriers) {
      if (config.type === 'smtp' && config.bounces) this.#configs.set(config.name, config)
    }
    const leaving: BouncePort[] = []
    for (const [name, port] of this.#ports) {
      if (isSamePlace(port.place, this.#configs.get(name)?.bounces)) continue
      this.#ports.delete(name)
      leaving.push(port)
    }
    const coming = [...this.#configs.values()].flatMap((config) => {
      if (!config.bounces || this.#ports.has(config.name)) return []
      const port = this.#make(config.name, config.bounces)
      this.#ports.set(config.name, port)
      return port
    })
    this.#working = this.#working
      .then(() => Promise.all(leaving.map((port) => port.close())))
      .then(() => Promise.all(coming.map((port) => port.listen())))
  }

  #make(carrier: string, place: NonNullable<SmtpCarrierConfig['bounces']>): BouncePort {
    const { desk, logger } = this.#options
    const originOf = ({ address }: ArrivingBounce) => ({
      carrier,
      secret: undefined,
      kind: 'delivery' as const,
      address: address === undefined ? undefined : plainAddress(address),
    })
    return new BouncePort({
      carrier,
      place,
      maxOctets: MAX_CALLBACK_OCTETS,
      admits: (bounce) => {
        const config = this.#configs.get(carrier)
        if (config && isReturnPath(config, bounce.recipient)) {
          return desk.admitByAddress(originOf(bounce)) !== undefined
        }
        desk.forged(originOf(bounce), 'no_return_path')
        return false
      },
      take: async (bounce, body) => {
        const admitted = desk.admitByAddress(originOf(bounce))
        if (!admitted) return false
        const headers = { 'content-type': 'message/rfc822' }
        const url = `smtp://${place.host}:${place.port}`
        const request = { method: 'POST', kind: 'delivery', url, headers, body } as const
        return (await desk.receive(admitted, request)) !== undefined
      },
      onOversized: (bounce) => desk.oversized(originOf(bounce)),
      logger,
    })
  }
}

function isSamePlace(
  one: SmtpCarrierConfig['bounces'],
  other: SmtpCarrierConfig['bounces'],
): boolean {
  return one?.host === other?.host && one?.port === other?.port
}
