import type smpp from 'smpp'
import { type Delivery, deliverFields } from './delivery.ts'

/** Which way messages may go. */
export type BindState = 'open' | 'transmitter' | 'receiver' | 'transceiver'

const DELIVER_WINDOW = 50
const VERSION_3_3 = 0x33

/**
 * One connection of a simulated carrier.
 *
 * Keeps what it has delivered until it is acknowledged; {@link takeUnacknowledged} gives back the rest
 * when the connection is gone.
 */
export class SmscSession {
  readonly #session: smpp.Session
  readonly #unacknowledged = new Map<Delivery, number>()
  #isCorked = false
  #interfaceVersion = VERSION_3_3
  bindState: BindState = 'open'
  readonly connectedAtMs: number

  constructor(session: smpp.Session, nowMs: number) {
    this.#session = session
    this.connectedAtMs = nowMs
  }

  get canSubmit(): boolean {
    return this.bindState === 'transmitter' || this.bindState === 'transceiver'
  }

  get canReceive(): boolean {
    return this.bindState === 'receiver' || this.bindState === 'transceiver'
  }

  /** True when another delivery may be sent now. */
  get hasRoom(): boolean {
    return (
      this.canReceive && this.#unacknowledged.size < DELIVER_WINDOW && this.#session.socket.writable
    )
  }

  bind(state: BindState, interfaceVersion: number): void {
    this.bindState = state
    this.#interfaceVersion = interfaceVersion
  }

  /** Sends a response or request; nothing when the connection can no longer be written. */
  send(pdu: smpp.PDU): void {
    this.#cork()
    this.#session.send(pdu)
  }

  /** Sends a delivery; `onAcknowledged` gets the status of the answer, if one comes. */
  deliver(delivery: Delivery, nowMs: number, onAcknowledged: (status: number) => void): boolean {
    this.#cork()
    const isSent = this.#session.deliver_sm(
      deliverFields(delivery, this.#interfaceVersion),
      (response) => {
        if (this.#unacknowledged.delete(delivery)) onAcknowledged(response.command_status)
      },
    )
    if (isSent) this.#unacknowledged.set(delivery, nowMs)
    return isSent
  }

  /** When the oldest delivery without an answer was sent. */
  get oldestDeliveryMs(): number | undefined {
    return this.#unacknowledged.values().next().value
  }

  /** What has been sent and not acknowledged, oldest first. */
  unacknowledged(): Delivery[] {
    return [...this.#unacknowledged.keys()]
  }

  /** Hands over what has not been acknowledged; later answers to it are ignored. */
  takeUnacknowledged(): Delivery[] {
    const deliveries = this.unacknowledged()
    this.#unacknowledged.clear()
    return deliveries
  }

  /** Sends the first half of a response and closes. */
  sendHalf(pdu: smpp.PDU): void {
    const octets = pdu.toBuffer()
    this.#session.socket.write(octets.subarray(0, octets.length >> 1))
    this.end()
  }

  /** Says goodbye and closes when everything is written. */
  close(): void {
    if (this.bindState !== 'open') this.#session.unbind()
    this.end()
  }

  /** Closes when everything is written. */
  end(): void {
    this.#session.socket.destroySoon()
  }

  /** Closes at once. */
  destroy(): void {
    this.#session.destroy()
  }

  // Everything written in one turn leaves in one packet; the package writes PDU by PDU.
  #cork(): void {
    if (this.#isCorked) return
    this.#isCorked = true
    this.#session.socket.cork()
    process.nextTick(() => {
      this.#isCorked = false
      this.#session.socket.uncork()
    })
  }
}
