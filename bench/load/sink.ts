/**
 * Where the callbacks of both gateways go: a HTTP/1.1 server at the lowest cost.
 *
 * It reads every request to its end, answers 200, and counts the final callbacks by message:
 * Kannel's `GET /d?n=<number>&t=<type>` and our `POST` of an event with a final type.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { answerCommands, epochMs } from '../support/child.ts'
import {
  type HelloCommand,
  type HelloReport,
  hello,
  messageOf,
  Tally,
  type TallyReport,
  untilDoneOrQuiet,
} from './message.ts'

/** What the benchmark tells the sink. */
export type SinkCommand =
  | HelloCommand
  | { readonly type: 'listen' }
  /** Begins a round. */
  | { readonly type: 'expect'; readonly messages: number; readonly recipients: number }
  /** Waits for the final callbacks of so many messages, or until none comes for `quietMs`. */
  | { readonly type: 'count'; readonly messages: number; readonly quietMs: number }

/** What the sink answers. */
export type SinkReport =
  | HelloReport
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'expecting' }
  | { readonly type: 'counted'; readonly finals: TallyReport; readonly requests: number }

const HEAD_END = '\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i
const CHUNKED = /\r\ntransfer-encoding: *chunked/i
const KANNEL = /^GET \/d\?n=(\d+)&t=(\d+) /
/** Delivered, undelivered and rejected, in Kannel's words for `%d`. */
const KANNEL_FINAL = new Set(['1', '2', '16'])
const FINAL_TYPE = /"type":"message\.(?:delivered|undelivered|failed|expired|canceled|unconfirmed)"/
const REFERENCE = /"client_reference":"#(\d{7})"/
const TO = /"to":"\+?(\d+)"/

let tally = new Tally(0)
let recipients = 1
let requests = 0

function serve(socket: Socket): void {
  let received = ''
  socket.setNoDelay(true)
  // Octets are what content-length counts; nothing here is read beyond ASCII.
  socket.setEncoding('latin1')
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk: string) => {
    received = received === '' ? chunk : received + chunk
    let start = 0
    let answers = ''
    for (;;) {
      const headEnd = received.indexOf(HEAD_END, start)
      if (headEnd < 0) break
      const head = received.slice(start, headEnd + 2)
      if (CHUNKED.test(head)) throw new Error('the sink reads bodies with a content-length only')
      const bodyStart = headEnd + HEAD_END.length
      const bodyEnd = bodyStart + Number(CONTENT_LENGTH.exec(head)?.[1] ?? 0)
      if (received.length < bodyEnd) break
      take(head, received.slice(bodyStart, bodyEnd))
      answers += OK
      start = bodyEnd
    }
    if (start > 0) received = received.slice(start)
    if (answers !== '') socket.write(answers, 'latin1')
  })
}

function take(head: string, body: string): void {
  requests++
  const kannel = KANNEL.exec(head)
  if (kannel !== null) {
    if (KANNEL_FINAL.has(kannel[2] ?? '')) tally.see(Number(kannel[1]), epochMs())
    return
  }
  if (!head.startsWith('POST ')) {
    tally.unknown++
    return
  }
  if (!FINAL_TYPE.test(body)) return
  const call = Number(REFERENCE.exec(body)?.[1] ?? Number.NaN)
  tally.see(messageOf(call, recipients, TO.exec(body)?.[1] ?? ''), epochMs())
}

const server = createServer(serve)

async function answer(command: SinkCommand): Promise<SinkReport> {
  switch (command.type) {
    case 'hello':
      return hello()
    case 'listen':
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 4_096, resolve))
      return { type: 'listening', port: (server.address() as AddressInfo).port }
    case 'expect':
      tally = new Tally(command.messages)
      recipients = command.recipients
      requests = 0
      return { type: 'expecting' }
    case 'count':
      await untilDoneOrQuiet(
        () => tally.distinct >= command.messages,
        () => requests,
        command.quietMs,
      )
      return { type: 'counted', finals: tally.report, requests }
  }
}

answerCommands<SinkCommand, SinkReport>(answer)
