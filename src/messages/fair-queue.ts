/** Names the sub-queue that waiting items of one priority and tenant stand in. */
export interface SubQueueSize {
  readonly priority: number
  readonly tenant: string
  readonly size: number
}

/** How a {@link FairQueue} reads its items, and its bounds. */
export interface FairQueueOptions<Item> {
  readonly tenantOf: (item: Item) => string
  /** 0 is the most urgent; at the most the number of `ratios`. */
  readonly priorityOf: (item: Item) => number
  /** Segments of an item; less than 1 counts as 1. Must not change while the item waits. */
  readonly costOf: (item: Item) => number
  /** Items of one priority and tenant that `push` takes; without it any number. */
  readonly capacityPerTenant?: number
  /** Cost that a tenant may have served in one turn, times its weight. */
  readonly quantum?: number
  /** Share of a tenant in relation to others, for example 2 for twice as much; 1 without it. */
  readonly weightOf?: (tenant: string) => number
  /** See {@link PRIORITY_RATIOS}; there is one priority more than there are ratios. */
  readonly ratios?: readonly number[]
}

/**
 * How much of each priority is served for 1 of all those behind it, while both have items.
 *
 * Of 90 segments 81 are otp, 8 transactional and 1 marketing: the urgent go first, and nobody
 * starves. Where the urgent have nothing waiting, those behind get everything.
 */
export const PRIORITY_RATIOS: readonly number[] = [9, 8]

// A few ordinary messages or one long one: a turn is short, and seldom too small for an item.
const QUANTUM = 10
const COMPACT_FROM = 1024

/**
 * A queue that is fair between tenants and lets the urgent go first.
 *
 * Priorities share by {@link PRIORITY_RATIOS}. Tenants of a priority take turns by deficit round
 * robin (Shreedhar and Varghese, 1996): as long as two tenants of equal weight both have items, the
 * costs served to them differ by less than `quantum` plus the largest cost. Within a tenant and
 * priority the order is first come, first served.
 *
 * `push` and `shift` take constant time, amortised, however many items and tenants there are.
 */
export class FairQueue<Item extends object> {
  readonly #tenantOf: (item: Item) => string
  readonly #priorityOf: (item: Item) => number
  readonly #costOf: (item: Item) => number
  readonly #capacity: number
  readonly #quantumOf: (tenant: string) => number
  readonly #levels: readonly Level<Item>[]
  #size = 0
  /** The sub-queue whose first item is next; undefined: not chosen yet. */
  #chosen: SubQueue<Item> | undefined

  /** @throws {RangeError} when the quantum, the capacity or a ratio is not positive */
  constructor(options: FairQueueOptions<Item>) {
    const { quantum = QUANTUM, weightOf, ratios = PRIORITY_RATIOS } = options
    const capacity = options.capacityPerTenant ?? Number.POSITIVE_INFINITY
    for (const [name, value] of Object.entries<number>({
      quantum,
      capacity,
      ...Object.fromEntries(ratios.entries()),
    })) {
      if (!(value > 0)) throw new RangeError(`fair queue: ${name} is ${value}, not above 0`)
    }
    this.#tenantOf = options.tenantOf
    this.#priorityOf = options.priorityOf
    this.#costOf = options.costOf
    this.#capacity = capacity
    // At least 1, or a tiny weight would make a choice take countless empty turns.
    this.#quantumOf = (tenant) => Math.max(1, quantum * (weightOf?.(tenant) ?? 1))
    this.#levels = [...ratios, 1].map((ratio) => new Level<Item>(ratio))
  }

  /** Items waiting. */
  get size(): number {
    return this.#size
  }

  /** Items waiting of one priority and tenant. */
  sizeOf(priority: number, tenant: string): number {
    return this.#levels[priority]?.subQueues.get(tenant)?.size ?? 0
  }

  /** Whether `push` would refuse an item of this priority and tenant. */
  isFull(priority: number, tenant: string): boolean {
    return this.sizeOf(priority, tenant) >= this.#capacity
  }

