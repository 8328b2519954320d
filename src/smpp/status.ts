/**
 * What a non-zero `command_status` asks of the sender of a request.
 *
 * - `ok`: accepted
 * - `permanent`: the same request will fail again
 * - `transient`: try again with back-off, a few attempts
 * - `throttle`: slow the bind down and send the same message again; not an attempt
 * - `queue-full`: as `throttle`, with a longer pause
 * - `auth`: rights or bind data; alert an operator and rebind slowly
 * - `session`: rebind first, then try once more
 */
export type RetryClass =
  | 'ok'
  | 'permanent'
  | 'transient'
  | 'throttle'
  | 'queue-full'
  | 'auth'
  | 'session'

/** What is known about one `command_status`. */
export interface StatusInfo {
  readonly code: number
  /** The name in the specification (v5.0 spelling), or `0x` and eight digits when it has none. */
  readonly name: string
  readonly meaning: string
  /** A default: carriers differ, so let the configuration of a carrier override it. */
  readonly retry: RetryClass
}

/**
 * The values of `command_status` by name.
 *
 * @see SMPP v3.4, section 5.1.3; SMPP v5.0, section 4.7.6
 */
export const CommandStatus = {
  ESME_ROK: 0x00,
  ESME_RINVMSGLEN: 0x01,
  ESME_RINVCMDLEN: 0x02,
  ESME_RINVCMDID: 0x03,
  ESME_RINVBNDSTS: 0x04,
  ESME_RALYBND: 0x05,
  ESME_RINVPRTFLG: 0x06,
  ESME_RINVREGDLVFLG: 0x07,
  ESME_RSYSERR: 0x08,
  ESME_RINVSRCADR: 0x0a,
  ESME_RINVDSTADR: 0x0b,
  ESME_RINVMSGID: 0x0c,
  ESME_RBINDFAIL: 0x0d,
  ESME_RINVPASWD: 0x0e,
  ESME_RINVSYSID: 0x0f,
  ESME_RCANCELFAIL: 0x11,
  ESME_RREPLACEFAIL: 0x13,
  ESME_RMSGQFUL: 0x14,
  ESME_RINVSERTYP: 0x15,
  ESME_RINVNUMDESTS: 0x33,
  ESME_RINVDLNAME: 0x34,
  ESME_RINVDESTFLAG: 0x40,
  ESME_RINVSUBREP: 0x42,
  ESME_RINVESMCLASS: 0x43,
  ESME_RCNTSUBDL: 0x44,
  ESME_RSUBMITFAIL: 0x45,
  ESME_RINVSRCTON: 0x48,
  ESME_RINVSRCNPI: 0x49,
  ESME_RINVDSTTON: 0x50,
  ESME_RINVDSTNPI: 0x51,
  ESME_RINVSYSTYP: 0x53,
  ESME_RINVREPFLAG: 0x54,
  ESME_RINVNUMMSGS: 0x55,
  ESME_RTHROTTLED: 0x58,
  ESME_RINVSCHED: 0x61,
  ESME_RINVEXPIRY: 0x62,
  ESME_RINVDFTMSGID: 0x63,
  ESME_RX_T_APPN: 0x64,
  ESME_RX_P_APPN: 0x65,
  ESME_RX_R_APPN: 0x66,
  ESME_RQUERYFAIL: 0x67,
  ESME_RINVTLVSTREAM: 0xc0,
  ESME_RTLVNOTALLWD: 0xc1,
  ESME_RINVTLVLEN: 0xc2,
  ESME_RMISSINGTLV: 0xc3,
  ESME_RINVTLVVAL: 0xc4,
  ESME_RDELIVERYFAILURE: 0xfe,
  ESME_RUNKNOWNERR: 0xff,
  ESME_RSERTYPUNAUTH: 0x100,
  ESME_RPROHIBITED: 0x101,
  ESME_RSERTYPUNAVAIL: 0x102,
  ESME_RSERTYPDENIED: 0x103,
  ESME_RINVDCS: 0x104,
  ESME_RINVSRCADDRSUBUNIT: 0x105,
  ESME_RINVDSTADDRSUBUNIT: 0x106,
  ESME_RINVBCASTFREQINT: 0x107,
  ESME_RINVBCASTALIAS_NAME: 0x108,
  ESME_RINVBCASTAREAFMT: 0x109,
  ESME_RINVNUMBCAST_AREAS: 0x10a,
  ESME_RINVBCASTCNTTYPE: 0x10b,
  ESME_RINVBCASTMSGCLASS: 0x10c,
  ESME_RBCASTFAIL: 0x10d,
  ESME_RBCASTQUERYFAIL: 0x10e,
  ESME_RBCASTCANCELFAIL: 0x10f,
  ESME_RINVBCAST_REP: 0x110,
  ESME_RINVBCASTSRVGRP: 0x111,
  ESME_RINVBCASTCHANIND: 0x112,
} as const

