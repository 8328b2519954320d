import type { PartnerOutbind } from '../config/partner-access.ts'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { PartnerAccount } from './account.ts'

/** What an {@link OutbindCaller} works with. */
export interface OutbindCallerOptions {
  readonly accounts: readonly PartnerAccount[]
  /** True while something waits for the partner that it could be told now. */
  readonly isOwed: (systemId: string) => boolean
  /** True while a session of the partner receives. */
  readonly isReceiving: (systemId: string) => boolean
  /** Connects to the partner and asks it to bind. */
  readonly call: (outbind: PartnerOutbind) => Promise<void>
  readonly clock: Clock
  readonly logger: Logger
}

/** How often it is looked whom something waits for. */
const LOOK_EVERY_MS = 1_000

interface Callable {
  readonly systemId: string
  readonly outbind: PartnerOutbind
  /** Not before this instant again, in milliseconds. */
  nextAt: number
}

/**
 * Calls partners that something waits for and that no session receives it of, where their account says
 * how.
 *
 * @see SMPP v3.4, section 2.2.1 (outbind)
 */
export class OutbindCaller {
  readonly #options: OutbindCallerOptions
  #callables: readonly Callable[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(options: OutbindCallerOptions) {
    this.#options = options
    this.follow(options.accounts)
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS).unref()
  }

  /** Calls by other accounts from now on. */
  follow(accounts: readonly PartnerAccount[]): void {
    const called = new Map(this.#callables.map(({ systemId, nextAt }) => [systemId, nextAt]))
    this.#callables = accounts.flatMap(({ systemId, access: { outbind } }) =>
      outbind ? [{ systemId, outbind, nextAt: called.get(systemId) ?? 0 }] : [],
    )
  }

  /** Calls whoever is to be called now; the timer does it every second. */
  look(): void {
    const { isOwed, isReceiving, clock } = this.#options
    const now = clock().getTime()
    for (const callable of this.#callables) {
      const { systemId, outbind, nextAt } = callable
      if (now < nextAt || isReceiving(systemId) || !isOwed(systemId)) continue
      callable.nextAt = now + outbind.retrySeconds * 1_000
      this.#call(systemId, outbind)
    }
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #call(systemId: string, outbind: PartnerOutbind): void {
    const { call, logger } = this.#options
    const { host, port } = outbind
    logger.info({ system_id: systemId, host, port }, 'calling a partner by outbind')
    call(outbind).catch((error: unknown) => {
      logger.warn({ system_id: systemId, error: messageOf(error) }, 'a partner cannot be called')
    })
  }
}
