import type { Clock } from '../core/clock.ts'
import type { AuditLog } from './audit-log.ts'
import type { AuditEvent, AuditOutcome } from './entry.ts'

/** What is counted: everything but when and by which request; of those that are equal none has a state of its own. */
export type TalliedEvent = Omit<AuditEvent, 'at' | 'counted' | 'requestId' | 'before' | 'after'>

/** Who calls with a key, or as a user. */
export interface AccessCaller {
  /** The name of its key, or the e-mail address. */
  readonly name: string
  readonly user?: object
  /** Undefined: it is the operator's. */
  readonly tenant: { readonly id: string } | undefined
}

/** A route as it is described, with the names of its parameters. */
export interface AccessRoute {
  readonly method: string
  readonly path: string
}

/** What an {@link AccessTally} is built with. */
export interface AccessTallyOptions {
  readonly log: Pick<AuditLog, 'note' | 'flush'>
  readonly clock: Clock
}

/** Different accesses that are told apart in a minute; all others are one. */
const MAX_ACCESSES = 2_000
/** The same for what is refused, and for binds: a flood of those must not hide the accesses. */
const MAX_OTHERS = 500

/** The first of a minute is written within so many milliseconds. */
const PROMPT_MS = 500
const MINUTE_MS = 60_000
/** How long a minute is prolonged while the database does not take what was counted before. */
const BUSY_MS = 1_000

interface Cell {
  readonly event: TalliedEvent
  /** Since it was written last. */
  count: number
  firstAt: Date
  lastAt: Date
}

type CellsOfRoute = Map<AccessRoute, Partial<Record<AuditOutcome, Cell>>>

/**
 * Counts accesses, so that thousands a second make a few entries a minute: the first of each kind is written
 * at once, the others together when the minute is over. A minute begins with the first of them.
 */
export class AccessTally {
  readonly #options: AccessTallyOptions
  /** By the name of the key, then by address: maps all the way, because every request asks. */
  readonly #accesses = new Map<string, Map<string | null, CellsOfRoute>>()
  #accessCells: Cell[] = []
  /** What more there is than can be told apart. */
  #overflow: Partial<Record<AuditOutcome, Cell>> = {}
  readonly #others = new Map<string, Cell>()
  /** Cells of this minute that were not written yet. */
  #fresh: Cell[] = []
  #promptTimer: NodeJS.Timeout | undefined
  #minuteTimer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined

  constructor(options: AccessTallyOptions) {
    this.#options = options
  }

  /** Counts a request of somebody with a key. */
  access(
    caller: AccessCaller,
    route: AccessRoute,
    address: string | null,
    outcome: AuditOutcome,
  ): void {
    const cell = this.#accesses.get(caller.name)?.get(address)?.get(route)?.[outcome]
    this.#count(cell ?? this.#accessCell(caller, route, address, outcome))
  }

  /** Counts anything else that may come in floods; equal events are one. */
  note(event: TalliedEvent): void {
    const { action, actor, address, subject, outcome, reason } = event
    const key = JSON.stringify([action, actor.name, address, subject?.id, outcome, reason])
    this.#count(this.#others.get(key) ?? this.#otherCell(key, event))
  }

