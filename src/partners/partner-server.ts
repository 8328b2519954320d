import { createHash, timingSafeEqual } from 'node:crypto'
import { GatewayError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Teller } from '../messages/teller.ts'
import { SmppError } from '../smpp/errors.ts'
import type { BindPdu } from '../smpp/pdu.ts'
import type { Recorder } from '../smpp/recorder.ts'
import { type BindVerdict, SmppServer } from '../smpp/server.ts'
import { CommandStatus } from '../smpp/status.ts'
import type { PartnerAccount } from './account.ts'
import { partnerRecipient, type ReceiptTransport } from './receipt-transport.ts'
import type { PartnerRequests } from './requests.ts'

/** What a {@link PartnerServer} is built with. */
export interface PartnerServerOptions {
  readonly host: string
  readonly port: number
  readonly accounts: readonly PartnerAccount[]
  readonly requests: PartnerRequests
  readonly receipts: ReceiptTransport
  readonly teller: Teller
  readonly logger: Logger
  /** Keeps the latest PDUs of every connection. */
  readonly recorder: Recorder
}

/** Our requests that a partner may leave unanswered; receipts are paced by it. */
const PARTNER_WINDOW = 50

/** The SMPP front door: partners bind, submit, and get their receipts. */
export class PartnerServer {
  readonly #partners: ReadonlyMap<string, PartnerAccount>
  readonly #logger: Logger
  readonly #server: SmppServer<PartnerAccount>

  constructor(options: PartnerServerOptions) {
    const { receipts, teller, requests, recorder } = options
    this.#logger = options.logger
    this.#partners = new Map(options.accounts.map((account) => [account.systemId, account]))
    this.#server = new SmppServer<PartnerAccount>({
      host: options.host,
      port: options.port,
      system_id: 'linehaul',
      windowSize: PARTNER_WINDOW,
      queueLimit: 10_000,
      logger: options.logger,
      openRecording: (stream) =>
        recorder.open({ role: 'smsc', stream, owner: null, label: null, systemId: null }),
      authenticate: (bind) => Promise.resolve(this.#authenticate(bind)),
      onSession: (session, { bind, context }) => {
        if (bind.command === 'bind_transmitter') return
        receipts.add(context.systemId, session)
        teller.wake(partnerRecipient(context.systemId))
      },
      onSessionEnd: (session, { context }) => receipts.remove(context.systemId, session),
      onRequest: (pdu, _session, { context }) => requests.answer(pdu, context),
    })
  }

  /** The port it listens on. */
  get port(): number {
    return this.#server.port
  }

  /**
   * Starts to listen.
   *
   * @throws {GatewayError} `port_in_use`
   */
  async start(): Promise<void> {
    try {
      await this.#server.listen()
    } catch (cause) {
      if (!(cause instanceof SmppError) || cause.code !== 'port_in_use') throw cause
      throw new GatewayError(
        'port_in_use',
        `${cause.message}: choose another with LINEHAUL_SMPP_PORT or smpp.port`,
        { cause },
      )
    }
  }

  /** Lets requests in work finish for at most `drainMs`, unbinds everybody, stops listening. */
  async close(drainMs: number): Promise<void> {
    await this.#server.close({ drainMs })
  }

  #authenticate(bind: BindPdu): BindVerdict<PartnerAccount> {
    const partner = this.#partners.get(bind.system_id)
    if (!partner) {
      this.#logger.warn({ system_id: bind.system_id }, 'a bind with an unknown system_id')
      return { status: CommandStatus.ESME_RINVSYSID }
    }
    if (!isSame(bind.password, partner.password)) {
      this.#logger.warn({ system_id: bind.system_id }, 'a bind with a wrong password')
      return { status: CommandStatus.ESME_RINVPASWD }
    }
    return { status: CommandStatus.ESME_ROK, context: partner }
  }
}

/** Compares without telling by the time taken how much was right. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(expected))
}
