import type { Socket } from 'node:net'
import { FrameDecoder } from '../../src/smpp/frame.ts'

const HEADER_OCTETS = 16
const RESPONSE_BIT = 0x8000_0000

/** The commands of this benchmark, by `command_id`. */
export const CommandId = {
  bind_receiver: 0x01,
  bind_transmitter: 0x02,
  submit_sm: 0x04,
  deliver_sm: 0x05,
  unbind: 0x06,
  bind_transceiver: 0x09,
  enquire_link: 0x15,
} as const

/**
 * One SMPP connection at the lowest cost: our frame decoder, and one write for all that is sent
 * while a chunk is handled.
 *
 * It has no timers, no states and no promises, which `Session` needs and two sides that know each
 * other do not: on a small machine they would take the processor from the gateways measured.
 */
export class Wire {
  readonly #socket: Socket
  readonly #decoder = new FrameDecoder()
  #output: Buffer[] = []
  #isHandling = false

  /** @param onFrame - gets every whole PDU but `enquire_link`, which is answered here */
  constructor(socket: Socket, onFrame: (frame: Buffer) => void, onTurnEnd?: () => void) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.#isHandling = true
      for (const frame of this.#decoder.push(chunk)) {
        const command = frame.readUInt32BE(4)
        if (command === CommandId.enquire_link) this.send(answerTo(frame))
        else onFrame(frame)
      }
      onTurnEnd?.()
      this.#isHandling = false
      this.flush()
    })
  }

  /** Sends a PDU: at the end of the chunk in work, or with {@link flush}. */
  send(octets: Buffer): void {
    this.#output.push(octets)
  }

  /** Writes what was sent outside the handling of a chunk. */
  flush(): void {
    if (this.#isHandling || this.#output.length === 0) return
    const output = this.#output
    this.#output = []
    this.#socket.write(output.length === 1 ? (output[0] as Buffer) : Buffer.concat(output))
  }

  close(): void {
    this.#socket.destroy()
  }
}

/** The response with status 0 to a request; `body` is the body with all its NULs. */
export function answerTo(request: Buffer, body = ''): Buffer {
  const octets = Buffer.allocUnsafe(HEADER_OCTETS + body.length)
  octets.writeUInt32BE(octets.length, 0)
  octets.writeUInt32BE((request.readUInt32BE(4) | RESPONSE_BIT) >>> 0, 4)
  octets.writeUInt32BE(0, 8)
  request.copy(octets, 12, 12, HEADER_OCTETS)
  octets.write(body, HEADER_OCTETS, 'latin1')
  return octets
}
