import { expect } from 'vitest'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { readSubmit, type SubmitOctets } from '../support/submit-octets.ts'
import type { Implementation } from './implementations.ts'
import { WAYS, type Way } from './long-messages.ts'
import { type PeerPdu, PeerProcess, type PeerRequest } from './peer-process.ts'

/** A carrier and a range of numbers for each way in which long texts leave. */
const PREFIXES: Readonly<Record<Way, string>> = {
  udh8: '4477009',
  udh16: '49151234',
  sar: '336123',
  payload: '3934712',
}
const SHORT_CODE = '60123'
const ROK = 0

/** The sender of what the partner submits. */
export const ALPHANUMERIC = { source_addr_ton: 5, source_addr: 'ACME' }

/**
 * An implementation as partner in one process and as carrier in another, and the gateway between
 * them: for each {@link Way} a carrier with this name and system_id.
 */
export class Stage {
  readonly #implementation: Implementation
  readonly #cleanUps: (() => Promise<unknown>)[] = []
  #smsc: PeerProcess | undefined
  #esme: PeerProcess | undefined
  #gateway: TestGateway | undefined
  #folder = ''
  #carrierPort = 0
  #partnerPort = 0
  #lastNumber = 0

  constructor(implementation: Implementation) {
    this.#implementation = implementation
  }

