import type { PartnerStatuses } from '../config/partner-statuses.ts'
import type { Clock } from '../core/clock.ts'
import { GatewayError } from '../core/errors.ts'
import { newId } from '../core/id.ts'
import type { Answer, IdempotencyKeys, Keep } from '../messages/idempotency.ts'
import type { Intake, Verdict } from '../messages/intake.ts'
import type { JournalEntry } from '../messages/journal.ts'
import type { Message } from '../messages/message.ts'
import type { MessageRequest } from '../messages/message-request.ts'
import type { DataSm, DestAddress, SubmitMulti, SubmitSm, UnsuccessSme } from '../smpp/pdu.ts'
import type { SessionReply } from '../smpp/session.ts'
import { CommandStatus } from '../smpp/status.ts'
import { findTlv, TlvTag } from '../smpp/tlv.ts'
import type { PartnerAccount } from './account.ts'
import { submitOf, submitTo } from './command-mapping.ts'
import { duplicateKeyOf, groupKeyOf } from './duplicate-key.ts'
import { requestOf } from './mapping.ts'
import { formFor, knownAs, type MessageIds } from './message-ids.ts'
import type { Replacing } from './replacing.ts'
import { commandStatusOf } from './status.ts'

/** What a {@link Submission} works with. */
export interface SubmissionOptions {
  readonly intake: Intake
  readonly replacing: Replacing
  readonly keys: IdempotencyKeys
  readonly ids: MessageIds
  readonly clock: Clock
}

/**
 * Takes over what partners submit: submit_sm, submit_multi and data_sm.
 *
 * Every method throws a GatewayError for what is refused.
 */
export class Submission {
  readonly #options: SubmissionOptions

  constructor(options: SubmissionOptions) {
    this.#options = options
  }

