import { BindError } from './errors.ts'
import type { Session } from './session.ts'
import { CommandStatus, statusInfo } from './status.ts'

/** The kinds of bind. */
export type BindType = 'transceiver' | 'transmitter' | 'receiver'

/** What an ESME says of itself in a bind. */
export interface BindFields {
  readonly system_id: string
  readonly password?: string
  readonly system_type?: string
  /** 0x34 when absent; some old servers want 0x33. */
  readonly interface_version?: number
  readonly addr_ton?: number
  readonly addr_npi?: number
  readonly address_range?: string
}

const DEFAULT_INTERFACE_VERSION = 0x34

/**
 * Binds a session that is open.
 *
 * @throws {BindError} when the server refuses
 * @throws {RequestError} when it does not answer
 */
export async function bindSession(
  session: Session,
  bindType: BindType,
  fields: BindFields,
): Promise<void> {
  const { command_status: status } = await session.request({
    command: `bind_${bindType}`,
    system_id: fields.system_id,
    password: fields.password ?? '',
    system_type: fields.system_type ?? '',
    interface_version: fields.interface_version ?? DEFAULT_INTERFACE_VERSION,
    addr_ton: fields.addr_ton ?? 0,
    addr_npi: fields.addr_npi ?? 0,
    address_range: fields.address_range ?? '',
  })
  if (status !== CommandStatus.ESME_ROK) {
    throw new BindError(`the server refused the bind: ${statusInfo(status).name}`, status)
  }
}