  get smsc(): PeerProcess {
    return opened(this.#smsc)
  }

  get esme(): PeerProcess {
    return opened(this.#esme)
  }

  get gateway(): TestGateway {
    return opened(this.#gateway)
  }

  /** Starts both processes and the gateway, and waits for its binds. */
  async open(): Promise<void> {
    const [smsc, esme] = (['smsc', 'esme'] as const).map((role) => {
      const started = new PeerProcess(this.#implementation, role)
      this.#cleanUps.push(() => started.close())
      return started
    })
    this.#smsc = smsc
    this.#esme = esme
    this.#carrierPort = await this.smsc.listen()
    const place = await temporaryFolder()
    this.#folder = place.path
    this.#cleanUps.push(place.remove)
    await this.openGateway()
    this.#partnerPort = this.gateway.smppPort
    this.#cleanUps.push(() => this.gateway.close())
    await this.smsc.until(() => WAYS.every((way) => this.smsc.bounds(way) === 1))
  }

  /** Starts the gateway, on the port that it had if it had one. */
  async openGateway(): Promise<void> {
    const env = { LINEHAUL_SMPP_PORT: String(this.#partnerPort) }
    this.#gateway = await openGateway(this.#yaml(), { folder: this.#folder, env })
  }

  async close(): Promise<void> {
    for (const cleanUp of this.#cleanUps.reverse()) await cleanUp()
  }

  /** A number of its own for each message, at the carrier of this way. */
  recipient(way: Way = 'udh8'): string {
    this.#lastNumber += 1
    return `${PREFIXES[way]}${String(this.#lastNumber).padStart(5, '0')}`
  }

  /** Binds the partner; gives the response. */
  bind(how = 'bind_transceiver', password = 'pw1'): Promise<PeerPdu> {
    return this.esme.bind({ port: this.#partnerPort, system_id: 'partner1', password, how })
  }

  /** Binds the partner, and fails when that is refused. */
  async bound(how?: string): Promise<void> {
    expect(await this.bind(how)).toMatchObject({ command_status: ROK })
  }

  /** Sends it on to one recipient; gives the ids. */
  async submit(to: string, ...requests: readonly PeerRequest[]) {
    const ids: string[] = []
    for (const request of requests) {
      const fields = {
        ...ALPHANUMERIC,
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: to,
        registered_delivery: 1,
        ...request.fields,
      }
      const response = await this.esme.request({ ...request, fields })
      expect(response).toMatchObject({ command: `${request.command}_resp`, command_status: ROK })
      ids.push(String(response.fields.message_id))
    }
    return ids
  }

  /** What the carrier has got for a number, once it is that much. */
  async atCarrier(to: string, count = 1): Promise<PeerPdu[]> {
    const pdus = () =>
      this.smsc.all('submit_sm').filter(({ fields }) => fields.destination_addr === to)
    await this.smsc.until(() => pdus().length >= count)
    expect(pdus()).toHaveLength(count)
    return pdus()
  }

  /** Tells the gateway about a message that the carrier has got. */
  async sendReceipt(submitted: PeerPdu, stat: string, fields: PeerRequest['fields'] = {}) {
    const id = `m${this.smsc.all('submit_sm').indexOf(submitted) + 1}`
    const text =
      `id:${id} sub:001 dlvrd:001 submit date:2601010000 done date:2601010001 ` +
      `stat:${stat} err:005 text:`
    const response = await this.smsc.request(
      {
        command: 'deliver_sm',
        fields: {
          esm_class: 0x04,
          source_addr: submitted.fields.destination_addr,
          destination_addr: submitted.fields.source_addr,
          short_message: hexOf(text),
          ...fields,
        },
      },
      submitted.session,
    )
    expect(response).toMatchObject({ command: 'deliver_sm_resp', command_status: ROK })
  }

  /** The deliver_sm that have come from these numbers, once they are that many. */
  async delivered(from: string | readonly string[], count: number) {
    const pdus = () =>
      this.esme
        .all('deliver_sm')
        .filter(({ fields }) => [from].flat().includes(String(fields.source_addr)))
    await this.esme.until(() => pdus().length >= count)
    expect(pdus()).toHaveLength(count)
    return pdus()
  }

  /** Lets the carrier send messages of one handset. */
  async sendMo(from: string, ...requests: readonly PeerRequest[]): Promise<void> {
    for (const request of requests) {
      const fields = {
        source_addr_ton: 1,
        source_addr_npi: 1,
        source_addr: from,
        destination_addr: SHORT_CODE,
        ...request.fields,
      }
      const response = await this.smsc.request({ ...request, fields }, 'udh8')
      expect(response).toMatchObject({ command: `${request.command}_resp`, command_status: ROK })
    }
  }

  /** What the API has of a handset's message. */
  async inboundText(from: string): Promise<string> {
    const { body } = await this.gateway.api.get('/v1/inbound-messages')
    const found = (body.inbound_messages as { from: string; text: string }[]).filter(
      (message) => message.from === `+${from}`,
    )
    expect(found).toHaveLength(1)
    return String(found[0]?.text)
  }

  #yaml(): string {
    const carriers = WAYS.map((way) => ({
      name: way,
      port: this.#carrierPort,
      prefix: PREFIXES[way].slice(0, 2),
      keys: { system_id: way, long_messages: way, sessions: 1, enquire_link_seconds: 2 },
    }))
    const file = JSON.parse(yamlFor(...carriers))
    Object.assign(file.partners[0], { enquire_link_seconds: 2 })
    return JSON.stringify({
      ...file,
      policies: { marketing: { uncertain: 'query', uncertain_seconds: 1, quiet_hours: 'off' } },
      inbound: { routes: [{ to: SHORT_CODE, tenant: 'demo', partner: 'partner1' }] },
    })
  }
}

function opened<Part>(part: Part | undefined): Part {
  if (part === undefined) throw new Error('the stage is not open')
  return part
}

/** The fields of a submit_sm or deliver_sm, read from its octets without its library or ours. */
export function octetsOf(pdu: PeerPdu | undefined): SubmitOctets {
  if (!pdu) throw new Error('there is no such PDU')
  return readSubmit(pdu.octets)
}

/** Characters below U+0100 as octets, in hexadecimal. */
export function hexOf(text: string): string {
  return Buffer.from(text, 'latin1').toString('hex')
}

/** A submit_sm of a short text. */
export function short(fields: PeerRequest['fields'] = {}): PeerRequest {
  return { command: 'submit_sm', fields: { short_message: hexOf('hello'), ...fields } }
}