/** The name of a `command_status` that the specification defines. */
export type CommandStatusName = keyof typeof CommandStatus

const FACTS: Readonly<Record<CommandStatusName, readonly [retry: RetryClass, meaning: string]>> = {
  ESME_ROK: ['ok', 'no error'],
  ESME_RINVMSGLEN: ['permanent', 'message length invalid'],
  ESME_RINVCMDLEN: ['permanent', 'command_length invalid'],
  ESME_RINVCMDID: ['permanent', 'command id unknown or not offered'],
  ESME_RINVBNDSTS: ['session', 'operation not allowed in this bind state'],
  ESME_RALYBND: ['auth', 'already bound'],
  ESME_RINVPRTFLG: ['permanent', 'priority_flag invalid'],
  ESME_RINVREGDLVFLG: ['permanent', 'registered_delivery invalid'],
  ESME_RSYSERR: ['transient', 'system error'],
  ESME_RINVSRCADR: ['permanent', 'source address invalid'],
  ESME_RINVDSTADR: ['permanent', 'destination address invalid'],
  ESME_RINVMSGID: ['permanent', 'message_id invalid'],
  ESME_RBINDFAIL: ['auth', 'bind failed'],
  ESME_RINVPASWD: ['auth', 'password wrong'],
  ESME_RINVSYSID: ['auth', 'system_id unknown'],
  ESME_RCANCELFAIL: ['permanent', 'cancel_sm failed'],
  ESME_RREPLACEFAIL: ['permanent', 'replace_sm failed'],
  ESME_RMSGQFUL: ['queue-full', 'message queue full'],
  ESME_RINVSERTYP: ['permanent', 'service_type invalid'],
  ESME_RINVNUMDESTS: ['permanent', 'number of destinations invalid'],
  ESME_RINVDLNAME: ['permanent', 'distribution list name invalid'],
  ESME_RINVDESTFLAG: ['permanent', 'dest_flag invalid'],
  ESME_RINVSUBREP: ['permanent', 'submit with replace not allowed'],
  ESME_RINVESMCLASS: ['permanent', 'esm_class invalid'],
  ESME_RCNTSUBDL: ['permanent', 'cannot submit to distribution list'],
  ESME_RSUBMITFAIL: ['transient', 'submit_sm or submit_multi failed'],
  ESME_RINVSRCTON: ['permanent', 'source TON invalid'],
  ESME_RINVSRCNPI: ['permanent', 'source NPI invalid'],
  ESME_RINVDSTTON: ['permanent', 'destination TON invalid'],
  ESME_RINVDSTNPI: ['permanent', 'destination NPI invalid'],
  ESME_RINVSYSTYP: ['auth', 'system_type invalid'],
  ESME_RINVREPFLAG: ['permanent', 'replace_if_present_flag invalid'],
  ESME_RINVNUMMSGS: ['permanent', 'number_of_messages invalid'],
  ESME_RTHROTTLED: ['throttle', 'too many messages per unit of time'],
  ESME_RINVSCHED: ['permanent', 'schedule_delivery_time invalid'],
  ESME_RINVEXPIRY: ['permanent', 'validity_period invalid'],
  ESME_RINVDFTMSGID: ['permanent', 'predefined message unknown'],
  ESME_RX_T_APPN: ['transient', 'receiver: temporary application error'],
  ESME_RX_P_APPN: ['permanent', 'receiver: permanent application error'],
  ESME_RX_R_APPN: ['permanent', 'receiver: message rejected'],
  ESME_RQUERYFAIL: ['permanent', 'query_sm failed'],
  ESME_RINVTLVSTREAM: ['permanent', 'optional part of the body broken'],
  ESME_RTLVNOTALLWD: ['permanent', 'TLV not allowed'],
  ESME_RINVTLVLEN: ['permanent', 'TLV length invalid'],
  ESME_RMISSINGTLV: ['permanent', 'expected TLV missing'],
  ESME_RINVTLVVAL: ['permanent', 'TLV value invalid'],
  ESME_RDELIVERYFAILURE: ['permanent', 'transaction mode delivery failed (data_sm_resp)'],
  ESME_RUNKNOWNERR: ['transient', 'unknown error'],
  ESME_RSERTYPUNAUTH: ['auth', 'not authorised for this service_type'],
  ESME_RPROHIBITED: ['auth', 'operation prohibited for this ESME'],
  ESME_RSERTYPUNAVAIL: ['transient', 'service_type unavailable'],
  ESME_RSERTYPDENIED: ['permanent', 'service_type denied'],
  ESME_RINVDCS: ['permanent', 'data_coding invalid'],
  ESME_RINVSRCADDRSUBUNIT: ['permanent', 'source subunit invalid'],
  ESME_RINVDSTADDRSUBUNIT: ['permanent', 'destination subunit invalid'],
  ESME_RINVBCASTFREQINT: ['permanent', 'broadcast_frequency_interval invalid'],
  ESME_RINVBCASTALIAS_NAME: ['permanent', 'broadcast alias invalid'],
  ESME_RINVBCASTAREAFMT: ['permanent', 'broadcast area format invalid'],
  ESME_RINVNUMBCAST_AREAS: ['permanent', 'number of broadcast areas invalid'],
  ESME_RINVBCASTCNTTYPE: ['permanent', 'broadcast content type invalid'],
  ESME_RINVBCASTMSGCLASS: ['permanent', 'broadcast message class invalid'],
  ESME_RBCASTFAIL: ['permanent', 'broadcast_sm failed'],
  ESME_RBCASTQUERYFAIL: ['permanent', 'query_broadcast_sm failed'],
  ESME_RBCASTCANCELFAIL: ['permanent', 'cancel_broadcast_sm failed'],
  ESME_RINVBCAST_REP: ['permanent', 'broadcast repetitions invalid'],
  ESME_RINVBCASTSRVGRP: ['permanent', 'broadcast service group invalid'],
  ESME_RINVBCASTCHANIND: ['permanent', 'broadcast channel indicator invalid'],
}

