import { foundBy, patternMistake } from './generic-pattern.ts'
import { isJsonObject } from './json.ts'

/** Where something stands in an answer or a callback. */
export type Source =
  | { readonly kind: 'paths'; readonly paths: readonly (readonly string[])[] }
  | { readonly kind: 'pattern'; readonly pattern: RegExp }

/** What was read: as a text for patterns, and as values where it is JSON or fields. Parts of a list have no text. */
export interface Document {
  readonly text: string
  /** Undefined where the text is no JSON. */
  readonly value: unknown
}

const PATH = /^[^\s.[\]|$/][^\s.[\]|$]*(\.[^\s.[\]|$]+|\[\d{1,4}\])*$/

/** What is wrong with a {@link parseSource source}, as what would be right; undefined: nothing. */
export function sourceMistake(written: string): string | undefined {
  const pattern = patternIn(written)
  if (pattern !== undefined) return patternMistake(pattern)
  const mistake = pathMistake(written)
  return mistake === undefined ? undefined : `${mistake}, or a regular expression between slashes`
}

/** {@link sourceMistake} where only paths may stand: what is in a list, or has been read as fields. */
export function pathMistake(written: string): string | undefined {
  if (written.split('|').every((path) => PATH.test(path))) return undefined
  return 'a path such as data.list[0].id, or some with | between them'
}

/** Reads `data.id`, `msgid|msgId` or `/id=(\w{1,40})/`. */
export function parseSource(written: string): Source {
  const pattern = patternIn(written)
  if (pattern !== undefined) return { kind: 'pattern', pattern: new RegExp(pattern, 'u') }
  return { kind: 'paths', paths: written.split('|').map((path) => path.match(/[^.[\]]+/g) ?? []) }
}

/** What stands there; undefined: nothing. */
export function valueIn(source: Source | undefined, document: Document): unknown {
  if (source === undefined) return undefined
  if (source.kind === 'pattern') return foundBy(source.pattern, document.text)
  for (const path of source.paths) {
    const value = valueAt(document.value, path)
    if (value !== undefined && value !== null) return value
  }
  return undefined
}

/** {@link valueIn} as a text; undefined for nothing, and for lists and objects. */
export function textIn(source: Source | undefined, document: Document): string | undefined {
  const value = valueIn(source, document)
  return ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : undefined
}

function patternIn(written: string): string | undefined {
  return /^\/(.+)\/$/s.exec(written)?.[1]
}

function valueAt(root: unknown, path: readonly string[]): unknown {
  let value = root
  for (const step of path) {
    if (Array.isArray(value)) value = /^\d+$/.test(step) ? value[Number(step)] : undefined
    else value = isJsonObject(value) && Object.hasOwn(value, step) ? value[step] : undefined
  }
  return value
}
