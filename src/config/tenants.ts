import { TENANT_STATUSES, type TenantStatus } from '../core/tenant-status.ts'
import { choice, optionalText } from '../settings/field.ts'
import { NAME } from '../settings/forms.ts'

/** How a tenant stands, by itself and to others. */
export interface TenantStanding {
  readonly status: TenantStatus
  /** Name of the tenant that it is below; it exists, and there are no circles. */
  readonly parent: string | undefined
  /** Where it was made. */
  readonly source: 'file' | 'api'
}

/** A tenant that was made over the API: what would stand in the file. */
export interface TenantDocument {
  readonly name: string
  readonly [key: string]: unknown
}

/**
 * Tenants besides those of a document. `unknown`: there may be any, so that names of tenants cannot be
 * judged; it is so before the database is open.
 */
export type OtherTenants = readonly TenantDocument[] | 'unknown'

/** The keys of a tenant that say how it stands. */
export const tenantStandingShape = {
  status: choice(TENANT_STATUSES, 'active', {
    about:
      '`suspended`: nothing that it sends is accepted, all else goes on; `closed`: its keys and SMPP accounts ' +
      'do not open. It holds for all tenants below, too.',
  }),
  parent: optionalText(NAME, 'the name of another tenant', {
    about: 'Tenant that it is below (a reseller); three levels at most.',
  }),
}

/** Where the settings of a tenant of the API are said to stand. */
export function documentPath(name: string): string {
  return `tenant ${JSON.stringify(name)} of the API`
}

/**
 * Puts tenants of the API behind those of a document, which beat those of the same name.
 *
 * @param root - the document as it is written; is changed
 * @returns how many tenants are the document's own, and the names of the others in their order
 */
export function addTenants(
  root: Record<string, unknown>,
  others: readonly TenantDocument[],
): { readonly own: number; readonly added: readonly string[] } {
  const { tenants = [] } = root
  if (!Array.isArray(tenants)) return { own: 0, added: [] }
  const names = new Set(tenants.map((tenant: unknown) => nameOf(tenant)))
  const added = others.filter(({ name }) => !names.has(name))
  if (added.length > 0) root.tenants = [...tenants, ...added]
  return { own: tenants.length, added: added.map(({ name }) => name) }
}

function nameOf(tenant: unknown): unknown {
  return typeof tenant === 'object' && tenant !== null && 'name' in tenant ? tenant.name : undefined
}
