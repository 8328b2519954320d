interface Entry<T> {
  readonly dueMs: number
  readonly order: number
  readonly item: T
}

/**
 * Items that fall due, handed out in the order of their instants by a single timer.
 *
 * A binary heap: thousands of waiting items cost one timer and not one each.
 */
export class DueQueue<T> {
  readonly #onDue: (item: T) => void
  readonly #heap: Entry<T>[] = []
  #order = 0
  #timer: NodeJS.Timeout | undefined
  #timerMs = Number.POSITIVE_INFINITY

  constructor(onDue: (item: T) => void) {
    this.#onDue = onDue
  }

  get size(): number {
    return this.#heap.length
  }

  /** Adds an item; equal instants keep the order of the calls. */
  push(dueMs: number, item: T): void {
    const heap = this.#heap
    heap.push({ dueMs, order: this.#order++, item })
    let index = heap.length - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.#isBefore(index, parent)) break
      this.#swap(index, parent)
      index = parent
    }
    this.#arm()
  }

  /** What is waiting, earliest first. */
  entries(): { dueMs: number; item: T }[] {
    return [...this.#heap]
      .sort((a, b) => a.dueMs - b.dueMs || a.order - b.order)
      .map(({ dueMs, item }) => ({ dueMs, item }))
  }

  /** Forgets everything and stops the timer. */
  clear(): void {
    this.#heap.length = 0
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#timerMs = Number.POSITIVE_INFINITY
  }

  #arm(): void {
    const first = this.#heap[0]
    if (first === undefined || first.dueMs >= this.#timerMs) return
    clearTimeout(this.#timer)
    this.#timerMs = first.dueMs
    this.#timer = setTimeout(() => this.#drain(), Math.max(0, first.dueMs - Date.now()))
  }

  #drain(): void {
    this.#timer = undefined
    this.#timerMs = Number.POSITIVE_INFINITY
    const nowMs = Date.now()
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.dueMs > nowMs) break
      this.#removeFirst()
      this.#onDue(first.item)
    }
    this.#arm()
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    heap[0] = last
    let index = 0
    for (;;) {
      const left = index * 2 + 1
      let least = index
      if (left < heap.length && this.#isBefore(left, least)) least = left
      if (left + 1 < heap.length && this.#isBefore(left + 1, least)) least = left + 1
      if (least === index) return
      this.#swap(index, least)
      index = least
    }
  }

  #isBefore(a: number, b: number): boolean {
    const first = this.#heap[a]
    const second = this.#heap[b]
    if (first === undefined || second === undefined) return false
    return (
      first.dueMs - second.dueMs < 0 || (first.dueMs === second.dueMs && first.order < second.order)
    )
  }

  #swap(a: number, b: number): void {
    const first = this.#heap[a]
    const second = this.#heap[b]
    if (first === undefined || second === undefined) return
    this.#heap[a] = second
    this.#heap[b] = first
  }
}
