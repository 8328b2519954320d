import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { decodePdu, encodePdu } from '../../src/smpp/codec.ts'
import { FrameDecoder } from '../../src/smpp/frame.ts'
import type { Pdu, PduInput, SubmitSm } from '../../src/smpp/pdu.ts'

/** One connection to a hostile SMSC. */
export interface Victim {
  readonly socket: Socket
  send(...pdus: PduInput[]): void
}

/** A carrier that answers what it likes; where a test says nothing it is well-behaved. */
export class HostileSmsc {
  /** Every PDU that came, oldest first. */
  readonly received: Pdu[] = []
  /** Takes a connection; what it sends comes before the answer to the bind. */
  onConnect: (victim: Victim) => void = () => {}
  /** Answers a bind. */
  onBind: (pdu: Pdu, victim: Victim) => void = acceptBind
  /** Answers a submit. */
  onSubmit: (pdu: SubmitSm, victim: Victim) => void = acceptSubmit
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #waiters = new Set<() => void>()

  private constructor() {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket))
  }

  static async listen(): Promise<HostileSmsc> {
    const smsc = new HostileSmsc()
    await new Promise<void>((resolve) => smsc.#server.listen(0, '127.0.0.1', resolve))
    return smsc
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** The PDUs of one command that came. */
  all<Name extends Pdu['command']>(command: Name): Extract<Pdu, { command: Name }>[] {
    return this.received.filter((pdu) => pdu.command === command) as never
  }

  /** Resolves once the condition holds; it is looked at whenever something happens here. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => this.#waiters.add(resolve))
    }
  }

  /** Back to good behaviour, with fresh connections. */
  reform(): void {
    this.onConnect = () => {}
    this.onBind = acceptBind
    this.onSubmit = acceptSubmit
    this.drop()
  }

  /** Breaks every connection, so that the gateway comes back to what this does now. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.drop()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('end', () => socket.end())
    socket.on('close', () => {
      this.#sockets.delete(socket)
      this.#changed()
    })
    const victim: Victim = {
      socket,
      send: (...pdus) => void socket.write(Buffer.concat(pdus.map((pdu) => encodePdu(pdu)))),
    }
    const decoder = new FrameDecoder()
    socket.on('data', (chunk: Buffer) => {
      for (const frame of decoder.push(chunk)) this.#receive(decodePdu(Buffer.from(frame)), victim)
      this.#changed()
    })
    this.onConnect(victim)
  }

  #receive(pdu: Pdu, victim: Victim): void {
    this.received.push(pdu)
    const { sequence_number } = pdu
    if (pdu.command.startsWith('bind_')) this.onBind(pdu, victim)
    else if (pdu.command === 'submit_sm') this.onSubmit(pdu, victim)
    else if (pdu.command === 'enquire_link') {
      victim.send({ command: 'enquire_link_resp', sequence_number })
    } else if (pdu.command === 'unbind') {
      victim.send({ command: 'unbind_resp', sequence_number })
    }
  }

  #changed(): void {
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const wake of waiters) wake()
  }
}

/** Says yes to a bind. */
export function acceptBind({ sequence_number }: Pdu, victim: Victim): void {
  victim.send({ command: 'bind_transceiver_resp', sequence_number, system_id: 'smsc' })
}

/** Takes a message over and delivers it at once. */
export function acceptSubmit(pdu: SubmitSm, victim: Victim): void {
  const message_id = `ok-${pdu.destination_addr}`
  victim.send(
    { command: 'submit_sm_resp', sequence_number: pdu.sequence_number, message_id },
    receiptFor(pdu, message_id),
  )
}

/** The receipt of a delivered message. */
export function receiptFor(
  { source_addr, destination_addr }: SubmitSm,
  id: string,
  more: Partial<Extract<PduInput, { command: 'deliver_sm' }>> = {},
): PduInput {
  return {
    command: 'deliver_sm',
    sequence_number: 1_000,
    source_addr: destination_addr,
    destination_addr: source_addr,
    esm_class: 4,
    short_message: Buffer.from(
      `id:${id} sub:001 dlvrd:001 submit date:2601010000 done date:2601010001 stat:DELIVRD err:000 text:`,
    ),
    ...more,
  }
}
