import type { Mistake } from './mistake.ts'
import { duplicates, type Item, items, mappingAt, places, unknown } from './written-items.ts'

/** Limits of whom the file does not have, or that stand twice. */
export function limitMistakes(
  root: Record<string, unknown>,
  tenants: readonly Item[],
  partners: readonly Item[],
): Mistake[] {
  const section = mappingAt(root, ['limits'])
  const lists = [
    { list: 'keys', key: 'key' },
    { list: 'tenants', key: 'tenant', known: places(tenants, 'name') },
    { list: 'partners', key: 'partner', known: places(partners, 'system_id') },
    { list: 'senders', key: 'sender' },
    { list: 'countries', key: 'country' },
  ]
  return lists.flatMap(({ list, key, known }) => {
    const named = places(items(section, list, ['limits']), key)
    const names = known?.map(({ value }) => value)
    return [...duplicates(named, key), ...(names ? unknown(named, key, names) : [])]
  })
}
