import { EventEmitter, once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** A request as it came. */
export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** How the sink answers, by default with 204. */
export type Answer = (response: ServerResponse, request: Received) => void

/** An HTTP server that remembers what it is sent. */
export interface Sink {
  readonly url: string
  readonly port: number
  readonly received: Received[]
  /** Emits `request` for each, after it is remembered. */
  readonly events: EventEmitter
  /** Connections that were ever opened. */
  readonly connections: number
  answer: Answer
  close(): Promise<void>
}

/** Listens on a free port of the loopback interface. */
export async function openSink(): Promise<Sink> {
  const received: Received[] = []
  const events = new EventEmitter()
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((request, response) => void take(request, response))
  server.on('connection', (socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const one = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(chunks).toString('utf8'),
    }
    received.push(one)
    sink.answer(response, one)
    events.emit('request', one)
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const sink = {
    url: `http://127.0.0.1:${port}`,
    port,
    received,
    events,
    get connections() {
      return connections
    },
    answer: ((response) => response.writeHead(204).end()) as Answer,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  return sink
}
