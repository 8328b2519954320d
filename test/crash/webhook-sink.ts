import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { Webhook } from 'standardwebhooks'
import type { Random } from './random.ts'
import type { Told } from './records.ts'

/** How well a {@link WebhookSink} behaves: shares of all events, 0 to 1. */
export interface SinkManners {
  /** Answered with 500: must come again. */
  readonly failing: number
  /** Remembered, but the connection breaks before the answer: must come again. */
  readonly broken: number
}

interface EventBody {
  readonly type?: string
  readonly data?: { readonly id?: string }
}

/** The sender's side of webhooks: remembers every event and checks its signature. */
export class WebhookSink {
  readonly events: Told[] = []
  /** Why signatures were not right, with how often. */
  readonly faults = new Map<string, number>()
  /** `whsec_…`; until it is known signatures are not checked. */
  secret: string | undefined
  readonly #server: Server
  /** Ids of all events. */
  readonly #events = new Set<string>()
  /** Ids of those that must come again. */
  readonly #owed = new Set<string>()
  readonly #random: Random
  readonly #manners: SinkManners

  constructor(random: Random, manners: SinkManners) {
    this.#random = random
    this.#manners = manners
    this.#server = createServer((request, response) => {
      let body = ''
      request.setEncoding('utf8')
      request.on('data', (chunk: string) => {
        body += chunk
      })
      request.on('end', () => {
        const manner = this.#manner(String(request.headers['webhook-id']))
        if (manner !== 'failing') this.#remember(body, request.headers, manner === 'good')
        if (manner === 'broken') request.socket.destroy()
        else response.writeHead(manner === 'good' ? 204 : 500).end()
      })
    })
  }

  /** Listens on a port of its own choice and gives its address. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}/told`
  }

  /** Events that were not acknowledged and have not come again. */
  get owed(): number {
    return this.#owed.size
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** Bad only once to each event: the wait before a third try is longer than a run. */
  #manner(eventId: string): 'good' | 'failing' | 'broken' {
    if (this.#owed.delete(eventId) || this.#events.has(eventId)) return 'good'
    this.#events.add(eventId)
    const dice = this.#random.next()
    const { failing, broken } = this.#manners
    if (dice >= failing + broken) return 'good'
    this.#owed.add(eventId)
    return dice < failing ? 'failing' : 'broken'
  }

  #remember(body: string, headers: IncomingHttpHeaders, isAcknowledged: boolean): void {
    const { type = '', data } = parse(body)
    this.events.push({
      via: 'webhook',
      messageId: data?.id ?? '',
      event: type,
      eventId: String(headers['webhook-id'] ?? ''),
      atMs: Date.now(),
      isAcknowledged,
      isGenuine: this.#verify(body, headers),
    })
  }

  #verify(body: string, headers: IncomingHttpHeaders): boolean | null {
    if (this.secret === undefined) return null
    try {
      new Webhook(this.secret).verify(body, headers as Record<string, string>)
      return true
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.faults.set(reason, (this.faults.get(reason) ?? 0) + 1)
      return false
    }
  }
}

function parse(body: string): EventBody {
  try {
    return JSON.parse(body) as EventBody
  } catch {
    return {}
  }
}
