import { type Mistake, namesText, pathText } from './mistake.ts'
import { type Item, items, listPlaces, mappingAt, places } from './written-items.ts'

/** Levels of tenants: a reseller, one of its resellers, and whom that sells to. */
const MAX_LEVELS = 3

/** Parents that there are not, tenants that are below themselves, and more levels than there may be. */
export function tenantTreeMistakes(tenants: readonly Item[]): Mistake[] {
  const parents = new Map(tenants.map(({ value }) => [value.name, value.parent]))
  return tenants.flatMap(({ path, value: { name, parent } }) => {
    if (typeof name !== 'string' || typeof parent !== 'string') return []
    const place = pathText([...path, 'parent'])
    if (!parents.has(parent)) {
      const message = `there is no tenant ${JSON.stringify(parent)}`
      return [{ path: place, message, isUnknownTenant: true }]
    }
    const above = namesAbove(name, parents)
    if (above.includes(name)) {
      return [{ path: place, message: `${[name, ...above].join(', below ')}: that is a circle` }]
    }
    if (above.length < MAX_LEVELS) return []
    const message = `${[name, ...above].join(', below ')}: more than ${MAX_LEVELS} levels`
    return [{ path: place, message }]
  })
}

/** The tenants above one, up to itself or to one level more than there may be. */
function namesAbove(name: string, parents: ReadonlyMap<unknown, unknown>): string[] {
  const above: string[] = []
  let next = parents.get(name)
  while (typeof next === 'string' && above.length < MAX_LEVELS) {
    above.push(next)
    if (next === name) break
    next = parents.get(next)
  }
  return above
}

/** What names, in its `tenant`, one that there is not. */
export function unknownTenants(owned: readonly Item[], tenants: readonly Item[]): Mistake[] {
  const names = places(tenants, 'name').map(({ value }) => value)
  const known = names.length === 0 ? 'the file has no tenants' : `one of ${namesText(names)}`
  return places(owned, 'tenant')
    .filter(({ value }) => !names.includes(value))
    .map(({ path, value }) => ({
      path: pathText(path),
      message: `there is no tenant ${JSON.stringify(value)}; allowed: ${known}`,
      isUnknownTenant: true,
    }))
}

/** Templates for tenants that there are not. */
export function unknownTemplateTenants(
  root: Record<string, unknown>,
  tenants: readonly Item[],
): Mistake[] {
  const names = places(tenants, 'name').map(({ value }) => value)
  return items(root, 'templates')
    .flatMap(({ path, value }) => listPlaces(value, 'tenants', path))
    .filter(({ value }) => !names.includes(value))
    .map(({ path, value }) => ({
      path: pathText(path),
      message: `there is no tenant ${JSON.stringify(value)}; allowed: ${namesText(names)}`,
      isUnknownTenant: true,
    }))
}

/** Tenants that guards leave alone and that there are not. */
export function guardExceptions(
  root: Record<string, unknown>,
  tenants: readonly Item[],
): Mistake[] {
  const named = mappingAt(root, ['guards', 'except']).tenants
  if (!Array.isArray(named)) return []
  const names = named.map((value, index) => ({
    path: ['guards', 'except', 'tenants', index],
    value: { tenant: value },
  }))
  return unknownTenants(names, tenants).map(({ path, message }) => ({
    path: path.replace(/\.tenant$/, ''),
    message,
    isUnknownTenant: true,
  }))
}
