import smpp from 'smpp'

/** A receipt or a subscriber's message as the `smpp` package gives it. */
export interface Received {
  readonly pdu: smpp.PDU
  readonly text: string
}

type Bind = 'bind_transmitter' | 'bind_receiver' | 'bind_transceiver'

/** The other side of a simulated carrier: the client of the `smpp` package. */
export class Esme {
  readonly session: smpp.Session
  readonly closed: Promise<void>
  readonly received: Received[] = []
  /** Everything that arrived, by command, in its order. */
  readonly arrivals: string[] = []
  /** What `deliver_sm` is answered with; undefined: nothing. */
  deliverStatus: number | undefined = 0
  readonly #waiters: (() => void)[] = []

  private constructor(port: number) {
    this.session = smpp.connect({ host: '127.0.0.1', port })
    this.closed = new Promise((resolve) => this.session.on('close', () => resolve()))
    this.session.on('error', () => {})
    this.session.on('pdu', (pdu) => {
      this.arrivals.push(pdu.command)
      if (pdu.command === 'deliver_sm') {
        this.received.push({ pdu, text: String(pdu.short_message.message) })
        if (this.deliverStatus !== undefined) {
          this.session.send(pdu.response({ command_status: this.deliverStatus }))
        }
      }
      for (const waiter of this.#waiters.splice(0)) waiter()
    })
  }

  static async connect(port: number): Promise<Esme> {
    const esme = new Esme(port)
    await new Promise<void>((resolve) => esme.session.on('connect', resolve))
    return esme
  }

  static async bound(port: number, how: Bind = 'bind_transceiver'): Promise<Esme> {
    const esme = await Esme.connect(port)
    const response = await esme.request(how, { system_id: 'esme', password: 'secret' })
    if (response.command_status !== 0) throw new Error(`bind: ${response.command_status}`)
    return esme
  }

  request(command: string, fields: smpp.PduFields = {}): Promise<smpp.PDU> {
    return new Promise((resolve, reject) => {
      const pdu = new smpp.PDU(command, { interface_version: 0x34, ...fields })
      if (!this.session.send(pdu, resolve)) reject(new Error('the connection is closed'))
    })
  }

  submit(to: string, fields: smpp.PduFields = {}): Promise<smpp.PDU> {
    return this.request('submit_sm', {
      source_addr_ton: 5,
      source_addr: 'ACME',
      dest_addr_ton: 1,
      dest_addr_npi: 1,
      destination_addr: to,
      registered_delivery: 1,
      data_coding: 0,
      short_message: 'Hello',
      ...fields,
    })
  }

  /** Resolves once `count` deliveries have come, with all of them. */
  async deliveries(count: number): Promise<readonly Received[]> {
    while (this.received.length < count) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve))
    }
    return this.received
  }

  async close(): Promise<void> {
    this.session.destroy()
    await this.closed
  }
}
