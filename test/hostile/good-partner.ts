import { setTimeout as sleep } from 'node:timers/promises'
import { PartnerClient } from '../support/partner-client.ts'

const BETWEEN_SUBMITS_MS = 10
const FIRST_NUMBER = 447_700_900_000
const NUMBERS = 1_000

/**
 * A partner who goes on submitting whatever others do: one request after another, over a client that
 * shares no code with the gateway.
 */
export class GoodPartner {
  readonly #client: PartnerClient
  #submitted = 0
  #answered = 0
  /** Statuses other than 0, which a good partner never gets. */
  readonly #refusals: number[] = []
  readonly #waiters = new Set<() => void>()
  readonly #stopped: Promise<void>
  #isStopping = false

  private constructor(client: PartnerClient) {
    this.#client = client
    this.#stopped = this.#goOn()
  }

  /** Binds and starts to submit. */
  static async start(port: number): Promise<GoodPartner> {
    return new GoodPartner(await PartnerClient.bound(port))
  }

  get submitted(): number {
    return this.#submitted
  }

  get answered(): number {
    return this.#answered
  }

  get refusals(): readonly number[] {
    return this.#refusals
  }

  /** Receipts that have come. */
  get receipts(): number {
    return this.#client.received.length
  }

  /** Resolves once so many more of its requests have been answered than are by now. */
  async answersMore(count: number): Promise<void> {
    const wanted = this.#answered + count
    while (this.#answered < wanted) {
      await new Promise<void>((resolve) => this.#waiters.add(resolve))
    }
  }

  /** Submits no more; resolves when everything submitted is answered and has its receipt. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#stopped
    await this.#client.deliveries(this.#answered - this.#refusals.length)
    await this.#client.close()
  }

  async #goOn(): Promise<void> {
    while (!this.#isStopping) {
      const to = String(FIRST_NUMBER + (this.#submitted % NUMBERS))
      this.#submitted++
      const { command_status: status } = await this.#client.submit(to)
      this.#answered++
      if (status !== 0) this.#refusals.push(status)
      for (const wake of this.#waiters) wake()
      this.#waiters.clear()
      await sleep(BETWEEN_SUBMITS_MS)
    }
  }
}
