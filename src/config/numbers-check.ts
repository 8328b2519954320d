import { type Mistake, pathText } from './mistake.ts'

interface Item {
  readonly path: readonly PropertyKey[]
  readonly value: Record<string, unknown>
}

/** What the rest of the file knows by name. */
export interface KnownNames {
  readonly carriers: readonly string[]
  readonly tenants: readonly string[]
}

/** Mistakes of the `numbers` section that show only beside other settings; works on what was written. */
export function numbersMistakes(numbers: unknown, known: KnownNames): Mistake[] {
  if (!isMapping(numbers)) return []
  const codes = itemsOf(numbers, 'short_codes')
  const rules = itemsOf(numbers, 'sender_rules')
  return [
    ...repeatedCodes(codes),
    ...codes.flatMap((code) => unknownNames(code, 'carriers', 'carrier', known.carriers)),
    ...rules.flatMap((rule) => unknownNames(rule, 'tenants', 'tenant', known.tenants)),
    ...rules.flatMap(senderOfRule),
  ]
}

function repeatedCodes(codes: readonly Item[]): Mistake[] {
  const first = new Map<string, string>()
  return codes.flatMap(({ path, value: { code } }) => {
    if (typeof code !== 'string') return []
    const here = pathText([...path, 'code'])
    const earlier = first.get(code)
    if (earlier === undefined) {
      first.set(code, here)
      return []
    }
    const message = `the same code "${code}" stands at ${earlier}; each must be unique`
    return [{ path: here, message }]
  })
}

function unknownNames(
  { path, value }: Item,
  key: string,
  what: string,
  known: readonly string[],
): Mistake[] {
  const named = value[key]
  if (!Array.isArray(named)) return []
  const allowed = known.length === 0 ? `the file has no ${what}s` : known.join(', ')
  return named.flatMap((name: unknown, index) =>
    typeof name !== 'string' || known.includes(name)
      ? []
      : [
          {
            path: pathText([...path, key, index]),
            message: `there is no ${what} ${JSON.stringify(name)}; allowed: ${allowed}`,
            isUnknownTenant: what === 'tenant',
          },
        ],
  )
}

function senderOfRule({ path, value: { action, sender } }: Item): Mistake[] {
  if (action === 'replace' && sender === undefined) {
    const message = 'is missing; allowed: the sender id that "action: replace" puts in its place'
    return [{ path: pathText([...path, 'sender']), message }]
  }
  if (sender === undefined || action === 'replace' || action === undefined) return []
  const message = `stands beside "action: ${String(action)}"; only "replace" has a sender`
  return [{ path: pathText([...path, 'sender']), message }]
}

function itemsOf(numbers: Record<string, unknown>, key: string): Item[] {
  const found = numbers[key]
  if (!Array.isArray(found)) return []
  return found.flatMap((value: unknown, index) =>
    isMapping(value) ? [{ path: ['numbers', key, index], value }] : [],
  )
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
