import { createHash, timingSafeEqual } from 'node:crypto'
import type { Tenant } from '../accounts/access.ts'
import { GatewayError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Intake } from '../messages/intake.ts'
import type { OutboxItem } from '../messages/journal.ts'
import { SmppError } from '../smpp/errors.ts'
import type { BindPdu, Pdu, SubmitSm } from '../smpp/pdu.ts'
import { type BindVerdict, SmppServer } from '../smpp/server.ts'
import type { SessionReply } from '../smpp/session.ts'
import { CommandStatus } from '../smpp/status.ts'
import type { Store } from '../store/open.ts'
import { requestOf } from './mapping.ts'
import { ReceiptSender } from './receipt-sender.ts'
import { commandStatusOf } from './status.ts'

/** An account by which a partner binds to us. */
export interface PartnerAccount {
  readonly systemId: string
  readonly password: string
  /** Who pays. */
  readonly tenant: Tenant
}

/** What a {@link PartnerServer} is built with. */
export interface PartnerServerOptions {
  readonly host: string
  readonly port: number
  readonly accounts: readonly PartnerAccount[]
  readonly intake: Intake
  readonly store: Store
  readonly logger: Logger
  /** Told of every refusal, for the metrics. */
  readonly onRefused: (status: number) => void
}

/** Our requests that a partner may leave unanswered; receipts are paced by it. */
const PARTNER_WINDOW = 50

interface Partner {
  readonly account: PartnerAccount
  readonly receipts: ReceiptSender
}

/** The SMPP front door: partners bind, submit, and get their receipts. */
export class PartnerServer {
  readonly #partners: ReadonlyMap<string, Partner>
  readonly #intake: Intake
  readonly #logger: Logger
  readonly #onRefused: (status: number) => void
  readonly #server: SmppServer<Partner>

  constructor(options: PartnerServerOptions) {
    this.#intake = options.intake
    this.#logger = options.logger
    this.#onRefused = options.onRefused
    this.#partners = new Map(
      options.accounts.map((account) => [
        account.systemId,
        { account, receipts: new ReceiptSender(options.store, account.systemId, options.logger) },
      ]),
    )
    this.#server = new SmppServer<Partner>({
      host: options.host,
      port: options.port,
      system_id: 'linehaul',
      windowSize: PARTNER_WINDOW,
      queueLimit: 10_000,
      logger: options.logger,
      authenticate: (bind) => Promise.resolve(this.#authenticate(bind)),
      onSession: (session, { bind, context }) => {
        if (bind.command !== 'bind_transmitter') context.receipts.add(session)
      },
      onSessionEnd: (session, { context }) => context.receipts.remove(session),
      onRequest: (pdu, _session, { context }) => this.#onRequest(pdu, context),
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

  /** Receipts for partners are in the outbox: whoever is bound may have them now. */
  onOutbox(items: readonly OutboxItem[]): void {
    for (const partner of new Set(items.map((item) => item.partner))) {
      this.#partners.get(partner)?.receipts.wake()
    }
  }

  /** Lets requests in work finish for at most `drainMs`, unbinds everybody, stops listening. */
  async close(drainMs: number): Promise<void> {
    await this.#server.close({ drainMs })
    await Promise.all([...this.#partners.values()].map(({ receipts }) => receipts.close()))
  }

  #authenticate(bind: BindPdu): BindVerdict<Partner> {
    const partner = this.#partners.get(bind.system_id)
    if (!partner) {
      this.#logger.warn({ system_id: bind.system_id }, 'a bind with an unknown system_id')
      return { status: CommandStatus.ESME_RINVSYSID }
    }
    if (!isSame(bind.password, partner.account.password)) {
      this.#logger.warn({ system_id: bind.system_id }, 'a bind with a wrong password')
      return { status: CommandStatus.ESME_RINVPASWD }
    }
    return { status: CommandStatus.ESME_ROK, context: partner }
  }

  #onRequest(pdu: Pdu, partner: Partner): Promise<SessionReply> | undefined {
    return pdu.command === 'submit_sm' ? this.#submit(pdu, partner.account) : undefined
  }

  async #submit(pdu: SubmitSm, account: PartnerAccount): Promise<SessionReply> {
    try {
      const request = requestOf(pdu, account.systemId)
      const message = await this.#intake.accept(account.tenant.id, request)
      return { message_id: message.id }
    } catch (error) {
      const status = commandStatusOf(error)
      this.#onRefused(status)
      this.#logger.debug(
        { partner: account.systemId, status, error: error instanceof Error ? error.message : '' },
        'a submit of a partner was refused',
      )
      return { command_status: status }
    }
  }
}

/** Compares without telling by the time taken how much was right. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(expected))
}
