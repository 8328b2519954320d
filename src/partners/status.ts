import type { PartnerStatuses } from '../config/partner-statuses.ts'
import { GatewayError } from '../core/errors.ts'
import { CommandStatus } from '../smpp/status.ts'

/** How a refusal is spelled over SMPP; the same codes are spelled for HTTP in `http/problem.ts`. */
const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  to_invalid: CommandStatus.ESME_RINVDSTADR,
  from_invalid: CommandStatus.ESME_RINVSRCADR,
  sender_not_allowed: CommandStatus.ESME_RINVSRCADR,
  text_empty: CommandStatus.ESME_RINVMSGLEN,
  text_invalid: CommandStatus.ESME_RSUBMITFAIL,
  text_too_long: CommandStatus.ESME_RINVMSGLEN,
  text_not_encodable: CommandStatus.ESME_RSUBMITFAIL,
  no_route: CommandStatus.ESME_RINVDSTADR,
  send_at_invalid: CommandStatus.ESME_RINVSCHED,
  tlvs_too_many: CommandStatus.ESME_RINVTLVSTREAM,
  priority_invalid: CommandStatus.ESME_RINVPRTFLG,
  validity_invalid: CommandStatus.ESME_RINVEXPIRY,
  not_found: CommandStatus.ESME_RINVMSGID,
  not_cancelable: CommandStatus.ESME_RCANCELFAIL,
  already_final: CommandStatus.ESME_RCANCELFAIL,
  not_replaceable: CommandStatus.ESME_RREPLACEFAIL,
  replace_flag_invalid: CommandStatus.ESME_RINVREPFLAG,
  tlv_missing: CommandStatus.ESME_RMISSINGTLV,
  balance_insufficient: CommandStatus.ESME_RSUBMITFAIL,
  tenant_suspended: CommandStatus.ESME_RSUBMITFAIL,
  price_not_convertible: CommandStatus.ESME_RSUBMITFAIL,
  pumping_suspected: CommandStatus.ESME_RSUBMITFAIL,
  loop_suspected: CommandStatus.ESME_RSUBMITFAIL,
  busy: CommandStatus.ESME_RTHROTTLED,
  rate_limited: CommandStatus.ESME_RTHROTTLED,
  queue_full: CommandStatus.ESME_RMSGQFUL,
  quota_exceeded: CommandStatus.ESME_RMSGQFUL,
  message_over_limit: CommandStatus.ESME_RSUBMITFAIL,
}

/**
 * The `command_status` for an error of intake; `ESME_RSYSERR` for what has no word in SMPP.
 *
 * @param own - those of the partner's account, which go over the usual ones
 */
export function commandStatusOf(error: unknown, own: PartnerStatuses = {}): number {
  if (!(error instanceof GatewayError)) return CommandStatus.ESME_RSYSERR
  return own[error.code] ?? STATUS_BY_CODE[error.code] ?? CommandStatus.ESME_RSYSERR
}
