/** One side of the session benchmark, in a process of its own; see `session.bench.ts`. */
import { once } from 'node:events'
import { type AddressInfo, connect as connectTcp, createServer } from 'node:net'
import type { Duplex } from 'node:stream'
import smpp from 'smpp'
import { SmppClient } from '../../src/smpp/client.ts'
import { encodePdu } from '../../src/smpp/codec.ts'
import { Fifo } from '../../src/smpp/fifo.ts'
import { Recorder } from '../../src/smpp/recorder.ts'
import { SmppServer } from '../../src/smpp/server.ts'
import type { Session } from '../../src/smpp/session.ts'

/**
 * Which implementation to run. `linehaul-recorded` keeps the latest 200 PDUs of the bind; `bare` is none:
 * sockets that pass as many octets as a window of requests and of responses has, which is the most
 * that the machine allows.
 */
export type Implementation = 'linehaul' | 'linehaul-recorded' | 'smpp' | 'bare'

/** What the benchmark tells a peer. */
export type PeerCommand =
  /** Responses come `delayMs` after their requests, as from a carrier far away; 0: at once. */
  | { type: 'serve'; implementation: Implementation; delayMs?: number }
  | { type: 'connect'; implementation: Implementation; port: number }
  | { type: 'measure'; window: number; seconds: number }

/** What a peer answers. */
export type PeerReport =
  | { type: 'serving'; port: number }
  | { type: 'connected' }
  | { type: 'measured'; pairsPerSecond: number }

/** Runs `window` requests at a time for some seconds; gives the pairs finished per second. */
type Measure = (window: number, seconds: number) => Promise<number>

const HOST = '127.0.0.1'
const MAX_WINDOW = 1000
const TEXT = Buffer.from('The quick brown fox jumps over the lazy dog. '.repeat(4).slice(0, 160))

/** The PDU, written out as applications do; the package takes it the same way. */
function submitSm() {
  return {
    command: 'submit_sm',
    source_addr_ton: 5,
    source_addr_npi: 0,
    source_addr: 'ACME',
    dest_addr_ton: 1,
    dest_addr_npi: 1,
    destination_addr: '447700900123',
    registered_delivery: 1,
    short_message: TEXT,
  } as const
}

/** Both sides record, as the gateway does: between a partner and a carrier it is both. */
function recording(implementation: Implementation, role: 'esme' | 'smsc') {
  if (implementation !== 'linehaul-recorded') return {}
  const recorder = new Recorder({ pdusPerBind: 200, keepEnded: 0 })
  const about = { role, owner: 'bench', label: null, systemId: null }
  return { openRecording: (stream: Duplex) => recorder.open({ ...about, stream }) }
}

const REQUEST_OCTETS = encodePdu(submitSm()).length
const RESPONSE_OCTETS = encodePdu({ command: 'submit_sm_resp', message_id: '1000000' }).length

async function serve(implementation: Implementation, delayMs: number): Promise<number> {
  if (implementation === 'bare') return serveBare()
  let messages = 0
  const line = new DelayLine(delayMs)
  if (implementation !== 'smpp') {
    const server = new SmppServer({
      ...recording(implementation, 'smsc'),
      host: HOST,
      port: 0,
      system_id: 'bench',
      authenticate: () => ({ status: 0 }),
      // With a delay every request of the window is in work at once.
      maxInboundPending: 2 * MAX_WINDOW,
      onRequest: () => {
        const reply = { message_id: String(++messages) }
        if (delayMs === 0) return reply
        return new Promise((resolve) => line.add(() => resolve(reply)))
      },
    })
    await server.listen()
    return server.port
  }
  const server = smpp.createServer((session) => {
    session.on('error', fail)
    session.on('bind_transceiver', (pdu) => session.send(pdu.response()))
    session.on('submit_sm', (pdu) => {
      const respond = () => session.send(pdu.response({ message_id: String(++messages) }))
      if (delayMs === 0) respond()
      else line.add(respond)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve))
  return (server.address() as AddressInfo).port
}

/** Answers each request's worth of octets with a response's worth. */
async function serveBare(): Promise<number> {
  const server = createServer((socket) => {
    socket.setNoDelay(true)
    let unanswered = 0
    socket.on('data', (chunk) => {
      unanswered += chunk.length
      const requests = Math.floor(unanswered / REQUEST_OCTETS)
      unanswered -= requests * REQUEST_OCTETS
      if (requests > 0) socket.write(Buffer.alloc(requests * RESPONSE_OCTETS))
    })
    socket.on('error', fail)
  })
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve))
  return (server.address() as AddressInfo).port
}