/** Names of v3.4 that v5.0 spells differently. */
const OLD_NAMES: Readonly<Record<string, CommandStatusName>> = {
  ESME_RINVOPTPARSTREAM: 'ESME_RINVTLVSTREAM',
  ESME_ROPTPARNOTALLWD: 'ESME_RTLVNOTALLWD',
  ESME_RINVPARLEN: 'ESME_RINVTLVLEN',
  ESME_RMISSINGOPTPARAM: 'ESME_RMISSINGTLV',
  ESME_RINVOPTPARAMVAL: 'ESME_RINVTLVVAL',
}

const VENDOR_FIRST = 0x400
const VENDOR_LAST = 0x4ff

const INFO_BY_CODE: ReadonlyMap<number, StatusInfo> = new Map(
  (Object.keys(CommandStatus) as CommandStatusName[]).map((name) => {
    const [retry, meaning] = FACTS[name]
    return [CommandStatus[name], { code: CommandStatus[name], name, meaning, retry }]
  }),
)

/**
 * What a `command_status` means and what to do about it, for any number.
 *
 * The vendor range 0x400-0x4FF counts as permanent and every other unknown code as transient;
 * both are guesses that a carrier's own table should replace.
 */
export function statusInfo(code: number): StatusInfo {
  const known = INFO_BY_CODE.get(code)
  if (known !== undefined) return known
  const name = `0x${(code >>> 0).toString(16).padStart(8, '0')}`
  if (code >= VENDOR_FIRST && code <= VENDOR_LAST) {
    return { code, name, meaning: 'vendor specific', retry: 'permanent' }
  }
  return { code, name, meaning: 'reserved', retry: 'transient' }
}

/** The code of a name in v5.0 or v3.4 spelling; undefined when there is no such name. */
export function statusCode(name: string): number | undefined {
  const current = Object.hasOwn(OLD_NAMES, name) ? OLD_NAMES[name] : name
  if (current === undefined || !Object.hasOwn(CommandStatus, current)) return undefined
  return CommandStatus[current as CommandStatusName]
}
