/** The part of the npm package `smpp` 0.5.1 that the sandbox, the tests and the benchmarks use. */
declare module 'smpp' {
  import type { EventEmitter } from 'node:events'
  import type { AddressInfo, ListenOptions, Socket } from 'node:net'
  import type { ConnectionOptions, TlsOptions } from 'node:tls'

  namespace smpp {
    /** Fields by their names in the specification; optional parameters stand beside them. */
    type PduFields = Record<string, unknown>

    /** A text, or a text with its user data header; octets are sent as they are. */
    type MessageValue =
      | string
      | Buffer
      | { udh?: Buffer | readonly Buffer[]; message: string | Buffer }

    class PDU {
      constructor(command: string, fields?: PduFields)
      constructor(octets: Buffer)
      /** The command's name, or `unknown`. */
      command: string
      command_length: number
      command_id: number
      command_status: number
      sequence_number: number;
      /** Every field and optional parameter, decoded by the package's own filters. */
      // biome-ignore lint/suspicious/noExplicitAny: the package has no types for its fields
      [field: string]: any
      isResponse(): boolean
      /** The response to this request; `generic_nack` when the command is unknown. */
      response(fields?: PduFields): PDU
      /** Encodes. The package turns the fields into octets in place: encode a PDU once. */
      toBuffer(): Buffer
      static fromBuffer(octets: Buffer): PDU | false
      static maxLength: number
    }

    type PduCallback = (pdu: PDU) => void
    type Send = (fields?: PduFields, onResponse?: PduCallback, onSent?: PduCallback) => boolean

    interface SessionEvents {
      connect: []
      secureConnect: []
      close: []
      error: [error: Error & { code?: string }]
      pdu: [pdu: PDU]
      send: [pdu: PDU]
      unknown: [pdu: PDU]
    }

    class Session extends EventEmitter {
      constructor(options: ConnectOptions)
      readonly socket: Socket
      sequence: number
      paused: boolean
      send(pdu: PDU, onResponse?: PduCallback, onSent?: PduCallback): boolean
      pause(): void
      resume(): void
      close(onClosed?: () => void): void
      destroy(onClosed?: () => void): void
      /** Beside these events, each PDU is also raised under its command's name. */
      on<Name extends keyof SessionEvents>(
        event: Name,
        listener: (...args: SessionEvents[Name]) => void,
      ): this
      on(command: string, listener: PduCallback): this
      once<Name extends keyof SessionEvents>(
        event: Name,
        listener: (...args: SessionEvents[Name]) => void,
      ): this
      once(command: string, listener: PduCallback): this
      bind_receiver: Send
      bind_transmitter: Send
      bind_transceiver: Send
      outbind: Send
      unbind: Send
      enquire_link: Send
      generic_nack: Send
      submit_sm: Send
      submit_multi: Send
      deliver_sm: Send
      data_sm: Send
      query_sm: Send
      cancel_sm: Send
      replace_sm: Send
      alert_notification: Send
      broadcast_sm: Send
      query_broadcast_sm: Send
      cancel_broadcast_sm: Send
    }

    class Server extends EventEmitter {
      readonly sessions: readonly Session[]
      readonly listening: boolean
      listen(port: number, host?: string, onListening?: () => void): this
      listen(options: ListenOptions, onListening?: () => void): this
      close(onClosed?: (error?: Error) => void): this
      address(): AddressInfo | string | null
      on(event: 'session', listener: (session: Session) => void): this
      on(event: 'error', listener: (error: Error) => void): this
      on(event: 'listening' | 'close', listener: () => void): this
    }

    interface ConnectOptions extends ConnectionOptions {
      /** `smpp://host:port` or `ssmpp://host:port`. */
      url?: string
      host?: string
      port?: number
      localAddress?: string
      tls?: boolean
      socket?: Socket
      /** Period between two enquire_link, in milliseconds; none when absent. */
      auto_enquire_link_period?: number
    }

    /** Connects; the package does not reconnect, and TLS is verified only by these options. */
    function connect(options: ConnectOptions | string, onConnect?: () => void): Session
    function connect(host: string, port: number): Session
    /** Listens for TLS when `options` holds a key and a certificate. */
    function createServer(onSession?: (session: Session) => void): Server
    function createServer(options: TlsOptions, onSession?: (session: Session) => void): Server

    /** A character set of the package. */
    interface Encoding {
      match(text: string): boolean
      encode(text: string): Buffer
      decode(octets: Buffer): string
    }
    const encodings: {
      ASCII: Encoding
      LATIN1: Encoding
      UCS2: Encoding
      default: string
    }
    /** `command_status` values by name. */
    const errors: Readonly<Record<string, number>>
    const commands: Readonly<Record<string, { id: number }>>
    const tlvs: Readonly<Record<string, { id: number }>>
  }

  export = smpp
}
