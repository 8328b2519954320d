import type { ConnectionOptions } from 'node:tls'
import type { CarrierConfig, TlsConfig } from '../config/schema.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { siblingKey } from '../core/pass-through.ts'
import { Recent } from '../core/recent.ts'
import type { ReferenceCounter } from '../encoding/reference.ts'
import { SmppClient } from '../smpp/client.ts'
import { RequestError } from '../smpp/errors.ts'
import type { DataSm, DeliverSm, Pdu, PduInput } from '../smpp/pdu.ts'
import { parseReceipt } from '../smpp/receipt.ts'
import type { Recorder } from '../smpp/recorder.ts'
import type { Session, SessionReply } from '../smpp/session.ts'
import { CommandStatus, statusInfo } from '../smpp/status.ts'
import type {
  BindStatus,
  CancelOutcome,
  Carrier,
  CarrierEvents,
  Content,
  ContentLayout,
  OutboundMessage,
  QueryOutcome,
  SegmentOutcome,
  SendOptions,
  Submission,
  SubmitMark,
  SubmittedSegment,
} from './carrier.ts'
import { inboundPartOf } from './inbound-mapping.ts'
import { planFor, segmentsOf } from './segments.ts'
import {
  cancelSm,
  outcomeOf,
  queryOutcomeOf,
  querySm,
  receiptOf,
  submitSm,
} from './smpp-mapping.ts'

/** Carriers lock accounts that come back too soon after a refusal. */
const FIRST_REFUSED_MS = 30_000

/** How long the segments of one long message, sent by a partner one by one, follow each other. */
const SIBLINGS_MS = 300_000

const INTERFACE_VERSIONS = { '3.3': 0x33, '3.4': 0x34, '5.0': 0x50 } as const

/** What an {@link SmppCarrier} is built with. */
export interface SmppCarrierOptions {
  readonly config: CarrierConfig
  readonly events: CarrierEvents
  readonly references: ReferenceCounter
  readonly logger: Logger
  /** Keeps the latest PDUs of every bind. */
  readonly recorder?: Recorder
}

interface Bind {
  readonly label: string
  readonly sends: boolean
  readonly client: SmppClient
}

/** A carrier reached over SMPP: its binds are kept open, messages spread over those that are. */
export class SmppCarrier implements Carrier {
  readonly name: string
  readonly type = 'smpp'
  readonly segmentsPerSecond: number
  readonly #config: CarrierConfig
  readonly #events: CarrierEvents
  readonly #references: ReferenceCounter
  readonly #logger: Logger
  readonly #recorder: Recorder | undefined
  readonly #all: readonly Bind[]
  /** The bound sessions that send: every message looks at them, and they change seldom. */
  #sending: readonly Session[] = []
  readonly #siblingSessions = new Recent<Session>(10_000, SIBLINGS_MS)

