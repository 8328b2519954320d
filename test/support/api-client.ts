import { expect, vi } from 'vitest'

/** A message as `GET /v1/messages/{id}` shows it. */
export interface ShownMessage {
  readonly id: string
  readonly status: string
  readonly is_final: boolean
  readonly error: { readonly code: string; readonly detail: string | null } | null
  readonly channel: string
  readonly subject: string | null
  readonly to: string
  readonly from: string
  readonly text: string
  readonly encoding: string
  readonly segments: number
  readonly price: { readonly amount: string; readonly currency: string }
  readonly client_reference: string | null
  readonly tags: readonly string[]
  readonly expects_reply: boolean
  readonly carrier: string | null
  readonly attempts: number
  readonly created_at: string
  readonly send_at: string | null
  readonly expires_at: string
  readonly final_at: string | null
  readonly held_by: string | null
  readonly fallback_as: string | null
  readonly fallback_of: string | null
  readonly timeline: readonly ShownEvent[]
}

/** One line of the timeline. */
export interface ShownEvent {
  readonly type: string
  readonly status: string
  readonly carrier: string | null
  readonly attempt: number | null
  readonly segment: number | null
  readonly code: string | null
  readonly raw_code: string | null
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it as they know it to be
  readonly detail: any
}

/** An answer of the API. */
export interface Answered {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests assert the shape they expect
  readonly body: any
}

const HOW_LONG_MS = 20_000
const PATIENCE = { timeout: HOW_LONG_MS, interval: 20 }

/** Speaks to the HTTP API as an application would. */
export class ApiClient {
  readonly #url: string
  readonly #key: string

  constructor(url: string, key: string) {
    this.#url = url
    this.#key = key
  }

  /** Any request with a body of JSON, or none. */
  call(method: string, path: string, body?: unknown): Promise<Answered> {
    const text = body === undefined ? undefined : JSON.stringify(body)
    return this.upload(method, path, text, { 'content-type': 'application/json' })
  }

  /** Any request with a body as it is. */
  async upload(
    method: string,
    path: string,
    body: string | undefined,
    headers: Readonly<Record<string, string>>,
  ): Promise<Answered> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: { ...headers, authorization: `Bearer ${this.#key}` },
      ...(body === undefined ? {} : { body }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json') ?? false
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? JSON.parse(text) : text,
    }
  }

  get(path: string): Promise<Answered> {
    return this.call('GET', path)
  }

  post(body: unknown): Promise<Answered> {
    return this.call('POST', '/v1/messages', body)
  }

  /** Sends to one recipient and gives the id; fails on anything but 202. */
  async send(message: { to: string; text: string; [key: string]: unknown }): Promise<string> {
    const { status, body } = await this.post({ from: 'Linehaul', ...message })
    expect({ status, body }).toMatchObject({ status: 202, body: { status: 'accepted' } })
    return body.id
  }

  /** Sends one text to a list of recipients; fails unless every one is accepted. */
  async sendMany(to: readonly string[], text: string): Promise<string[]> {
    const { status, body } = await this.post({ from: 'Linehaul', to, text })
    expect(status).toBe(202)
    const ids = (body.messages as { id?: string }[]).flatMap(({ id }) => id ?? [])
    expect(ids).toHaveLength(to.length)
    return ids
  }

  async message(id: string): Promise<ShownMessage> {
    const { status, body } = await this.get(`/v1/messages/${id}`)
    expect(status).toBe(200)
    return body
  }

  /** The message once the condition holds; where many wait at once, they ask less often and for longer. */
  async until(
    id: string,
    condition: (message: ShownMessage) => boolean,
    patience: { readonly timeout: number; readonly interval: number } = PATIENCE,
  ): Promise<ShownMessage> {
    return await vi.waitFor(async () => {
      const message = await this.message(id)
      if (!condition(message)) throw new Error(`it stays: ${JSON.stringify(message)}`)
      return message
    }, patience)
  }

  /** The message once it has reached a final state. */
  settled(id: string): Promise<ShownMessage> {
    return this.until(id, (message) => message.is_final)
  }

  /** Every message that a filter finds, page by page. */
  async list(filter = '', limit = 500): Promise<ShownMessage[]> {
    const found: ShownMessage[] = []
    let cursor: string | null = null
    do {
      const page: Answered = await this.get(
        `/v1/messages?limit=${limit}${filter}${cursor === null ? '' : `&cursor=${cursor}`}`,
      )
      expect(page.status).toBe(200)
      found.push(...page.body.messages)
      cursor = page.body.next_cursor
    } while (cursor !== null)
    return found
  }

  /** Resolves when so many messages are in a status. */
  async untilCount(status: string, count: number, timeoutMs = HOW_LONG_MS): Promise<void> {
    await vi.waitFor(async () => expect(await this.list(`&status=${status}`)).toHaveLength(count), {
      timeout: timeoutMs,
      interval: 200,
    })
  }
}
