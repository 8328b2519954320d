import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'

/** A request that waits for what the test does with it. */
export interface ScriptedRequest {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
  readonly response: ServerResponse
  /** Objects go as JSON. */
  answer(status: number, body: string | object, headers?: Readonly<Record<string, string>>): void
  /** Breaks the connection. */
  reset(): void
}

/** An HTTP server whose answers the test gives, when it likes. */
export class ScriptedProvider {
  readonly requests: ScriptedRequest[] = []
  /** Connections at present, and the most that there were. */
  openConnections = 0
  mostConnections = 0
  /** Answers at once; undefined: the test does it later. */
  onRequest: ((request: ScriptedRequest) => void) | undefined
  readonly #server: Server
  readonly #scheme: 'http' | 'https'
  #waiters: (() => void)[] = []

  constructor(tls?: { readonly key: string; readonly cert: string }) {
    const listener = (incoming: IncomingMessage, response: ServerResponse) => {
      void this.#onRequest(incoming, response)
    }
    this.#scheme = tls ? 'https' : 'http'
    this.#server = tls ? createSecureServer(tls, listener) : createServer(listener)
    this.#server.on('connection', (socket) => {
      this.openConnections++
      this.mostConnections = Math.max(this.mostConnections, this.openConnections)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        this.openConnections--
        this.#wake()
      })
    })
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}`
  }

  /** Listens on loopback. */
  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return this
  }

  /** The request with this place, once it has come. */
  async request(place: number): Promise<ScriptedRequest> {
    await this.until(() => this.requests.length > place)
    return this.requests[place] as ScriptedRequest
  }

  /** Resolves when it is so; looked at with each request and each connection that ends. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiters.push(resolve))
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  async #onRequest(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
    const request: ScriptedRequest = {
      path: incoming.url ?? '',
      headers: incoming.headers,
      body: Buffer.concat(chunks).toString('utf8'),
      response,
      answer: (status, body, headers = {}) => {
        const text = typeof body === 'string' ? body : JSON.stringify(body)
        response.writeHead(status, headers).end(text)
      },
      reset: () => incoming.socket.resetAndDestroy(),
    }
    this.requests.push(request)
    this.onRequest?.(request)
    this.#wake()
  }

  #wake(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }
}
