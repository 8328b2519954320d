import { EventEmitter, once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/** A mail as it came over SMTP. */
export interface ReceivedMail {
  readonly from: string
  readonly to: readonly string[]
  /** Headers and body. */
  readonly data: string
}

/** A mail server that takes everything, and remembers it. */
export interface MailSink {
  readonly port: number
  readonly received: ReceivedMail[]
  /** Emits `mail` for each, after it is remembered. */
  readonly events: EventEmitter
  /** Mails that are refused for the moment before one is taken. */
  refusals: number
  close(): Promise<void>
}

/** Listens on a free port of the loopback interface, without TLS. */
export async function openMailSink(): Promise<MailSink> {
  const received: ReceivedMail[] = []
  const events = new EventEmitter()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    talk(socket)
  })

  function talk(socket: Socket): void {
    let buffered = ''
    let from = ''
    let to: string[] = []
    let isData = false
    const say = (line: string) => socket.write(`${line}\r\n`)
    say('220 sink')
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      buffered += chunk
      for (;;) {
        const end = buffered.indexOf(isData ? '\r\n.\r\n' : '\r\n')
        if (end < 0) return
        const line = buffered.slice(0, end)
        buffered = buffered.slice(end + (isData ? 5 : 2))
        if (isData) {
          isData = false
          received.push({ from, to, data: line })
          to = []
          say('250 taken')
          events.emit('mail')
          continue
        }
        const [, address = ''] = /<([^>]*)>/.exec(line) ?? []
        const verb = line.slice(0, 4).toUpperCase()
        if (verb === 'MAIL') from = address
        if (verb === 'RCPT') to.push(address)
        if (verb === 'DATA' && sink.refusals-- > 0) say('451 later')
        else if (verb === 'DATA') {
          isData = true
          say('354 go on')
        } else if (verb === 'QUIT') {
          say('221 bye')
          socket.end()
        } else say('250 ok')
      }
    })
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sink: MailSink = {
    port: (server.address() as AddressInfo).port,
    received,
    events,
    refusals: 0,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  return sink
}
