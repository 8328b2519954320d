/** The npm package `smpp` as the other side, see {@link PeerProcess}: `package-peer.ts esme|smsc`. */
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import smpp from 'smpp'

interface Command {
  readonly call: number
  readonly do: 'listen' | 'bind' | 'request' | 'drop' | 'mute'
  readonly session?: string
  readonly port?: number
  readonly how?: string
  readonly command?: string
  readonly fields?: Record<string, unknown>
  readonly tlvs?: Record<string, string>
  readonly system_id?: string
  readonly password?: string
  readonly interface_version?: number
}

const isSmsc = process.argv[2] === 'smsc'
/** A connection, and the octets of the PDU that the package has just read from it. */
interface Bound {
  readonly session: smpp.Session
  readonly octets: () => Buffer | undefined
}

/** Bound sessions by system_id; an ESME has one, named ''. */
const sessions = new Map<string, Bound>()
let submits = 0
/** Requests are told of, and not answered. */
let isMute = false

function tell(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

/** What the package made of a PDU. Its octets were cut out of the stream beside it. */
function shown(pdu: smpp.PDU, octets: Buffer | undefined) {
  const plain = Object.entries(pdu).filter(([, value]) => /string|number/.test(typeof value))
  return {
    command: pdu.command,
    command_status: pdu.command_status,
    octets: octets?.toString('hex'),
    fields: Object.fromEntries(plain),
  }
}

function serve(session: smpp.Session, name: () => string): () => Buffer | undefined {
  const raw: Buffer[] = []
  let current: Buffer | undefined
  let rest = Buffer.alloc(0)
  session.socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 4 && rest.length >= rest.readUInt32BE(0)) {
      const length = rest.readUInt32BE(0)
      raw.push(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
  })
  session.on('error', (error) => {
    process.stderr.write(`${error.message}\n`)
    session.destroy()
  })
  session.on('close', () => tell({ event: 'closed', session: name() }))
  session.on('pdu', (pdu) => {
    current = raw.shift()
    if (pdu.isResponse()) return
    if (isSmsc && pdu.command.startsWith('bind_')) return
    tell({ event: 'pdu', session: name(), pdu: shown(pdu, current) })
    if (isMute) return
    if (pdu.command === 'submit_sm') {
      submits += 1
      session.send(pdu.response({ message_id: `m${submits}` }))
    } else if (pdu.command === 'query_sm') {
      const { message_id } = pdu
      session.send(pdu.response({ message_id, final_date: '', message_state: 2, error_code: 0 }))
    } else {
      session.send(pdu.response())
      if (pdu.command === 'unbind') session.close()
    }
  })
  return () => current
}

function listen(command: Command): void {
  const server = smpp.createServer((session) => {
    let name = ''
    const octets = serve(session, () => name)
    session.on('pdu', (pdu) => {
      if (!pdu.command.startsWith('bind_') || pdu.isResponse()) return
      name = String(pdu.system_id)
      sessions.set(name, { session, octets })
      session.send(pdu.response({ system_id: 'package' }))
      tell({ event: 'bound', session: name })
    })
  })
  server.listen(command.port ?? 0, '127.0.0.1', () => {
    tell({ call: command.call, result: { port: (server.address() as AddressInfo).port } })
  })
}

function bind({ call, port = 0, how = 'bind_transceiver', ...fields }: Command): void {
  const { system_id, password, interface_version = 0x34 } = fields
  const session = smpp.connect({ host: '127.0.0.1', port })
  const octets = serve(session, () => '')
  session.once('close', () => tell({ call, error: 'the connection was closed' }))
  session.once('connect', () => {
    const request = new smpp.PDU(how, { system_id, password, interface_version })
    session.send(request, (response) => {
      sessions.set('', { session, octets })
      tell({ event: 'bound', session: '' })
      tell({ call, pdu: shown(response, octets()) })
    })
  })
}

/** The package wants numbers where the specification has integers, and octets elsewhere. */
function optionalParameters(tlvs: Readonly<Record<string, string>>): smpp.PduFields {
  return Object.fromEntries(
    Object.entries(tlvs).map(([name, hex]) => {
      const isNumber = /^(sar_|user_message_ref|message_state|source_port|dest_)/.test(name)
      return [name, isNumber ? Number.parseInt(hex, 16) : Buffer.from(hex, 'hex')]
    }),
  )
}

function request({ call, session: name = '', command = '', fields = {}, tlvs = {} }: Command) {
  const bound = sessions.get(name)
  const { short_message: message, destination_addr: to, ...others } = fields
  const addresses = Array.isArray(to)
    ? {
        dest_address: to.map((destination_addr) => ({
          destination_addr,
          dest_addr_ton: 1,
          dest_addr_npi: 1,
        })),
      }
    : { destination_addr: to ?? '' }
  const pdu = new smpp.PDU(command, {
    data_coding: 0,
    ...others,
    ...addresses,
    ...(message === undefined ? {} : { short_message: Buffer.from(String(message), 'hex') }),
    ...optionalParameters(tlvs),
  })
  const isSent = bound?.session.send(pdu, (response) => {
    tell({ call, pdu: shown(response, bound.octets()) })
  })
  if (!isSent) tell({ call, error: 'no session' })
}

function drop({ call, session: name = '' }: Command): void {
  const session = sessions.get(name)?.session
  if (!session || session.socket.destroyed) tell({ call })
  else session.destroy(() => tell({ call }))
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const command = JSON.parse(line) as Command
    if (command.do === 'listen') listen(command)
    else if (command.do === 'bind') bind(command)
    else if (command.do === 'request') request(command)
    else if (command.do === 'drop') drop(command)
    else {
      isMute = true
      tell({ call: command.call })
    }
  })
  .on('close', () => process.exit(0))
