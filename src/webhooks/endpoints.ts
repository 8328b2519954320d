import { and, eq, sql } from 'drizzle-orm'
import type { Clock } from '../core/clock.ts'
import { GatewayError } from '../core/errors.ts'
import { newId } from '../core/id.ts'
import { inWebhook, isUnreadable } from '../messages/sealing.ts'
import type { TellingEvent, TellingRecipient } from '../messages/telling.ts'
import type { Store } from '../store/open.ts'
import { webhookEndpoints } from '../store/schema/webhooks.ts'
import type { AddressGuard } from './address-guard.ts'
import { keyOf, newSecret } from './signature.ts'

/** Every event that an endpoint can ask for. */
export const WEBHOOK_EVENTS = [
  'message.queued',
  'message.sent',
  'message.delivered',
  'message.undelivered',
  'message.failed',
  'message.expired',
  'message.canceled',
  'message.unconfirmed',
  'message.received',
  'balance.low',
] as const satisfies readonly TellingEvent[]

/** One of {@link WEBHOOK_EVENTS}. */
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number]

/** Stands for a tenant's `callback_url`s where an endpoint's id is asked for. */
export const CALLBACK = 'callback'

/** Endpoints that one tenant may have. */
const MAX_ENDPOINTS = 50

/** How long an old secret signs along after a rotation, unless told otherwise, in hours. */
export const OVERLAP_HOURS = 24

const HOUR_MS = 3_600_000

/** What an event is signed with. A record is never changed, only replaced by another. */
export interface Signing {
  readonly id: string
  readonly tenantId: string
  /** Empty: what is stored of it is damaged, and nothing can be signed until it is replaced. */
  readonly secret: string
  readonly previousSecret: string | null
  /** Until when the previous secret signs as well. */
  readonly previousSecretUntil: Date | null
}

/** An address that is told of all messages of a tenant, and of its account. */
export interface Endpoint extends Signing {
  readonly url: string
  /** Empty: all. */
  readonly events: readonly WebhookEvent[]
  readonly isEnabled: boolean
  readonly disabledReason: string | null
  readonly createdAt: Date
}

/** What a new endpoint is made of. */
export interface NewEndpoint {
  readonly url: string
  readonly events: readonly WebhookEvent[]
  /** The caller's own secret; a random one when there is none. */
  readonly secret?: string | undefined
}

/** What can be changed of an endpoint. */
export interface EndpointChange {
  readonly url?: string | undefined
  readonly events?: readonly WebhookEvent[] | undefined
  readonly isEnabled?: boolean | undefined
}

interface TenantSnapshot {
  readonly endpoints: Map<string, Endpoint>
  callback: Signing | undefined
  /** Who is told of an event, worked out when it is first asked for. */
  readonly byEvent: Map<TellingEvent, readonly TellingRecipient[]>
}

type Row = typeof webhookEndpoints.$inferSelect

const NOBODY: readonly TellingRecipient[] = []

const TOLD: ReadonlySet<TellingEvent> = new Set(WEBHOOK_EVENTS)

/**
 * The endpoints of all tenants, in the database and, for reading, in memory.
 *
 * Another tenant's endpoint is not found, as one that does not exist.
 */
export class Endpoints {
  readonly #store: Store
  readonly #guard: AddressGuard
  readonly #clock: Clock
  readonly #tenants = new Map<string, TenantSnapshot>()
  readonly #byId = new Map<string, Endpoint>()
  /** Changes are made one after the other, so that memory takes them in the database's order. */
  #last: Promise<unknown> = Promise.resolve()

  private constructor(store: Store, guard: AddressGuard, clock: Clock, rows: readonly Row[]) {
    this.#store = store
    this.#guard = guard
    this.#clock = clock
    for (const row of rows) this.#remember(row)
  }

  /** Reads every endpoint there is. */
  static async open(store: Store, guard: AddressGuard, clock: Clock): Promise<Endpoints> {
    const rows = await store.db.select().from(webhookEndpoints)
    return new Endpoints(store, guard, clock, rows)
  }

  /**
   * Who is told of an event: the tenant's endpoints that want it, and the message's own callback;
   * nobody for what is none of {@link WEBHOOK_EVENTS}. From memory, for every message.
   */
  recipientsFor(
    tenantId: string,
    event: TellingEvent,
    callbackUrl: string | null,
  ): readonly TellingRecipient[] {
    if (!TOLD.has(event)) return NOBODY
    const tenant = this.#tenants.get(tenantId)
    let wanting = NOBODY
    if (tenant) {
      const known = tenant.byEvent.get(event)
      wanting = known ?? recipientsAmong(tenant, event)
      if (!known) tenant.byEvent.set(event, wanting)
    }
    if (callbackUrl === null) return wanting
    return [...wanting, callbackRecipient(tenantId, callbackUrl)]
  }

  /** The endpoint with an id, whosever it is: for those who deliver. */
  endpoint(id: string): Endpoint | undefined {
    return this.#byId.get(id)
  }

