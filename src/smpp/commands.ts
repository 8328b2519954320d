import type { CommandName } from './pdu.ts'

const RESPONSE_BIT = 0x80000000

/**
 * The `command_id` of every PDU that the codec knows.
 *
 * @see SMPP v3.4, section 5.1.2.1; SMPP v5.0, section 4.7.5
 */
export const COMMAND_IDS: Readonly<Record<CommandName, number>> = {
  bind_receiver: 0x00000001,
  bind_receiver_resp: 0x80000001,
  bind_transmitter: 0x00000002,
  bind_transmitter_resp: 0x80000002,
  query_sm: 0x00000003,
  query_sm_resp: 0x80000003,
  submit_sm: 0x00000004,
  submit_sm_resp: 0x80000004,
  deliver_sm: 0x00000005,
  deliver_sm_resp: 0x80000005,
  unbind: 0x00000006,
  unbind_resp: 0x80000006,
  replace_sm: 0x00000007,
  replace_sm_resp: 0x80000007,
  cancel_sm: 0x00000008,
  cancel_sm_resp: 0x80000008,
  bind_transceiver: 0x00000009,
  bind_transceiver_resp: 0x80000009,
  outbind: 0x0000000b,
  enquire_link: 0x00000015,
  enquire_link_resp: 0x80000015,
  submit_multi: 0x00000021,
  submit_multi_resp: 0x80000021,
  alert_notification: 0x00000102,
  data_sm: 0x00000103,
  data_sm_resp: 0x80000103,
  broadcast_sm: 0x00000111,
  broadcast_sm_resp: 0x80000111,
  query_broadcast_sm: 0x00000112,
  query_broadcast_sm_resp: 0x80000112,
  cancel_broadcast_sm: 0x00000113,
  cancel_broadcast_sm_resp: 0x80000113,
  generic_nack: 0x80000000,
}

/** The v3.3 requests that nobody offers any more: named in messages, not decoded. */
const OBSOLETE_NAMES: ReadonlyMap<number, string> = new Map([
  [0x00000022, 'param_retrieve'],
  [0x80000022, 'param_retrieve_resp'],
  [0x00000023, 'query_last_msgs'],
  [0x80000023, 'query_last_msgs_resp'],
  [0x00000024, 'query_msg_details'],
  [0x80000024, 'query_msg_details_resp'],
])

// Arrays by the id's low bits: ids of responses exceed 31 bits, where a map is slow.
const REQUESTS: (CommandName | undefined)[] = []
const RESPONSES: (CommandName | undefined)[] = []
for (const name of Object.keys(COMMAND_IDS) as CommandName[]) {
  const id = COMMAND_IDS[name]
  const names = id >= RESPONSE_BIT ? RESPONSES : REQUESTS
  names[id & 0x7fffffff] = name
}

/** Every request with a response, and that response. */
const ANSWERS: ReadonlyMap<CommandName, CommandName> = new Map(
  REQUESTS.flatMap((request, id) => {
    const response = RESPONSES[id]
    return request && response ? [[request, response]] : []
  }),
)

/** The name of a `command_id`; undefined when the codec does not know it. */
export function commandName(id: number): CommandName | undefined {
  const names = id >= RESPONSE_BIT ? RESPONSES : REQUESTS
  const low = id & 0x7fffffff
  return low < names.length ? names[low] : undefined
}

/** A name for messages and logs, for any `command_id`. */
export function describeCommand(id: number): string {
  const name = commandName(id) ?? OBSOLETE_NAMES.get(id)
  return name ?? `command 0x${(id >>> 0).toString(16).padStart(8, '0')}`
}

/** Whether a `command_id` or a name is a response, `generic_nack` included: never answer those. */
export function isResponse(command: number | CommandName): boolean {
  const id = typeof command === 'number' ? command : COMMAND_IDS[command]
  return id >>> 0 >= RESPONSE_BIT
}

/**
 * The response that answers a request; undefined for `outbind` and `alert_notification`, which
 * have none, and for responses.
 */
export function responseNameOf(command: CommandName): CommandName | undefined {
  return ANSWERS.get(command)
}
