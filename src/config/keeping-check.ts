import { type Mistake, pathText } from './mistake.ts'
import { duplicates, type Item, items, mappingAt, places } from './written-items.ts'

/** Texts that would be kept for longer than their records. */
export function bodyAfterRecord(
  root: Record<string, unknown>,
  tenants: readonly Item[],
): Mistake[] {
  const file = mappingAt(root, ['retention'])
  const own = tenants.map(({ path, value }) => ({
    path: [...path, 'retention'],
    keep: mappingAt(value, ['retention']),
  }))
  return [{ path: ['retention'], keep: file }, ...own].flatMap(({ path, keep }) => {
    // A tenant that says nothing about either inherits a mistake that is told already.
    if (path.length > 1 && keep.days === undefined && keep.body_days === undefined) return []
    const days = keep.days ?? file.days ?? 0
    const bodyDays = keep.body_days ?? file.body_days ?? 0
    if (typeof days !== 'number' || typeof bodyDays !== 'number') return []
    if (days === 0 || bodyDays <= days) return []
    const message = `body_days ${bodyDays} is above days ${days}; the record goes with its text`
    return [{ path: pathText(path), message }]
  })
}

/** Keys that stand twice, and an active one that there is not. */
export function encryptionKeys(root: Record<string, unknown>): Mistake[] {
  const section = mappingAt(root, ['encryption'])
  const keys = items(section, 'keys', ['encryption'])
  const ids = places(keys, 'id')
  const mistakes = [...duplicates(ids, 'id'), ...duplicates(places(keys, 'key'), 'key')]
  const { active } = section
  if (typeof active !== 'string' || ids.some(({ value }) => value === active)) return mistakes
  const known = ids.length === 0 ? 'the file has no keys' : ids.map(({ value }) => value).join(', ')
  // Without the value: it may be the key itself, written in the wrong place.
  const message = `there is no key of this id; allowed: ${known}`
  return [...mistakes, { path: 'encryption.active', message }]
}
