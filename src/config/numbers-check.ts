import { type Mistake, pathText } from './mistake.ts'
import { duplicates, type Item, isMapping, items, places } from './written-items.ts'

/** What the rest of the file knows by name. */
export interface KnownNames {
  readonly carriers: readonly string[]
  readonly tenants: readonly string[]
}

/** Mistakes of the `numbers` section that show only beside other settings; works on what was written. */
export function numbersMistakes(numbers: unknown, known: KnownNames): Mistake[] {
  if (!isMapping(numbers)) return []
  const codes = items(numbers, 'short_codes', ['numbers'])
  const rules = items(numbers, 'sender_rules', ['numbers'])
  return [
    ...duplicates(places(codes, 'code'), 'code'),
    ...codes.flatMap((code) => unknownNames(code, 'carriers', 'carrier', known.carriers)),
    ...rules.flatMap((rule) => unknownNames(rule, 'tenants', 'tenant', known.tenants)),
    ...rules.flatMap(senderOfRule),
  ]
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
