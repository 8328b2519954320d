import { type Mistake, pathText } from './mistake.ts'

/** A tenant as it is written, with its place. */
interface WrittenTenant {
  readonly path: readonly PropertyKey[]
  readonly value: Record<string, unknown>
}

/** Levels of tenants: a reseller, one of its resellers, and whom that sells to. */
const MAX_LEVELS = 3

/** Parents that there are not, tenants that are below themselves, and more levels than there may be. */
export function tenantTreeMistakes(tenants: readonly WrittenTenant[]): Mistake[] {
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
