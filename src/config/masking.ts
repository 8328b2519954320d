import { createHmac, randomBytes } from 'node:crypto'
import { describeSettings } from './describe.ts'
import { lineFinder, writtenScalars } from './document.ts'
import { type Mistake, pathText } from './mistake.ts'

/** A document whose masks were replaced, or those that stand for nothing. */
export type Restored =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] }

const MASK = /^<secret:[0-9a-f]{12}>$/

/** Names of environment variables, and nothing else: what they hold does not stand in the document. */
const REFERENCES = /^(\$\{[A-Za-z_][A-Za-z0-9_]*\})+$/

/**
 * Masks the secrets of documents, and puts them back where a masked document comes back.
 *
 * A mask tells one secret from another, and nothing else: it is made with a key that the process draws and nobody
 * else has. So it stands for its secret wherever it is written, until the process ends.
 */
export class SecretMasks {
  readonly #key = randomBytes(32)
  /** Places of secrets, as `carriers[].password`. */
  readonly #places: ReadonlySet<string>

  constructor() {
    this.#places = new Set(
      describeSettings()
        .filter(({ isSecret }) => isSecret)
        .map(({ path }) => path),
    )
  }

  /** A document as it is written, with masks in place of its secrets; references to variables stay. */
  masked(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
    return this.#mapped(values, '', (secret) => this.#maskOf(secret)) as Record<string, unknown>
  }

  /**
   * A document with the secrets of another in place of their masks.
   *
   * @param values - of the document that has been shown masked
   */
  restored(text: string, values: Readonly<Record<string, unknown>>): Restored {
    const secrets = new Map<string, string>()
    this.#mapped(values, '', (secret) => {
      secrets.set(this.#maskOf(secret), secret)
      return secret
    })
    const mistakes: Mistake[] = []
    const lineOf = lineFinder(text)
    let restored = text
    // From the end: what stands before keeps its place.
    for (const { path, value, start, end } of writtenScalars(text).reverse()) {
      if (typeof value !== 'string' || !MASK.test(value)) continue
      const place = pathText(path)
      const secret = this.#isSecret(placeOf(path)) ? secrets.get(value) : undefined
      if (secret === undefined) {
        const line = lineOf(place)
        const message = `${value} stands for no secret of the present version here; write the secret, or \${NAME}`
        mistakes.unshift({ path: place, message, ...(line === undefined ? {} : { line }) })
      } else {
        restored = restored.slice(0, start) + JSON.stringify(secret) + restored.slice(end)
      }
    }
    return mistakes.length > 0 ? { ok: false, mistakes } : { ok: true, text: restored }
  }

  #mapped(value: unknown, place: string, change: (secret: string) => string): unknown {
    if (Array.isArray(value)) {
      return value.map((item) => this.#mapped(item, `${place}[]`, change))
    }
    if (typeof value === 'object' && value !== null) {
      const entries = Object.entries(value).map(([key, member]) => {
        return [key, this.#mapped(member, place === '' ? key : `${place}.${key}`, change)]
      })
      return Object.fromEntries(entries)
    }
    if (value === null || value === undefined || !this.#isSecret(place)) return value
    const text = String(value)
    return text === '' || REFERENCES.test(text) ? text : change(text)
  }

  /** The entries of a list of secrets have no description of their own. */
  #isSecret(place: string): boolean {
    return this.#places.has(place) || this.#places.has(place.replace(/\[\]$/, ''))
  }

  #maskOf(secret: string): string {
    return `<secret:${createHmac('sha256', this.#key).update(secret).digest('hex').slice(0, 12)}>`
  }
}

function placeOf(path: readonly PropertyKey[]): string {
  return pathText(path).replace(/\[\d+\]/g, '[]')
}