async function connectBare(port: number): Promise<Measure> {
  const socket = connectTcp(port, HOST)
  await once(socket, 'connect')
  socket.setNoDelay(true)
  socket.on('error', fail)
  return (window, seconds) =>
    new Promise((resolve) => {
      const started = performance.now()
      const until = started + seconds * 1000
      let pairs = 0
      let open = window
      let octets = 0
      const onData = (chunk: Buffer) => {
        octets += chunk.length
        const responses = Math.floor(octets / RESPONSE_OCTETS)
        octets -= responses * RESPONSE_OCTETS
        pairs += responses
        open -= responses
        if (performance.now() < until) {
          open += responses
          if (responses > 0) socket.write(Buffer.alloc(responses * REQUEST_OCTETS))
        } else if (open === 0) {
          socket.off('data', onData)
          resolve(pairs / ((performance.now() - started) / 1000))
        }
      }
      socket.on('data', onData)
      socket.write(Buffer.alloc(window * REQUEST_OCTETS))
    })
}

/** Does things a fixed time after they were added, as exactly as the clock of timers allows. */
class DelayLine {
  readonly #delayMs: number
  readonly #due = new Fifo<{ readonly atMs: number; readonly run: () => void }>()
  #next: { readonly atMs: number; readonly run: () => void } | undefined

  constructor(delayMs: number) {
    this.#delayMs = delayMs
  }

  add(run: () => void): void {
    const item = { atMs: performance.now() + this.#delayMs, run }
    if (this.#next === undefined) this.#wait(item)
    else this.#due.push(item)
  }

  #wait(item: { readonly atMs: number; readonly run: () => void }): void {
    this.#next = item
    setTimeout(() => this.#runDue(), Math.max(1, Math.round(item.atMs - performance.now())))
  }

  /** Timers have whole milliseconds: what is due within half of one is done now. */
  #runDue(): void {
    const untilMs = performance.now() + 0.5
    let item = this.#next
    this.#next = undefined
    while (item !== undefined && item.atMs <= untilMs) {
      item.run()
      item = this.#due.shift()
    }
    if (item !== undefined) this.#wait(item)
  }
}

function connect(implementation: Implementation, port: number): Promise<Measure> {
  if (implementation === 'bare') return connectBare(port)
  return implementation === 'smpp' ? connectTheirs(port) : connectOurs(implementation, port)
}

function connectOurs(implementation: Implementation, port: number): Promise<Measure> {
  return new Promise((resolve) => {
    const client = new SmppClient({
      ...recording(implementation, 'esme'),
      host: HOST,
      port,
      bindType: 'transceiver',
      system_id: 'bench',
      windowSize: MAX_WINDOW,
      onRequest: () => undefined,
      onBound: (session) => resolve((window, seconds) => measureOurs(session, window, seconds)),
      onAttemptFailed: fail,
    })
    client.start()
  })
}

async function measureOurs(session: Session, window: number, seconds: number): Promise<number> {
  session.windowSize = window
  const started = performance.now()
  const until = started + seconds * 1000
  // Each place in the window has a rate of its own: the places do not end at the same instant.
  const submitOneAfterAnother = async () => {
    let pairs = 0
    let now = started
    while (now < until) {
      const response = await session.request(submitSm())
      if (response.command_status !== 0) throw new Error(`status ${response.command_status}`)
      pairs++
      now = performance.now()
    }
    return pairs / ((now - started) / 1000)
  }
  const rates = await Promise.all(Array.from({ length: window }, submitOneAfterAnother))
  return rates.reduce((sum, rate) => sum + rate, 0)
}

function connectTheirs(port: number): Promise<Measure> {
  return new Promise((resolve) => {
    const session = smpp.connect({ host: HOST, port }, () => {
      session.bind_transceiver({ system_id: 'bench', password: '' }, () =>
        resolve((window, seconds) => measureTheirs(session, window, seconds)),
      )
    })
    session.on('error', fail)
  })
}

function measureTheirs(session: smpp.Session, window: number, seconds: number): Promise<number> {
  return new Promise((resolve) => {
    const started = performance.now()
    const until = started + seconds * 1000
    let rate = 0
    let running = window
    const submit = (pairs: number) => {
      session.submit_sm(submitSm(), (response) => {
        if (response.command_status !== 0) fail(new Error(`status ${response.command_status}`))
        const now = performance.now()
        if (now < until) {
          submit(pairs + 1)
          return
        }
        rate += pairs / ((now - started) / 1000)
        if (--running === 0) resolve(rate)
      })
    }
    for (let place = 0; place < window; place++) submit(1)
  })
}

function fail(error: unknown): void {
  console.error(error)
  process.exit(1)
}

let measure: Measure | undefined

async function obey(command: PeerCommand): Promise<PeerReport> {
  switch (command.type) {
    case 'serve':
      return { type: 'serving', port: await serve(command.implementation, command.delayMs ?? 0) }
    case 'connect':
      measure = await connect(command.implementation, command.port)
      return { type: 'connected' }
    case 'measure':
      if (measure === undefined) throw new Error('measure before connect')
      return { type: 'measured', pairsPerSecond: await measure(command.window, command.seconds) }
  }
}

process.on('message', (command: PeerCommand) => {
  obey(command).then((report) => process.send?.(report), fail)
})
// The benchmark is gone, however it ended.
process.on('disconnect', () => process.exit(0))
