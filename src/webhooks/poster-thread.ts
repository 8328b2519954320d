import { Worker } from 'node:worker_threads'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { ExchangeResult } from './exchange.ts'
import type { Poster, PosterOptions, Posting } from './poster.ts'

/** How the thread builds its poster: what can be handed to another thread. */
export interface PosterSettings extends Omit<PosterOptions, 'guard'> {
  readonly allowPrivateAddresses: boolean
}

/** A posting on its way to the thread. */
export interface Ticketed {
  readonly ticket: number
  readonly posting: Posting
}

/** What came of the posting with that ticket. */
export interface TicketedResult {
  readonly ticket: number
  readonly result: ExchangeResult
}

/** The compiled file; run from its sources, as tests are, the program that loads it through tsx. */
const ENTRY = import.meta.url.endsWith('.js')
  ? new URL('./poster-worker.js', import.meta.url)
  : `import('tsx/esm/api').then(({ tsImport }) =>
       tsImport('./poster-worker.ts', ${JSON.stringify(import.meta.url)}))`

/** Objects of a posting live for one request: little room is enough, in MB. */
const YOUNG_GENERATION_MB = 24

/**
 * Signs and sends in a thread of its own: HTTP and HMAC take a fifth of the time of a message that
 * came by REST, and would take it from the only thread that everything else runs in.
 *
 * The thread starts with the first posting. Should it ever end by itself, what it had under way
 * counts as failed tries, which come again, and the next posting starts another.
 */
export class PosterThread implements Poster {
  #settings: PosterSettings
  readonly #logger: Logger
  readonly #underWay = new Map<number, (result: ExchangeResult) => void>()
  #worker: Worker | undefined
  #outgoing: Ticketed[] = []
  #lastTicket = 0
  #isClosed = false

  constructor(settings: PosterSettings, logger: Logger) {
    this.#settings = settings
    this.#logger = logger
  }

  post(posting: Posting, settle: (result: ExchangeResult) => void): void {
    const ticket = ++this.#lastTicket
    this.#underWay.set(ticket, settle)
    // One message for all of a turn of the event loop: each wakes the other thread.
    if (this.#outgoing.length === 0) setImmediate(() => this.#handOver())
    this.#outgoing.push({ ticket, posting })
  }

  /** Connects to private addresses from now on, or does not; what is under way goes on. */
  follow({ allowPrivateAddresses }: Pick<PosterSettings, 'allowPrivateAddresses'>): void {
    this.#settings = { ...this.#settings, allowPrivateAddresses }
    this.#worker?.postMessage(this.#settings)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#worker?.terminate()
    this.#failAll()
  }

  #handOver(): void {
    const postings = this.#outgoing
    this.#outgoing = []
    if (this.#isClosed) this.#failAll()
    else this.#running().postMessage(JSON.stringify(postings))
  }

  #running(): Worker {
    this.#worker ??= this.#start()
    return this.#worker
  }

  #start(): Worker {
    const worker = new Worker(ENTRY, {
      name: 'webhooks',
      workerData: this.#settings,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
      eval: typeof ENTRY === 'string',
    })
    worker.on('message', (results: string) => {
      for (const { ticket, result } of JSON.parse(results) as TicketedResult[])
        this.#settle(ticket, result)
    })
    worker.on('error', (error) =>
      this.#logger.error({ error: messageOf(error) }, 'the thread that sends webhooks has failed'),
    )
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined
      this.#failAll()
    })
    worker.unref()
    return worker
  }

  #settle(ticket: number, result: ExchangeResult): void {
    const settle = this.#underWay.get(ticket)
    this.#underWay.delete(ticket)
    settle?.(result)
  }

  #failAll(): void {
    const error = this.#isClosed ? 'the gateway closes' : 'the thread that sends webhooks has ended'
    const result = { status: null, retryAfter: null, durationMs: 0, error, isTimeout: false }
    for (const ticket of [...this.#underWay.keys()]) this.#settle(ticket, result)
  }
}
