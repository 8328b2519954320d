import { CallbackArchive } from './callbacks/callback-archive.ts'
import { CallbackDesk, type CallbackOutcome } from './callbacks/callback-desk.ts'
import { CallbackTaker } from './callbacks/callback-taker.ts'
import type { TargetOf } from './callbacks/callback-target.ts'
import { CallbackWriter } from './callbacks/callback-writer.ts'
import { type Bounds, InHand } from './callbacks/in-hand.ts'
import { deleteCallbacks } from './callbacks/tables.ts'
import type { HttpConfig } from './config/http.ts'
import type { Clock } from './core/clock.ts'
import type { Logger } from './core/logger.ts'
import type { ClientAddresses } from './http/client-address.ts'
import { PublicUrls } from './http/public-urls.ts'
import type { Store } from './store/open.ts'

/** What may wait to be stored or taken before providers are told to come back: some seconds of a burst. */
const BOUNDS: Bounds = { callbacks: 20_000, octets: 64 * 1024 * 1024 }

const DAY_MS = 24 * 3_600_000

/** What {@link openCallbacks} works with. */
export interface OpenCallbacksOptions {
  readonly targetOf: TargetOf
  readonly config: Pick<HttpConfig, 'publicUrl'>
  readonly addresses: ClientAddresses
  readonly store: Store
  readonly logger: Logger
  readonly clock: Clock
  /** Counts; the carrier is empty where there is none of that name. */
  readonly onOutcome?: (carrier: string, kind: string, outcome: CallbackOutcome) => void
  readonly bounds?: Bounds
}

/** How callbacks of providers come in. */
export interface OpenCallbacks {
  readonly callbackDesk: CallbackDesk
  readonly callbackArchive: CallbackArchive
  readonly publicUrls: PublicUrls
  /** Takes what another run has left; call it when carriers are there. */
  start(): void
  /** Deletes a batch of callbacks of more than so many days; gives how many, 0 when none are left. */
  purge(now: Date, days: number | undefined): Promise<number>
  /** Takes nothing new, and finishes what is being taken; call it while what is taken can still be stored. */
  close(): Promise<void>
}

/** Connects what checks, stores and takes the callbacks of providers. */
export function openCallbacks(options: OpenCallbacksOptions): OpenCallbacks {
  const { targetOf, config, addresses, store, logger, clock, onOutcome = () => {} } = options
  const inHand = new InHand(options.bounds ?? BOUNDS)
  const taker = new CallbackTaker({ store, inHand, targetOf, onOutcome, logger, clock })
  const writer = new CallbackWriter({ store, inHand, onStored: (stored) => taker.offer(stored) })
  const desk = new CallbackDesk({ targetOf, writer, onOutcome, logger, clock })
  return {
    callbackDesk: desk,
    callbackArchive: new CallbackArchive(store, taker),
    publicUrls: new PublicUrls(config.publicUrl, addresses),
    start: () => taker.start(),
    async purge(now, days) {
      if (days === undefined) return 0
      return deleteCallbacks(store, new Date(now.getTime() - days * DAY_MS))
    },
    async close() {
      await writer.close()
      await taker.close()
      desk.close()
    },
  }
}
