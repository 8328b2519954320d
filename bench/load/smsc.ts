/**
 * The SMSC of the peers benchmark: answers every submit_sm with an id and sends a receipt where one
 * was asked for. Both gateways are measured against this process.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { decodePdu, encodePdu } from '../../src/smpp/codec.ts'
import { formatReceipt } from '../../src/smpp/receipt-format.ts'
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
import { answerTo, CommandId, Wire } from './wire.ts'

/** What the benchmark tells the SMSC. */
export type SmscCommand =
  | HelloCommand
  /** Port 0 takes any. `receiptWindow` is how many receipts may be unanswered per connection. */
  | { readonly type: 'listen'; readonly port: number; readonly receiptWindow: number }
  /** Stops to listen and closes what is connected. */
  | { readonly type: 'close' }
  /** Begins a round; `latencyMs` passes before every response. */
  | {
      readonly type: 'expect'
      readonly messages: number
      readonly recipients: number
      readonly latencyMs: number
      readonly keepTimes: boolean
    }
  /** Waits for so many messages and answered receipts, or until nothing moves for `quietMs`. */
  | {
      readonly type: 'count'
      readonly messages: number
      readonly receipts: number
      readonly quietMs: number
    }

/** What the SMSC answers. */
export type SmscReport =
  | HelloReport
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'closed' }
  | { readonly type: 'expecting' }
  | {
      readonly type: 'counted'
      readonly submits: TallyReport
      readonly receiptsAnswered: number
      readonly receiptsRefused: number
      /** When the last receipt was answered, in milliseconds since 1970. */
      readonly lastReceiptAtMs: number
      /** Mean time from a submit to its response as it really was. */
      readonly meanLatencyMs: number
      /** See `Tally.times`. */
      readonly times: readonly number[]
    }

const FIRST_ID = 1_000_000_000
const VERSION = 0x34
const REFERENCE_START = '#'.charCodeAt(0)

let nextId = FIRST_ID
let receiptWindow = 100
let latencyMs = 0
let recipients = 1
let tally = new Tally(0)
let receiptsAnswered = 0
let receiptsRefused = 0
let lastReceiptAtMs = 0
let latencySumMs = 0
let latencyCount = 0
const sockets = new Set<Socket>()

interface Due {
  readonly request: Buffer
  readonly id: string
  readonly receipt: Buffer | undefined
  readonly arrivedMs: number
}

/** One bind: what it owes, and what it waits for. */
class Peer {
  readonly #wire: Wire
  readonly #responses: Due[] = []
  #firstResponse = 0
  #timer: NodeJS.Timeout | undefined
  readonly #receipts: Buffer[] = []
  #firstReceipt = 0
  #open = 0
  #sequence = 0
  #isPumpDue = false

  constructor(socket: Socket) {
    this.#wire = new Wire(socket, (frame) => this.#onFrame(frame))
    socket.on('close', () => clearTimeout(this.#timer))
  }

  #onFrame(frame: Buffer): void {
    const command = frame.readUInt32BE(4)
    switch (command) {
      case CommandId.submit_sm:
        this.#onSubmit(frame)
        return
      case (CommandId.deliver_sm | 0x8000_0000) >>> 0:
        this.#onReceiptAnswer(frame)
        return
      case CommandId.bind_receiver:
      case CommandId.bind_transmitter:
      case CommandId.bind_transceiver:
        this.#wire.send(answerTo(frame, 'bench\0'))
        return
      case CommandId.unbind:
        this.#wire.send(answerTo(frame))
        return
      default:
        throw new Error(`the gateway sent command ${command.toString(16)}`)
    }
  }

  #onSubmit(frame: Buffer): void {
    const now = epochMs()
    const pdu = decodePdu(frame)
    if (pdu.command !== 'submit_sm') throw new Error(`not a submit_sm: ${pdu.command}`)
    const { short_message: text, source_addr, destination_addr } = pdu
    const call = text[0] === REFERENCE_START ? Number(text.toString('latin1', 1, 8)) : Number.NaN
    tally.see(messageOf(call, recipients, destination_addr), now)
    const id = String(nextId++)
    const isReceiptWanted = (pdu.registered_delivery & 3) === 1
    const receipt = isReceiptWanted ? receiptFor(id, destination_addr, source_addr) : undefined
    if (latencyMs === 0) {
      this.#wire.send(answerTo(frame, `${id}\0`))
      if (receipt !== undefined) this.#owe(receipt)
      return
    }
    // The frame is a view of a chunk that stays alive for one latency at most.
    this.#responses.push({ request: frame, id, receipt, arrivedMs: now })
    if (this.#timer === undefined) this.#setTimer(now)
  }

  #setTimer(now: number): void {
    const next = this.#responses[this.#firstResponse]
    this.#timer = undefined
    if (next === undefined) return
    const waitMs = next.arrivedMs + latencyMs - now
    this.#timer = setTimeout(() => this.#answerDue(), Math.max(1, Math.round(waitMs)))
  }

