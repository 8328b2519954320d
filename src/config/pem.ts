import { readFileSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import type { Mistake } from './mistake.ts'

/**
 * The PEM text of a setting that holds it or names its file.
 *
 * @param path - of the setting, for the mistake
 * @param folder - where relative paths start
 * @returns undefined when the setting is not there, or when the file cannot be read: a mistake then
 */
export function readPem(
  value: string | undefined,
  path: string,
  folder: string,
  mistakes: Mistake[],
): string | undefined {
  if (value === undefined || value.startsWith('-----BEGIN ')) return value
  try {
    return readFileSync(isAbsolute(value) ? value : resolve(folder, value), 'utf8')
  } catch (error) {
    // Not the error's own message: it repeats the value, and that may be a key pasted wrongly.
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error'
    const message = `the file cannot be read (${reason}); allowed: a PEM file or a PEM text`
    mistakes.push({ path, message })
    return undefined
  }
}
