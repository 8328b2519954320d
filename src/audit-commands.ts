import { userInfo } from 'node:os'
import { type ApiAccess, type ApiProblem, callApi } from './api-call.ts'
import type { AuditAction } from './audit/actions.ts'
import { checkAudit } from './audit/audit-check.ts'
import { AuditLog } from './audit/audit-log.ts'
import { systemClock } from './core/clock.ts'
import { silentLogger } from './core/logger.ts'
import { openForReading, type Store, type StoreOptions } from './store/open.ts'

/** How a command speaks to the gateway and to its caller. */
export interface AuditCommand extends ApiAccess {
  /** Entries go out as JSON, one a line. */
  readonly isJson: boolean
  readonly say: (line: string) => void
  readonly complain: (line: string) => void
}

/** Options of `audit list` that choose entries, as the API names them. */
export const AUDIT_CHOICE = {
  actor: { type: 'string' },
  action: { type: 'string' },
  subject: { type: 'string' },
  tenant: { type: 'string' },
  outcome: { type: 'string' },
  from: { type: 'string' },
  before: { type: 'string' },
} as const

/** What {@link AUDIT_CHOICE} gives. */
export type AuditChoice = Readonly<Partial<Record<keyof typeof AUDIT_CHOICE, string>>>

interface Entry {
  readonly number: number
  readonly at: string
  readonly actor: { readonly kind: string; readonly name: string | null }
  readonly address: string | null
  readonly action: string
  readonly subject: { readonly kind: string; readonly id: string } | null
  readonly outcome: string
  readonly reason: string | null
  readonly count: number
}

/** The most that the API gives at once. */
const MAX_PAGE = 500

/** Prints the latest entries, newest first; false when that did not work. */
export async function listAudit(
  command: AuditCommand,
  choice: AuditChoice,
  limit: number,
): Promise<boolean> {
  let cursor: string | null = null
  for (let left = limit; left > 0; ) {
    const query = new URLSearchParams({ ...choice, limit: String(Math.min(left, MAX_PAGE)) })
    if (cursor !== null) query.set('cursor', cursor)
    const answer: { entries: Entry[]; next_cursor: string | null } & ApiProblem = await callApi(
      command,
      'GET',
      `/v1/audit?${query}`,
    )
    if (answer.code !== undefined) {
      command.complain(`refused (${answer.code}): ${answer.detail}`)
      return false
    }
    for (const entry of answer.entries) {
      command.say(command.isJson ? JSON.stringify(entry) : lineOf(entry))
    }
    cursor = answer.next_cursor
    if (cursor === null) return true
    left -= answer.entries.length
  }
  return true
}

function lineOf(entry: Entry): string {
  const { number, at, actor, address, action, subject, outcome, reason, count } = entry
  const who = `${actor.kind} ${actor.name ?? '-'}${address === null ? '' : ` (${address})`}`
  const what = subject === null ? '' : `${subject.kind} ${subject.id}`
  const end = [outcome === 'done' ? '' : outcome, reason ?? '', count > 1 ? `${count} times` : '']
  return [
    String(number).padStart(7),
    at,
    action.padEnd(18),
    who.padEnd(34),
    what,
    ...end.filter((part) => part !== ''),
  ]
    .join('  ')
    .trimEnd()
}

/**
 * Proves from the database alone that the audit log is what was written; true when it is.
 *
 * @param knownHead - the hash of an entry that was the latest once, kept elsewhere
 */
export async function proveAudit(
  { say, complain }: Pick<AuditCommand, 'say' | 'complain'>,
  options: StoreOptions,
  knownHead: string | undefined,
): Promise<boolean> {
  const store = await openForReading(options)
  try {
    // One moment of it, whatever is written meanwhile.
    const { entries, anchor, head, fault } = await store.db.transaction(
      (tx) => checkAudit(store, knownHead, tx),
      { isolationLevel: 'repeatable read', accessMode: 'read only' },
    )
    if (fault) {
      complain(fault.entry === null ? fault.what : `entry ${fault.entry}: ${fault.what}`)
      return false
    }
    const erased = anchor.number === 0 ? '' : `; those up to ${anchor.number} were deleted by age`
    say(`the audit log is in order: ${entries} entries${erased}`)
    say(`head: entry ${head.number}, ${head.hash || 'none'}`)
    return true
  } finally {
    await store.close()
  }
}

/** Writes down what was done with the database by hand, with the account of the operating system. */
export async function noteByHand(store: Store, action: AuditAction, after: object): Promise<void> {
  const log = await AuditLog.open({ store, logger: silentLogger, clock: systemClock })
  await log.append({
    at: systemClock(),
    actor: { kind: 'command_line', name: accountName(), tenantId: null },
    action,
    outcome: 'done',
    after,
  })
  await log.close()
}

/** Null in a container whose user has no name. */
function accountName(): string | null {
  try {
    return userInfo().username
  } catch {
    return null
  }
}
