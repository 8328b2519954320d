import type { AddressInfo } from 'node:net'
import smpp from 'smpp'
import { readSubmit, type SubmitOctets } from './submit-octets.ts'

/** A submit_sm as it came: its octets, and what the package makes of them. */
export interface Submit extends SubmitOctets {
  readonly octets: Buffer
  /** Decoded by the package. */
  readonly pdu: smpp.PDU
  readonly session: smpp.Session
  /** Counts all submits of this peer from 1. */
  readonly number: number
}

/** What a submit is answered with; an accepted one is followed by its receipt. */
export type Answer =
  | { readonly status: number }
  | {
      readonly id: string
      /** The id that the receipt names; the same as `id` when absent. */
      readonly receiptId?: string
      /** `false`: no receipt; otherwise its `stat`. Default `DELIVRD`. */
      readonly receipt?: string | false
      /** The receipt goes out before the response. */
      readonly receiptFirst?: boolean
      /** Optional parameters of the response. */
      readonly parameters?: smpp.PduFields
    }
  | 'silence'
  /** The connection breaks instead. */
  | 'drop'

/** A receipt to be delivered. */
export interface PeerReceipt {
  readonly id: string
  readonly from: string
  readonly to: string
  readonly stat: string
  /** As the text has it. */
  readonly submitDate?: string
  /** `err` of the text; `000` when absent. */
  readonly error?: string
  /** What follows `text:`. */
  readonly text?: string
  /** The TLV user_message_reference. */
  readonly reference?: number | undefined
}

const BINDS: Readonly<Record<string, { sends: boolean; receives: boolean }>> = {
  bind_transmitter: { sends: true, receives: false },
  bind_receiver: { sends: false, receives: true },
  bind_transceiver: { sends: true, receives: true },
}

/**
 * A carrier that shares no code with the gateway: an SMSC written on the npm package `smpp`. It
 * remembers the octets of every submit, and keeps receipts until somebody has acknowledged them.
 */
export class SmppPeer {
  readonly submits: Submit[] = []
  readonly binds: smpp.PDU[] = []
  readonly cancels: smpp.PDU[] = []
  /** The status of a cancel_sm. */
  onCancel: (pdu: smpp.PDU) => number = () => 0
  /** False leaves every enquire_link unanswered. */
  answersLinks = true
  /** Statuses that receipts were answered with, in their order. */
  readonly acknowledged: number[] = []
  /** The status of a bind, or no answer at all. */
  onBind: (pdu: smpp.PDU) => number | 'silence' = () => 0
  onSubmit: (submit: Submit) => Answer | Promise<Answer> = ({ number }) => ({ id: `m${number}` })
  /** Fields of the answer to a query_sm; a `command_status` refuses. */
  onQuery: (pdu: smpp.PDU) => smpp.PduFields = () => ({ command_status: 0x67 })
  /** False keeps receipts back until {@link deliver} is called. */
  deliversReceipts = true
  readonly #server: smpp.Server
  readonly #receivers = new Set<smpp.Session>()
  readonly #sessions = new Set<smpp.Session>()
  #receipts: PeerReceipt[] = []
  readonly #waiters = new Set<() => void>()
  #port = 0

  private constructor() {
    this.#server = smpp.createServer((session) => this.#serve(session))
  }

  /** Listens on 127.0.0.1; port 0 takes any free one. */
  static async listen(port = 0): Promise<SmppPeer> {
    const peer = new SmppPeer()
    await new Promise<void>((resolve, reject) => {
      peer.#server.on('error', reject)
      peer.#server.listen(port, '127.0.0.1', resolve)
    })
    peer.#port = (peer.#server.address() as AddressInfo).port
    return peer
  }

  get port(): number {
    return this.#port
  }

  /** Connections that are open now. */
  get sessionCount(): number {
    return this.#sessions.size
  }

  /** Receipts that nobody has acknowledged. */
  get pendingReceipts(): number {
    return this.#receipts.length
  }

  /** Adds a receipt and sends whatever waits. */
  addReceipt(receipt: PeerReceipt): void {
    this.#receipts.push(receipt)
    if (this.deliversReceipts) this.deliver()
  }

