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
      const above = parent === undefined ? undefined : byName.get(parent)
      const node = { tenant, status, parent: above && nodeOf(above) }
      nodes.set(tenant.name, node)
      return node
    }
    for (const place of places) this.#byId.set(place.tenant.id, nodeOf(place))
  }

  /** How a tenant stands, as itself and those above it have it; one that is not here is active. */
  statusOf(tenantId: string): TenantStatus {
    let status: TenantStatus = 'active'
    for (const node of this.#upwards(tenantId)) status = stricterStatus(status, node.status)
    return status
  }

  /** The tenant that one is directly below. */
  parentOf(tenantId: string): Tenant | undefined {
    return this.#byId.get(tenantId)?.parent?.tenant
  }

  /** A tenant and those above it, itself first. */
  chainOf(tenantId: string): Tenant[] {
    return [...this.#upwards(tenantId)].map(({ tenant }) => tenant)
  }

  /** True below a tenant, at any depth; of the tenant itself it is false. */
  isBelow(tenantId: string, aboveId: string): boolean {
    return tenantId !== aboveId && this.chainOf(tenantId).some(({ id }) => id === aboveId)
  }

  *#upwards(tenantId: string): Generator<Node> {
    for (let node = this.#byId.get(tenantId); node; node = node.parent) yield node
  }
}
