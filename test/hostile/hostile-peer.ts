import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { CommandName, PduInput, PduOf } from '../../src/smpp/pdu.ts'
import { ScriptedPeer } from '../smpp/scripted-peer.ts'

/** Where hostile peers come from: the caps of one address are not those of others (Linux: 127/8). */
export const HOSTILE_ADDRESS = '127.0.0.2'

/** Somebody on a real socket who sends what he likes. */
export class HostilePeer {
  readonly socket: Socket
  /** Settles when the connection is over, however it ended. */
  readonly closed: Promise<void>
  readonly #peer: ScriptedPeer

  private constructor(socket: Socket) {
    this.socket = socket
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    this.#peer = new ScriptedPeer(socket)
  }

  /** Connects; gives nothing when the connection is refused or reset at once. */
  static async connect(port: number, from = HOSTILE_ADDRESS): Promise<HostilePeer> {
    const socket = connect({ host: '127.0.0.1', port, localAddress: from, allowHalfOpen: true })
    const peer = new HostilePeer(socket)
    await once(socket, 'connect')
    return peer
  }

  /** Connects with the password that somebody gave him. */
  static async bound(port: number, systemId: string, password: string): Promise<HostilePeer> {
    const peer = await HostilePeer.connect(port)
    peer.send({
      command: 'bind_transceiver',
      sequence_number: 1,
      system_id: systemId,
      password,
      interface_version: 0x34,
    })
    const { command_status: status } = await peer.next('bind_transceiver_resp')
    if (status !== 0) throw new Error(`the bind was refused: ${status}`)
    return peer
  }

  /** Decoded PDUs that nobody has asked for. */
  get unread() {
    return this.#peer.unread
  }

  send(...pdus: PduInput[]): void {
    this.#peer.send(...pdus)
  }

  sendOctets(...octets: Buffer[]): void {
    this.#peer.sendOctets(Buffer.concat(octets))
  }

  next<Name extends CommandName>(command: Name): Promise<PduOf<Name>> {
    return this.#peer.next(command)
  }

  /** Fails unless the connection still works. */
  async isServed(): Promise<void> {
    const sequence_number = 0x7fff_0001
    this.send({ command: 'enquire_link', sequence_number })
    const answer = await this.next('enquire_link_resp')
    if (answer.sequence_number !== sequence_number) throw new Error('another answer came')
  }

  reset(): void {
    this.socket.resetAndDestroy()
  }
}