  /** What a tenant's callbacks are signed with, once {@link callbackSigning} has made it. */
  knownCallbackSigning(tenantId: string): Signing | undefined {
    return this.#tenants.get(tenantId)?.callback
  }

  /** What a tenant's callbacks are signed with; made when it is first needed. */
  async callbackSigning(tenantId: string): Promise<Signing> {
    return this.knownCallbackSigning(tenantId) ?? this.#change(() => this.#makeCallback(tenantId))
  }

  /** A tenant's endpoints, oldest first. */
  list(tenantId: string): Endpoint[] {
    return [...(this.#tenants.get(tenantId)?.endpoints.values() ?? [])].sort((a, b) =>
      a.id < b.id ? -1 : 1,
    )
  }

  /** @throws {GatewayError} `not_found` */
  get(tenantId: string, id: string): Endpoint {
    const endpoint = this.#byId.get(id)
    if (!endpoint || endpoint.tenantId !== tenantId) throw missing(id)
    return endpoint
  }

  /**
   * The secrets of an endpoint, or of the callbacks for {@link CALLBACK}.
   *
   * @throws {GatewayError} `not_found`
   */
  async signing(tenantId: string, id: string): Promise<Signing> {
    return id === CALLBACK ? this.callbackSigning(tenantId) : this.get(tenantId, id)
  }

  /**
   * Adds an endpoint, which is told of whatever happens from now on.
   *
   * @throws {GatewayError} `webhook_url_invalid`, `webhook_address_refused`,
   *   `webhook_secret_invalid`, `webhook_limit_reached`
   */
  async create(tenantId: string, wish: NewEndpoint): Promise<Endpoint> {
    this.#guard.target(wish.url)
    const secret = wish.secret ?? newSecret()
    keyOf(secret)
    return this.#change(async () => {
      if ((this.#tenants.get(tenantId)?.endpoints.size ?? 0) >= MAX_ENDPOINTS) {
        throw new GatewayError(
          'webhook_limit_reached',
          `there are ${MAX_ENDPOINTS} endpoints already, and no more are allowed`,
        )
      }
      const values = { kind: 'endpoint', url: wish.url, events: [...new Set(wish.events)], secret }
      const { id } = await this.#insert(tenantId, values)
      return this.get(tenantId, id)
    })
  }

