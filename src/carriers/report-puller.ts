import { messageOf } from '../core/errors.ts'
import type { HttpResponse } from '../providers/http-call.ts'
import type { ProviderReports, Pull } from '../providers/provider.ts'

/** What a {@link ReportPuller} works with. */
export interface ReportPullerOptions {
  readonly pulls: readonly Pull[]
  /** Rest between two looks; 0: it does not look at all. */
  readonly intervalMs: number
  /** Makes the call; a text says why there is no answer. Never rejects. */
  readonly fetch: (pull: Pull) => Promise<HttpResponse | string>
  /** Resolves when what was fetched is durable; it is not handed out again. */
  readonly take: (reports: ProviderReports) => Promise<void>
  /** Told once for a row of failures. */
  readonly onFailure: (pull: string, error: string) => void
}

/** Fetches what a provider hands out only when asked: all there is, then a rest. */
export class ReportPuller {
  readonly #options: ReportPullerOptions
  readonly #timers = new Map<Pull, NodeJS.Timeout>()
  readonly #running = new Set<Promise<void>>()
  readonly #failing = new Set<Pull>()
  #isClosed = false

  constructor(options: ReportPullerOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#options.intervalMs === 0) return
    for (const pull of this.#options.pulls) this.#look(pull)
  }

  /** What is being fetched is still taken. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    await Promise.all(this.#running)
  }

  #look(pull: Pull): void {
    const running = this.#fetchAll(pull).then(() => {
      this.#running.delete(running)
      if (this.#isClosed) return
      this.#timers.set(
        pull,
        setTimeout(() => this.#look(pull), this.#options.intervalMs),
      )
    })
    this.#running.add(running)
  }

  async #fetchAll(pull: Pull): Promise<void> {
    const { fetch, take, onFailure } = this.#options
    try {
      for (let isMore = true; isMore && !this.#isClosed; ) {
        const response = await fetch(pull)
        // Closing has ended it.
        if (typeof response === 'string' && this.#isClosed) return
        if (typeof response === 'string') throw new Error(response)
        const page = pull.read(response)
        await take(page)
        isMore = page.isMore
      }
      this.#failing.delete(pull)
    } catch (error) {
      if (!this.#failing.has(pull)) onFailure(pull.name, messageOf(error))
      this.#failing.add(pull)
    }
  }
}
