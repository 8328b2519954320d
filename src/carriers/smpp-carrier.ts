import type { Duplex } from 'node:stream'
import type { CarrierConfig, OutbindConfig } from '../config/schema.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { siblingKey } from '../core/pass-through.ts'
import { Recent } from '../core/recent.ts'
import type { ReferenceCounter } from '../encoding/reference.ts'
import type { BindType } from '../smpp/bind.ts'
import { SmppClient } from '../smpp/client.ts'
import { RequestError } from '../smpp/errors.ts'
import { OutbindListener } from '../smpp/outbind.ts'
import { Pacer } from '../smpp/pacer.ts'
import type { DataSm, DeliverSm, Pdu, PduInput } from '../smpp/pdu.ts'
import { parseReceipt, type ReceiptOptions } from '../smpp/receipt.ts'
import type { Recorder } from '../smpp/recorder.ts'
import type { Session, SessionReply } from '../smpp/session.ts'
import { CommandStatus, statusInfo } from '../smpp/status.ts'
import type {
  BindStatus,
  CancelOutcome,
  Carrier,
  CarrierEvents,
  CheckOutcome,
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
import { alertOf, inboundPartOf } from './inbound-mapping.ts'
import { checkLinks } from './link-check.ts'
import { layoutKeyOf, planFor, segmentsOf } from './segments.ts'
import {
  cancelSm,
  outcomeOf,
  queryOutcomeOf,
  querySm,
  receiptOf,
  submitSm,
} from './smpp-mapping.ts'
import { addressText, bindFields, clientOptions, sessionLimits } from './smpp-options.ts'

/**
 * What is journalled waits no longer than this for its turn: enough for a commit, and little that
 * something more urgent has to wait for.
 */
const AHEAD_MS = 250
/** Waits are no shorter, so that messages are journalled several at a time. */
const LEAST_WAIT_MS = 20

/** How long the segments of one long message, sent by a partner one by one, follow each other. */
const SIBLINGS_MS = 300_000

/**
 * `ESME_RMSGQFUL` is of the account, and then the pace gives way; or of one destination, whose messages
 * must not hold up all others: so often in a row, with others taken in between, it is a refusal.
 */
const MAX_FULL_QUEUES = 3

/** The bit of `registered_delivery` without which delivery is not told, SMPP v3.4 section 5.2.17. */
const TOLD_OF_DELIVERY = 0x01

/** A bind that moves to another host lets its open requests finish, then gives the new one time. */
const MOVE_DRAIN_MS = 5_000
const MOVE_PATIENCE_MS = 30_000

/** What an {@link SmppCarrier} is built with. */
export interface SmppCarrierOptions {
  readonly config: CarrierConfig
  readonly events: CarrierEvents
  readonly references: ReferenceCounter
  readonly logger: Logger
  /** Keeps the latest PDUs of every bind. */
  readonly recorder?: Recorder
}

/** How often a message met a full queue while the carrier went on to take others. */
interface FullQueue {
  times: number
  /** What the carrier had taken when it last did. */
  takenBefore: number
}

/** A submit_sm on its way to a bind. */
interface SubmitRequest {
  readonly pick: () => Session | undefined
  readonly makePdu: () => PduInput
  readonly options: SendOptions
  /** As in the session's request options. */
  readonly together: number
  readonly fullQueue: FullQueue
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
  readonly layoutKey: string
  readonly #config: CarrierConfig
  readonly #events: CarrierEvents
  readonly #references: ReferenceCounter
  readonly #receiptOptions: ReceiptOptions
  readonly #logger: Logger
  readonly #recorder: Recorder | undefined
  /** One for all binds: what carriers limit is the account. */
  readonly #pacer: Pacer
  readonly #all: readonly Bind[]
  /** Where the carrier may ask for a bind. */
  readonly #listener: OutbindListener | undefined
  #listenError: string | null = null
  /** Told of every change of a bind. */
  readonly #watchers = new Set<() => void>()
  /** Segments that the carrier has accepted. */
  #taken = 0
  #returnTimer: NodeJS.Timeout | undefined
  #isClosed = false
  /** The bound sessions that send: every message looks at them, and they change seldom. */
  #sending: readonly Session[] = []
  readonly #siblingSessions = new Recent<Session>(10_000, SIBLINGS_MS)

  constructor(options: SmppCarrierOptions) {
    const { config } = options
    this.name = config.name
    this.layoutKey = layoutKeyOf(config)
    this.#config = config
    this.#pacer = new Pacer(config.segmentsPerSecond)
    this.#events = options.events
    this.#references = options.references
    this.#receiptOptions = {
      heuristic: config.receiptHeuristic,
      idFrom: config.receiptIdFrom,
      states: config.receiptStates,
    }
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
    if (config.outbind) this.#listener = this.#createListener(config.outbind)
  }

  get givesReceipts(): boolean {
    return (this.#config.registeredDelivery & TOLD_OF_DELIVERY) !== 0
  }

  get isUp(): boolean {
    return this.#sending.length > 0
  }

  get capacity(): number {
    return this.#sending.reduce((sum, session) => sum + session.windowSize, 0)
  }

  get segmentsPerSecond(): number {
    return this.#pacer.perSecond
  }

  get binds(): readonly BindStatus[] {
    const ours = this.#all.map(({ label, client }) => ({
      bind: label,
      host: addressText(client.host),
      state: client.state,
      lastError: client.lastError?.message ?? null,
    }))
    const { outbind } = this.#config
    if (!this.#listener || !outbind) return ours
    const { host } = outbind
    const { port, sessions } = this.#listener
    const idle = port === 0 ? 'stopped' : 'listening'
    const asked = {
      bind: 'outbind',
      host: addressText({ host, port: port || outbind.port }),
      state: sessions.length > 0 ? 'bound' : idle,
      lastError: this.#listenError,
    }
    return [...ours, asked]
  }

  waitFor(segments: number, journalling: number, now: number): number {
    if (this.#pacer.isOpen) return 0
    let waiting = journalling
    for (const session of this.#sending) waiting += session.waitingCount
    const surplus = waiting + segments - Math.max(segments, this.#pacer.countIn(AHEAD_MS))
    if (surplus <= 0) return 0
    const waitMs = surplus / this.#pacer.countIn(1)
    return Math.ceil(Math.max(LEAST_WAIT_MS, waitMs, this.#pacer.pauseLeft(now)))
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
    const siblings = siblingKey(message, message.from, message.to)
    const fullQueue: FullQueue = { times: 0, takenBefore: 0 }
    return {
      segmentCount: segments.length,
      replacements: planned?.replacements ?? [],
      send: (segment, now, options = {}) => {
        const octets = segments[segment - 1]
        if (!octets) return Promise.resolve({ kind: 'not_sent', reason: `no segment ${segment}` })
        // One bind for all segments of a message keeps them in order at the carrier.
        const pick = () => {
          if (!session?.takesRequests) session = this.#sessionFor(siblings)
          return session
        }
        const makePdu = () => submitSm(this.#config, message, octets, segment, now)
        // Those that follow the first in the same turn share its places.
        const together = options.isWhole ? (segment === 1 ? segments.length : 0) : 1
        return this.#submit({ pick, makePdu, options, together, fullQueue })
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
    this.#listener?.listen().catch((error: unknown) => {
      this.#listenError = messageOf(error)
      this.#logger.error({ carrier: this.name, error: this.#listenError }, 'no outbind is possible')
    })
    const { hosts, preferFirstAfterSeconds } = this.#config
    if (hosts.length > 1 && preferFirstAfterSeconds > 0) {
      this.#returnLater(preferFirstAfterSeconds * 1_000)
    }
  }

  async close(drainMs: number): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#returnTimer)
    await Promise.all([
      ...this.#all.map(({ client }) => client.close({ drainMs })),
      this.#listener?.close({ drainMs }),
    ])
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

  /** With enquire_link, on every bind. */
  check(timeoutMs: number): Promise<CheckOutcome> {
    const ours = this.#all.flatMap(({ label, client: { session } }) =>
      session ? [{ label, session }] : [],
    )
    const asked = this.#listener?.sessions ?? []
    const links = [...ours, ...asked.map((session) => ({ label: 'outbind', session }))]
    return checkLinks(links, timeoutMs)
  }

  async #submit({
    pick,
    makePdu,
    options: { mark, onLate, again },
    together,
    fullQueue,
  }: SubmitRequest): Promise<SegmentOutcome> {
    for (let reason = 'no bind is up'; ; ) {
      const session = pick()
      if (!session) return { kind: 'not_sent', reason }
      try {
        const response = await session.request(makePdu(), {
          tag: mark,
          together,
          again,
          onLateResponse: onLate && ((late) => onLate(this.#outcome(late))),
        })
        const outcome = this.#outcome(response)
        if (outcome.kind === 'accepted') this.#taken++
        return outcome.kind === 'throttled' ? this.#afterThrottle(outcome, fullQueue) : outcome
      } catch (error) {
        reason = messageOf(error)
        if (!(error instanceof RequestError)) {
          return { kind: 'refused', commandStatus: null, reason, class: 'message' }
        }
        if (error.written) {
          const isAlone = session.takesRequests
          return isAlone
            ? { kind: 'uncertain', reason }
            : { kind: 'uncertain', reason, isLost: true }
        }
        // It waited in a bind that has ended: another one takes it, or none is left.
        if (session.takesRequests) return { kind: 'not_sent', reason }
      }
    }
  }

  #afterThrottle(
    outcome: Extract<SegmentOutcome, { kind: 'throttled' }>,
    fullQueue: FullQueue,
  ): SegmentOutcome {
    const { commandStatus } = outcome
    if (commandStatus !== CommandStatus.ESME_RMSGQFUL) return outcome
    if (fullQueue.times === 0 || this.#taken > fullQueue.takenBefore) fullQueue.times++
    fullQueue.takenBefore = this.#taken
    if (fullQueue.times < MAX_FULL_QUEUES) return outcome
    const { name, meaning } = statusInfo(commandStatus)
    const reason = `${name} (${meaning}), while it takes others`
    return { kind: 'refused', commandStatus, reason, class: 'passing' }
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
    const session = known?.takesRequests ? known : this.#freestSession()
    if (session) this.#siblingSessions.set(siblings, session, now)
    return session
  }

  #freestSession(): Session | undefined {
    let freest: Session | undefined
    for (const session of this.#sending) {
      if (session.takesRequests && (!freest || roomIn(session) > roomIn(freest))) freest = session
    }
    return freest
  }

  #createClient(bindType: BindType, label: string): SmppClient {
    return new SmppClient({
      ...clientOptions(this.#config),
      ...this.#sessionEvents(label),
      bindType,
      onStateChange: () => this.#onStateChange(),
      onDraining: () => this.#onStateChange(),
    })
  }

  #createListener(outbind: OutbindConfig): OutbindListener {
    const { host, port, systemId, password, bind } = outbind
    return new OutbindListener({
      ...sessionLimits(this.#config),
      ...this.#sessionEvents('outbind'),
      host,
      port,
      smsc: { system_id: systemId, password },
      bindType: bind,
      bind: bindFields(this.#config),
      onChange: () => this.#onStateChange(),
    })
  }

  /** @param label - names the bind where it is recorded */
  #sessionEvents(label: string) {
    const recorder = this.#recorder
    const { systemId } = this.#config
    const about = { role: 'esme', owner: this.name, label, systemId } as const
    return {
      logger: this.#logger,
      pacer: this.#pacer,
      ...(recorder && {
        openRecording: (stream: Duplex) => recorder.open({ ...about, stream }),
      }),
      onRequest: (pdu: Pdu) => this.#onRequest(pdu),
      onWrite: (tags: readonly unknown[]) => this.#events.onWrite?.(tags as readonly SubmitMark[]),
    }
  }

  /** Looks after a while whether binds to later hosts can go back to the first. */
  #returnLater(ms: number): void {
    this.#returnTimer = setTimeout(() => {
      this.#returnToFirstHost()
        .catch((error: unknown) => {
          const fields = { carrier: this.name, error: messageOf(error) }
          this.#logger.error(fields, 'a bind could not be moved to the first host')
        })
        .finally(() => {
          if (!this.#isClosed) this.#returnLater(ms)
        })
    }, ms).unref()
  }

  /** One bind after the other, so that the others carry on. */
  async #returnToFirstHost(): Promise<void> {
    for (const { client } of this.#all) {
      if (this.#isClosed) return
      if (!(await client.moveToFirstHost({ drainMs: MOVE_DRAIN_MS }))) continue
      // The next one waits until this one stands again, here or there.
      await this.#untilBound(client)
    }
  }

  /** Resolves when a bind stands, when that takes too long, and when the carrier is closed. */
  #untilBound(client: SmppClient): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (client.session !== undefined || this.#isClosed) settle()
      }
      const settle = () => {
        clearTimeout(timer)
        this.#watchers.delete(look)
        resolve()
      }
      const timer = setTimeout(settle, MOVE_PATIENCE_MS)
      this.#watchers.add(look)
      look()
    })
  }

  #onStateChange(): void {
    const ours = this.#all.flatMap(({ sends, client }) =>
      sends && client.session ? [client.session] : [],
    )
    const isAsked = this.#config.outbind?.bind === 'transceiver'
    this.#sending = isAsked ? [...ours, ...(this.#listener?.sessions ?? [])] : ours
    for (const look of this.#watchers) look()
    this.#events.onCapacityChange(this.name)
  }

  #onRequest(pdu: Pdu): Promise<SessionReply> | SessionReply | undefined {
    switch (pdu.command) {
      case 'deliver_sm':
      case 'data_sm':
        return this.#onDelivery(pdu)
      case 'alert_notification':
        this.#events.onAlert?.(alertOf(pdu, this.name))
        return undefined
      default:
        return undefined
    }
  }

  async #onDelivery(pdu: DeliverSm | DataSm): Promise<SessionReply> {
    const receipt = parseReceipt(pdu, this.#receiptOptions)
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
