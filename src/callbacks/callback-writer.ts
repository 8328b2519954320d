import { GatewayError } from '../core/errors.ts'
import { elapsed } from '../core/waits.ts'
import type { Store } from '../store/open.ts'
import type { InHand } from './in-hand.ts'
import type { StoredCallback } from './stored-callback.ts'
import { insertCallbacks, type Written } from './tables.ts'

/** Most callbacks of one commit, and how much they may have. */
const MAX_BATCH = 1_000
const MAX_BATCH_OCTETS = 4 * 1024 * 1024

/** How long callbacks are gathered before a commit: no provider minds, and other commits are not kept waiting. */
const GATHER_MS = 5

/** What a {@link CallbackWriter} works with. */
export interface CallbackWriterOptions {
  readonly store: Store
  readonly inHand: InHand
  /** Told of what is stored after its commit; from then on it is for the listener to release it. */
  readonly onStored: (callbacks: readonly StoredCallback[]) => void
}

interface Waiting {
  readonly callback: StoredCallback
  readonly resolve: (written: Exclude<Written, 'gone'>) => void
  readonly reject: (error: unknown) => void
}

/** Makes callbacks durable: what comes while one commit runs is gathered into the next one. */
export class CallbackWriter {
  readonly #options: CallbackWriterOptions
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  #isClosed = false

  constructor(options: CallbackWriterOptions) {
    this.#options = options
  }

  /**
   * Stores a callback; resolves after the commit.
   *
   * @returns `repeated` for one that is stored already, `replayed` for another one with the same nonce
   * @throws {GatewayError} `busy`, `storage_unavailable` or `closed` (retryable): it may be stored all the same,
   *   and is then taken without being sent again
   */
  write(callback: StoredCallback): Promise<Exclude<Written, 'gone'>> {
    const { inHand } = this.#options
    if (this.#isClosed) {
      const closed = 'the gateway is shutting down'
      return Promise.reject(new GatewayError('closed', closed, { retryable: true }))
    }
    if (inHand.isBehind) {
      const busy = 'too many callbacks wait to be taken: try again later'
      return Promise.reject(new GatewayError('busy', busy, { retryable: true }))
    }
    // Before it is stored: nobody else is to find it in the database meanwhile.
    inHand.hold(callback.id, octetsOf(callback))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ callback, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Stores what waits, then refuses everything. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      if (this.#waiting.length < MAX_BATCH) await elapsed(GATHER_MS)
      await this.#writeBatch(this.#takeBatch())
    }
    this.#running = undefined
  }

  #takeBatch(): Waiting[] {
    let octets = 0
    let end = 0
    for (const { callback } of this.#waiting) {
      octets += octetsOf(callback)
      if (end > 0 && (end >= MAX_BATCH || octets > MAX_BATCH_OCTETS)) break
      end++
    }
    return this.#waiting.splice(0, end)
  }

  /** Never rejects: those who wait are told. */
  async #writeBatch(batch: readonly Waiting[]): Promise<void> {
    const { store, inHand, onStored } = this.#options
    let written: ReadonlyMap<string, Written>
    try {
      written = await insertCallbacks(
        store,
        batch.map(({ callback }) => callback),
      )
    } catch (error) {
      for (const { callback, reject } of batch) {
        inHand.release(callback.id)
        reject(error)
      }
      return
    }
    const isStored = ({ callback }: Waiting) => written.get(callback.id) === 'stored'
    onStored(batch.filter(isStored).map(({ callback }) => callback))
    for (const { callback, resolve, reject } of batch) {
      const became = written.get(callback.id) ?? 'gone'
      if (became !== 'stored') inHand.release(callback.id)
      if (became === 'gone') reject(deletedMeanwhile())
      else resolve(became)
    }
  }
}

function octetsOf({ request }: StoredCallback): number {
  return request.body.length + request.url.length
}

function deletedMeanwhile(): GatewayError {
  const message = 'the callback that this one repeats was deleted meanwhile: send it again'
  return new GatewayError('storage_unavailable', message, { retryable: true })
}