  /** @see SMPP v3.4, section 4.4 */
  async submit(pdu: SubmitSm, account: PartnerAccount, version: number): Promise<SessionReply> {
    const request = this.#requestOf(pdu, account)
    if (pdu.replace_if_present_flag > 1) {
      throw new GatewayError(
        'replace_flag_invalid',
        `replace_if_present_flag is ${pdu.replace_if_present_flag}, not 0 or 1`,
      )
    }
    const { windowSeconds, key: by } = account.duplicates
    const key = windowSeconds > 0 ? duplicateKeyOf(pdu, by) : undefined
    if (key !== undefined) {
      const { body } = await this.#once(account, key, async (keep) => {
        const message = await this.#take(pdu, request, account, version, (taken) => [
          keep({ status: 0, body: knownAs(taken) }),
        ])
        return { status: 0, body: knownAs(message) }
      })
      return { message_id: body }
    }
    return { message_id: knownAs(await this.#take(pdu, request, account, version)) }
  }

  /** @see SMPP v3.4, section 4.7 */
  async submitData(pdu: DataSm, account: PartnerAccount, version: number): Promise<SessionReply> {
    if (findTlv(pdu.tlvs, TlvTag.message_payload) !== undefined) {
      return this.submit(submitOf(pdu), account, version)
    }
    throw new GatewayError('tlv_missing', 'the data_sm has no message_payload')
  }

  /**
   * Takes a message over for each destination, all in one commit and with one id.
   *
   * @see SMPP v3.4, section 4.5
   */
  async submitMulti(
    pdu: SubmitMulti,
    account: PartnerAccount,
    version: number,
  ): Promise<SessionReply> {
    const unsuccessful: UnsuccessSme[] = []
    const submits: SubmitSm[] = []
    for (const destination of pdu.dest_address) {
      if ('dl_name' in destination) unsuccessful.push(refusedList(destination))
      else submits.push(submitTo(pdu, destination))
    }
    const { windowSeconds, key: by } = account.duplicates
    const key = windowSeconds > 0 ? groupKeyOf(submits, by) : undefined
    if (key === undefined) {
      return multiReply(await this.#takeAll(submits, unsuccessful, account, version))
    }
    const { body } = await this.#once(account, key, async (keep) => {
      const group = await this.#takeAll(submits, unsuccessful, account, version, (taken) => [
        keep({ status: 0, body: JSON.stringify(taken) }),
      ])
      return { status: 0, body: JSON.stringify(group) }
    })
    return multiReply(JSON.parse(body) as Group)
  }

  /** @param alongside - what belongs into the commit; not asked for where all are refused */
  async #takeAll(
    submits: readonly SubmitSm[],
    refusedBefore: readonly UnsuccessSme[],
    account: PartnerAccount,
    version: number,
    alongside: (group: Group) => readonly JournalEntry[] = () => [],
  ): Promise<Group> {
    const id = (await this.#shortId(account, version)) ?? newId()
    const requests = submits.map((submit) => ({
      ...this.#requestOf(submit, account),
      partnerMessageId: id,
    }))
    const groupOf = (verdicts: readonly Verdict[]): Group => ({
      id: verdicts.some(({ message }) => message !== undefined) ? id : '',
      unsuccessful: [...refusedBefore, ...submits.flatMap(refusedOf(verdicts, account.statuses))],
    })
    const verdicts = await this.#options.intake.acceptAll(account.tenant.id, requests, (judged) => {
      const group = groupOf(judged)
      return group.id === '' ? [] : alongside(group)
    })
    return groupOf(verdicts)
  }

  /** What a submit asks for, as the account's terms let it. */
  #requestOf(pdu: SubmitSm, { systemId, access, terms }: PartnerAccount): MessageRequest {
    const now = this.#options.clock()
    return terms.admit(requestOf(pdu, systemId, now, access))
  }

  /** @param alongside - what belongs into the commit of the acceptance */
  async #take(
    pdu: SubmitSm,
    request: MessageRequest,
    account: PartnerAccount,
    version: number,
    alongside: (message: Message) => readonly JournalEntry[] = () => [],
  ): Promise<Message> {
    const { intake, replacing } = this.#options
    const named = await this.#named(request, account, version)
    if (pdu.replace_if_present_flag === 1) {
      return replacing.accept(account, named, pdu.service_type, alongside)
    }
    const [verdict] = await intake.acceptAll(account.tenant.id, [named], ([first]) =>
      first?.message ? alongside(first.message) : [],
    )
    if (verdict?.message) return verdict.message
    throw verdict?.error
  }

  /** Does it unless the same has come before; the answer is the id of the first. */
  #once(
    account: PartnerAccount,
    key: string,
    run: (keep: Keep) => Promise<Answer>,
  ): Promise<Answer> {
    const call = {
      tenantId: account.tenant.id,
      scope: `smpp:${account.systemId}`,
      key,
      fingerprint: '',
      keepSeconds: account.duplicates.windowSeconds,
      whileRunning: 'wait',
    } as const
    return this.#options.keys.once(call, run)
  }

  /** Gives a request the id that the partner will know it by, where that is not our own. */
  async #named(
    request: MessageRequest,
    account: PartnerAccount,
    version: number,
  ): Promise<MessageRequest> {
    const partnerMessageId = await this.#shortId(account, version)
    return partnerMessageId === null ? request : { ...request, partnerMessageId }
  }

  async #shortId({ systemId, dialect }: PartnerAccount, version: number): Promise<string | null> {
    const form = formFor(dialect.messageIdForm, version)
    return form === 'uuid' ? null : this.#options.ids.next(systemId, form)
  }
}

/** What became of a submit_multi. */
interface Group {
  /** Empty: all of it was refused. */
  readonly id: string
  readonly unsuccessful: readonly UnsuccessSme[]
}

function multiReply({ id, unsuccessful }: Group): SessionReply {
  return {
    command_status: id === '' ? CommandStatus.ESME_RSUBMITFAIL : CommandStatus.ESME_ROK,
    message_id: id,
    unsuccess_sme: unsuccessful,
  }
}

function refusedOf(verdicts: readonly Verdict[], statuses: PartnerStatuses) {
  return (submit: SubmitSm, index: number): UnsuccessSme[] => {
    const error = verdicts[index]?.error
    return error ? [refusedDestination(submit, commandStatusOf(error, statuses))] : []
  }
}

function refusedDestination(submit: SubmitSm, error_status_code: number): UnsuccessSme {
  const { dest_addr_ton, dest_addr_npi, destination_addr } = submit
  return { dest_addr_ton, dest_addr_npi, destination_addr, error_status_code }
}

/** We keep no distribution lists. */
function refusedList({ dl_name }: Extract<DestAddress, { dl_name: string }>): UnsuccessSme {
  return {
    dest_addr_ton: 0,
    dest_addr_npi: 0,
    destination_addr: dl_name,
    error_status_code: CommandStatus.ESME_RINVDLNAME,
  }
}