  /**
   * Adds an item behind those of its priority and tenant.
   *
   * @returns false when there is no room; the queue is unchanged
   * @throws {RangeError} when the priority is none of ours or the cost is not a finite number
   */
  push(item: Item): boolean {
    const level = this.#levelOf(item)
    const tenant = this.#tenantOf(item)
    const known = level.subQueues.get(tenant)
    if (known && known.size >= this.#capacity) return false
    const subQueue = known ?? level.add(tenant, this.#quantumOf(tenant))
    subQueue.push(item)
    level.size++
    this.#size++
    return true
  }

  /**
   * Puts an item back before those of its priority and tenant, even when there is no room.
   *
   * Its tenant's turn stays spent: who tries in vain does not try more often than others.
   *
   * @throws {RangeError} as {@link push}
   */
  unshift(item: Item): void {
    const level = this.#levelOf(item)
    const tenant = this.#tenantOf(item)
    const subQueue = level.subQueues.get(tenant) ?? level.add(tenant, this.#quantumOf(tenant))
    subQueue.unshift(item)
    level.size++
    this.#size++
    this.#chosen = undefined
  }

  /**
   * Adds an item where it belongs among those of its priority and tenant, which stand in that order,
   * even when there is no room.
   *
   * @param mayBeLast - false: not behind all of them
   * @returns false when it would be last and must not be; the queue is unchanged
   * @throws {RangeError} as {@link push}
   */
  insert(item: Item, isBefore: (a: Item, b: Item) => boolean, mayBeLast = true): boolean {
    const level = this.#levelOf(item)
    const tenant = this.#tenantOf(item)
    const known = level.subQueues.get(tenant)
    if (!mayBeLast && !known?.hasAfter(item, isBefore)) return false
    const subQueue = known ?? level.add(tenant, this.#quantumOf(tenant))
    subQueue.insert(item, isBefore)
    level.size++
    this.#size++
    this.#chosen = undefined
    return true
  }

  /**
   * The item that {@link shift} gives next; undefined when there is none.
   *
   * It stays the same whatever is pushed meanwhile, the more urgent too. Only taking items out or
   * putting some back makes the queue choose anew.
   */
  peek(): Item | undefined {
    return this.#choose()?.first
  }

  /** Takes the next item; undefined when there is none. */
  shift(): Item | undefined {
    const subQueue = this.#choose()
    const item = subQueue?.shift()
    if (!subQueue || !item) return undefined
    const cost = this.#priced(item)
    subQueue.deficit -= cost
    this.#settle(subQueue.level, cost)
    subQueue.level.size--
    this.#size--
    this.#chosen = undefined
    if (subQueue.size === 0) subQueue.level.drop(subQueue)
    return item
  }

  /** Takes every item, in the order in which {@link shift} would have given them. */
  takeAll(): Item[] {
    const all: Item[] = []
    for (let item = this.shift(); item; item = this.shift()) all.push(item)
    return all
  }

  /** Takes the items that fulfil a condition: most urgent first, each tenant's in their order. */
  takeWhere(predicate: (item: Item) => boolean): Item[] {
    const taken: Item[] = []
    for (const level of this.#levels) {
      for (const subQueue of [...level.subQueues.values()]) {
        const before = taken.length
        subQueue.takeWhere(predicate, taken)
        this.#forget(subQueue, taken.length - before)
      }
    }
    return taken
  }

  /** Takes one item out; false when it is not here. Takes time in proportion to its sub-queue. */
  remove(item: Item): boolean {
    const subQueue = this.#levels[this.#priorityOf(item)]?.subQueues.get(this.#tenantOf(item))
    if (!subQueue?.remove(item)) return false
    this.#forget(subQueue, 1)
    return true
  }

  /** Every priority and tenant that has items, most urgent first. */
  *subQueues(): Generator<SubQueueSize> {
    for (const [priority, level] of this.#levels.entries()) {
      for (const { tenant, size } of level.subQueues.values()) yield { priority, tenant, size }
    }
  }

  #levelOf(item: Item): Level<Item> {
    this.#priced(item)
    const priority = this.#priorityOf(item)
    const level = this.#levels[priority]
    if (!level) throw new RangeError(`fair queue: there is no priority ${priority}`)
    return level
  }

  #priced(item: Item): number {
    const cost = this.#costOf(item)
    // What costs nothing would never end a turn, what is no number would never get one.
    if (cost < 1) return 1
    if (!Number.isFinite(cost)) throw new RangeError(`fair queue: an item costs ${cost}`)
    return cost
  }

  #choose(): SubQueue<Item> | undefined {
    if (this.#chosen || this.#size === 0) return this.#chosen
    let behind = this.#size
    for (const level of this.#levels) {
      if (level.size === 0) continue
      behind -= level.size
      if (behind > 0 && level.owed >= level.ratio) continue
      this.#chosen = this.#turnOf(level)
      break
    }
    return this.#chosen
  }

  /** Goes round the tenants until one has enough for its first item; each turn adds its quantum. */
  #turnOf(level: Level<Item>): SubQueue<Item> | undefined {
    for (let each = level.current; each?.first; each = each.next) {
      level.current = each
      if (!each.isInTurn) {
        each.isInTurn = true
        each.deficit += each.quantum
      }
      if (each.deficit >= this.#priced(each.first)) return each
      each.isInTurn = false
    }
    return undefined
  }

  /** Notes what a priority was served: a claim for those behind it, a debt to those before it. */
  #settle(served: Level<Item>, cost: number): void {
    let behind = this.#size
    for (const level of this.#levels) {
      behind -= level.size
      if (level === served) {
        // A claim is only for those who wait; a debt stays, or single long items would pay nothing.
        level.owed = behind > 0 ? level.owed + cost : Math.min(level.owed, 0)
        return
      }
      if (level.size > 0) level.owed -= level.ratio * cost
    }
  }

  #forget(subQueue: SubQueue<Item>, count: number): void {
    if (count === 0) return
    this.#size -= count
    subQueue.level.size -= count
    this.#chosen = undefined
    if (subQueue.size === 0) subQueue.level.drop(subQueue)
  }
}