  constructor(options: SmppCarrierOptions) {
    const { config } = options
    this.name = config.name
    this.segmentsPerSecond = config.segmentsPerSecond
    this.#config = config
    this.#events = options.events
    this.#references = options.references
    this.#logger = options.logger
    this.#recorder = options.recorder
    const types =
      config.bind === 'pair' ? (['transmitter', 'receiver'] as const) : ([config.bind] as const)
    this.#all = Array.from({ length: config.sessions }, (_, index) =>
      types.map((bindType) => {
        const label = `${bindType}-${index + 1}`
        const client = this.#createClient(bindType, label)
        return { label, sends: bindType !== 'receiver', client }
      }),
    ).flat()
  }

  get isUp(): boolean {
    return this.#sending.length > 0
  }

  get capacity(): number {
    return this.#sending.reduce((sum, session) => sum + session.windowSize, 0)
  }

  get binds(): readonly BindStatus[] {
    return this.#all.map(({ label, client }) => ({
      bind: label,
      state: client.state,
      lastError: client.lastError?.message ?? null,
    }))
  }

  layOut(content: Content): ContentLayout {
    const planned = planFor(this.#config, content)
    if (!planned) return { encoding: content.text === '' ? 'binary' : 'latin1', segments: 1 }
    const { encoding, segmentCount } = planned.plan
    return { encoding, segments: segmentCount }
  }

  prepare(message: OutboundMessage): Submission {
    const planned = planFor(this.#config, message)
    const reference =
      planned && planned.plan.segmentCount > 1
        ? this.#references.next(message.sender.value, message.to)
        : 0
    const segments = segmentsOf(this.#config, message, planned, reference)
    let session: Session | undefined
    const siblings = siblingKey(message)
    return {
      segmentCount: segments.length,
      replacements: planned?.replacements ?? [],
      send: (segment, now, options = {}) => {
        const octets = segments[segment - 1]
        if (!octets) return Promise.resolve({ kind: 'not_sent', reason: `no segment ${segment}` })
        // One bind for all segments of a message keeps them in order at the carrier.
        if (!session?.isBound) session = this.#sessionFor(siblings)
        if (!session) return Promise.resolve({ kind: 'not_sent', reason: 'no bind is up' })
        const makePdu = () => submitSm(this.#config, message, octets, segment, now)
        return this.#submit(session, makePdu, options)
      },
    }
  }

  /** With cancel_sm; carriers without it answer with an error, which is the reason then. */
  async cancel(segment: SubmittedSegment): Promise<CancelOutcome> {
    const session = this.#freestSession()
    if (!session) return { isCanceled: false, reason: 'no bind is up' }
    try {
      const { command_status: status } = await session.request(cancelSm(this.#config, segment))
      if (status === CommandStatus.ESME_ROK) return { isCanceled: true }
      const { name, meaning } = statusInfo(status)
      return { isCanceled: false, reason: `${name} (${meaning})` }
    } catch (error) {
      return { isCanceled: false, reason: messageOf(error) }
    }
  }

  start(): void {
    for (const { client } of this.#all) client.start()
  }

  async close(drainMs: number): Promise<void> {
    await Promise.all(this.#all.map(({ client }) => client.close({ drainMs })))
  }

  /** With query_sm. */
  async query(segment: SubmittedSegment): Promise<QueryOutcome> {
    const session = this.#freestSession()
    if (!session) return { kind: 'no_answer', reason: 'no bind is up' }
    try {
      return queryOutcomeOf(await session.request(querySm(this.#config, segment)))
    } catch (error) {
      return { kind: 'no_answer', reason: messageOf(error) }
    }
  }

  async #submit(
    session: Session,
    makePdu: () => PduInput,
    { mark, onLate }: SendOptions,
  ): Promise<SegmentOutcome> {
    let response: Pdu
    try {
      response = await session.request(makePdu(), {
        tag: mark,
        onLateResponse: onLate && ((late) => onLate(this.#outcome(late))),
      })
    } catch (error) {
      if (!(error instanceof RequestError)) {
        return {
          kind: 'refused',
          commandStatus: null,
          reason: messageOf(error),
          class: 'message',
        }
      }
      return { kind: error.written ? 'uncertain' : 'not_sent', reason: error.message }
    }
    return this.#outcome(response)
  }

  #outcome(response: Pdu): SegmentOutcome {
    if (response.command === 'submit_sm_resp') return outcomeOf(this.#config, response)
    // A generic_nack stands in for the response; it always refuses.
    return outcomeOf(this.#config, { ...response, command: 'submit_sm_resp', message_id: '' })
  }

  /** The bind that the other segments have taken, where they came one by one. */
  #sessionFor(siblings: string | undefined): Session | undefined {
    if (siblings === undefined) return this.#freestSession()
    const now = performance.now()
    const known = this.#siblingSessions.get(siblings, now)
    const session = known?.isBound ? known : this.#freestSession()
    if (session) this.#siblingSessions.set(siblings, session, now)
    return session
  }

  #freestSession(): Session | undefined {
    let freest: Session | undefined
    for (const session of this.#sending) {
      if (!freest || roomIn(session) > roomIn(freest)) freest = session
    }
    return freest
  }

  #createClient(bindType: 'transceiver' | 'transmitter' | 'receiver', label: string): SmppClient {
    const config = this.#config
    const recorder = this.#recorder
    const about = { role: 'esme', owner: this.name, label, systemId: config.systemId } as const
    return new SmppClient({
      host: config.host,
      port: config.port,
      ...(config.tls ? { tls: tlsOptions(config.tls) } : {}),
      bindType,
      system_id: config.systemId,
      password: config.password,
      system_type: config.systemType,
      interface_version: INTERFACE_VERSIONS[config.interfaceVersion],
      windowSize: config.window,
      // The dispatcher journals at most two windows ahead; nothing else queues here.
      queueLimit: 100_000,
      requestTimeoutMs: config.responseTimeoutSeconds * 1_000,
      enquireLinkMs: config.enquireLinkSeconds * 1_000,
      backoff: {
        firstMs: config.reconnectSeconds.min * 1_000,
        firstRefusedMs: Math.min(FIRST_REFUSED_MS, config.reconnectSeconds.max * 1_000),
        maxMs: config.reconnectSeconds.max * 1_000,
      },
      logger: this.#logger,
      ...(recorder && { openRecording: (stream) => recorder.open({ ...about, stream }) }),
      onRequest: (pdu) => this.#onRequest(pdu),
      onWrite: (tags) => this.#events.onWrite?.(tags as readonly SubmitMark[]),
      onStateChange: () => this.#onStateChange(),
    })
  }

  #onStateChange(): void {
    this.#sending = this.#all.flatMap(({ sends, client }) =>
      sends && client.session ? [client.session] : [],
    )
    this.#events.onCapacityChange(this.name)
  }

  #onRequest(pdu: Pdu): Promise<SessionReply> | SessionReply | undefined {
    return pdu.command === 'deliver_sm' || pdu.command === 'data_sm'
      ? this.#onDelivery(pdu)
      : undefined
  }

  async #onDelivery(pdu: DeliverSm | DataSm): Promise<SessionReply> {
    const receipt = parseReceipt(pdu, { heuristic: this.#config.receiptHeuristic })
    if (receipt?.id === null) {
      this.#logger.warn({ carrier: this.name, stat: receipt.stat }, 'a receipt has no message id')
    }
    try {
      await (receipt
        ? this.#events.onReceipt(receiptOf(this.#config, receipt, pdu))
        : this.#events.onInbound(inboundPartOf(pdu, this.name, this.#config.defaultAlphabet)))
      return {}
    } catch (error) {
      const what = receipt ? 'receipt' : 'message'
      this.#logger.error({ carrier: this.name, what, error: messageOf(error) }, 'put off')
      return { command_status: CommandStatus.ESME_RX_T_APPN }
    }
  }
}

/** Places in the window, less what waits for one. */
function roomIn(session: Session): number {
  return session.windowSize - session.pendingCount
}

function tlsOptions(config: TlsConfig): ConnectionOptions {
  const { ca, cert, key, serverName, rejectUnauthorized } = config
  return {
    rejectUnauthorized,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  }
}
