import { Duplex } from 'node:stream'
import { decodePdu, encodePdu } from '../../src/smpp/codec.ts'
import { FrameDecoder } from '../../src/smpp/frame.ts'
import type { CommandName, Pdu, PduInput, PduOf } from '../../src/smpp/pdu.ts'

/** One end of an in-memory connection; writing waits while the other end does not read. */
class PipeEnd extends Duplex {
  other: PipeEnd | undefined
  #waiting: (() => void) | undefined

  constructor() {
    super({ allowHalfOpen: true, highWaterMark: 4096 })
  }

  override _read(): void {
    this.other?.continueWriting()
  }

  continueWriting(): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.()
  }

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    const { other } = this
    // What reaches a destroyed end is lost, as on a socket before the reset comes back.
    if (other === undefined || other.destroyed || other.push(Buffer.from(chunk))) callback()
    else this.#waiting = callback
  }

  override _final(callback: () => void): void {
    if (this.other?.destroyed === false) this.other.push(null)
    callback()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (this.other?.destroyed === false) this.other.push(null)
    callback(error)
  }
}

/** Two ends of one in-memory connection. */
export function connectedPair(): [Duplex, Duplex] {
  const left = new PipeEnd()
  const right = new PipeEnd()
  left.other = right
  right.other = left
  return [left, right]
}

/** The other side of a session under test: reads PDUs one by one and sends what the test says. */
export class ScriptedPeer {
  readonly stream: Duplex
  /** Settles when the session has ended its half of the connection. */
  readonly ended: Promise<void>
  readonly #decoder = new FrameDecoder({ maxOctets: 1_000_000 })
  readonly #received: Pdu[] = []
  readonly #waiting: ((pdu: Pdu) => void)[] = []

  constructor(stream: Duplex) {
    this.stream = stream
    this.ended = new Promise((resolve) => {
      stream.once('end', resolve)
      stream.once('close', resolve)
    })
    stream.on('error', () => undefined)
    stream.once('end', () => stream.end())
    stream.on('data', (chunk: Buffer) => {
      for (const frame of this.#decoder.push(chunk)) {
        const pdu = decodePdu(frame)
        const waiting = this.#waiting.shift()
        if (waiting === undefined) this.#received.push(pdu)
        else waiting(pdu)
      }
    })
  }

  /** PDUs that came and were not asked for yet. */
  get unread(): readonly Pdu[] {
    return this.#received
  }

  /** The next PDU, which must be of the given command. */
  async next<Name extends CommandName>(command: Name): Promise<PduOf<Name>> {
    const pdu =
      this.#received.shift() ?? (await new Promise<Pdu>((resolve) => this.#waiting.push(resolve)))
    if (pdu.command !== command) throw new Error(`expected ${command}, got ${pdu.command}`)
    return pdu as PduOf<Name>
  }

  /** Sends PDUs in one piece. */
  send(...pdus: PduInput[]): void {
    this.stream.write(Buffer.concat(pdus.map((pdu) => encodePdu(pdu))))
  }

  sendOctets(octets: Buffer): void {
    this.stream.write(octets)
  }

  /** Ends the connection the rough way, as a reset does. */
  reset(): void {
    this.stream.destroy()
  }
}

/** A PDU with any header and body. */
export function rawPdu(
  command_id: number,
  sequence_number: number,
  body: Buffer = Buffer.alloc(0),
): Buffer {
  const octets = Buffer.alloc(16 + body.length)
  octets.writeUInt32BE(octets.length, 0)
  octets.writeUInt32BE(command_id, 4)
  octets.writeUInt32BE(sequence_number, 12)
  body.copy(octets, 16)
  return octets
}

/** Lets everything happen that is already under way, without letting time pass. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
  }
}