/** One priority: its tenants in a ring, in the order of their turns. */
class Level<Item> {
  readonly ratio: number
  readonly subQueues = new Map<string, SubQueue<Item>>()
  /** Whose turn it is. */
  current: SubQueue<Item> | undefined
  size = 0
  /** Cost served here that those behind have a claim from; they get 1 for every `ratio` of it. */
  owed = 0

  constructor(ratio: number) {
    this.ratio = ratio
  }

  /** Makes a sub-queue that has its turn after all others. */
  add(tenant: string, quantum: number): SubQueue<Item> {
    const subQueue = new SubQueue<Item>(this, tenant, quantum)
    this.subQueues.set(tenant, subQueue)
    const { current } = this
    if (current) {
      subQueue.next = current
      subQueue.previous = current.previous
      current.previous.next = subQueue
      current.previous = subQueue
    } else {
      this.current = subQueue
    }
    return subQueue
  }

  /** Takes an empty sub-queue out of the ring; what was left of its turn is lost. */
  drop(subQueue: SubQueue<Item>): void {
    this.subQueues.delete(subQueue.tenant)
    subQueue.previous.next = subQueue.next
    subQueue.next.previous = subQueue.previous
    if (this.current === subQueue) {
      this.current = subQueue.next === subQueue ? undefined : subQueue.next
    }
  }
}

/** The items of one priority and tenant. */
class SubQueue<Item> {
  readonly level: Level<Item>
  readonly tenant: string
  readonly quantum: number
  next: SubQueue<Item> = this
  previous: SubQueue<Item> = this
  deficit = 0
  isInTurn = false
  #items: (Item | undefined)[] = []
  #head = 0
  /** Items put back, the first one last. */
  #returned: Item[] = []

  constructor(level: Level<Item>, tenant: string, quantum: number) {
    this.level = level
    this.tenant = tenant
    this.quantum = quantum
  }

  get size(): number {
    return this.#items.length - this.#head + this.#returned.length
  }

  get first(): Item | undefined {
    return this.#returned.length > 0 ? this.#returned.at(-1) : this.#items[this.#head]
  }

  push(item: Item): void {
    this.#items.push(item)
  }

  unshift(item: Item): void {
    this.#returned.push(item)
  }

  hasAfter(item: Item, isBefore: (a: Item, b: Item) => boolean): boolean {
    const last = this.#items.length > this.#head ? this.#items.at(-1) : this.#returned[0]
    return last !== undefined && isBefore(item, last)
  }

  /** Puts an item before the first that it comes before; those put back stay in front. */
  insert(item: Item, isBefore: (a: Item, b: Item) => boolean): void {
    let low = this.#head
    let high = this.#items.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (isBefore(item, this.#items[middle] as Item)) high = middle
      else low = middle + 1
    }
    this.#items.splice(low, 0, item)
  }

  shift(): Item | undefined {
    if (this.#returned.length > 0) return this.#returned.pop()
    const item = this.#items[this.#head]
    if (item === undefined) return undefined
    this.#items[this.#head] = undefined
    this.#head++
    // Cutting now and then keeps both the memory and the cost of a shift small.
    if (this.#head >= COMPACT_FROM && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  takeWhere(predicate: (item: Item) => boolean, taken: Item[]): void {
    const before = taken.length
    const kept: Item[] = []
    for (const item of this.#all()) (predicate(item) ? taken : kept).push(item)
    if (taken.length > before) this.#keep(kept)
  }

  remove(item: Item): boolean {
    const all = this.#all()
    const place = all.indexOf(item)
    if (place < 0) return false
    all.splice(place, 1)
    this.#keep(all)
    return true
  }

  #all(): Item[] {
    return [...this.#returned.toReversed(), ...(this.#items.slice(this.#head) as Item[])]
  }

  #keep(items: Item[]): void {
    this.#items = items
    this.#head = 0
    this.#returned = []
  }
}
