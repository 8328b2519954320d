import { createHash, timingSafeEqual } from 'node:crypto'
import type { Tenant } from '../accounts/access.ts'
import type { Clock } from '../core/clock.ts'
import { GatewayError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Cancellation } from '../messages/cancellation.ts'
import type { IdempotencyKeys } from '../messages/idempotency.ts'
import type { Intake, MessageRequest } from '../messages/intake.ts'
import type { Teller } from '../messages/teller.ts'
import { SmppError } from '../smpp/errors.ts'
import type { BindPdu, CancelSm, Pdu, SubmitSm } from '../smpp/pdu.ts'
import { type BindVerdict, SmppServer } from '../smpp/server.ts'
import type { SessionReply } from '../smpp/session.ts'
import { CommandStatus } from '../smpp/status.ts'
import { duplicateKeyOf } from './duplicate-key.ts'
import { requestOf } from './mapping.ts'
import { partnerRecipient, type ReceiptTransport } from './receipt-transport.ts'
import { commandStatusOf } from './status.ts'

/** An account by which a partner binds to us. */
export interface PartnerAccount {
  readonly systemId: string
  readonly password: string
  /** Who pays. */
  readonly tenant: Tenant
  /** Which submits are repetitions, and for how long; 0 seconds: none is. */
  readonly duplicates: { readonly windowSeconds: number; readonly key: string }
}

/** What a {@link PartnerServer} is built with. */
export interface PartnerServerOptions {
  readonly host: string
  readonly port: number
  readonly accounts: readonly PartnerAccount[]
  readonly intake: Intake
  readonly cancellation: Cancellation
  readonly keys: IdempotencyKeys
  readonly clock: Clock
  readonly receipts: ReceiptTransport
  readonly teller: Teller
  readonly logger: Logger
  /** Told of every refusal, for the metrics. */
  readonly onRefused: (status: number) => void
}

/** Our requests that a partner may leave unanswered; receipts are paced by it. */
const PARTNER_WINDOW = 50

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The SMPP front door: partners bind, submit, and get their receipts. */
export class PartnerServer {
  readonly #partners: ReadonlyMap<string, PartnerAccount>
  readonly #intake: Intake
  readonly #cancellation: Cancellation
  readonly #keys: IdempotencyKeys
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #onRefused: (status: number) => void
  readonly #server: SmppServer<PartnerAccount>

  constructor(options: PartnerServerOptions) {
    const { receipts, teller } = options
    this.#intake = options.intake
    this.#cancellation = options.cancellation
    this.#keys = options.keys
    this.#clock = options.clock
    this.#logger = options.logger
    this.#onRefused = options.onRefused
    this.#partners = new Map(options.accounts.map((account) => [account.systemId, account]))
    this.#server = new SmppServer<PartnerAccount>({
      host: options.host,
      port: options.port,
      system_id: 'linehaul',
      windowSize: PARTNER_WINDOW,
      queueLimit: 10_000,
      logger: options.logger,
      authenticate: (bind) => Promise.resolve(this.#authenticate(bind)),
      onSession: (session, { bind, context }) => {
        if (bind.command === 'bind_transmitter') return
        receipts.add(context.systemId, session)
        teller.wake(partnerRecipient(context.systemId))
      },
      onSessionEnd: (session, { context }) => receipts.remove(context.systemId, session),
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

  #onRequest(pdu: Pdu, partner: PartnerAccount): Promise<SessionReply> | undefined {
    if (pdu.command === 'submit_sm') return this.#submit(pdu, partner)
    return pdu.command === 'cancel_sm' ? this.#cancel(pdu, partner) : undefined
  }

  async #submit(pdu: SubmitSm, account: PartnerAccount): Promise<SessionReply> {
    try {
      const request = requestOf(pdu, account.systemId, this.#clock())
      const { windowSeconds, key: by } = account.duplicates
      const key = windowSeconds > 0 ? duplicateKeyOf(pdu, by) : undefined
      if (key !== undefined) return { message_id: await this.#submitOnce(request, account, key) }
      const message = await this.#intake.accept(account.tenant.id, request)
      return { message_id: message.id }
    } catch (error) {
      return this.#refusal(pdu, account, error)
    }
  }

  /** Takes a message over unless the same has come before; gives the id of the first. */
  async #submitOnce(
    request: MessageRequest,
    account: PartnerAccount,
    key: string,
  ): Promise<string> {
    const tenantId = account.tenant.id
    const call = {
      tenantId,
      scope: `smpp:${account.systemId}`,
      key,
      fingerprint: '',
      keepSeconds: account.duplicates.windowSeconds,
      whileRunning: 'wait',
    } as const
    const { body } = await this.#keys.once(call, async (keep) => {
      const [verdict] = await this.#intake.acceptAll(tenantId, [request], ([first]) =>
        first?.message ? [keep({ status: 0, body: first.message.id })] : [],
      )
      if (verdict?.message) return { status: 0, body: verdict.message.id }
      throw verdict?.error
    })
    return body
  }

  /** @see SMPP v3.4, section 4.9; without message_id a whole group would be meant, which is not done */
  async #cancel(pdu: CancelSm, account: PartnerAccount): Promise<SessionReply> {
    try {
      const id = pdu.message_id.toLowerCase()
      if (id === '') return { command_status: CommandStatus.ESME_RCANCELFAIL }
      if (!UUID.test(id)) return { command_status: CommandStatus.ESME_RINVMSGID }
      await this.#cancellation.cancel(account.tenant.id, id, account.systemId)
      return {}
    } catch (error) {
      return this.#refusal(pdu, account, error)
    }
  }

  #refusal(pdu: Pdu, account: PartnerAccount, error: unknown): SessionReply {
    const status = commandStatusOf(error)
    this.#onRefused(status)
    this.#logger.debug(
      {
        partner: account.systemId,
        command: pdu.command,
        status,
        error: error instanceof Error ? error.message : '',
      },
      'a request of a partner was refused',
    )
    return { command_status: status }
  }
}

/** Compares without telling by the time taken how much was right. */
function isSame(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(expected))
}
