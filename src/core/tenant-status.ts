/** How a tenant stands, the most free first; what holds for one holds for all below it. */
export const TENANT_STATUSES = [
  'active',
  /** Nothing that it sends is accepted; all else goes on. */
  'suspended',
  /** Its keys, users and SMPP accounts do not open. */
  'closed',
] as const

export type TenantStatus = (typeof TENANT_STATUSES)[number]

/** The stricter of two. */
export function stricterStatus(one: TenantStatus, other: TenantStatus): TenantStatus {
  return TENANT_STATUSES.indexOf(one) > TENANT_STATUSES.indexOf(other) ? one : other
}
