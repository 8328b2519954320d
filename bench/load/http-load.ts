/** The HTTP load of the peers benchmark: the same messages for Kannel's sendsms and for our REST. */
import { connect, type Socket } from 'node:net'
import { Fifo } from '../../src/smpp/fifo.ts'
import { answerCommands, epochMs } from '../support/child.ts'
import {
  type HelloCommand,
  type HelloReport,
  hello,
  numberOf,
  referenceOf,
  SENDER,
  textOf,
} from './message.ts'

/** What all loads have in common. */
interface LoadBase {
  readonly port: number
  readonly messages: number
  readonly connections: number
}

/** What the benchmark tells the load generator. */
export type HttpLoadCommand = HelloCommand | LoadCommand

type LoadCommand =
  | (LoadBase & {
      readonly type: 'kannel'
      readonly username: string
      readonly password: string
      /** Where the final receipt is told; undefined: no receipt is asked for. */
      readonly callbackPort?: number
    })
  | (LoadBase & {
      readonly type: 'rest'
      readonly apiKey: string
      /** Messages of one call; a divisor of 1,000 and of `messages`. */
      readonly recipients: number
      /** `callback_url` of each message; none when undefined. */
      readonly callbackUrl?: string
      /** The number of the first call. */
      readonly firstCall: number
      /** Calls started per second; 0: the next one as soon as a connection is free. */
      readonly callsPerSecond: number
    })

/** What the load generator answers; times are milliseconds, `AtMs` since 1970. */
export type HttpLoadReport = HelloReport | LoadReport

interface LoadReport {
  readonly type: 'loaded'
  readonly startedAtMs: number
  /** To the last answer. */
  readonly tookMs: number
  /** When each call was due, where `callsPerSecond` is given. */
  readonly callsAtMs: readonly number[]
}

/** Kannel's types for `dlr-mask`: delivered and undelivered, so one callback for a message. */
const FINAL_DLR_MASK = 3
const HEAD_END = '\r\n\r\n'
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i

/** One kept-alive connection; one call at a time. */
class Connection {
  readonly #socket: Socket
  #received = ''
  #onAnswer: (() => void) | undefined
  readonly #onFailure: (error: Error) => void
  #isClosed = false

  private constructor(socket: Socket, onFailure: (error: Error) => void) {
    this.#socket = socket
    this.#onFailure = onFailure
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => this.#onData(chunk))
    socket.on('error', onFailure)
    socket.on('close', () => {
      if (!this.#isClosed) onFailure(new Error('the gateway closed a connection'))
    })
  }

  static open(port: number, onFailure: (error: Error) => void): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new Connection(socket, onFailure))
      })
    })
  }

  /** Sends a whole request; any answer but 202 is a failure. */
  call(request: string, onAnswer: () => void): void {
    this.#onAnswer = onAnswer
    this.#socket.write(request, 'latin1')
  }

  close(): void {
    this.#isClosed = true
    this.#socket.destroy()
  }

  #onData(chunk: string): void {
    this.#received += chunk
    const headEnd = this.#received.indexOf(HEAD_END)
    if (headEnd < 0) return
    const length = CONTENT_LENGTH.exec(this.#received)?.[1]
    if (length === undefined) {
      this.#onFailure(new Error(`an answer without a content-length: ${this.#received}`))
      return
    }
    const end = headEnd + HEAD_END.length + Number(length)
    if (this.#received.length < end) return
    if (this.#received.slice(9, 12) !== '202') {
      this.#onFailure(new Error(`the gateway refused a call: ${this.#received.slice(0, 600)}`))
      return
    }
    this.#received = this.#received.slice(end)
    const onAnswer = this.#onAnswer
    this.#onAnswer = undefined
    onAnswer?.()
  }
}

/** Gives the text of the request of a call. */
type RequestOf = (call: number) => string

