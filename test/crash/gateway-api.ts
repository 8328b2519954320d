import type { ShownMessage } from './records.ts'
import { pause } from './waiting.ts'

const PAGE = 500
const AT_ONCE = 16
const TRIES = 20
const CALL_WITHIN_MS = 10_000
const OPEN_STATES = ['accepted', 'scheduled', 'queued', 'sending', 'sent'] as const

/** The reading side of the gateway's HTTP API. */
export class GatewayApi {
  readonly #url: string
  readonly #key: string

  constructor(port: number, key: string) {
    this.#url = `http://127.0.0.1:${port}`
    this.#key = key
  }

  /** Ids of all messages. */
  async ids(): Promise<string[]> {
    const ids: string[] = []
    let cursor = ''
    do {
      const page = await this.#get<{ messages: ShownMessage[]; next_cursor: string | null }>(
        `/v1/messages?limit=${PAGE}${cursor && `&cursor=${cursor}`}`,
      )
      ids.push(...(page?.messages ?? []).map(({ id }) => id))
      cursor = page?.next_cursor ?? ''
    } while (cursor !== '')
    return ids
  }

  /** Messages with their timelines; ids that the gateway does not know are left out. */
  async messages(ids: Iterable<string>): Promise<ShownMessage[]> {
    const found: ShownMessage[] = []
    const left = ids[Symbol.iterator]()
    const readOneAfterAnother = async () => {
      for (let next = left.next(); !next.done; next = left.next()) {
        const message = await this.#get<ShownMessage>(`/v1/messages/${next.value}`)
        if (message) found.push(message)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, readOneAfterAnother))
    return found
  }

  /** Messages that are not final, at most a page of each state. */
  async open(): Promise<ShownMessage[]> {
    const pages = await Promise.all(
      OPEN_STATES.map((status) =>
        this.#get<{ messages: ShownMessage[] }>(`/v1/messages?limit=${PAGE}&status=${status}`),
      ),
    )
    return pages.flatMap((page) => page?.messages ?? [])
  }

  /** Secret of the tenant's callbacks; undefined when the gateway has none to tell. */
  async callbackSecret(): Promise<string | undefined> {
    const answer = await this.#get<{ secret?: string }>('/v1/webhooks/callback/secret')
    return answer?.secret
  }

  /** Undefined when it does not exist; a gateway that cannot answer now is asked again. */
  async #get<Body>(path: string): Promise<Body | undefined> {
    let reason: unknown
    for (let tries = 0; tries < TRIES; tries++) {
      try {
        const answer = await fetch(`${this.#url}${path}`, {
          headers: { authorization: `Bearer ${this.#key}` },
          signal: AbortSignal.timeout(CALL_WITHIN_MS),
        })
        if (answer.status === 200) return (await answer.json()) as Body
        reason = `${answer.status} ${await answer.text()}`
        if (answer.status === 404 || answer.status === 422) return undefined
      } catch (error) {
        reason = error
      }
      await pause(250)
    }
    throw new Error(`the gateway does not answer GET ${path}: ${reason}`)
  }
}
