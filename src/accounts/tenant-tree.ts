import { stricterStatus, type TenantStatus } from '../core/tenant-status.ts'
import type { Tenant } from './caller.ts'

/** A tenant with what is said of it alone. */
export interface TenantPlace {
  readonly tenant: Tenant
  /** Name of the tenant that it is below; undefined: of none. */
  readonly parent: string | undefined
  readonly status: TenantStatus
}

interface Node {
  readonly tenant: Tenant
  /** The strictest of its own and those above it. */
  readonly status: TenantStatus
  readonly parent: Node | undefined
}

/** Tenants below tenants: resellers and those they sell to. There are no circles. */
export class TenantTree {
  readonly #byId = new Map<string, Node>()

  /** @param places - in any order; a parent that is not among them counts as none */
  constructor(places: readonly TenantPlace[] = []) {
    const byName = new Map(places.map((place) => [place.tenant.name, place]))
    const nodes = new Map<string, Node>()
    const nodeOf = ({ tenant, parent, status }: TenantPlace): Node => {
      const known = nodes.get(tenant.name)
      if (known) return known
      const placeAbove = parent === undefined ? undefined : byName.get(parent)
      const above = placeAbove && nodeOf(placeAbove)
      const strictest = stricterStatus(status, above?.status ?? 'active')
      const node = { tenant, status: strictest, parent: above }
      nodes.set(tenant.name, node)
      return node
    }
    for (const place of places) this.#byId.set(place.tenant.id, nodeOf(place))
  }

  /** How a tenant stands, as itself and those above it have it; one that is not here is active. */
  statusOf(tenantId: string): TenantStatus {
    return this.#byId.get(tenantId)?.status ?? 'active'
  }

  /** The tenant that one is directly below. */
  parentOf(tenantId: string): Tenant | undefined {
    return this.#byId.get(tenantId)?.parent?.tenant
  }

  /** A tenant and those above it, itself first. */
  chainOf(tenantId: string): Tenant[] {
    const chain: Tenant[] = []
    for (let node = this.#byId.get(tenantId); node; node = node.parent) chain.push(node.tenant)
    return chain
  }

  /** True below a tenant, at any depth; of the tenant itself it is false. */
  isBelow(tenantId: string, aboveId: string): boolean {
    return tenantId !== aboveId && this.chainOf(tenantId).some(({ id }) => id === aboveId)
  }
}
