import type { AuditAction } from './actions.ts'

/** Who may have done something. */
export const ACTOR_KINDS = [
  /** A key of the HTTP interface, by its name. */
  'key',
  /** A person who has signed in. */
  'user',
  /** Who binds over SMPP, by the `system_id` that was given. */
  'partner',
  /** The configuration file, as a start found it or as it was saved. */
  'configuration_file',
  /** `linehaul` on the machine, by the account of its operating system. */
  'command_line',
  /** The gateway by itself. */
  'system',
] as const

export type ActorKind = (typeof ACTOR_KINDS)[number]

/** What may have become of it: it was done; it was refused, and nothing has changed; it has failed on our side. */
export const AUDIT_OUTCOMES = ['done', 'refused', 'failed'] as const

export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number]

/** Who has done something. */
export interface AuditActor {
  readonly kind: ActorKind
  /** Null: not known. */
  readonly name: string | null
  /** Whose it is; null: nobody's, or the operator's. */
  readonly tenantId: string | null
}

/** What it was done to. */
export interface AuditSubject {
  /** For example `carrier`, `webhook`, `route`. */
  readonly kind: string
  readonly id: string
}

/** What has happened, to be written to the audit log. */
export interface AuditEvent {
  readonly at: Date
  readonly actor: AuditActor
  /** Where it came from; null: not over a network. */
  readonly address?: string | null
  readonly requestId?: string | null
  readonly action: AuditAction
  readonly subject?: AuditSubject | null
  /** The tenant that it concerns, and that may read it. */
  readonly tenantId?: string | null
  readonly outcome: AuditOutcome
  /** Why: what the actor has given as a reason, or what speaks against it. */
  readonly reason?: string | null
  /** How the subject was; any value that JSON can say, secrets are masked. */
  readonly before?: unknown
  /** How it is since. */
  readonly after?: unknown
  /** How often, where equal ones are counted: from the first to the last. */
  readonly counted?: { readonly count: number; readonly firstAt: Date; readonly lastAt: Date }
}

/** What an entry says, as it is sealed. */
export interface AuditContent {
  readonly at: Date
  readonly actor: AuditActor
  readonly address: string | null
  readonly requestId: string | null
  readonly action: string
  readonly subject: AuditSubject | null
  readonly tenantId: string | null
  readonly outcome: AuditOutcome
  readonly reason: string | null
  /** JSON. */
  readonly before: string | null
  /** JSON. */
  readonly after: string | null
  readonly count: number
  /** Null unless it is counted. */
  readonly firstAt: Date | null
  readonly lastAt: Date | null
}

/** The gateway itself. */
export const SYSTEM: AuditActor = { kind: 'system', name: null, tenantId: null }

/** The configuration file. */
export const CONFIGURATION_FILE: AuditActor = {
  kind: 'configuration_file',
  name: null,
  tenantId: null,
}
