import type { GatewayError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Limits } from '../limits/limits.ts'
import type { BindPdu, Pdu } from '../smpp/pdu.ts'
import type { SessionReply } from '../smpp/session.ts'
import { CommandStatus } from '../smpp/status.ts'
import { intTlv } from '../smpp/tlv.ts'
import type { PartnerAccount } from './account.ts'
import { ExistingMessages, type ExistingMessagesOptions } from './existing-messages.ts'
import { commandStatusOf } from './status.ts'
import { Submission, type SubmissionOptions } from './submission.ts'

/** What {@link PartnerRequests} works with. */
export interface PartnerRequestsOptions extends SubmissionOptions, ExistingMessagesOptions {
  /** How full the queues to the carriers are, in percent. */
  readonly congestion: () => number
  readonly logger: Logger
  /** How many requests partners may make. */
  readonly limits: Limits
}

/** Who asks. */
export interface AskingPeer {
  readonly bind: Pick<BindPdu, 'command' | 'interface_version'>
  readonly account: PartnerAccount
}

/** Requests that we answer. */
const OFFERED = [
  'submit_sm',
  'submit_multi',
  'data_sm',
  'query_sm',
  'cancel_sm',
  'replace_sm',
] as const

type Offered = Extract<Pdu, { command: (typeof OFFERED)[number] }>

/** First version that knows congestion_state. */
const FIRST_VERSION_WITH_CONGESTION = 0x50

/** What bound partners ask for, one PDU at a time. */
export class PartnerRequests {
  readonly #submission: Submission
  readonly #existing: ExistingMessages
  readonly #options: PartnerRequestsOptions

  constructor(options: PartnerRequestsOptions) {
    this.#submission = new Submission(options)
    this.#existing = new ExistingMessages(options)
    this.#options = options
  }

  /** Answers one request; undefined: we do not offer it. */
  answer(pdu: Pdu, peer: AskingPeer): Promise<SessionReply> | undefined {
    if (!isOffered(pdu)) return undefined
    const { tenant, systemId } = peer.account
    const caller = { tenantId: tenant.id, key: null, partner: systemId }
    const refusal = this.#options.limits.takeRequest(caller)
    const work =
      refusal instanceof Promise
        ? refusal.then((late) => this.#begin(pdu, peer, late))
        : this.#begin(pdu, peer, refusal)
    return this.#finish(work, pdu, peer)
  }

  #begin(
    pdu: Offered,
    { bind, account }: AskingPeer,
    refusal: GatewayError | null,
  ): Promise<SessionReply> {
    if (refusal) return Promise.reject(refusal)
    const version = bind.interface_version
    switch (pdu.command) {
      case 'submit_sm':
        return this.#submission.submit(pdu, account, version)
      case 'submit_multi':
        return this.#submission.submitMulti(pdu, account, version)
      case 'data_sm':
        // Sessions let it pass in either direction; a receiver has nothing to submit.
        return bind.command === 'bind_receiver'
          ? Promise.resolve({ command_status: CommandStatus.ESME_RINVBNDSTS })
          : this.#submission.submitData(pdu, account, version)
      case 'query_sm':
        return this.#existing.query(pdu, account, version)
      case 'cancel_sm':
        return this.#existing.cancel(pdu, account)
      case 'replace_sm':
        return this.#existing.replace(pdu, account)
    }
  }

  async #finish(work: Promise<SessionReply>, pdu: Pdu, peer: AskingPeer): Promise<SessionReply> {
    let reply: SessionReply
    try {
      reply = await work
    } catch (error) {
      reply = { command_status: this.#refusal(pdu, peer, error) }
    }
    if (peer.bind.interface_version < FIRST_VERSION_WITH_CONGESTION) return reply
    return { ...reply, tlvs: [intTlv('congestion_state', this.#options.congestion())] }
  }

  #refusal(pdu: Pdu, { account }: AskingPeer, error: unknown): number {
    const status = commandStatusOf(error, account.statuses)
    this.#options.logger.debug(
      {
        partner: account.systemId,
        command: pdu.command,
        status,
        error: error instanceof Error ? error.message : '',
      },
      'a request of a partner was refused',
    )
    return status
  }
}

function isOffered(pdu: Pdu): pdu is Offered {
  return OFFERED.some((command) => command === pdu.command)
}
