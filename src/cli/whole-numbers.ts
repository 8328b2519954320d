import { UsageError } from './command.ts'

/**
 * Reads how many of a list are wanted.
 *
 * @throws {UsageError} when it is no whole number above 0
 */
export function readLimit(text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new UsageError(`--limit "${text}" is not a whole number above 0`)
}

/**
 * Reads which version is meant, of the configuration or of a rate deck.
 *
 * @throws {UsageError} when it is no number of a version
 */
export function readVersion(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new UsageError(`"${text}" is not the number of a version`)
}
