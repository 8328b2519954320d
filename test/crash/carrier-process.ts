/**
 * A simulated carrier in a process of its own, which is killed and started again. It is built on the
 * npm package `smpp`, so it is not our own code that judges our own code.
 *
 * What it has taken it writes down before it answers, see `carrier-journal.ts`; a new life goes on
 * with the receipts that the old one had not got rid of.
 */
import smpp from 'smpp'
import { readSubmit } from '../../src/sandbox/submit-log.ts'
import { CarrierJournal, readCarrierJournal } from './carrier-journal.ts'
import { Random } from './random.ts'
import { endOf, type ReceiptState, tokenIn } from './token.ts'

/** How a carrier behaves; the first argument of the process, as JSON. */
export interface CarrierSettings {
  readonly name: string
  readonly port: number
  readonly journal: string
  readonly run: number
  readonly seed: string
  /** Milliseconds until a submit is answered, at most. */
  readonly latencyMs: number
  /** Milliseconds until a receipt is sent, at most. */
  readonly receiptMs: number
  /** Shares of all submits, 0 to 1. */
  readonly throttled: number
  readonly receiptFirst: number
  readonly receiptTwice: number
  /** Followed by a late "accepted", which must change nothing. */
  readonly receiptUndone: number
  /** Receipts have optional parameters, not only a text. */
  readonly parameters: boolean
}

interface Delivery {
  readonly id: string
  readonly from: string
  readonly to: string
  readonly stat: string
  readonly submittedMs: number
  /** The message's token, with which its text begins, as receipts repeat it. */
  readonly token: string | undefined
}

const RECEIPT_WINDOW = 20
const RECEIPT_CLASS = 0x04
const STATES: Readonly<Record<string, number>> = { DELIVRD: 2, EXPIRED: 3, UNDELIV: 5, ACCEPTD: 6 }
const CODES: Readonly<Record<string, string>> = { UNDELIV: '001', EXPIRED: '027' }

const settings = JSON.parse(process.argv[2] ?? '{}') as CarrierSettings
const random = new Random(`${settings.seed}/${settings.name}/${settings.run}`)
const journal = new CarrierJournal(settings.journal)
/** Due and not yet sent, or sent to a session that is gone. */
let waiting: Delivery[] = []
const receivers = new Map<smpp.Session, Set<Delivery>>()
let count = 0

function takeUpOldLife(): void {
  const open = new Map<string, Delivery>()
  for (const line of readCarrierJournal(settings.journal)) {
    if (line.kind === 'submit' && line.id !== null && line.wantsReceipt) {
      const { id, from, to, stat, atMs, token } = line
      open.set(id, { id, from, to, stat, submittedMs: atMs, token })
    } else if (line.kind === 'answered' && line.status === 0 && line.stat !== 'ACCEPTD') {
      open.delete(line.id)
    }
  }
  for (const delivery of open.values()) deliverLater(delivery)
}

function deliverLater(delivery: Delivery): void {
  setTimeout(
    () => {
      waiting.push(delivery)
      flush()
    },
    random.between(0, settings.receiptMs),
  )
}

function flush(): void {
  for (const [session, inFlight] of receivers) {
    while (waiting.length > 0 && inFlight.size < RECEIPT_WINDOW && session.socket.writable) {
      const delivery = waiting.shift()
      if (delivery) send(session, inFlight, delivery)
    }
  }
}

function send(session: smpp.Session, inFlight: Set<Delivery>, delivery: Delivery): void {
  const { id, stat } = delivery
  journal.append({ kind: 'receipt', run: settings.run, atMs: Date.now(), id, stat })
  inFlight.add(delivery)
  session.deliver_sm(receiptFields(delivery), (response) => {
    // Its session has ended meanwhile: it goes again.
    if (!inFlight.delete(delivery)) return
    const status = response.command_status
    journal.append({ kind: 'answered', run: settings.run, atMs: Date.now(), id, stat, status })
    if (status !== 0) deliverLater(delivery)
    flush()
  })
}