  /** Writes the first of each kind of this minute; resolves when that is done. */
  async flush(): Promise<void> {
    clearTimeout(this.#promptTimer)
    this.#promptTimer = undefined
    const fresh = this.#fresh
    this.#fresh = []
    await this.#write(fresh)
  }

  /** Ends the minute: writes what was counted in it; resolves when that is done. */
  async roll(): Promise<void> {
    clearTimeout(this.#minuteTimer)
    this.#minuteTimer = undefined
    const cells = [...this.#accessCells, ...this.#others.values()]
    this.#accesses.clear()
    this.#accessCells = []
    this.#overflow = {}
    this.#others.clear()
    this.#fresh = []
    await this.#write(cells)
  }

  /** Writes what was counted. */
  async close(): Promise<void> {
    clearTimeout(this.#promptTimer)
    await this.roll()
  }

  #accessCell(
    caller: AccessCaller,
    route: AccessRoute,
    address: string | null,
    outcome: AuditOutcome,
  ): Cell {
    if (this.#accessCells.length >= MAX_ACCESSES) {
      const known = this.#overflow[outcome]
      if (known) return known
    }
    const event = accessEvent(caller, route, address, outcome)
    const cell = this.#newCell(this.#accessCells.length < MAX_ACCESSES ? event : overflowOf(event))
    this.#accessCells.push(cell)
    if (this.#accessCells.length > MAX_ACCESSES) this.#overflow[outcome] = cell
    else this.#remember(cell, caller.name, address, route)
    return cell
  }

  #otherCell(key: string, event: TalliedEvent): Cell {
    const isFull = this.#others.size >= MAX_OTHERS
    const overflowKey = `${event.action} ${event.outcome}`
    const known = isFull ? this.#others.get(overflowKey) : undefined
    if (known) return known
    const cell = this.#newCell(isFull ? overflowOf(event) : talliedOf(event))
    this.#others.set(isFull ? overflowKey : key, cell)
    return cell
  }

  #remember(cell: Cell, name: string, address: string | null, route: AccessRoute): void {
    const ofCaller = this.#accesses.get(name) ?? new Map<string | null, CellsOfRoute>()
    const ofAddress = ofCaller.get(address) ?? new Map()
    const ofRoute = ofAddress.get(route) ?? {}
    ofRoute[cell.event.outcome] = cell
    ofAddress.set(route, ofRoute)
    ofCaller.set(address, ofAddress)
    this.#accesses.set(name, ofCaller)
  }

  #newCell(event: TalliedEvent): Cell {
    const now = this.#options.clock()
    const cell = { event, count: 0, firstAt: now, lastAt: now }
    this.#fresh.push(cell)
    this.#promptTimer ??= this.#after(PROMPT_MS, () => this.#onPrompt())
    this.#minuteTimer ??= this.#after(MINUTE_MS, () => this.#onMinute())
    return cell
  }

  #count(cell: Cell): void {
    const now = this.#options.clock()
    if (cell.count++ === 0) cell.firstAt = now
    cell.lastAt = now
  }

  #onPrompt(): void {
    this.#promptTimer = undefined
    if (this.#writing) this.#promptTimer = this.#after(BUSY_MS, () => this.#onPrompt())
    else void this.flush()
  }

  #onMinute(): void {
    this.#minuteTimer = undefined
    if (this.#writing) this.#minuteTimer = this.#after(BUSY_MS, () => this.#onMinute())
    else void this.roll()
  }

  #after(waitMs: number, run: () => void): NodeJS.Timeout {
    return setTimeout(run, waitMs).unref()
  }

  async #write(cells: readonly Cell[]): Promise<void> {
    const { log, clock } = this.#options
    const at = clock()
    for (const cell of cells) {
      const { event, count, firstAt, lastAt } = cell
      if (count === 0) continue
      cell.count = 0
      log.note({ ...event, at, counted: { count, firstAt, lastAt } })
    }
    const writing = log.flush()
    this.#writing = writing
    await writing
    if (this.#writing === writing) this.#writing = undefined
  }
}

/** Only what equal events have in common. */
function talliedOf(event: TalliedEvent): TalliedEvent {
  const { action, actor, address, tenantId, subject, outcome, reason } = event
  return {
    action,
    actor,
    address: address ?? null,
    tenantId: tenantId ?? null,
    subject: subject ?? null,
    outcome,
    reason: reason ?? null,
  }
}

function accessEvent(
  { name, tenant, user }: AccessCaller,
  { method, path }: AccessRoute,
  address: string | null,
  outcome: AuditOutcome,
): TalliedEvent {
  const tenantId = tenant?.id ?? null
  return {
    action: 'access',
    actor: { kind: user ? 'user' : 'key', name, tenantId },
    address,
    tenantId,
    subject: { kind: 'route', id: `${method} ${path}` },
    outcome,
  }
}

/** Stands for all that are too many to be told apart. */
function overflowOf({ action, actor, outcome }: TalliedEvent): TalliedEvent {
  return {
    action,
    actor: { kind: actor.kind, name: null, tenantId: null },
    outcome,
    reason: 'too many different ones in a minute to be told apart',
  }
}
