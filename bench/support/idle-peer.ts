/** One side of the idle-binds benchmark, in a process of its own; see `idle-binds.bench.ts`. */
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import smpp from 'smpp'
import { encodePdu } from '../../src/smpp/codec.ts'
import { SmppServer } from '../../src/smpp/server.ts'
import { answerTo, Wire } from '../load/wire.ts'
import { answerCommands, failProcess } from './child.ts'
import { memoryAfterGc } from './gc.ts'

/** What the benchmark tells a peer. */
export type IdleCommand =
  | { readonly type: 'serve'; readonly implementation: 'linehaul' | 'smpp' }
  /** Binds so many more times and leaves the binds alone. */
  | { readonly type: 'bind'; readonly port: number; readonly binds: number }
  | { readonly type: 'release' }
  | { readonly type: 'memory' }

/** What a peer answers. */
export type IdleReport =
  | { readonly type: 'serving'; readonly port: number }
  | { readonly type: 'bound' }
  | { readonly type: 'released' }
  | { readonly type: 'memory'; readonly rss: number; readonly heap: number; readonly binds: number }

const HOST = '127.0.0.1'
/** Unbound connections of one address at a time: the server takes fifty. */
const AT_ONCE = 25
const DELIVER_SM = 0x05

let countBinds = () => 0
const sockets: Socket[] = []

async function serve(implementation: 'linehaul' | 'smpp'): Promise<number> {
  if (implementation === 'linehaul') {
    // As the gateway sets it up for its partners.
    const server = new SmppServer<string>({
      host: HOST,
      port: 0,
      system_id: 'linehaul',
      windowSize: 50,
      queueLimit: 10_000,
      authenticate: (bind) => Promise.resolve({ status: 0, context: bind.system_id }),
      onRequest: () => ({}),
    })
    await server.listen()
    countBinds = () => server.stats.bound
    return server.port
  }
  const sessions = new Set<smpp.Session>()
  const server = smpp.createServer((session) => {
    session.on('error', () => session.destroy())
    session.on('bind_transceiver', (pdu) => {
      sessions.add(session)
      session.send(pdu.response())
    })
    session.on('enquire_link', (pdu) => session.send(pdu.response()))
    session.on('close', () => sessions.delete(session))
  })
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve))
  countBinds = () => sessions.size
  return (server.address() as AddressInfo).port
}

async function bindAll(port: number, binds: number): Promise<void> {
  let left = binds
  const bindOneAfterAnother = async () => {
    while (left-- > 0) sockets.push(await bindOne(port))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, bindOneAfterAnother))
}

async function bindOne(port: number): Promise<Socket> {
  const socket = connect(port, HOST)
  socket.on('error', failProcess)
  await once(socket, 'connect')
  await new Promise<void>((resolve) => {
    const wire = new Wire(socket, (frame) => {
      if (frame.readUInt32BE(4) === DELIVER_SM) wire.send(answerTo(frame, '\0'))
      else if (frame.readUInt32BE(8) === 0) resolve()
      else failProcess(new Error(`bind refused with status ${frame.readUInt32BE(8)}`))
    })
    wire.send(
      encodePdu({
        command: 'bind_transceiver',
        sequence_number: 1,
        system_id: 'partner',
        password: 'secret',
        interface_version: 0x34,
      }),
    )
    wire.flush()
  })
  return socket
}

async function release(): Promise<void> {
  await Promise.all(
    sockets.splice(0).map(async (socket) => {
      socket.end()
      await once(socket, 'close')
    }),
  )
}

answerCommands<IdleCommand, IdleReport>(async (command) => {
  switch (command.type) {
    case 'serve':
      return { type: 'serving', port: await serve(command.implementation) }
    case 'bind':
      await bindAll(command.port, command.binds)
      return { type: 'bound' }
    case 'release':
      await release()
      return { type: 'released' }
    case 'memory':
      return { type: 'memory', ...(await memoryAfterGc()), binds: countBinds() }
  }
})
