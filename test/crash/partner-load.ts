import smpp from 'smpp'
import type { Random } from './random.ts'
import type { Submission, Told } from './records.ts'
import { textOf } from './token.ts'

/** What a {@link PartnerLoad} is built with. */
export interface PartnerLoadOptions {
  readonly port: number
  readonly systemId: string
  readonly password: string
  readonly random: Random
  /** Makes the record of the next message. */
  readonly next: () => Submission
  readonly onRefused: (status: number) => void
}

const WINDOW = 20
const CONNECT_AGAIN_MS = 200
const TICK_MS = 10
/** Share of receipts that are not acknowledged: the connection breaks instead. */
const BROKEN = 0.0005

/** A partner's application on the package `smpp`: submits, takes receipts, binds again and again. */
export class PartnerLoad {
  readonly receipts: Told[] = []
  readonly #options: PartnerLoadOptions
  readonly #random: Random
  #session: smpp.Session | undefined
  #isBound = false
  #isClosed = false
  #everyMs = 0
  #nextMs = 0
  #timer: NodeJS.Timeout | undefined
  readonly #unanswered = new Set<Submission>()

  constructor(options: PartnerLoadOptions) {
    this.#options = options
    this.#random = options.random
  }

  /** Binds, and submits one message in so many milliseconds. */
  start(everyMs: number): void {
    this.#everyMs = everyMs
    this.#connect()
    this.#nextMs = Date.now()
    this.#timer = setInterval(() => this.#submitDue(), TICK_MS)
  }

  stopSubmitting(): void {
    clearInterval(this.#timer)
  }

  /** Ends the connection for good. */
  close(): void {
    this.#isClosed = true
    this.stopSubmitting()
    this.#session?.destroy()
  }

  #connect(): void {
    if (this.#isClosed) return
    const session = smpp.connect({ host: '127.0.0.1', port: this.#options.port })
    this.#session = session
    session.on('connect', () => {
      const { systemId: system_id, password } = this.#options
      session.bind_transceiver({ system_id, password, interface_version: 0x34 }, (response) => {
        if (response.command_status === 0) this.#isBound = true
        else session.destroy()
      })
    })
    session.on('deliver_sm', (pdu) => this.#onReceipt(session, pdu))
    session.on('enquire_link', (pdu) => session.send(pdu.response()))
    session.on('unbind', (pdu) => {
      session.send(pdu.response())
      session.socket.end()
    })
    session.on('error', () => session.destroy())
    session.once('close', () => {
      this.#isBound = false
      for (const submission of this.#unanswered) submission.outcome = 'unanswered'
      this.#unanswered.clear()
      setTimeout(() => this.#connect(), CONNECT_AGAIN_MS)
    })
  }

  #submitDue(): void {
    const now = Date.now()
    if (!this.#isBound) {
      this.#nextMs = now
      return
    }
    while (this.#nextMs <= now && this.#unanswered.size < WINDOW) {
      this.#nextMs += this.#everyMs
      this.#submit()
    }
  }

  #submit(): void {
    const submission = this.#options.next()
    this.#unanswered.add(submission)
    this.#session?.submit_sm(
      {
        source_addr_ton: 5,
        source_addr: 'Crashlab',
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: submission.to.slice(1),
        registered_delivery: 1,
        data_coding: 0,
        short_message: textOf(submission.token, 'short'),
      },
      (response) => {
        if (!this.#unanswered.delete(submission)) return
        if (response.command_status === 0) {
          submission.outcome = 'accepted'
          submission.id = String(response.message_id)
        } else {
          submission.outcome = 'refused'
          this.#options.onRefused(response.command_status)
        }
      },
    )
  }

  #onReceipt(session: smpp.Session, pdu: smpp.PDU): void {
    const text = String(pdu.short_message?.message ?? '')
    const isAcknowledged = !this.#random.chance(BROKEN)
    this.receipts.push({
      via: 'receipt',
      messageId: /\bid:(\S+)/.exec(text)?.[1] ?? '',
      event: /\bstat:(\S+)/.exec(text)?.[1] ?? '',
      eventId: '',
      atMs: Date.now(),
      isAcknowledged,
      isGenuine: null,
    })
    if (isAcknowledged) session.send(pdu.response())
    else session.destroy()
  }
}
