import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { messageOf } from '../core/errors.ts'
import { ConfigError } from './mistake.ts'

/** Where the configuration comes from. */
export interface ConfigSource {
  /** The environment, usually `process.env`; an empty variable counts as not set. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** The working directory; relative paths start here. */
  readonly cwd: string
  /** The file to read, before `LINEHAUL_CONFIG` and `linehaul.yaml`. */
  readonly file?: string
}

/** A configuration as it is written. */
export interface ConfigText {
  /** Absolute path of its file; paths in it start in that folder. */
  readonly path: string
  readonly text: string
}

const DEFAULT_FILE = 'linehaul.yaml'

/**
 * Reads the file that a source names, or the usual one.
 *
 * @returns undefined where no file is named and the usual one is not there
 * @throws {ConfigError} for a file that is not there, or cannot be read
 */
export function readConfigFile(source: ConfigSource): ConfigText | undefined {
  const wanted = source.file ?? variablesOf(source).LINEHAUL_CONFIG
  const path = resolve(source.cwd, wanted ?? DEFAULT_FILE)
  try {
    return { path, text: readFileSync(path, 'utf8') }
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    if (isMissing && wanted === undefined) return undefined
    const from = source.file === undefined ? 'LINEHAUL_CONFIG' : 'file'
    const message = isMissing ? 'does not exist' : `cannot be read: ${messageOf(error)}`
    const place = wanted === undefined ? path : `${from}=${wanted}`
    throw new ConfigError([{ path: place, message: `the configuration file ${path} ${message}` }])
  }
}

/** The variables that are set. */
export function variablesOf({ env }: ConfigSource): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value ? [[name, value]] : [])),
  )
}
