import { GatewayError } from '../core/errors.ts'

/** One thing to put right in the configuration. */
export interface Mistake {
  /** Where: `carriers[0].port`, the name of an environment variable, or the file. */
  readonly path: string
  /** What is wrong and what is allowed; never contains a secret. */
  readonly message: string
  /** Counted from 1; undefined where the message says it, and for what does not stand in the document. */
  readonly line?: number
  /** It names a tenant that the document does not have: there may be one of the API. */
  readonly isUnknownTenant?: boolean
}

/** The configuration cannot be used. `mistakes` has all of them, the message one line for each. */
export class ConfigError extends GatewayError {
  readonly mistakes: readonly Mistake[]

  constructor(mistakes: readonly Mistake[]) {
    const lines = mistakes.map(({ path, message, line }) => {
      return `  ${path}: ${message}${line === undefined ? '' : ` (line ${line})`}`
    })
    const count = mistakes.length === 1 ? '1 mistake' : `${mistakes.length} mistakes`
    super('config_invalid', [`The configuration has ${count}:`, ...lines].join('\n'))
    this.mistakes = mistakes
  }
}

/** Writes a path the way the file is read: `carriers[0].rates[2].price`. */
export function pathText(path: readonly PropertyKey[]): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else text += text === '' ? String(part) : `.${String(part)}`
  }
  return text
}

const MAX_SHOWN_NAMES = 20

/** Names as a message lists them: the first of many. */
export function namesText(names: readonly string[]): string {
  const shown = names.slice(0, MAX_SHOWN_NAMES).join(', ')
  return names.length > MAX_SHOWN_NAMES
    ? `${shown} and ${names.length - MAX_SHOWN_NAMES} more`
    : shown
}

const MAX_SHOWN_CHARACTERS = 60

/** A value as a message may show it: shortened, and only its kind when it holds other values. */
export function shownValue(value: unknown, isSecret: boolean): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (isSecret) return '"***"'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text
}

/** The known key that was probably meant, or undefined when none is near. */
export function nearestKey(key: string, known: readonly string[]): string | undefined {
  const wanted = plain(key)
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(wanted, plain(candidate))
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

// `systemId` and `system-id` are the same slip as `sytem_id`: compare without case and joints.
function plain(key: string): string {
  return key.toLowerCase().replace(/[_-]/g, '').slice(0, 64)
}

// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1]
      const isSwap = row > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      const choices = [
        (previous[column - 1] ?? 0) + (isSame ? 0 : 1),
        (current[column - 1] ?? 0) + 1,
        (previous[column] ?? 0) + 1,
      ]
      if (isSwap) choices.push((beforePrevious[column - 2] ?? 0) + 1)
      current.push(Math.min(...choices))
    }
    beforePrevious = previous
    previous = current
  }
  return previous[b.length] ?? 0
}
