import { billingMistakes } from './billing-check.ts'
import { carrierMistakes } from './carriers-check.ts'
import { failureRuleMistakes } from './failure-rule-check.ts'
import { inboundMistakes, inboundRoutes } from './inbound-check.ts'
import { bodyAfterRecord, encryptionKeys } from './keeping-check.ts'
import { limitMistakes } from './limits-check.ts'
import type { Mistake } from './mistake.ts'
import { numbersMistakes } from './numbers-check.ts'
import { sharedPorts } from './ports-check.ts'
import { routingMistakes } from './routing-check.ts'
import {
  guardExceptions,
  tenantTreeMistakes,
  unknownTemplateTenants,
  unknownTenants,
} from './tenants-check.ts'
import { coolDownBounds, waitBounds } from './waits-check.ts'
import {
  duplicates,
  type Item,
  items,
  listPlaces,
  mappingAt,
  type Place,
  places,
} from './written-items.ts'

/**
 * Finds mistakes that show only when several settings are seen together.
 *
 * Works on the file as it was written, so that it also finds them in a file with other mistakes.
 */
export function crossCheck(root: Record<string, unknown>): Mistake[] {
  const tenants = items(root, 'tenants')
  const carriers = items(root, 'carriers')
  const partners = items(root, 'partners')
  const known = { carriers: namesOf(carriers), tenants: namesOf(tenants) }
  const smpp = mappingAt(root, ['smpp'])
  return [
    ...duplicates(places(tenants, 'name'), 'name'),
    ...duplicates(places(carriers, 'name'), 'name'),
    ...duplicates(places(items(root, 'templates'), 'id'), 'id'),
    ...unknownTemplateTenants(root, tenants),
    ...duplicates(places(partners, 'system_id'), 'system_id'),
    ...duplicates(keyPlaces(root, tenants), 'key'),
    ...[...carriers, ...tenants].flatMap(({ path, value }) =>
      duplicates(places(items(value, 'rates', path), 'prefix'), 'prefix'),
    ),
    ...carrierMistakes(carriers),
    ...unknownTenants([...partners, ...inboundRoutes(root)], tenants),
    ...tenantTreeMistakes(tenants),
    ...billingMistakes(root, tenants),
    ...routingMistakes(root, tenants, carriers),
    ...inboundMistakes(root),
    ...guardExceptions(root, tenants),
    ...limitMistakes(root, tenants, partners),
    ...failureRuleMistakes(items(root, 'failure_rules'), {
      ...known,
      alerts: mappingAt(root, ['alerts']),
    }),
    ...sharedPorts({
      http: mappingAt(root, ['http']),
      smpp,
      smppTls: smpp.tls ? mappingAt(smpp, ['tls']) : undefined,
      carriers,
    }),
    ...waitBounds(root),
    ...coolDownBounds(root),
    ...bodyAfterRecord(root, tenants),
    ...encryptionKeys(root),
    ...numbersMistakes(root.numbers, known),
  ]
}

/** Every API key, of the operator and of tenants. */
function keyPlaces(root: Record<string, unknown>, tenants: readonly Item[]): Place[] {
  const ofTenants = tenants.flatMap(({ path, value }) => listPlaces(value, 'api_keys', path))
  return [...ofTenants, ...listPlaces(root, 'admin_keys')]
}

function namesOf(list: readonly Item[]): string[] {
  return places(list, 'name').map(({ value }) => value)
}
