import { addressGroup } from './address.ts'

/** How many connections are let in. */
export interface CapLimits {
  /** Connections that are not bound yet, of all addresses (1,000). */
  readonly maxUnbound?: number
  /** Connections of one IPv4 address or one IPv6 /64 that are not bound yet (50). */
  readonly maxUnboundPerAddress?: number
  /** Connections in all (10,000). */
  readonly maxConnections?: number
}

/** What is let in at present, and what was not. */
export interface CapFigures {
  readonly connections: number
  readonly unbound: number
  /** Connections closed at once because a cap was reached. */
  readonly rejected: number
}

const DEFAULT_MAX_UNBOUND = 1000
const DEFAULT_MAX_UNBOUND_PER_ADDRESS = 50
const DEFAULT_MAX_CONNECTIONS = 10_000

/** A connection's share of the caps, from its accept to its end. */
export interface ConnectionSlot {
  /**
   * Counts the connection for its address, once that is known; behind a proxy it takes octets to know.
   *
   * @returns false when that address has too many: close the connection
   */
  claim(address: string): boolean
  /** The connection is bound: what was told of it as unbound no longer counts. */
  bound(): void
  /** The connection is gone. */
  release(): void
}

/** Counts connections; several servers may share one. */
export class ConnectionCaps {
  readonly #limits: Required<CapLimits>
  readonly #unboundByGroup = new Map<string, number>()
  #connections = 0
  #unbound = 0
  #rejected = 0

  constructor(limits: CapLimits = {}) {
    this.#limits = {
      maxUnbound: limits.maxUnbound ?? DEFAULT_MAX_UNBOUND,
      maxUnboundPerAddress: limits.maxUnboundPerAddress ?? DEFAULT_MAX_UNBOUND_PER_ADDRESS,
      maxConnections: limits.maxConnections ?? DEFAULT_MAX_CONNECTIONS,
    }
  }

  get figures(): CapFigures {
    return { connections: this.#connections, unbound: this.#unbound, rejected: this.#rejected }
  }

  /** A place for a connection that has come; undefined when there is none. */
  admit(): ConnectionSlot | undefined {
    const { maxConnections, maxUnbound } = this.#limits
    if (this.#connections >= maxConnections || this.#unbound >= maxUnbound) {
      this.#rejected++
      return undefined
    }
    this.#connections++
    this.#unbound++
    let group: string | undefined
    let isUnbound = true
    let isOpen = true
    const bound = () => {
      if (!isUnbound) return
      isUnbound = false
      this.#unbound--
      if (group !== undefined) this.#leave(group)
    }
    return {
      claim: (address) => {
        const wanted = addressGroup(address)
        const count = this.#unboundByGroup.get(wanted) ?? 0
        if (count >= this.#limits.maxUnboundPerAddress) {
          this.#rejected++
          return false
        }
        this.#unboundByGroup.set(wanted, count + 1)
        group = wanted
        return true
      },
      bound,
      release: () => {
        if (!isOpen) return
        isOpen = false
        bound()
        this.#connections--
      },
    }
  }

  #leave(group: string): void {
    const left = (this.#unboundByGroup.get(group) ?? 0) - 1
    if (left > 0) this.#unboundByGroup.set(group, left)
    else this.#unboundByGroup.delete(group)
  }
}
