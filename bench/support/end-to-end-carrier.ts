/**
 * The carrier of the end-to-end benchmark: takes every message at once and sends its receipt right
 * after the response. It is built on our own server, because one on the package `smpp` would be
 * what the benchmark measures.
 */
import { formatReceipt } from '../../src/smpp/receipt-format.ts'
import { SmppServer } from '../../src/smpp/server.ts'
import type { Session } from '../../src/smpp/session.ts'
import { answerCommands, epochMs, failProcess } from './child.ts'

/** What the benchmark tells the carrier. */
export type CarrierCommand =
  | { readonly type: 'listen' }
  /** Asks for the arrivals once `receipts` receipts are acknowledged, and forgets both. */
  | { readonly type: 'collect'; readonly receipts: number }

/** One submit_sm: `destination_addr`, a blank, the text; and when it came. */
export type Arrival = readonly [key: string, atMs: number]

/** What the carrier answers. */
export type CarrierReport =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'collected'; readonly arrivals: readonly Arrival[] }

const VERSION = 0x34

let submits = 0
let acknowledged = 0
let arrivals: Arrival[] = []
let awaited: { readonly receipts: number; readonly resolve: () => void } | undefined

const server = new SmppServer({
  host: '127.0.0.1',
  port: 0,
  system_id: 'bench',
  windowSize: 1_000,
  queueLimit: 1_000_000,
  maxInboundPending: 5_000,
  authenticate: () => ({ status: 0 }),
  onRequest: (pdu, session) => {
    if (pdu.command !== 'submit_sm') return undefined
    const id = String(++submits)
    arrivals.push([`${pdu.destination_addr} ${pdu.short_message.toString('latin1')}`, epochMs()])
    const { source_addr, destination_addr } = pdu
    setImmediate(() => {
      sendReceipt(session, id, destination_addr, source_addr).catch(failProcess)
    })
    return { message_id: id }
  },
})

async function sendReceipt(session: Session, id: string, from: string, to: string): Promise<void> {
  const now = new Date()
  const receipt = formatReceipt({ id, state: 'DELIVERED', submittedAt: now, doneAt: now }, VERSION)
  const { command_status: status } = await session.request({
    command: 'deliver_sm',
    source_addr_ton: 1,
    source_addr_npi: 1,
    source_addr: from,
    dest_addr_ton: 5,
    destination_addr: to,
    ...receipt,
  })
  if (status !== 0) throw new Error(`the gateway answered a receipt with status ${status}`)
  acknowledged++
  if (awaited && acknowledged >= awaited.receipts) awaited.resolve()
}

async function collect(receipts: number): Promise<CarrierReport> {
  if (acknowledged < receipts) {
    await new Promise<void>((resolve) => {
      awaited = { receipts, resolve }
    })
  }
  awaited = undefined
  const collected = arrivals
  arrivals = []
  acknowledged = 0
  return { type: 'collected', arrivals: collected }
}

answerCommands<CarrierCommand, CarrierReport>(async (command) => {
  if (command.type === 'collect') return collect(command.receipts)
  await server.listen()
  return { type: 'listening', port: server.port }
})