  /** Sends any deliver_sm over the latest session that receives, and gives the status of its answer. */
  sendDelivery(fields: smpp.PduFields): Promise<number> {
    const [session] = [...this.#receivers].slice(-1)
    if (!session) throw new Error('nobody is bound who receives')
    return new Promise((resolve) => {
      session.deliver_sm(fields, (response) => resolve(response.command_status))
    })
  }

  /** Sends the receipts that wait, if a session may receive them. */
  deliver(): void {
    const [session] = [...this.#receivers].slice(-1)
    if (!session) return
    const receipts = this.#receipts
    this.#receipts = []
    for (const receipt of receipts) this.#sendReceipt(session, receipt)
  }

  /** Sends a deliver_sm over the bind that was made so many binds ago; gives the status of its answer. */
  send(fields: smpp.PduFields, bindsAgo = 0): Promise<number> {
    const session = [...this.#receivers].at(-1 - bindsAgo)
    if (!session) return Promise.reject(new Error('no session receives'))
    return new Promise((resolve, reject) => {
      const onClose = () => reject(new Error('the connection was closed'))
      session.socket.setMaxListeners(0)
      session.socket.once('close', onClose)
      session.deliver_sm(fields, (response) => {
        session.socket.off('close', onClose)
        resolve(response.command_status)
      })
    })
  }

  /** Breaks every connection, as a crash would. */
  drop(): void {
    for (const session of this.#sessions) session.destroy()
  }

  /** Resolves once the condition holds; it is looked at after everything that happens here. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => this.#waiters.add(resolve))
    }
  }

  async close(): Promise<void> {
    this.deliversReceipts = false
    this.drop()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #serve(session: smpp.Session): void {
    this.#sessions.add(session)
    session.on('error', () => session.destroy())
    const raw = rawPdus(session)
    session.on('pdu', (pdu) => {
      const octets = raw.shift() ?? Buffer.alloc(0)
      this.#receive(session, pdu, octets).catch((error: unknown) => {
        // A bug of the test: it must not pass unseen.
        queueMicrotask(() => {
          throw error
        })
      })
    })
    session.on('close', () => {
      this.#sessions.delete(session)
      this.#receivers.delete(session)
      this.#changed()
    })
    this.#changed()
  }

  async #receive(session: smpp.Session, pdu: smpp.PDU, octets: Buffer): Promise<void> {
    const bind = BINDS[pdu.command]
    if (bind) this.#bind(session, pdu, bind.receives)
    else if (pdu.command === 'submit_sm') await this.#submit(session, pdu, octets)
    else if (pdu.command === 'query_sm') session.send(pdu.response(this.onQuery(pdu)))
    else if (pdu.command === 'cancel_sm') {
      this.cancels.push(pdu)
      session.send(pdu.response({ command_status: this.onCancel(pdu) }))
    } else if (pdu.command === 'enquire_link') {
      if (this.answersLinks) session.send(pdu.response())
    } else if (pdu.command === 'unbind') {
      session.send(pdu.response())
      session.close()
    }
    this.#changed()
  }

  #bind(session: smpp.Session, pdu: smpp.PDU, receives: boolean): void {
    this.binds.push(pdu)
    const status = this.onBind(pdu)
    if (status === 'silence') return
    session.send(pdu.response({ command_status: status, system_id: 'peer' }))
    if (status !== 0) {
      session.close()
    } else if (receives) {
      this.#receivers.add(session)
      if (this.deliversReceipts) this.deliver()
    }
  }

  async #submit(session: smpp.Session, pdu: smpp.PDU, octets: Buffer): Promise<void> {
    const number = this.submits.length + 1
    const submit: Submit = { ...readSubmit(octets), octets, pdu, session, number }
    this.submits.push(submit)
    const answer = await this.onSubmit(submit)
    if (answer === 'silence') return
    if (answer === 'drop') return session.destroy()
    if ('status' in answer) {
      session.send(pdu.response({ command_status: answer.status }))
      return
    }
    const { id, receiptId = id, receipt = 'DELIVRD', receiptFirst = false, parameters } = answer
    const respond = () => session.send(pdu.response({ message_id: id, ...parameters }))
    if (!receiptFirst) respond()
    if (receipt !== false) {
      this.addReceipt({ id: receiptId, from: submit.from, to: submit.to, stat: receipt })
    }
    if (receiptFirst) {
      const before = this.acknowledged.length
      await this.until(() => this.acknowledged.length > before)
      respond()
    }
  }

  #sendReceipt(session: smpp.Session, receipt: PeerReceipt): void {
    let isAnswered = false
    const giveBack = () => {
      if (isAnswered) return
      isAnswered = true
      this.#receipts.push(receipt)
      if (this.deliversReceipts) this.deliver()
    }
    session.socket.setMaxListeners(0)
    session.socket.once('close', giveBack)
    const { submitDate = '2601010000', error = '000', text: repeated = '', reference } = receipt
    const text =
      `id:${receipt.id} sub:001 dlvrd:001 submit date:${submitDate} done date:2601010001 ` +
      `stat:${receipt.stat} err:${error} text:${repeated}`
    const isSent = session.deliver_sm(
      {
        esm_class: 0x04,
        source_addr: receipt.to,
        destination_addr: receipt.from,
        short_message: Buffer.from(text, 'latin1'),
        ...(reference === undefined ? {} : { user_message_reference: reference }),
      },
      (response) => {
        isAnswered = true
        session.socket.off('close', giveBack)
        this.acknowledged.push(response.command_status)
        this.#changed()
      },
    )
    if (!isSent) {
      session.socket.off('close', giveBack)
      this.#receivers.delete(session)
      giveBack()
    }
  }

  #changed(): void {
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const wake of waiters) wake()
  }
}

/** The PDUs as octets, cut out of the stream while the package reads it. */
function rawPdus(session: smpp.Session): Buffer[] {
  const pdus: Buffer[] = []
  let rest = Buffer.alloc(0)
  session.socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 4 && rest.length >= rest.readUInt32BE(0)) {
      const length = rest.readUInt32BE(0)
      pdus.push(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
  })
  return pdus
}
