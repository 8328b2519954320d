import { z } from 'zod'
import { type FieldInfo, infoOf } from '../settings/field.ts'
import { fileSchema } from './schema.ts'

/** One setting of the file, described. */
export interface SettingDescription extends FieldInfo {
  /** Place in the file; `[]` stands for every entry of a list: `carriers[].port`. */
  readonly path: string
}

/** Every setting the file may hold, in the order of the schema. */
export function describeSettings(): SettingDescription[] {
  const found: SettingDescription[] = []
  walk(fileSchema, '', found)
  return found
}

/** The documentation line of a setting, as it stands in `docs/configuration.md`. */
export function documentationRow(setting: SettingDescription): string {
  const variable = setting.variable === undefined ? '' : ` Environment: \`${setting.variable}\`.`
  const cells = [
    `\`${setting.path}\``,
    setting.allowed,
    setting.unit ?? '–',
    ['required', 'none'].includes(setting.defaultText)
      ? setting.defaultText
      : `\`${setting.defaultText}\``,
    setting.about + variable,
  ]
  return `| ${cells.join(' | ')} |`
}

/** The keys that may stand in the mapping at `path`, or undefined where no mapping is. */
export function keysAt(path: readonly PropertyKey[]): string[] | undefined {
  let schema: z.ZodType = fileSchema
  for (const part of path) {
    const inner = unwrapped(schema)
    let next: z.ZodType | undefined
    if (inner instanceof z.ZodArray) next = inner.element as z.ZodType
    else next = mappingsOf(inner).find(({ shape }) => shape[String(part)])?.shape[String(part)]
    if (next === undefined) return undefined
    schema = next
  }
  const keys = mappingsOf(unwrapped(schema)).flatMap(({ shape }) => Object.keys(shape))
  return keys.length === 0 ? undefined : [...new Set(keys)]
}

/** The mappings that may stand in one place: of a union each has its own keys. */
function mappingsOf(schema: z.ZodType): z.ZodObject[] {
  if (schema instanceof z.ZodObject) return [schema]
  return schema instanceof z.ZodUnion ? (schema.options as z.ZodType[]).flatMap(mappingsOf) : []
}

/** @param elsewhere - keys that are described in another place */
function walk(
  schema: z.ZodType,
  path: string,
  found: SettingDescription[],
  elsewhere: readonly string[] = [],
): void {
  const info = infoOf(schema)
  if (info !== undefined) found.push({ ...info, path })
  const told = info?.keysAs === undefined ? elsewhere : (keysAt(info.keysAs.split('.')) ?? [])
  const inner = unwrapped(schema)
  if (inner instanceof z.ZodArray) walk(inner.element as z.ZodType, `${path}[]`, found, told)
  const described = new Set(told)
  for (const { shape } of mappingsOf(inner)) {
    for (const [key, member] of Object.entries(shape)) {
      // What several mappings of a union have in common is told once.
      if (described.has(key)) continue
      described.add(key)
      walk(member as z.ZodType, path === '' ? key : `${path}.${key}`, found)
    }
  }
}

// A default, an optional value or a preprocessing step is a shell around the schema of the value.
function unwrapped(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodPipe) return unwrapped(schema.out as z.ZodType)
  if (
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodOptional
  ) {
    return unwrapped(schema.unwrap() as z.ZodType)
  }
  return schema
}
