import type { CommandName, PduInput, PduOf } from './pdu.ts'
import { CommandStatus } from './status.ts'

type ReplyTo<Name extends CommandName> = Partial<Omit<PduOf<Name>, 'command' | 'sequence_number'>>

/**
 * The fields of the response to a request; `{}` accepts it, `command_status` refuses it.
 *
 * Fields that the operation's response does not have are left out.
 */
export type SessionReply = ReplyTo<'bind_transceiver_resp'> &
  ReplyTo<'query_sm_resp'> &
  ReplyTo<'submit_multi_resp'>

/** The answer to an operation that the application does not offer. */
export const NOT_OFFERED: SessionReply = { command_status: CommandStatus.ESME_RINVCMDID }

/**
 * A response with the fields of a reply. Naming them all is several times as fast as spreading the
 * reply, and an undefined field is encoded as an absent one.
 */
export function responseWith(
  command: CommandName,
  sequence_number: number,
  command_status: number,
  reply: SessionReply,
): PduInput {
  return {
    command,
    sequence_number,
    command_status,
    tlvs: reply.tlvs,
    message_id: reply.message_id,
    system_id: reply.system_id,
    final_date: reply.final_date,
    message_state: reply.message_state,
    error_code: reply.error_code,
    unsuccess_sme: reply.unsuccess_sme,
  } satisfies Record<keyof SessionReply | 'command' | 'sequence_number', unknown> as PduInput
}
