import smpp from 'smpp'

type Bind = 'bind_transceiver' | 'bind_transmitter' | 'bind_receiver'

/** A partner's application: a client of the npm package `smpp`. */
export class PartnerClient {
  readonly session: smpp.Session
  /** The deliver_sm that came, oldest first. */
  readonly received: smpp.PDU[] = []
  /** What a deliver_sm is answered with. */
  deliverStatus: number | 'silence' = 0
  /** Those that were met with silence. */
  readonly unanswered: smpp.PDU[] = []
  readonly #waiters = new Set<() => void>()

  private constructor(port: number, options: Partial<smpp.ConnectOptions>) {
    this.session = smpp.connect({ host: '127.0.0.1', port, ...options })
    this.session.on('error', () => this.session.destroy())
    this.session.on('enquire_link', (pdu) => this.session.send(pdu.response()))
    this.session.on('deliver_sm', (pdu) => {
      this.received.push(pdu)
      if (this.deliverStatus === 'silence') this.unanswered.push(pdu)
      else this.session.send(pdu.response({ command_status: this.deliverStatus }))
      for (const wake of this.#waiters) wake()
      this.#waiters.clear()
    })
  }

  static async connect(
    port: number,
    options: Partial<smpp.ConnectOptions> = {},
  ): Promise<PartnerClient> {
    const client = new PartnerClient(port, options)
    const event = options.tls ? 'secureConnect' : 'connect'
    if (!options.socket) await new Promise<void>((resolve) => client.session.once(event, resolve))
    return client
  }

  /** Connects and binds as the contract's partner; fails when that is refused. */
  static async bound(port: number, how: Bind = 'bind_transceiver'): Promise<PartnerClient> {
    const client = await PartnerClient.connect(port)
    const { command_status: status } = await client.bind('partner1', 'pw1', how)
    if (status !== 0) throw new Error(`the bind was refused: ${status}`)
    return client
  }

  bind(
    system_id: string,
    password: string,
    how: Bind = 'bind_transceiver',
    interface_version = 0x34,
  ): Promise<smpp.PDU> {
    return this.ask(how, { system_id, password, interface_version })
  }

  /** Sends a request; resolves with its response. */
  ask(command: string, fields: smpp.PduFields): Promise<smpp.PDU> {
    return new Promise((resolve, reject) => {
      const isSent = this.session.send(new smpp.PDU(command, fields), resolve)
      if (!isSent) reject(new Error('the connection is closed'))
    })
  }

  submit(to: string, fields: smpp.PduFields = {}): Promise<smpp.PDU> {
    return this.ask('submit_sm', {
      source_addr_ton: 5,
      source_addr: 'ACME',
      dest_addr_ton: 1,
      dest_addr_npi: 1,
      destination_addr: to,
      registered_delivery: 1,
      data_coding: 0,
      short_message: 'hello',
      ...fields,
    })
  }

  /** Resolves once so many deliver_sm have come. */
  async deliveries(count: number): Promise<readonly smpp.PDU[]> {
    while (this.received.length < count) {
      await new Promise<void>((resolve) => this.#waiters.add(resolve))
    }
    return this.received
  }

  /** Unbinds and waits for the connection to close. */
  async unbind(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.session.once('close', resolve))
    await this.ask('unbind', {})
    this.session.close()
    await closed
  }

  async close(): Promise<void> {
    if (this.session.socket.destroyed) return
    await new Promise<void>((resolve) => this.session.destroy(resolve))
  }
}
