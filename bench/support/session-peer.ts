/** One side of the session benchmark, in a process of its own; see `session.bench.ts`. */
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import smpp from 'smpp'
import { SmppClient } from '../../src/smpp/client.ts'
import { Recorder } from '../../src/smpp/recorder.ts'
import { SmppServer } from '../../src/smpp/server.ts'
import type { Session } from '../../src/smpp/session.ts'

/** Which implementation to run; `linehaul-recorded` keeps the latest 200 PDUs of the bind. */
export type Implementation = 'linehaul' | 'linehaul-recorded' | 'smpp'

/** What the benchmark tells a peer. */
export type PeerCommand =
  | { type: 'serve'; implementation: Implementation }
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
const SUBMIT = {
  source_addr_ton: 5,
  source_addr_npi: 0,
  source_addr: 'ACME',
  dest_addr_ton: 1,
  dest_addr_npi: 1,
  destination_addr: '447700900123',
  registered_delivery: 1,
  short_message: TEXT,
} as const

/** Both sides record, as the gateway does: between a partner and a carrier it is both. */
function recording(implementation: Implementation, role: 'esme' | 'smsc') {
  if (implementation !== 'linehaul-recorded') return {}
  const recorder = new Recorder({ pdusPerBind: 200, keepEnded: 0 })
  const about = { role, owner: 'bench', label: null, systemId: null }
  return { openRecording: (stream: Duplex) => recorder.open({ ...about, stream }) }
}

async function serve(implementation: Implementation): Promise<number> {
  let messages = 0
  if (implementation !== 'smpp') {
    const server = new SmppServer({
      ...recording(implementation, 'smsc'),
      host: HOST,
      port: 0,
      system_id: 'bench',
      authenticate: () => ({ status: 0 }),
      onRequest: () => ({ message_id: String(++messages) }),
    })
    await server.listen()
    return server.port
  }
  const server = smpp.createServer((session) => {
    session.on('error', fail)
    session.on('bind_transceiver', (pdu) => session.send(pdu.response()))
    session.on('submit_sm', (pdu) => session.send(pdu.response({ message_id: String(++messages) })))
  })
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve))
  return (server.address() as AddressInfo).port
}

function connect(implementation: Implementation, port: number): Promise<Measure> {
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
  let pairs = 0
  const submitOneAfterAnother = async () => {
    while (performance.now() < until) {
      const response = await session.request({ command: 'submit_sm', ...SUBMIT })
      if (response.command_status !== 0) throw new Error(`status ${response.command_status}`)
      pairs++
    }
  }
  await Promise.all(Array.from({ length: window }, submitOneAfterAnother))
  return pairs / ((performance.now() - started) / 1000)
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
    let pairs = 0
    let running = window
    const submit = () => {
      session.submit_sm({ ...SUBMIT }, (response) => {
        if (response.command_status !== 0) fail(new Error(`status ${response.command_status}`))
        pairs++
        if (performance.now() < until) submit()
        else if (--running === 0) resolve(pairs / ((performance.now() - started) / 1000))
      })
    }
    for (let place = 0; place < window; place++) submit()
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
      return { type: 'serving', port: await serve(command.implementation) }
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
