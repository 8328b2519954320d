import { describeSettings, type SettingDescription } from './describe.ts'
import { readDocument } from './document.ts'
import { ConfigError } from './mistake.ts'

/**
 * The `routing` section of a file, as it is written: of a whole configuration, or a file that has nothing
 * else.
 *
 * @throws {ConfigError} when the file is no YAML or has no such section
 */
export function readRoutingSection(source: string, file: string): unknown {
  const result = readDocument(source, file, textKeysOf(describeSettings()), {})
  if (!result.ok) throw new ConfigError(result.mistakes)
  const { routing } = result.root
  if (routing === undefined) throw new ConfigError([{ path: file, message: 'has no "routing"' }])
  return routing
}

/**
 * A document as it is written: plain values, `${NAME}` left as it stands.
 *
 * @throws {ConfigError} when it is no YAML
 */
export function writtenValues(text: string): Record<string, unknown> {
  const result = readDocument(text, 'document', textKeysOf(describeSettings()), undefined)
  if (!result.ok) throw new ConfigError(result.mistakes)
  return result.root
}

/** Keys whose numbers are kept as texts, digit by digit. */
export function textKeysOf(settings: readonly SettingDescription[]): Set<string> {
  return new Set(settings.filter(({ isText }) => isText).map(({ path }) => lastKey(path)))
}

/** The key at the end of a setting's place. */
export function lastKey(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1)
}
