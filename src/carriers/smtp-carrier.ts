import { isDeepStrictEqual } from 'node:util'
import type { SMTPPoolOptions, SMTPPoolSentMessageInfo, Transporter } from 'nodemailer'
import { MAIL_ADDRESS, transportOptions } from '../config/mail-server.ts'
import type { SmtpCarrierConfig } from '../config/smtp-carriers.ts'
import { messageOf } from '../core/errors.ts'
import type { Callbacks, ProviderReports } from '../providers/provider.ts'
import { Pacer } from '../smpp/pacer.ts'
import { bounceCallbacks } from './bounce-callbacks.ts'
import { bounceKey } from './bounce-token.ts'
import { type CallLimits, Calls } from './calls.ts'
import type {
  CarrierEvents,
  CheckOutcome,
  ConfiguredCarrier,
  Content,
  ContentLayout,
  OutboundMessage,
  SegmentOutcome,
  Submission,
} from './carrier.ts'
import { textOf } from './http-layout.ts'
import { receiptOf, refusalOutcome } from './http-mapping.ts'
import {
  classifySmtp,
  mailOf,
  queueId,
  rawSmtpError,
  SMTP_LAYOUT_KEY,
  type SmtpError,
} from './smtp-mapping.ts'

type Transport = Transporter<SMTPPoolSentMessageInfo, SMTPPoolOptions>

/** A mail server: messages become mails, and what it has taken is sent. */
export class SmtpCarrier implements ConfiguredCarrier<SmtpCarrierConfig> {
  readonly name: string
  readonly type = 'smtp'
  readonly channel = 'email'
  /** Bounces tell of what was not delivered: one that does not come says nothing. */
  readonly givesReceipts = false
  readonly layoutKey = SMTP_LAYOUT_KEY
  readonly binds = []
  readonly lostConnections = 0
  #config: SmtpCarrierConfig
  #callbacks: Callbacks | undefined
  #transport: Promise<Transport> | undefined
  readonly #events: CarrierEvents
  readonly #pacer: Pacer
  readonly #calls: Calls<OutboundMessage>
  /** Mails of which the server has got octets, by their Message-ID. */
  readonly #begun = new Map<string, () => boolean>()
  #isStarted = false

  constructor({ config, events }: { config: SmtpCarrierConfig; events: CarrierEvents }) {
    this.name = config.name
    this.#config = config
    this.#callbacks = bounceCallbacks(config)
    this.#events = events
    this.#pacer = new Pacer(config.mailsPerSecond)
    this.#calls = new Calls({
      limits: limitsOf(config),
      pacer: this.#pacer,
      call: async ([message]) => {
        return { outcomes: message ? [await this.#send(message)] : [], retryAfterMs: 0 }
      },
      onWrite: (marks) => events.onWrite?.(marks),
    })
  }

  /** Its settings at present. */
  get config(): SmtpCarrierConfig {
    return this.#config
  }

  /** What other servers report of mails that were taken; undefined where the carrier takes no bounces. */
  get callbacks(): Callbacks | undefined {
    return this.#callbacks
  }

  /** Connections come and go with mails: whether they work is for its circuit breaker to say. */
  get isUp(): boolean {
    return this.#isStarted
  }

  get capacity(): number {
    return this.#isStarted ? this.#config.connections : 0
  }

  get segmentsPerSecond(): number {
    return this.#pacer.perSecond
  }

  waitFor(_segments: number, journalling: number, now: number): number {
    return this.#calls.waitFor(journalling, now)
  }

  layOut(content: Content): ContentLayout {
    textOf(content)
    return { encoding: 'utf8', segments: 1 }
  }

  prepare(message: OutboundMessage): Submission {
    return {
      segmentCount: 1,
      replacements: [],
      send: (_segment, _now, options = {}) =>
        MAIL_ADDRESS.test(message.to)
          ? this.#calls.send(message, undefined, options)
          : Promise.resolve(NO_ADDRESS),
    }
  }

