import { parseConfig } from './load.ts'
import type { Config } from './schema.ts'
import { type ConfigSource, readConfigFile } from './source.ts'
import type { TenantDocument } from './tenants.ts'

/** Reads one file, and documents that stand in for it. */
export interface ConfigDocuments {
  /**
   * The file's text as it is now.
   *
   * @throws {ConfigError} when it cannot be read
   */
  readText(): string
  /**
   * What a document says, in the environment of the process.
   *
   * @param others - tenants of the API
   * @throws {ConfigError} with all mistakes
   */
  parse(text: string, others?: readonly TenantDocument[]): Config
}

/** Documents in place of the file that a source names; undefined without a file. */
export function configDocuments(source: ConfigSource): ConfigDocuments | undefined {
  const path = readConfigFile(source)?.path
  if (path === undefined) return undefined
  const named = { ...source, file: path }
  return {
    readText: () => readConfigFile(named)?.text ?? '',
    parse: (text, others) => parseConfig({ path, text }, named, others),
  }
}
