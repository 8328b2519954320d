import { type Mistake, pathText } from './mistake.ts'
import { duplicates, type Item, items, mappingAt, places } from './written-items.ts'

/** Routes that name what is not there, or that say the same as another. */
export function inboundMistakes(root: Record<string, unknown>): Mistake[] {
  const routes = inboundRoutes(root)
  const carriers = places(items(root, 'carriers'), 'name').map(({ value }) => value)
  const partners = items(root, 'partners').map(({ value }) => value)
  const unknownCarriers = places(routes, 'carrier')
    .filter(({ value }) => !carriers.includes(value))
    .map(({ path, value }) => ({
      path: pathText(path),
      message: `there is no carrier ${JSON.stringify(value)}; allowed: ${carriers.join(', ')}`,
    }))
  const unknownPartners = routes.flatMap(({ path, value: { partner, tenant } }) => {
    if (typeof partner !== 'string') return []
    const theirs = partners.filter((each) => each.tenant === tenant).map((each) => each.system_id)
    if (theirs.includes(partner)) return []
    const known = theirs.length === 0 ? 'that tenant has none' : `one of ${theirs.join(', ')}`
    const message = `there is no partner ${JSON.stringify(partner)} of this tenant; allowed: ${known}`
    return [{ path: pathText([...path, 'partner']), message }]
  })
  const conditions = routes.map(({ path, value: { to, keyword, carrier } }) => {
    const parts = [
      String(to ?? '').replace(/^\+/, ''),
      String(keyword ?? ''),
      String(carrier ?? ''),
    ]
    return { path, value: parts.join(' ').toUpperCase() }
  })
  return [...unknownCarriers, ...unknownPartners, ...duplicates(conditions, 'conditions')]
}

/** The routes as they were written. */
export function inboundRoutes(root: Record<string, unknown>): Item[] {
  return items(mappingAt(root, ['inbound']), 'routes', ['inbound'])
}