  /**
   * Changes an endpoint; what waits for it goes to the new address.
   *
   * @throws {GatewayError} `not_found`, `webhook_url_invalid`, `webhook_address_refused`
   */
  async update(tenantId: string, id: string, change: EndpointChange): Promise<Endpoint> {
    const { url, events, isEnabled } = change
    if (url !== undefined) this.#guard.target(url)
    return this.#change(async () => {
      const before = this.get(tenantId, id)
      await this.#set(before, {
        ...(url === undefined ? {} : { url }),
        ...(events === undefined ? {} : { events: [...new Set(events)] }),
        ...(isEnabled === undefined ? {} : enabling(before, isEnabled)),
      })
      return this.get(tenantId, id)
    })
  }

  /**
   * Removes an endpoint; what waits for it is given up.
   *
   * @throws {GatewayError} `not_found`
   */
  async remove(tenantId: string, id: string): Promise<void> {
    await this.#change(async () => {
      this.get(tenantId, id)
      await this.#store.db.delete(webhookEndpoints).where(isRow(tenantId, id))
      this.#byId.delete(id)
      const tenant = this.#tenants.get(tenantId)
      tenant?.endpoints.delete(id)
      tenant?.byEvent.clear()
    })
  }

  /**
   * Gives an endpoint, or the callbacks for {@link CALLBACK}, a new secret. The one before it signs
   * along for a while; one that was still signing along from an earlier rotation stops at once.
   *
   * @throws {GatewayError} `not_found`, `webhook_secret_invalid`
   */
  async rotate(
    tenantId: string,
    id: string,
    options: { readonly secret?: string | undefined; readonly overlapHours: number },
  ): Promise<Signing> {
    const secret = options.secret ?? newSecret()
    keyOf(secret)
    return this.#change(async () => {
      const before = await this.#signingNow(tenantId, id)
      const until = new Date(this.#clock().getTime() + options.overlapHours * HOUR_MS)
      const row = await this.#set(before, {
        secret: this.#sealed(tenantId, before.id, secret),
        previous_secret:
          before.secret === '' ? null : this.#sealed(tenantId, before.id, before.secret),
        previous_secret_until: until,
      })
      return this.#signingOf(row)
    })
  }

  /** Stops telling an endpoint that has said it is gone, unless it has been changed since. */
  async disable(endpoint: Endpoint, reason: string): Promise<void> {
    await this.#change(async () => {
      if (this.#byId.get(endpoint.id) !== endpoint || !endpoint.isEnabled) return
      await this.#set(endpoint, { is_enabled: false, disabled_reason: reason })
    })
  }

  async #signingNow(tenantId: string, id: string): Promise<Signing> {
    if (id !== CALLBACK) return this.get(tenantId, id)
    return this.knownCallbackSigning(tenantId) ?? this.#makeCallback(tenantId)
  }

  async #makeCallback(tenantId: string): Promise<Signing> {
    const known = this.knownCallbackSigning(tenantId)
    if (known) return known
    const values = { kind: CALLBACK, url: null, events: [], secret: newSecret() }
    return this.#signingOf(await this.#insert(tenantId, values))
  }

  async #insert(
    tenantId: string,
    values: Pick<Row, 'kind' | 'url' | 'events' | 'secret'>,
  ): Promise<Row> {
    const id = newId()
    const row: Row = {
      id,
      tenant_id: tenantId,
      previous_secret: null,
      previous_secret_until: null,
      is_enabled: true,
      disabled_reason: null,
      created_at: this.#clock(),
      ...values,
      secret: this.#sealed(tenantId, id, values.secret),
    }
    await this.#store.db.insert(webhookEndpoints).values(row)
    this.#remember(row)
    return row
  }

  async #set(before: Signing, values: Partial<Row>): Promise<Row> {
    // `id` is set to itself because an update must set something.
    const [row] = await this.#store.db
      .update(webhookEndpoints)
      .set({ id: sql`${webhookEndpoints.id}`, ...values })
      .where(isRow(before.tenantId, before.id))
      .returning()
    if (!row) throw missing(before.id)
    this.#remember(row)
    return row
  }

  #remember(row: Row): void {
    let tenant = this.#tenants.get(row.tenant_id)
    if (!tenant) {
      tenant = { endpoints: new Map(), callback: undefined, byEvent: new Map() }
      this.#tenants.set(row.tenant_id, tenant)
    }
    if (row.kind === CALLBACK) {
      tenant.callback = this.#signingOf(row)
      return
    }
    const endpoint = this.#endpointOf(row)
    tenant.endpoints.set(row.id, endpoint)
    tenant.byEvent.clear()
    this.#byId.set(row.id, endpoint)
  }

  #sealed(tenantId: string, id: string, secret: string): string {
    return this.#store.cipher.seal(secret, inWebhook(tenantId, id))
  }

  /** A damaged secret must not keep the gateway from starting: it is one webhook that is not told. */
  #opened({ tenant_id, id }: Row, sealed: string): string {
    try {
      return this.#store.cipher.open(sealed, inWebhook(tenant_id, id))
    } catch (error) {
      if (isUnreadable(error)) return ''
      throw error
    }
  }

  #signingOf(row: Row): Signing {
    const previous = row.previous_secret === null ? '' : this.#opened(row, row.previous_secret)
    return {
      id: row.id,
      tenantId: row.tenant_id,
      secret: this.#opened(row, row.secret),
      previousSecret: previous === '' ? null : previous,
      previousSecretUntil: row.previous_secret_until,
    }
  }

  #endpointOf(row: Row): Endpoint {
    return {
      ...this.#signingOf(row),
      url: row.url ?? '',
      events: row.events as WebhookEvent[],
      isEnabled: row.is_enabled,
      disabledReason: row.disabled_reason,
      createdAt: row.created_at,
    }
  }

  #change<Result>(make: () => Promise<Result>): Promise<Result> {
    const made = this.#last.then(make, make)
    this.#last = made.catch(() => {})
    return made
  }
}

/** Whom to tell at an endpoint. */
export function endpointRecipient(id: string): TellingRecipient {
  return { recipient: `endpoint:${id}`, url: null }
}

const ORIGIN = /^https?:\/\/[^/?#]*/i

/**
 * Whom to tell at the `callback_url` of a message. All callbacks of a tenant to one origin are one
 * recipient, because each of them may have an address of its own.
 */
export function callbackRecipient(tenantId: string, url: string): TellingRecipient {
  const origin = ORIGIN.exec(url)?.[0].toLowerCase() ?? ''
  return { recipient: `callback:${tenantId}:${origin}`, url }
}

function recipientsAmong(tenant: TenantSnapshot, event: TellingEvent): TellingRecipient[] {
  return [...tenant.endpoints.values()]
    .filter(({ isEnabled, events }) => isEnabled && (events.length === 0 || wants(events, event)))
    .map(({ id }) => endpointRecipient(id))
}

function wants(events: readonly TellingEvent[], event: TellingEvent): boolean {
  return events.includes(event)
}

function enabling(before: Endpoint, isEnabled: boolean): Partial<Row> {
  if (isEnabled) return { is_enabled: true, disabled_reason: null }
  return { is_enabled: false, disabled_reason: before.disabledReason ?? 'by request' }
}

function isRow(tenantId: string, id: string) {
  return and(eq(webhookEndpoints.tenant_id, tenantId), eq(webhookEndpoints.id, id))
}

function missing(id: string): GatewayError {
  return new GatewayError('not_found', `there is no webhook with the id "${id}"`)
}
