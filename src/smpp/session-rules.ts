import { responseNameOf } from './commands.ts'
import type { BindPdu, CommandName } from './pdu.ts'

/** Which side of the session we are. */
export type SessionRole = 'esme' | 'smsc'

/**
 * Where a session is.
 *
 * - `open`: connected, not bound
 * - `bound_tx`, `bound_rx`, `bound_trx`: bound as transmitter, receiver, transceiver
 * - `unbound`: one side sent `unbind`; only responses follow
 * - `closed`: over
 *
 * @see SMPP v3.4, section 2.2 (session states)
 */
export type SessionState = 'open' | 'bound_tx' | 'bound_rx' | 'bound_trx' | 'unbound' | 'closed'

const BINDS: readonly CommandName[] = ['bind_receiver', 'bind_transmitter', 'bind_transceiver']
const LINK: readonly CommandName[] = ['enquire_link', 'unbind']
const ESME_SENDS: readonly CommandName[] = [
  ...LINK,
  'submit_sm',
  'submit_multi',
  'data_sm',
  'query_sm',
  'cancel_sm',
  'replace_sm',
  'broadcast_sm',
  'query_broadcast_sm',
  'cancel_broadcast_sm',
]
const SMSC_SENDS: readonly CommandName[] = [...LINK, 'deliver_sm', 'data_sm', 'alert_notification']
/** Strictly data_sm needs the other kind of bind; peers send it anyway and no harm is done. */
const DATA_TOLERATED: readonly CommandName[] = [...LINK, 'data_sm']

const LEGAL: Readonly<Record<SessionRole, Record<SessionState, ReadonlySet<CommandName>>>> = {
  esme: {
    open: new Set([...BINDS, ...LINK]),
    bound_tx: new Set(ESME_SENDS),
    bound_rx: new Set(DATA_TOLERATED),
    bound_trx: new Set(ESME_SENDS),
    unbound: new Set(LINK),
    closed: new Set(),
  },
  smsc: {
    open: new Set<CommandName>(['outbind', ...LINK]),
    bound_tx: new Set(DATA_TOLERATED),
    bound_rx: new Set(SMSC_SENDS),
    bound_trx: new Set(SMSC_SENDS),
    unbound: new Set(LINK),
    closed: new Set(),
  },
}

/**
 * Whether a side may send a request in a state; responses are always allowed.
 *
 * @see SMPP v3.4, section 2.3 (operation matrix)
 */
export function maySend(sender: SessionRole, state: SessionState, command: CommandName): boolean {
  return LEGAL[sender][state].has(command)
}

/** The state that a successful bind leads to; undefined for any other command. */
export function stateAfter(command: CommandName): SessionState | undefined {
  switch (command) {
    case 'bind_receiver':
      return 'bound_rx'
    case 'bind_transmitter':
      return 'bound_tx'
    case 'bind_transceiver':
      return 'bound_trx'
    default:
      return undefined
  }
}

/** Whether a command is one of the three binds. */
export function isBind(command: CommandName): command is BindPdu['command'] {
  return stateAfter(command) !== undefined
}

/**
 * Whether a response may answer a request of ours, besides naming its sequence number.
 *
 * Servers exist that answer one kind of bind with the response of another.
 */
export function mayAnswer(response: CommandName, request: CommandName): boolean {
  return (
    response === responseNameOf(request) ||
    response === 'generic_nack' ||
    (isBind(request) && response.startsWith('bind_'))
  )
}

/** Whether a session in this state is bound. */
export function isBoundState(state: SessionState): boolean {
  return state === 'bound_tx' || state === 'bound_rx' || state === 'bound_trx'
}
