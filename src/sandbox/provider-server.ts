import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ProviderDesk, type SimulatedInbound, type SimulatedReceipt } from './provider-desk.ts'

/** A request to a simulated provider. */
export interface ApiRequest {
  readonly method: string
  /** Without the query, still encoded. */
  readonly path: string
  /** As it came, without `?`. */
  readonly rawQuery: string
  readonly query: URLSearchParams
  /** Names in lower case; `host` as the client has sent it. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** What a simulated provider answers; objects go as JSON. */
export interface ApiAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string | object
}

/** A request that a provider makes to its customer. */
export interface Push {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** How one provider behaves: it judges requests by itself, and shares no code with what makes them. */
export interface ProviderSimulator {
  readonly name: string
  answer(request: ApiRequest, desk: ProviderDesk): ApiAnswer
  /**
   * The requests that tell of receipts.
   *
   * @param url - where the customer wants them, for providers that are not told in the request
   */
  receiptPushes(receipts: readonly SimulatedReceipt[], url: string): readonly Push[]
  /** Undefined where the provider has no messages of handsets. */
  inboundPush(message: SimulatedInbound, url: string): Push | undefined
}

/**
 * What goes wrong with one answer on its way, whatever it says.
 *
 * - `hang`: none comes, the request having been carried out
 * - `reset`: the connection breaks instead, the request having been carried out
 * - `refuse_connection`: the connection breaks before anything was read
 * - `garbage`: HTTP 200 with a body that is no answer
 * - `unavailable`: HTTP 503 without the provider's form, nothing having been carried out
 * - `too_many`: HTTP 429 of a proxy before the provider, nothing having been carried out
 */
export type TransportFault =
  | 'hang'
  | 'reset'
  | 'refuse_connection'
  | 'garbage'
  | 'unavailable'
  | 'too_many'

const MAX_BODY_OCTETS = 8 * 1024 * 1024

/** A local HTTP server that behaves as a provider does. */
export class ProviderServer {
  readonly desk: ProviderDesk
  readonly #simulator: ProviderSimulator
  readonly #server: Server
  readonly #faults: TransportFault[] = []
  /** Time that every answer takes, in milliseconds. */
  latencyMs = 0
  /** Requests that faults pass over, such as those for reports; undefined: none. */
  spares: ((request: Pick<ApiRequest, 'path' | 'headers'>) => boolean) | undefined
  /** Requests that have come so far. */
  requests = 0
  /** Connections that have been opened so far, and those open at present. */
  connections = 0
  openConnections = 0

  constructor(simulator: ProviderSimulator, now: () => Date = () => new Date()) {
    this.#simulator = simulator
    this.desk = new ProviderDesk(now)
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => response.destroy(error as Error))
    })
    this.#server.on('connection', (socket) => {
      this.connections++
      this.openConnections++
      socket.on('close', () => this.openConnections--)
    })
  }

  /** What happens to the next answers, in turn. */
  breakNext(...faults: readonly TransportFault[]): void {
    this.#faults.push(...faults)
  }

  /** Listens on loopback, and gives the address as `http://127.0.0.1:port`. */
  async start(port = 0): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, '127.0.0.1', resolve)
    })
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  /** Tells of receipts at once; gives the customer's answers. */
  pushReceipts(receipts: readonly SimulatedReceipt[], url: string): Promise<PushAnswer[]> {
    return Promise.all(this.#simulator.receiptPushes(receipts, url).map(push))
  }

  /** Tells of a message of a handset; undefined where the provider has none. */
  async pushInbound(message: SimulatedInbound, url: string): Promise<PushAnswer | undefined> {
    const made = this.#simulator.inboundPush(message, url)
    return made && push(made)
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++
    const fault = this.spares?.(headOf(incoming)) ? undefined : this.#faults.shift()
    if (fault === 'refuse_connection') {
      incoming.socket.resetAndDestroy()
      return
    }
    const request = await read(incoming)
    if (fault === 'unavailable') {
      response.writeHead(503, { 'content-type': 'text/plain' }).end('Service Unavailable')
      return
    }
    if (fault === 'too_many') {
      response.writeHead(429, { 'content-type': 'text/plain' }).end('Too Many Requests')
      return
    }
    const answer = this.#simulator.answer(request, this.desk)
    if (this.latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, this.latencyMs))
    if (fault === 'hang') return
    if (fault === 'reset') {
      incoming.socket.resetAndDestroy()
      return
    }
    const isText = typeof answer.body === 'string'
    const body = fault === 'garbage' ? '<html>' : isText ? answer.body : JSON.stringify(answer.body)
    const type = isText ? 'text/plain;charset=utf-8' : 'application/json;charset=utf-8'
    response.writeHead(answer.status, { 'content-type': type, ...answer.headers }).end(body)
  }
}

/** How a customer has answered a {@link Push}. */
export interface PushAnswer {
  readonly status: number
  readonly contentType: string | null
  readonly body: string
}

async function push({ method, url, headers, body }: Push): Promise<PushAnswer> {
  const response = await fetch(url, { method, headers, ...(method === 'GET' ? {} : { body }) })
  return {
    status: response.status,
    contentType: response.headers.get('content-type'),
    body: await response.text(),
  }
}

async function read(incoming: IncomingMessage): Promise<ApiRequest> {
  const chunks: Buffer[] = []
  let octets = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    octets += chunk.length
    if (octets > MAX_BODY_OCTETS) throw new Error(`a body of more than ${MAX_BODY_OCTETS} octets`)
    chunks.push(chunk)
  }
  return { ...headOf(incoming), body: Buffer.concat(chunks) }
}

function headOf(incoming: IncomingMessage): Omit<ApiRequest, 'body'> {
  const [path = '/', rawQuery = ''] = (incoming.url ?? '/').split(/\?(.*)/s)
  return {
    method: incoming.method ?? '',
    path,
    rawQuery,
    query: new URLSearchParams(rawQuery),
    headers: Object.fromEntries(
      Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
    ),
  }
}
