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

type Scalar = string | number | boolean

/** A document as one line for each value. */
interface Flat {
  readonly values: Map<string, Scalar>
  /** Names of the entries of each list, in order. */
  readonly orders: Map<string, readonly string[]>
}

/** What has to change in a document to make it another, in the order of the two. */
export function documentDiff(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): ValueChange[] {
  const old = flat(before)
  const anew = flat(after)
  const paths = new Set([...old.values.keys(), ...anew.values.keys()])
  const changes = [...paths].flatMap((path) => {
    const change = {
      path,
      before: old.values.get(path) ?? null,
      after: anew.values.get(path) ?? null,
    }
    return change.before === change.after ? [] : [change]
  })
  return [...orderChanges(old, anew), ...changes]
}

/** Where the order counts, as of routes, it is a change of its own. */
function orderChanges(old: Flat, anew: Flat): ValueChange[] {
  return [...old.orders].flatMap(([path, names]) => {
    const later = anew.orders.get(path) ?? []
    const before = names.filter((name) => later.includes(name)).join(', ')
    const after = later.filter((name) => names.includes(name)).join(', ')
    return before === after ? [] : [{ path: `${path} (order)`, before, after }]
  })
}

function flat(document: unknown): Flat {
  const found: Flat = { values: new Map(), orders: new Map() }
  collect(document, '', found)
  return found
}

function collect(value: unknown, path: string, found: Flat): void {
  if (Array.isArray(value)) {
    const names = namesOf(value)
    if (value.length === 0) found.values.set(path, '[]')
    if (names) found.orders.set(path, names)
    for (const [index, item] of value.entries()) {
      collect(item, `${path}[${names?.[index] ?? index}]`, found)
    }
  } else if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
    if (entries.length === 0 && path !== '') found.values.set(path, '{}')
    for (const [key, member] of entries)
      collect(member, path === '' ? key : `${path}.${key}`, found)
  } else {
    const isPlain = typeof value === 'number' || typeof value === 'boolean'
    found.values.set(path, isPlain ? value : String(value))
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
