import type { Result, Router } from 'hono/router'
import { TrieRouter } from 'hono/router/trie-router'

/**
 * Finds routes as Hono's `TrieRouter` does, and remembers what it found for paths without parameters.
 *
 * Hono's faster `RegExpRouter` cannot have `/x/:id/y` next to `/x/y`.
 */
export class MemoRouter<Handler> implements Router<Handler> {
  readonly name = 'MemoRouter'
  readonly #trie = new TrieRouter<Handler>()
  /** By path, then by method; only for paths that a route names, so that requests cannot fill it. */
  readonly #known = new Map<string, Map<string, Result<Handler>>>()

  add(method: string, path: string, handler: Handler): void {
    this.#trie.add(method, path, handler)
    if (!/[:*]/.test(path)) this.#known.set(path, new Map())
  }

  match(method: string, path: string): Result<Handler> {
    const known = this.#known.get(path)
    if (!known) return this.#trie.match(method, path)
    let result = known.get(method)
    if (!result) {
      result = this.#trie.match(method, path)
      known.set(method, result)
    }
    return result
  }
}
