import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  stringify,
} from 'yaml'
import { messageOf } from '../core/errors.ts'
import { type Mistake, pathText } from './mistake.ts'

/** What was read from a file: plain values, or the mistakes that prevent reading it. */
export type DocumentResult =
  | { readonly ok: true; readonly root: Record<string, unknown>; readonly mistakes: Mistake[] }
  | { readonly ok: false; readonly mistakes: Mistake[] }

const REFERENCE = /\$(\$)?\{([^}]*)\}/g
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * Reads YAML into plain values and puts in the environment variables it names.
 *
 * `${NAME}` may stand in any string; `$${NAME}` stands for itself. Numbers under a key of `textKeys`
 * are given as they are written, so that `price: 0.0350` and `password: 0123` keep every digit.
 *
 * @param file - name of the file, for messages
 * @param env - undefined: names of variables stay as they are written
 */
export function readDocument(
  source: string,
  file: string,
  textKeys: ReadonlySet<string>,
  env: Readonly<Record<string, string | undefined>> | undefined,
): DocumentResult {
  const lines = new LineCounter()
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, merge: true })
  const problems = [...document.errors, ...document.warnings]
  if (problems.length > 0) {
    const mistakes = problems.map((problem) => {
      const { line, col } = lines.linePos(problem.pos[0])
      // The parser may quote what it read, and that may be a password.
      const message = problem.message.replace(/:? ".*$/s, '')
      return { path: file, message: `line ${line}, column ${col}: ${message}` }
    })
    return { ok: false, mistakes }
  }
  if (document.contents === null || isEmptyScalar(document.contents)) {
    const message = 'is empty; write at least one setting, or remove it to run the sandbox'
    return { ok: false, mistakes: [{ path: file, message }] }
  }
  if (!isMap(document.contents) && !isAlias(document.contents)) {
    const kind = isSeq(document.contents) ? 'a list' : 'a single value'
    const message = `holds ${kind}; it must be a mapping such as "http: { port: 8080 }"`
    return { ok: false, mistakes: [{ path: file, message }] }
  }
  keepText(document.contents, textKeys)
  try {
    const root: Record<string, unknown> = document.toJS({ maxAliasCount: 100 })
    const mistakes: Mistake[] = []
    if (env) substitute(root, [], { textKeys, env, mistakes, visited: new Set() })
    return { ok: true, root, mistakes }
  } catch (error) {
    return { ok: false, mistakes: [{ path: file, message: messageOf(error) }] }
  }
}

/**
 * Tells the line of a place such as `carriers[0].port`, counted from 1: of what stands there, or around it where
 * something is missing; undefined for what is no place of the document.
 */
export function lineFinder(source: string): (place: string) => number | undefined {
  const lines = new LineCounter()
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, merge: true })
  return (place) => {
    const path = place.split(/[.[\]]+/).filter((part) => part !== '')
    for (let length = path.length; length > 0; length--) {
      const start = offsetOf(document.contents, path.slice(0, length))
      if (start !== undefined) return lines.linePos(start).line
    }
    return undefined
  }
}

/** A value that stands in a document, and where. */
export interface WrittenScalar {
  readonly path: readonly PropertyKey[]
  readonly value: unknown
  /** The place of its text, quotes included. */
  readonly start: number
  readonly end: number
}

/** Every value of a document that can be read, in order; what is repeated by reference comes once. */
export function writtenScalars(source: string): WrittenScalar[] {
  const found: WrittenScalar[] = []
  const walk = (node: unknown, path: readonly PropertyKey[]): void => {
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        walk(value, [...path, isScalar(key) ? String(key.value) : ''])
      }
    } else if (isSeq(node)) {
      for (const [index, item] of node.items.entries()) walk(item, [...path, index])
    } else if (isScalar(node) && node.range) {
      const [start, end] = node.range
      found.push({ path, value: node.value, start, end })
    }
  }
  walk(parseDocument(source, { prettyErrors: false, merge: true }).contents, [])
  return found
}

/** Plain values as YAML, to be read by people. */
export function yamlOf(values: unknown): string {
  return stringify(values, { lineWidth: 0 })
}

/** Where a key begins, or an entry of a list. */
function offsetOf(node: unknown, path: readonly string[]): number | undefined {
  let place: unknown = node
  let offset: number | undefined
  for (const part of path) {
    if (isMap(place)) {
      const pair = place.items.find(({ key }) => isScalar(key) && String(key.value) === part)
      if (!pair) return undefined
      offset = isScalar(pair.key) ? pair.key.range?.[0] : undefined
      place = pair.value
    } else if (isSeq(place)) {
      place = place.items[Number(part)]
      offset = isNode(place) ? place.range?.[0] : undefined
    } else {
      return undefined
    }
  }
  return offset
}

function isEmptyScalar(node: unknown): boolean {
  return isScalar(node) && (node.value === null || node.value === '')
}

function keepText(node: unknown, textKeys: ReadonlySet<string>, isText = false): void {
  if (isMap(node)) {
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : ''
      keepText(pair.value, textKeys, textKeys.has(key))
    }
  } else if (isSeq(node)) {
    for (const item of node.items) keepText(item, textKeys, isText)
  } else if (isText && isScalar(node) && isNumeric(node.value)) {
    node.value = node.source ?? String(node.value)
  }
}

function isNumeric(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'bigint'
}

type Container = Record<string, unknown> | unknown[]

interface Substitution {
  readonly textKeys: ReadonlySet<string>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly mistakes: Mistake[]
  /** An anchored mapping that is used twice is one object and must be filled in once. */
  readonly visited: Set<Container>
}

function substitute(container: Container, path: readonly PropertyKey[], to: Substitution): void {
  if (to.visited.has(container)) return
  to.visited.add(container)
  for (const [name, value] of Object.entries(container)) {
    const here = [...path, Array.isArray(container) ? Number(name) : name]
    if (typeof value === 'string') {
      // Assignment would run a setter for a key such as `__proto__`.
      const plain = { writable: true, enumerable: true, configurable: true }
      Object.defineProperty(container, name, { ...plain, value: filledIn(value, here, to) })
    } else if (typeof value === 'object' && value !== null) {
      substitute(value as Container, here, to)
    }
  }
}

function filledIn(value: string, path: readonly PropertyKey[], to: Substitution): unknown {
  const report = (message: string) => to.mistakes.push({ path: pathText(path), message })
  const filled = value.replace(REFERENCE, (whole, escaped: string | undefined, name: string) => {
    if (escaped !== undefined) return whole.slice(1)
    if (!VARIABLE_NAME.test(name)) {
      report(`\${${name}} names no environment variable: letters, digits and "_" are allowed`)
      return whole
    }
    const found = to.env[name]
    if (found === undefined) report(`the environment variable ${name} is not set or is empty`)
    return found ?? whole
  })
  const key = path.findLast((part) => typeof part === 'string')
  return filled === value || to.textKeys.has(String(key)) ? filled : typed(filled)
}

/** Reads a text that came from the environment as the number or boolean that it spells. */
export function typed(value: string): unknown {
  if (/^-?\d{1,15}$/.test(value)) return Number(value)
  if (value === 'true' || value === 'false') return value === 'true'
  return value
}
