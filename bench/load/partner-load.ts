/** The SMPP load of the peers benchmark: a partner that keeps a window of submits open. */
import { connect } from 'node:net'
import { decodePdu, encodePdu } from '../../src/smpp/codec.ts'
import { answerCommands, epochMs, failProcess } from '../support/child.ts'
import {
  type HelloCommand,
  type HelloReport,
  hello,
  numberOf,
  SENDER,
  textOf,
  untilDoneOrQuiet,
} from './message.ts'
import { answerTo, CommandId, Wire } from './wire.ts'

/** What the benchmark tells the partner. */
export type PartnerCommand =
  | HelloCommand
  | {
      readonly type: 'bind'
      readonly port: number
      readonly systemId: string
      readonly password: string
    }
  /** Submits, and waits for all receipts, or until none comes for `quietMs`. */
  | {
      readonly type: 'submit'
      readonly messages: number
      readonly window: number
      readonly quietMs: number
    }
  | { readonly type: 'close' }

/** What the partner answers. */
export type PartnerReport =
  | HelloReport
  | { readonly type: 'bound' }
  | { readonly type: 'closed' }
  | {
      readonly type: 'submitted'
      readonly startedAtMs: number
      /** To the last response. */
      readonly acceptedMs: number
      /** To the last receipt. */
      readonly receiptsMs: number
      readonly accepted: number
      readonly throttled: number
      /** Receipts for messages of this round, each message counted once. */
      readonly distinctReceipts: number
      readonly repeatedReceipts: number
      readonly unknownReceipts: number
    }

const RESPONSE_BIT = 0x8000_0000
const SUBMIT_ANSWER = (CommandId.submit_sm | RESPONSE_BIT) >>> 0
const ESME_RTHROTTLED = 0x58
const ESME_RMSGQFUL = 0x14
/** How long a partner waits before it repeats what was throttled. */
const THROTTLED_WAIT_MS = 20

let wire: Wire | undefined
let onFrame: (frame: Buffer) => void = () => {}

function bind(command: Extract<PartnerCommand, { type: 'bind' }>): Promise<PartnerReport> {
  return new Promise((resolve, reject) => {
    const socket = connect(command.port, '127.0.0.1')
    socket.on('error', failProcess)
    socket.once('connect', () => {
      const bound = new Wire(socket, (frame) => onFrame(frame))
      wire = bound
      onFrame = (frame) => {
        if (frame.readUInt32BE(8) === 0) resolve({ type: 'bound' })
        else reject(new Error(`bind refused with status ${frame.readUInt32BE(8)}`))
      }
      bound.send(
        encodePdu({
          command: 'bind_transceiver',
          sequence_number: 1,
          system_id: command.systemId,
          password: command.password,
          interface_version: 0x34,
        }),
      )
      bound.flush()
    })
  })
}

async function submit(
  command: Extract<PartnerCommand, { type: 'submit' }>,
): Promise<PartnerReport> {
  const session = wire
  if (session === undefined) throw new Error('submit before bind')
  const { messages, window, quietMs } = command
  const writeSubmit = submitWriter()
  /** Message ids of the gateway that have no receipt yet: false; that have one: true. */
  const receipted = new Map<string, boolean>()
  let next = 0
  let accepted = 0
  let throttled = 0
  let distinctReceipts = 0
  let repeatedReceipts = 0
  const early: string[] = []
  const startedAtMs = epochMs()
  let lastAcceptedMs = 0
  let lastReceiptMs = 0
  const submitNext = () => {
    if (next < messages) session.send(writeSubmit(next++))
  }
  const repeat = (message: number) => {
    session.send(writeSubmit(message))
    session.flush()
  }
  const onReceipt = (id: string): boolean => {
    const seen = receipted.get(id)
    if (seen === undefined) return false
    if (seen) repeatedReceipts++
    else {
      receipted.set(id, true)
      distinctReceipts++
    }
    return true
  }
  onFrame = (frame) => {
    const id = frame.readUInt32BE(4)
    if (id === SUBMIT_ANSWER) {
      const status = frame.readUInt32BE(8)
      if (status === ESME_RTHROTTLED || status === ESME_RMSGQFUL) {
        throttled++
        setTimeout(repeat, THROTTLED_WAIT_MS, frame.readUInt32BE(12) - 2)
        return
      }
      if (status !== 0) throw new Error(`the gateway refused a submit with status ${status}`)
      receipted.set(frame.toString('latin1', 16, frame.length - 1), false)
      accepted++
      lastAcceptedMs = epochMs()
      submitNext()
    } else if (id === CommandId.deliver_sm) {
      session.send(answerTo(frame, '\0'))
      const receipt = receiptId(frame)
      if (!onReceipt(receipt)) early.push(receipt)
      lastReceiptMs = epochMs()
    }
  }
  for (let place = 0; place < window; place++) submitNext()
  session.flush()
  await untilDoneOrQuiet(
    () => accepted === messages && distinctReceipts + early.length >= messages,
    () => accepted + distinctReceipts + early.length,
    quietMs,
  )
  // A receipt may be handled before the response that names its message.
  const unknownReceipts = early.filter((id) => !onReceipt(id)).length
  return {
    type: 'submitted',
    startedAtMs,
    acceptedMs: lastAcceptedMs - startedAtMs,
    receiptsMs: lastReceiptMs - startedAtMs,
    accepted,
    throttled,
    distinctReceipts,
    repeatedReceipts,
    unknownReceipts,
  }
}

/** Encodes once and patches the number, the text's reference and the sequence number. */
function submitWriter(): (message: number) => Buffer {
  const template = encodePdu({
    command: 'submit_sm',
    source_addr_ton: 5,
    source_addr: SENDER,
    dest_addr_ton: 1,
    dest_addr_npi: 1,
    destination_addr: numberOf(0),
    registered_delivery: 1,
    short_message: Buffer.from(textOf(0), 'latin1'),
  })
  const numberAt = template.indexOf(numberOf(0))
  const textAt = template.indexOf(textOf(0))
  return (message) => {
    const octets = Buffer.from(template)
    octets.writeUInt32BE(message + 2, 12)
    octets.write(numberOf(message), numberAt, 'latin1')
    octets.write(textOf(message).slice(0, 8), textAt, 'latin1')
    return octets
  }
}

function receiptId(frame: Buffer): string {
  const pdu = decodePdu(frame)
  if (pdu.command !== 'deliver_sm') return ''
  const text = pdu.short_message
  if (text.toString('latin1', 0, 3) !== 'id:') return ''
  return text.toString('latin1', 3, text.indexOf(' '))
}

answerCommands<PartnerCommand, PartnerReport>(async (command) => {
  switch (command.type) {
    case 'hello':
      return hello()
    case 'bind':
      return bind(command)
    case 'submit':
      return submit(command)
    case 'close':
      wire?.close()
      wire = undefined
      return { type: 'closed' }
  }
})