function kannelRequests(command: Extract<LoadCommand, { type: 'kannel' }>): RequestOf {
  const { username, password, callbackPort } = command
  return (call) => {
    const query = [
      `username=${username}`,
      `password=${password}`,
      `from=${SENDER}`,
      `to=${numberOf(call)}`,
      `text=${encodeURIComponent(textOf(call)).replaceAll('%20', '+')}`,
    ]
    if (callbackPort !== undefined) {
      const url = `http://127.0.0.1:${callbackPort}/d?n=${call}&t=%d`
      query.push(`dlr-mask=${FINAL_DLR_MASK}`, `dlr-url=${encodeURIComponent(url)}`)
    }
    return `GET /cgi-bin/sendsms?${query.join('&')} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`
  }
}

function restRequests(command: Extract<LoadCommand, { type: 'rest' }>): RequestOf {
  const { recipients, callbackUrl, apiKey, firstCall } = command
  const head =
    `POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${apiKey}\r\n` +
    'content-type: application/json\r\ncontent-length: '
  return (index) => {
    const call = firstCall + index
    const first = call * recipients
    const to =
      recipients === 1
        ? `+${numberOf(first)}`
        : Array.from({ length: recipients }, (_, place) => `+${numberOf(first + place)}`)
    const body = JSON.stringify({
      to,
      from: SENDER,
      text: textOf(call),
      client_reference: referenceOf(call),
      callback_url: callbackUrl,
    })
    return `${head}${body.length}${HEAD_END}${body}`
  }
}

async function load(command: LoadCommand): Promise<LoadReport> {
  const requestOf = command.type === 'kannel' ? kannelRequests(command) : restRequests(command)
  const calls = command.type === 'rest' ? command.messages / command.recipients : command.messages
  const callsPerSecond = command.type === 'rest' ? command.callsPerSecond : 0
  let fail: (error: Error) => void = () => {}
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  const connections = await Promise.all(
    Array.from({ length: command.connections }, () => Connection.open(command.port, fail)),
  )
  const startedAtMs = epochMs()
  const callsAtMs: number[] = []
  const done =
    callsPerSecond === 0
      ? callAtFullSpeed(connections, calls, requestOf)
      : callAtRate(connections, calls, requestOf, { callsPerSecond, startedAtMs, callsAtMs })
  await Promise.race([done, failed])
  const tookMs = epochMs() - startedAtMs
  for (const connection of connections) connection.close()
  return { type: 'loaded', startedAtMs, tookMs, callsAtMs }
}

function callAtFullSpeed(
  connections: readonly Connection[],
  calls: number,
  requestOf: RequestOf,
): Promise<void> {
  return new Promise((resolve) => {
    let next = 0
    let answered = 0
    const callNext = (connection: Connection) => {
      if (next >= calls) return
      connection.call(requestOf(next++), () => {
        if (++answered === calls) resolve()
        else callNext(connection)
      })
    }
    for (const connection of connections) callNext(connection)
  })
}

/**
 * Starts calls when they are due, whether the gateway keeps up or not: a call that finds no free
 * connection waits, and its wait counts, because its time is the one at which it was due.
 */
function callAtRate(
  connections: readonly Connection[],
  calls: number,
  requestOf: RequestOf,
  rate: { callsPerSecond: number; startedAtMs: number; callsAtMs: number[] },
): Promise<void> {
  return new Promise((resolve) => {
    // Taken in turn, or the server would close those that are idle for seconds.
    const free = new Fifo<Connection>()
    for (const connection of connections) free.push(connection)
    let next = 0
    let answered = 0
    const pump = () => {
      for (;;) {
        if (next >= rate.callsAtMs.length) return
        const connection = free.shift()
        if (connection === undefined) return
        connection.call(requestOf(next++), () => {
          free.push(connection)
          if (++answered === calls) resolve()
          else pump()
        })
      }
    }
    const tick = setInterval(() => {
      const now = epochMs()
      const due = Math.ceil(((now - rate.startedAtMs) * rate.callsPerSecond) / 1_000)
      while (rate.callsAtMs.length < Math.min(due, calls)) rate.callsAtMs.push(now)
      if (rate.callsAtMs.length === calls) clearInterval(tick)
      pump()
    }, 1)
  })
}

answerCommands<HttpLoadCommand, HttpLoadReport>(async (command) =>
  command.type === 'hello' ? hello() : load(command),
)
