import { readFileSync } from 'node:fs'

/** A file of test/fixtures/vectors, as the caller knows it to be. */
export function readVectors<T>(name: string): T {
  const file = new URL(`../fixtures/vectors/${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')) as T
}