function receiptFields({ id, from, to, stat, submittedMs, token }: Delivery): smpp.PduFields {
  const err = CODES[stat] ?? '000'
  const delivered = stat === 'DELIVRD' ? '001' : '000'
  const text =
    `id:${id} sub:001 dlvrd:${delivered} submit date:${dateText(submittedMs)} ` +
    `done date:${dateText(Date.now())} stat:${stat} err:${err} text:${token === undefined ? '' : `#${token}#`}`
  return {
    source_addr_ton: 1,
    source_addr_npi: 1,
    source_addr: to,
    dest_addr_ton: 5,
    destination_addr: from,
    esm_class: RECEIPT_CLASS,
    short_message: Buffer.from(text, 'latin1'),
    ...(settings.parameters ? { receipted_message_id: id, message_state: STATES[stat] } : {}),
  }
}

// yyMMddHHmm in UTC.
function dateText(ms: number): string {
  return new Date(ms).toISOString().replace(/\D/g, '').slice(2, 12)
}

function onSubmit(session: smpp.Session, pdu: smpp.PDU): void {
  const atMs = Date.now()
  const { text, part, from, to, registeredDelivery } = readSubmit(pdu, new Date(atMs))
  const isThrottled = random.chance(settings.throttled)
  const id = isThrottled ? null : `${settings.name}-${settings.run}-${(++count).toString(16)}`
  const token = tokenIn(text)
  const stat: ReceiptState = token === undefined ? 'DELIVRD' : endOf(token)
  const wantsReceipt = (registeredDelivery & 0x03) !== 0
  journal.append({
    kind: 'submit',
    run: settings.run,
    atMs,
    id,
    from: from.address,
    to: to.address,
    token,
    part: part?.number ?? 1,
    parts: part?.total ?? 1,
    reference: part?.reference ?? null,
    wantsReceipt,
    stat,
  })
  const response =
    id === null
      ? pdu.response({ command_status: smpp.errors.ESME_RTHROTTLED })
      : pdu.response({ message_id: id })
  const latencyMs = random.between(0, settings.latencyMs)
  if (id !== null && wantsReceipt) {
    const delivery = { id, from: from.address, to: to.address, stat, submittedMs: atMs, token }
    planReceipts(delivery, latencyMs)
  }
  setTimeout(() => session.send(response), latencyMs)
}

function planReceipts(delivery: Delivery, latencyMs: number): void {
  if (random.chance(settings.receiptFirst)) {
    waiting.push(delivery)
    flush()
  } else {
    setTimeout(() => deliverLater(delivery), latencyMs)
  }
  if (random.chance(settings.receiptTwice)) deliverLater(delivery)
  if (random.chance(settings.receiptUndone)) deliverLater({ ...delivery, stat: 'ACCEPTD' })
}

function onSession(session: smpp.Session): void {
  const inFlight = new Set<Delivery>()
  session.on('bind_transceiver', (pdu) => {
    session.send(pdu.response({ system_id: settings.name }))
    receivers.set(session, inFlight)
    flush()
  })
  session.on('submit_sm', (pdu) => onSubmit(session, pdu))
  session.on('enquire_link', (pdu) => session.send(pdu.response()))
  session.on('unbind', (pdu) => {
    receivers.delete(session)
    session.send(pdu.response())
    session.socket.end()
  })
  session.on('error', () => session.destroy())
  session.on('close', () => {
    receivers.delete(session)
    waiting = [...inFlight, ...waiting]
    inFlight.clear()
    flush()
  })
}

takeUpOldLife()
const server = smpp.createServer(onSession)
server.on('error', (error) => {
  console.error(error)
  process.exit(1)
})
server.listen(settings.port, '127.0.0.1', () => process.send?.('listening'))
// The laboratory is gone, however it ended.
process.on('disconnect', () => process.exit(0))
