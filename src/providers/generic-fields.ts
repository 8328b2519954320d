import { z } from 'zod'
import { setting } from '../settings/field.ts'
import { pathMistake, sourceMistake } from './generic-source.ts'
import { type Scope, templateMistake } from './generic-template.ts'
import { timeFormMistake } from './generic-time.ts'

/** Says of a text what is wrong with it, as what would be right. */
type Judge = (written: string) => string | undefined

/** YAML reads `{to}` without quotes as a mapping. */
const TEMPLATE_ALLOWED = 'a text with placeholders such as "{to}", in quotes'
const SOURCE_ALLOWED = 'a path such as data.id, or a regular expression such as "/id=(\\w{1,40})/"'
/** Stands in tables, where `|` would end a cell. */
const PATH_ALLOWED = 'a path such as data.id'
const TIME_ALLOWED = 'unix, unix_ms, iso, or a pattern such as "yyyy-MM-dd HH:mm:ss"'

/** Names of fields and headers; what a JSON member may be called as well. */
const FIELD_NAME = /^[^\p{Cc}]{1,128}$/u
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/

function judged(allowed: string, judge: Judge) {
  return z.string({ error: allowed }).superRefine((written, context) => {
    const message = judge(written)
    if (message !== undefined) context.addIssue({ code: 'custom', message })
  })
}

/** A text with placeholders that may be left out. */
export function template(scope: Scope, about: string) {
  const schema = judged(TEMPLATE_ALLOWED, (written) => templateMistake(written, scope))
  const told = { about, allowed: TEMPLATE_ALLOWED, isText: true }
  return setting(schema.optional(), { ...told, defaultText: 'none' })
}

/** A text with placeholders without which the mapping is refused. */
export function requiredTemplate(scope: Scope, about: string) {
  const schema = judged(TEMPLATE_ALLOWED, (written) => templateMistake(written, scope))
  return setting(schema, {
    about,
    allowed: TEMPLATE_ALLOWED,
    isText: true,
    defaultText: 'required',
  })
}

/** Texts with placeholders by the names of fields. */
export function templates(scope: Scope, about: string) {
  return namedTemplates(scope, FIELD_NAME, 'fields', about)
}

/** Texts with placeholders by the names of headers. */
export function headerTemplates(scope: Scope, about: string) {
  return namedTemplates(scope, HEADER_NAME, 'headers', about)
}

function namedTemplates(scope: Scope, name: RegExp, what: string, about: string) {
  const allowed = `a mapping of names of ${what} to texts with placeholders, each in quotes`
  const schema = z.record(
    z.string().regex(name, { error: 'the name of a field or header' }),
    judged(TEMPLATE_ALLOWED, (written) => templateMistake(written, scope)),
    { error: allowed },
  )
  return setting(schema.default({}), { about, allowed, defaultText: '{}' })
}

/** JSON whose texts have placeholders. */
export function jsonTemplate(scope: Scope, about: string) {
  const allowed = 'JSON, as a text, whose strings have placeholders'
  const schema = judged(allowed, (written) => {
    let value: unknown
    try {
      value = JSON.parse(written)
    } catch (error) {
      return `${allowed}; ${(error as Error).message}`
    }
    return stringsIn(value)
      .map((each) => templateMistake(each, scope))
      .find((mistake) => mistake !== undefined)
  })
  return setting(schema.optional(), { about, allowed, isText: true, defaultText: 'none' })
}

/** Where something stands in what was read. */
export function source(about: string) {
  return setting(judged(SOURCE_ALLOWED, sourceMistake).optional(), {
    about,
    allowed: SOURCE_ALLOWED,
    isText: true,
    defaultText: 'none',
  })
}

/** A {@link source} without which the mapping is refused. */
export function requiredSource(about: string) {
  return setting(judged(SOURCE_ALLOWED, sourceMistake), {
    about,
    allowed: SOURCE_ALLOWED,
    isText: true,
    defaultText: 'required',
  })
}

/** Where something stands in what was read as fields. */
export function path(about: string) {
  return setting(judged(PATH_ALLOWED, pathMistake).optional(), {
    about,
    allowed: PATH_ALLOWED,
    isText: true,
    defaultText: 'none',
  })
}

/** A {@link path} without which the mapping is refused. */
export function requiredPath(about: string) {
  return setting(judged(PATH_ALLOWED, pathMistake), {
    about,
    allowed: PATH_ALLOWED,
    isText: true,
    defaultText: 'required',
  })
}

/** How a time is written. */
export function timeForm(fallback: string, about: string) {
  return setting(judged(TIME_ALLOWED, timeFormMistake).default(fallback), {
    about,
    allowed: TIME_ALLOWED,
    isText: true,
    defaultText: fallback,
  })
}

/** Texts, at least one. */
export function words(about: string) {
  const allowed = 'a list of texts'
  const schema = z
    .array(z.string({ error: 'a text' }), { error: allowed })
    .min(1, { error: allowed })
  return setting(schema, { about, allowed, isText: true, defaultText: 'required' })
}

/** A mapping that may be left out. */
export function optionalMapping<T extends z.ZodObject>(schema: T, about: string) {
  return setting(schema.optional(), { about, allowed: 'a mapping', defaultText: 'none' })
}

/** A mapping all of whose settings have defaults. */
export function mappingWithDefaults<T extends z.ZodObject>(schema: T, about: string) {
  const described = setting(schema.prefault({} as never), {
    about,
    allowed: 'a mapping',
    defaultText: '{}',
  })
  return described
}

/** A list of mappings, empty unless it is written. */
export function optionalList<T extends z.ZodType>(item: T, about: string) {
  const allowed = 'a list of mappings'
  return setting(z.array(item, { error: allowed }).prefault([]), {
    about,
    allowed,
    defaultText: '[]',
  })
}

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(stringsIn)
}
