/** One value that two documents do not have in common. */
export interface ValueChange {
  /** `carriers[alpha].port`: entries of a list by their name, where they have one. */
  readonly path: string
  /** Null: it is not there. */
  readonly before: string | number | boolean | null
  readonly after: string | number | boolean | null
}

/** Keys by which the entries of a list are told apart. */
const NAMES = ['name', 'system_id', 'code', 'id', 'prefix']

/** What has to change in a document to make it another, in the order of the two. */
export function documentDiff(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): ValueChange[] {
  const old = flat(before)
  const anew = flat(after)
  const paths = new Set([...old.keys(), ...anew.keys()])
  return [...paths].flatMap((path) => {
    const change = { path, before: old.get(path) ?? null, after: anew.get(path) ?? null }
    return change.before === change.after ? [] : [change]
  })
}

type Flat = Map<string, string | number | boolean | null>

function flat(values: unknown): Flat {
  const found: Flat = new Map()
  collect(values, '', found)
  return found
}

function collect(value: unknown, path: string, found: Flat): void {
  if (Array.isArray(value)) {
    const names = namesOf(value)
    if (value.length === 0) found.set(path, '[]')
    // Where the order counts, as of routes, it is a change of its own.
    if (names && value.length > 1) found.set(`${path} (order)`, names.join(', '))
    for (const [index, item] of value.entries()) {
      collect(item, `${path}[${names?.[index] ?? index}]`, found)
    }
  } else if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
    if (entries.length === 0 && path !== '') found.set(path, '{}')
    for (const [key, member] of entries)
      collect(member, path === '' ? key : `${path}.${key}`, found)
  } else if (typeof value === 'number' || typeof value === 'boolean') {
    found.set(path, value)
  } else {
    found.set(path, String(value))
  }
}

/** The names of all entries, when each has one of its own. */
function namesOf(list: readonly unknown[]): string[] | undefined {
  const names = list.flatMap((item) => {
    if (typeof item !== 'object' || item === null) return []
    const key = NAMES.find((each) => Object.hasOwn(item, each))
    return key === undefined ? [] : [String((item as Record<string, unknown>)[key])]
  })
  return names.length === list.length && new Set(names).size === names.length ? names : undefined
}
