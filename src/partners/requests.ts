import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Cancellation } from '../messages/cancellation.ts'
import type { IdempotencyKeys } from '../messages/idempotency.ts'
import type { Intake, MessageRequest } from '../messages/intake.ts'
import type { CancelSm, Pdu, SubmitSm } from '../smpp/pdu.ts'
import type { SessionReply } from '../smpp/session.ts'
import { CommandStatus } from '../smpp/status.ts'
import type { PartnerAccount } from './account.ts'
import { duplicateKeyOf } from './duplicate-key.ts'
import { requestOf } from './mapping.ts'
import { commandStatusOf } from './status.ts'

/** What {@link PartnerRequests} works with. */
export interface PartnerRequestsOptions {
  readonly intake: Intake
  readonly cancellation: Cancellation
  readonly keys: IdempotencyKeys
  readonly clock: Clock
  readonly logger: Logger
  /** Told of every refusal, for the metrics. */
  readonly onRefused: (status: number) => void
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** What bound partners ask for, one PDU at a time. */
export class PartnerRequests {
  readonly #intake: Intake
  readonly #cancellation: Cancellation
  readonly #keys: IdempotencyKeys
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #onRefused: (status: number) => void

  constructor(options: PartnerRequestsOptions) {
    this.#intake = options.intake
    this.#cancellation = options.cancellation
    this.#keys = options.keys
    this.#clock = options.clock
    this.#logger = options.logger
    this.#onRefused = options.onRefused
  }

  /** Answers one request; undefined: we do not offer it. */
  answer(pdu: Pdu, account: PartnerAccount): Promise<SessionReply> | undefined {
    switch (pdu.command) {
      case 'submit_sm':
        return this.#submit(pdu, account)
      case 'cancel_sm':
        return this.#cancel(pdu, account)
      default:
        return undefined
    }
  }

  async #submit(pdu: SubmitSm, account: PartnerAccount): Promise<SessionReply> {
    try {
      const now = this.#clock()
      const { defaultAlphabet } = account.access
      const wanted = requestOf(pdu, account.systemId, now, defaultAlphabet)
      const request = account.terms.admit(wanted, now.getTime())
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
