import { type Mistake, namesText, pathText } from './mistake.ts'

/** A mapping as it was written, and where. */
export interface Item {
  readonly path: readonly PropertyKey[]
  readonly value: Record<string, unknown>
}

/** A text as it was written, and where. */
export interface Place {
  readonly path: readonly PropertyKey[]
  readonly value: string
}

/** The mappings of a list; none where there is no list. */
export function items(
  parent: Readonly<Record<string, unknown>>,
  key: string,
  path: readonly PropertyKey[] = [],
): Item[] {
  const list = parent[key]
  if (!Array.isArray(list)) return []
  return list.flatMap((value: unknown, index) =>
    isMapping(value) ? [{ path: [...path, key, index], value }] : [],
  )
}

/** The texts of one key of each mapping. */
export function places(list: readonly Item[], key: string): Place[] {
  return list.flatMap(({ path, value }) => {
    const found = value[key]
    return typeof found === 'string' ? [{ path: [...path, key], value: found }] : []
  })
}

/** The texts of a list. */
export function listPlaces(
  parent: Readonly<Record<string, unknown>>,
  key: string,
  path: readonly PropertyKey[] = [],
): Place[] {
  const list = parent[key]
  if (!Array.isArray(list)) return []
  return list.flatMap((value: unknown, index) =>
    typeof value === 'string' ? [{ path: [...path, key, index], value }] : [],
  )
}

/** The mapping at a place; an empty one where there is none. */
export function mappingAt(
  root: Readonly<Record<string, unknown>>,
  path: readonly string[],
): Record<string, unknown> {
  let here = root
  for (const key of path) {
    const next = here[key]
    if (!isMapping(next)) return {}
    here = next
  }
  return here
}

/** True for what is written as `key: value`. */
export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Texts that stand twice.
 *
 * @param what - what they are; a `key` is secret and not shown
 */
export function duplicates(list: readonly Place[], what: string): Mistake[] {
  const first = new Map<string, string>()
  const mistakes: Mistake[] = []
  for (const { path, value } of list) {
    const here = pathText(path)
    const earlier = first.get(value)
    if (earlier === undefined) {
      first.set(value, here)
    } else {
      const shown = what === 'key' ? 'the same key' : `the same ${what} ${JSON.stringify(value)}`
      mistakes.push({ path: here, message: `${shown} stands at ${earlier}; each must be unique` })
    }
  }
  return mistakes
}

/** Names that nobody has. */
export function unknown(
  named: readonly Place[],
  what: string,
  known: readonly string[],
): Mistake[] {
  const allowed = known.length === 0 ? 'the file has none' : namesText(known)
  return named
    .filter(({ value }) => !known.includes(value))
    .map(({ path, value }) => ({
      path: pathText(path),
      message: `there is no ${what} ${JSON.stringify(value)}; allowed: ${allowed}`,
      isUnknownTenant: what === 'tenant',
    }))
}
