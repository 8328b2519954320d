/**
 * Hostile peers at a steady pace, in a process of their own; see `hostile.bench.ts`. They come from
 * 127.0.0.2, so that the caps of their address are not those of the good partner (Linux: 127/8).
 */
import { connect, type Socket } from 'node:net'
import { encodePdu } from '../../src/smpp/codec.ts'
import { COMMAND_IDS } from '../../src/smpp/commands.ts'
import { answerCommands } from './child.ts'

/** What the benchmark tells the crowd. */
export type CrowdCommand =
  | { readonly type: 'attack'; readonly port: number }
  | { readonly type: 'retreat' }

/** What the crowd answers. */
export type CrowdReport =
  | { readonly type: 'attacking' }
  | {
      readonly type: 'retreated'
      readonly seconds: number
      /** Of a core, that the crowd itself took. */
      readonly cpuShare: number
      readonly connections: number
      readonly pdus: number
    }

/** What is offered, a second. */
export const OFFERED = {
  /** Connections that speak HTTP, TLS, RDP, or announce 0, 15 or 2^31 octets. */
  probes: 50,
  /** Binds with a wrong password. */
  binds: 20,
  /** Bound connections that are reset in the middle of a PDU. */
  resets: 10,
  enquireLinks: 500,
  undecodable: 200,
  strayResponses: 200,
  /** submit_sm with a message_payload of 65,535 octets. */
  giants: 5,
} as const

/** Connections held that send a bind octet by octet and never end it. */
export const SLOW_LORIS = 30

const HOSTILE_ADDRESS = '127.0.0.2'
const TICK_MS = 20
const LORIS_EVERY_TICKS = 10

const PROBES: readonly Buffer[] = [
  Buffer.from('GET / HTTP/1.1\r\nHost: gateway\r\n\r\n'),
  Buffer.from(`16030100c8010000c40303${'5a'.repeat(190)}`, 'hex'),
  Buffer.from('0300002f2ae00000000000436f6f6b69653a206d737473', 'hex'),
  Buffer.alloc(64),
  Buffer.from('0000000f00000009', 'hex'),
  Buffer.from('8000000000000009', 'hex'),
]

const bindWith = (password: string) =>
  encodePdu({
    command: 'bind_transceiver',
    sequence_number: 1,
    system_id: 'traitor',
    password,
    interface_version: 0x34,
  })
const WRONG_BIND = bindWith('guess')
const RIGHT_BIND = bindWith('traitor')
const SUBMIT = encodePdu({ command: 'submit_sm', sequence_number: 2, destination_addr: '4477009' })
const GIANT = encodePdu({
  command: 'submit_sm',
  sequence_number: 3,
  destination_addr: '447700900123',
  tlvs: [{ tag: 0x0424, value: Buffer.alloc(65_535, 'x') }],
})
const LINK = header(COMMAND_IDS.enquire_link)
const UNDECODABLE = header(COMMAND_IDS.submit_sm)
const STRAY = header(COMMAND_IDS.submit_sm_resp)

function header(command_id: number): Buffer {
  const octets = Buffer.alloc(16)
  octets.writeUInt32BE(16, 0)
  octets.writeUInt32BE(command_id, 4)
  octets.writeUInt32BE(7, 12)
  return octets
}

let port = 0
let connections = 0
let pdus = 0
let startedAtMs = 0
let cpuBefore = process.cpuUsage()
let timer: NodeJS.Timeout | undefined
const open = new Set<Socket>()
const lorises = new Map<Socket, number>()
let traitor: Socket | undefined

function enter(): Socket {
  connections++
  const socket = connect({ host: '127.0.0.1', port, localAddress: HOSTILE_ADDRESS })
  open.add(socket)
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    open.delete(socket)
    lorises.delete(socket)
    if (socket === traitor) traitor = undefined
  })
  // Reads what comes, so that closing is noticed.
  socket.resume()
  return socket
}

/** How often something happened by now that is offered so many times a second. */
function due(perSecond: number, ticks: number): number {
  const at = (tick: number) => Math.floor((tick * perSecond * TICK_MS) / 1_000)
  return at(ticks) - at(ticks - 1)
}

function repeat(count: number, act: () => void): void {
  for (let index = 0; index < count; index++) act()
}

function tick(ticks: number): void {
  repeat(due(OFFERED.probes, ticks), () => enter().write(PROBES[connections % 6] as Buffer))
  repeat(due(OFFERED.binds, ticks), () => enter().write(WRONG_BIND))
  repeat(due(OFFERED.resets, ticks), () => {
    const socket = enter()
    socket.once('data', () => {
      socket.write(SUBMIT.subarray(0, 20), () => socket.resetAndDestroy())
    })
    socket.write(RIGHT_BIND)
  })
  if (ticks % LORIS_EVERY_TICKS === 0) {
    while (lorises.size < SLOW_LORIS) lorises.set(enter(), 0)
    for (const [socket, sent] of lorises) {
      if (sent >= RIGHT_BIND.length - 1 || !socket.writable) continue
      socket.write(RIGHT_BIND.subarray(sent, sent + 1))
      lorises.set(socket, sent + 1)
    }
  }
  if (traitor === undefined) {
    traitor = enter()
    traitor.write(RIGHT_BIND)
    return
  }
  const all: Buffer[] = []
  repeat(due(OFFERED.enquireLinks, ticks), () => all.push(LINK))
  repeat(due(OFFERED.undecodable, ticks), () => all.push(UNDECODABLE))
  repeat(due(OFFERED.strayResponses, ticks), () => all.push(STRAY))
  repeat(due(OFFERED.giants, ticks), () => all.push(GIANT))
  pdus += all.length
  traitor.write(Buffer.concat(all))
}

function attack(): CrowdReport {
  startedAtMs = performance.now()
  cpuBefore = process.cpuUsage()
  connections = 0
  pdus = 0
  let ticks = 0
  timer = setInterval(() => {
    // A late timer is made up for, so that what is offered is what is stated.
    while (ticks * TICK_MS <= performance.now() - startedAtMs) tick(++ticks)
  }, TICK_MS)
  return { type: 'attacking' }
}

async function retreat(): Promise<CrowdReport> {
  clearInterval(timer)
  const seconds = (performance.now() - startedAtMs) / 1_000
  const { user, system } = process.cpuUsage(cpuBefore)
  const cpuShare = (user + system) / 1e6 / seconds
  const closed = [...open].map(
    (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
  )
  for (const socket of open) socket.destroy()
  await Promise.all(closed)
  return { type: 'retreated', seconds, cpuShare, connections, pdus }
}

answerCommands<CrowdCommand, CrowdReport>(async (command) => {
  if (command.type === 'retreat') return retreat()
  port = command.port
  return attack()
})