  /** Timers have whole milliseconds: what is due within half of one is answered now. */
  #answerDue(): void {
    const now = epochMs()
    for (;;) {
      const due = this.#responses[this.#firstResponse]
      if (due === undefined || due.arrivedMs + latencyMs > now + 0.5) break
      this.#firstResponse++
      latencySumMs += now - due.arrivedMs
      latencyCount++
      this.#wire.send(answerTo(due.request, `${due.id}\0`))
      if (due.receipt !== undefined) this.#owe(due.receipt)
    }
    if (this.#firstResponse > 1_000) {
      this.#responses.splice(0, this.#firstResponse)
      this.#firstResponse = 0
    }
    this.#wire.flush()
    this.#setTimer(now)
  }

  #owe(receipt: Buffer): void {
    this.#receipts.push(receipt)
    this.#pumpSoon()
  }

  #onReceiptAnswer(frame: Buffer): void {
    this.#open--
    if (frame.readUInt32BE(8) === 0) receiptsAnswered++
    else receiptsRefused++
    lastReceiptAtMs = epochMs()
    if (this.#firstReceipt < this.#receipts.length) this.#pumpSoon()
  }

  /** Receipts go in a write of their own, after the responses of the same turn. */
  #pumpSoon(): void {
    if (this.#isPumpDue) return
    this.#isPumpDue = true
    setImmediate(() => {
      this.#isPumpDue = false
      this.#pump()
    })
  }

  #pump(): void {
    while (this.#open < receiptWindow) {
      const receipt = this.#receipts[this.#firstReceipt]
      if (receipt === undefined) break
      this.#firstReceipt++
      this.#open++
      this.#sequence = (this.#sequence % 0x7fffffff) + 1
      receipt.writeUInt32BE(this.#sequence, 12)
      this.#wire.send(receipt)
    }
    if (this.#firstReceipt > 10_000) {
      this.#receipts.splice(0, this.#firstReceipt)
      this.#firstReceipt = 0
    }
    this.#wire.flush()
  }
}

function receiptFor(id: string, from: string, to: string): Buffer {
  const now = new Date()
  const receipt = formatReceipt({ id, state: 'DELIVERED', submittedAt: now, doneAt: now }, VERSION)
  return encodePdu({
    command: 'deliver_sm',
    source_addr_ton: 1,
    source_addr_npi: 1,
    source_addr: from,
    dest_addr_ton: 5,
    destination_addr: to,
    ...receipt,
  })
}

const server = createServer((socket) => {
  sockets.add(socket)
  // A gateway that is stopped may reset its connection.
  socket.on('error', () => socket.destroy())
  socket.on('close', () => sockets.delete(socket))
  new Peer(socket)
})

async function answer(command: SmscCommand): Promise<SmscReport> {
  switch (command.type) {
    case 'hello':
      return hello()
    case 'listen':
      receiptWindow = command.receiptWindow
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(command.port, '127.0.0.1', resolve)
      })
      return { type: 'listening', port: (server.address() as AddressInfo).port }
    case 'close':
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
      return { type: 'closed' }
    case 'expect':
      tally = new Tally(command.messages, command.keepTimes)
      recipients = command.recipients
      latencyMs = command.latencyMs
      receiptsAnswered = 0
      receiptsRefused = 0
      latencySumMs = 0
      latencyCount = 0
      return { type: 'expecting' }
    case 'count':
      await untilDoneOrQuiet(
        () => tally.distinct >= command.messages && receiptsAnswered >= command.receipts,
        () => tally.distinct + tally.repeated + receiptsAnswered + receiptsRefused,
        command.quietMs,
      )
      return {
        type: 'counted',
        submits: tally.report,
        receiptsAnswered,
        receiptsRefused,
        lastReceiptAtMs,
        meanLatencyMs: latencyCount === 0 ? 0 : latencySumMs / latencyCount,
        times: tally.times,
      }
  }
}

answerCommands<SmscCommand, SmscReport>(answer)
