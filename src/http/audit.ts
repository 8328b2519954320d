import type { Context } from 'hono'
import type { Caller, Tenant } from '../accounts/caller.ts'
import type { AccessTally } from '../audit/access-tally.ts'
import type { AuditLog } from '../audit/audit-log.ts'
import type { AuditActor, AuditOutcome, AuditSubject } from '../audit/entry.ts'
import type { Clock } from '../core/clock.ts'
import { GatewayError } from '../core/errors.ts'
import type { ClientAddresses } from './client-address.ts'
import type { AppEnv } from './env.ts'
import type { Permission } from './permissions.ts'
import { statusOf } from './problem.ts'
import { UnauthorizedError } from './refusal-log.ts'

/** Where requests are written down. */
export interface AuditParts {
  readonly audit: Pick<AuditLog, 'append'>
  readonly accesses: Pick<AccessTally, 'access' | 'note'>
  readonly addresses: ClientAddresses
  readonly clock: Clock
}

/** What a route adds to the entry that the audit log gets of it. */
export class AuditNote {
  #subject: AuditSubject | undefined
  #tenantId: string | undefined
  #otherTenantId: string | undefined
  #reason: string | undefined
  #before: unknown
  #after: unknown
  #actor: AuditActor | undefined
  #isChange = true

  /** What it is done to. */
  subject(kind: string, id: string): this {
    this.#subject = { kind, id }
    return this
  }

  /** The user that it is, where a route opens to nobody in particular. */
  user(email: string, tenantId: string | null): this {
    this.#actor = { kind: 'user', name: email, tenantId }
    return this
  }

  /** The tenant that it concerns, where it is not the caller's own. */
  tenant(id: string): this {
    this.#tenantId = id
    return this
  }

  /** Another tenant that it concerns as much: it gets an entry of its own, which it may read. */
  alsoTenant(id: string): this {
    this.#otherTenantId = id
    return this
  }

  /** What the caller gives as a reason. */
  reason(text: string | undefined): this {
    this.#reason = text === '' ? undefined : text
    return this
  }

  /** How the subject was; secrets are masked by the names of their fields. */
  before(state: unknown): this {
    this.#before = state
    return this
  }

  /** How it is since. */
  after(state: unknown): this {
    this.#after = state
    return this
  }

  /** It was only tried, or there was nothing to do: an access, and no entry of its own. */
  nothingChanged(): void {
    this.#isChange = false
  }

  get actor(): AuditActor | undefined {
    return this.#actor
  }

  get otherTenantId(): string | undefined {
    return this.#otherTenantId
  }

  get isChange(): boolean {
    return this.#isChange
  }

  /** What the entry says beside who, when and where from. */
  get about() {
    return {
      subject: this.#subject ?? null,
      tenantId: this.#tenantId,
      reason: this.#reason ?? null,
      before: this.#before,
      after: this.#after,
    }
  }
}

/** For what is under `/v1` and is no route. */
const NO_ROUTE = { method: '*', path: '/v1 (no such route)' }

/**
 * Answers a request and writes down what it was: an access, a refusal, and, where `permissions.ts` names an
 * action, an entry of its own before the answer is given.
 *
 * @throws what `answer` throws; {GatewayError} `audit_unwritten` where a change was made whose entry could not be
 *   written
 */
export async function audited(
  c: Context<AppEnv>,
  parts: AuditParts,
  permission: Permission | undefined,
  answer: () => Promise<unknown>,
): Promise<void> {
  if (permission?.audit) c.set('audit', new AuditNote())
  try {
    await answer()
  } catch (error) {
    await writeDown(c, parts, permission, statusOf(error), error)
    throw error
  }
  await writeDown(c, parts, permission, c.res.status, c.error)
}

function writeDown(
  c: Context<AppEnv>,
  { audit, accesses, addresses, clock }: AuditParts,
  permission: Permission | undefined,
  status: number,
  error: unknown,
): Promise<unknown> | undefined {
  // Of a request without a valid key there is none.
  const caller: Caller | undefined = c.get('caller')
  const outcome = outcomeOf(status)
  const address = addresses.of(c) ?? null
  const isStranger = !caller && permission?.audience !== 'anyone'
  if (isStranger || status === 401 || status === 403) {
    accesses.note({ ...refusalOf(c, caller, permission, error), address, outcome })
    return undefined
  }
  if (caller) accesses.access(caller, permission ?? NO_ROUTE, address, outcome)
  const action = permission?.audit
  if (!action || !c.get('audit').isChange) return undefined
  const event = { ...changeOf(c, caller), address, action, outcome }
  if (outcome === 'done') {
    const { otherTenantId: tenantId } = c.get('audit')
    const done = { ...event, at: clock() }
    const entries = tenantId === undefined ? [done] : [done, { ...done, tenantId }]
    return Promise.all(entries.map((entry) => audit.append(entry)))
  }
  accesses.note({ ...event, reason: codeOf(error, status) })
  return undefined
}

function refusalOf(
  c: Context<AppEnv>,
  caller: Caller | undefined,
  permission: Permission | undefined,
  error: unknown,
) {
  const { method, path } = permission ?? NO_ROUTE
  return {
    action: 'access.refused' as const,
    actor: { ...actorOf(c, caller), ...(error instanceof UnauthorizedError && keyOf(error)) },
    tenantId: caller?.tenant?.id ?? null,
    subject: { kind: 'route', id: `${method} ${path}` },
    reason: reasonOf(error),
  }
}

function changeOf(c: Context<AppEnv>, caller: Caller | undefined) {
  const { tenantId, ...about } = c.get('audit').about
  // Of the operator's own routes none concerns a tenant unless it says so.
  const ofTenant: Tenant | undefined = c.get('tenant')
  return {
    ...about,
    actor: actorOf(c, caller),
    requestId: c.get('requestId'),
    tenantId: tenantId ?? ofTenant?.id ?? null,
  }
}

/** The key that was meant, where there is one. */
function keyOf({ refusal }: UnauthorizedError): Partial<AuditActor> {
  return refusal.keyName === undefined ? {} : { name: refusal.keyName }
}

function reasonOf(error: unknown): string {
  if (error instanceof UnauthorizedError) return `unauthorized: ${error.refusal.reason}`
  return error instanceof GatewayError ? `${error.code}: ${error.message}` : 'internal'
}

function actorOf(c: Context<AppEnv>, caller: Caller | undefined): AuditActor {
  if (caller) {
    const { name, tenant, user } = caller
    return { kind: user ? 'user' : 'key', name, tenantId: tenant?.id ?? null }
  }
  const note: AuditNote | undefined = c.get('audit')
  return note?.actor ?? { kind: 'key', name: null, tenantId: null }
}

function outcomeOf(status: number): AuditOutcome {
  if (status < 400) return 'done'
  return status < 500 ? 'refused' : 'failed'
}

/** Only the code: what a message says of a wrong value may be a secret. */
function codeOf(error: unknown, status: number): string {
  if (error instanceof GatewayError) return error.code
  return status < 500 ? 'validation_failed' : 'internal'
}
