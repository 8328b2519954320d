import { isDeepStrictEqual } from 'node:util'
import type { Config } from './schema.ts'

/** What tells where a configuration comes from, and nothing about what the gateway does. */
const WITHOUT_EFFECT: readonly (keyof Config)[] = ['file', 'sandbox']

/** What the stored versions are found and opened by: it can only stand in the file. */
export const FILE_SECTIONS = ['dataDir', 'databaseUrl', 'encryption'] as const

/** The sections in which two configurations are not the same. */
export function differingSections(before: Config, after: Config): (keyof Config)[] {
  const names = Object.keys(after) as (keyof Config)[]
  return names.filter(
    (name) => !WITHOUT_EFFECT.includes(name) && !isDeepStrictEqual(before[name], after[name]),
  )
}

/** The key of a section in the file: `failure_rules`. */
export function fileKey(section: keyof Config): string {
  return section.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
