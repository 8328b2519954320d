import { z } from 'zod'

/** What the documentation and the messages say about one setting. */
export interface FieldInfo {
  /** One sentence for the operator. */
  readonly about: string
  /** What may be written, as a noun phrase: "a whole number from 1 to 65535". */
  readonly allowed: string
  /** Unit of the value, when it has one. */
  readonly unit?: string
  /** The default as it would be written in the file; `required` and `none` stand for themselves. */
  readonly defaultText: string
  /** The environment variable that beats the file. */
  readonly variable?: string
  /** The value never appears in a message. */
  readonly isSecret?: boolean
  /** Path of another mapping, where the keys that both have are described. */
  readonly keysAs?: string
  /** The value is a text even where YAML reads a number, for example `password: 0123`. */
  readonly isText?: boolean
}

type Told = Omit<FieldInfo, 'allowed' | 'defaultText'> & { readonly defaultText?: string }

const infos = z.registry<FieldInfo>()

/** What is known about a setting, or undefined for a schema that is not a setting of its own. */
export function infoOf(schema: z.ZodType): FieldInfo | undefined {
  return infos.get(schema)
}

/** Attaches the description to a schema, which keeps its type. */
export function setting<T extends z.ZodType>(schema: T, info: FieldInfo): T {
  infos.add(schema, info)
  return schema
}

/** A mapping of known keys; any other key is a mistake. */
export function mapping<T extends z.ZodRawShape>(shape: T) {
  return z.strictObject(shape, { error: 'a mapping of keys to values' })
}

/** A list of one kind of thing; `allowed` is a noun phrase for the messages. */
export function list<T extends z.ZodType>(item: T, allowed: string) {
  return z.array(item, { error: allowed })
}

function withDefault<T extends z.ZodType>(schema: T, value: z.core.util.NoUndefined<z.output<T>>) {
  return schema.default(value)
}

/** A whole number within bounds, required unless `fallback` is given. */
export function integer(min: number, max: number, fallback: number, told: Told) {
  const allowed = `a whole number from ${min} to ${max}`
  const schema = z.int({ error: allowed }).min(min, { error: allowed }).max(max, { error: allowed })
  return setting(withDefault(schema, fallback), {
    defaultText: String(fallback),
    ...told,
    allowed,
  })
}

/** A whole number within bounds without which the file is refused. */
export function requiredInteger(min: number, max: number, told: Told) {
  const allowed = `a whole number from ${min} to ${max}`
  const schema = z.int({ error: allowed }).min(min, { error: allowed }).max(max, { error: allowed })
  return setting(schema, { defaultText: 'required', ...told, allowed })
}

/** A whole number within bounds that may be left out. */
export function optionalInteger(min: number, max: number, told: Told) {
  const allowed = `a whole number from ${min} to ${max}`
  const schema = z.int({ error: allowed }).min(min, { error: allowed }).max(max, { error: allowed })
  return setting(schema.optional(), { defaultText: 'none', ...told, allowed })
}

/** true or false. */
export function flag(fallback: boolean, told: Told) {
  const allowed = 'true or false'
  return setting(z.boolean({ error: allowed }).default(fallback), {
    defaultText: String(fallback),
    ...told,
    allowed,
  })
}

/** One of a few words. */
export function choice<const T extends readonly [string, ...string[]]>(
  words: T,
  fallback: T[number],
  told: Told,
) {
  const allowed = listed(words)
  const schema = z.enum(words, { error: allowed })
  return setting(schema.default(fallback as z.core.util.NoUndefined<z.output<typeof schema>>), {
    defaultText: fallback,
    isText: true,
    ...told,
    allowed,
  })
}

/** A text of one form, without which the file is refused. */
export function requiredText(pattern: RegExp, allowed: string, told: Told) {
  const schema = z.string({ error: allowed }).regex(pattern, { error: allowed })
  return setting(schema, { defaultText: 'required', isText: true, ...told, allowed })
}

/** A text of one form with a default. */
export function text(pattern: RegExp, allowed: string, fallback: string, told: Told) {
  const schema = z.string({ error: allowed }).regex(pattern, { error: allowed }).default(fallback)
  return setting(schema, {
    defaultText: fallback === '' ? '""' : fallback,
    isText: true,
    ...told,
    allowed,
  })
}

/** A text of one form that may be left out. */
export function optionalText(pattern: RegExp, allowed: string, told: Told) {
  const schema = z.string({ error: allowed }).regex(pattern, { error: allowed }).optional()
  return setting(schema, { defaultText: 'none', isText: true, ...told, allowed })
}

function listed(words: readonly string[]): string {
  const quoted = words.map((word) => (/^[\d.]+$/.test(word) ? `"${word}"` : word))
  return quoted.length === 1 ? quoted.join('') : `one of ${quoted.join(', ')}`
}