  /** Connects, and signs in, with a connection of its own. */
  async check(timeoutMs: number): Promise<CheckOutcome> {
    const startedAt = performance.now()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs)
    })
    try {
      const transport = await this.#open()
      await Promise.race([transport.verify(), late])
      return { kind: 'answered', latencyMs: performance.now() - startedAt }
    } catch (error) {
      return { kind: 'no_answer', reason: messageOf(error) }
    } finally {
      clearTimeout(timer)
    }
  }

  /** Takes what bounces say; resolves when all of it is durable. */
  async take({ receipts }: ProviderReports): Promise<void> {
    await Promise.all(
      receipts.map((receipt) => this.#events.onReceipt(receiptOf(this.name, receipt))),
    )
  }

  start(): void {
    this.#isStarted = true
    this.#events.onCapacityChange(this.name)
  }

  /** Goes by other settings of the carrier with the same name, from the next mail on. */
  follow(config: SmtpCarrierConfig): void {
    if (!isDeepStrictEqual(connectionOf(this.#config), connectionOf(config))) this.#closeTransport()
    this.#config = config
    this.#callbacks = bounceCallbacks(config)
    this.#pacer.agree(config.mailsPerSecond)
    this.#calls.follow(limitsOf(config))
    this.#events.onCapacityChange(this.name)
  }

  async close(drainMs: number): Promise<void> {
    this.#isStarted = false
    await this.#calls.close(drainMs)
    const transport = await this.#transport
    this.#transport = undefined
    transport?.close({ force: true })
  }

  /** As {@link close}: what has not begun goes back in any case. */
  handBack(drainMs: number): Promise<void> {
    return this.close(drainMs)
  }

  async #send(message: OutboundMessage): Promise<SegmentOutcome> {
    const mail = mailOf(this.#config, message)
    try {
      const transport = await this.#open()
      const { serverMessageId, response } = await transport.sendMail(mail)
      // Not the Message-ID: its token is for nobody who has not got the mail.
      const carrierMessageId = serverMessageId ?? queueId(response) ?? message.id
      return { kind: 'accepted', carrierMessageId, matchKey: bounceKey(message.id) }
    } catch (error) {
      const isBegun = this.#begun.get(mail.messageId)?.() ?? false
      return failureOutcome(error as SmtpError, isBegun, bounceKey(message.id))
    } finally {
      this.#begun.delete(mail.messageId)
    }
  }

  #open(): Promise<Transport> {
    this.#transport ??= this.#makeTransport(this.#config)
    return this.#transport
  }

  async #makeTransport(config: SmtpCarrierConfig): Promise<Transport> {
    // Loading it would be a third of the gateway's start, and few need it.
    const { createTransport } = await import('nodemailer')
    const transport = createTransport({ ...poolOptions(config), pool: true })
    transport.use('stream', (mail, done) => {
      // Nodemailer reads the message only after the server has agreed to DATA: what nobody has read was not sent.
      const { message } = mail
      const create = message.createReadStream.bind(message)
      message.createReadStream = (...args) => {
        const stream = create(...args)
        this.#begun.set(String(mail.data.messageId), () => stream.readableDidRead)
        return stream
      }
      done()
    })
    return transport
  }

  /** Mails on their way are let through. */
  #closeTransport(): void {
    void this.#transport?.then((transport) => transport.close())
    this.#transport = undefined
  }
}

const NO_ADDRESS: SegmentOutcome = {
  kind: 'refused',
  code: 'destination_invalid',
  rawCode: null,
  reason: 'the recipient is no mail address',
  class: 'final',
}

function limitsOf({ connections }: SmtpCarrierConfig): CallLimits {
  return { connections, maxBatch: 1, waitMs: 0 }
}

/** What connections depend on. */
function connectionOf({ server, ca, rejectUnauthorized, dkim, ...rest }: SmtpCarrierConfig) {
  const { connections, mailsPerConnection, timeoutMs } = rest
  return { server, ca, rejectUnauthorized, dkim, connections, mailsPerConnection, timeoutMs }
}

function poolOptions(config: SmtpCarrierConfig): SMTPPoolOptions {
  const { ca, rejectUnauthorized, dkim, timeoutMs } = config
  return {
    ...transportOptions(config.server),
    tls: { rejectUnauthorized, ...(ca === undefined ? {} : { ca }) },
    maxConnections: config.connections,
    maxMessages: config.mailsPerConnection,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    dnsTimeout: timeoutMs,
    ...(dkim && {
      dkim: { domainName: dkim.domain, keySelector: dkim.selector, privateKey: dkim.key },
    }),
  }
}

/**
 * What became of a mail that was not taken.
 *
 * @param isBegun - the server has got octets of it
 * @param matchKey - what its bounces are matched by
 */
function failureOutcome(error: SmtpError, isBegun: boolean, matchKey: string): SegmentOutcome {
  // A server that refuses STARTTLS has said nothing of the mail.
  const isAnswered = error.responseCode !== undefined && error.code !== 'ETLS'
  if (!isAnswered && isBegun) return { kind: 'uncertain', reason: error.message, matchKey }
  const outcome = refusalOutcome(classifySmtp(error), rawSmtpError(error))
  if (outcome.kind === 'refused' && (isAnswered || !NETWORK.has(error.code ?? ''))) return outcome
  return {
    kind: 'refused',
    code: 'carrier_unreachable',
    rawCode: error.code ?? null,
    reason: error.message,
    class: 'passing',
  }
}

/** Nobody was there, or not in time; nothing was sent. */
const NETWORK: ReadonlySet<string> = new Set([
  'EDNS',
  'ECONNECTION',
  'ESOCKET',
  'ETLS',
  'ETIMEDOUT',
])
