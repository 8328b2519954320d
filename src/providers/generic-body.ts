import type { RequestSettings } from './generic-call-settings.ts'
import type { SignedField } from './generic-signature.ts'
import {
  parseTemplate,
  rendered,
  renderedValue,
  textOfValue,
  type Values,
} from './generic-template.ts'
import { FORM, formOf, JSON_UTF8, percentEncoded } from './http-call.ts'
import { isJsonObject, type JsonObject } from './json.ts'

/** A body that was made, and may get further members. */
export interface Body {
  /** Its members, for what signs them; none where it is a text. */
  readonly fields: readonly SignedField[]
  /** Undefined: there is none, or one that cannot have members. */
  readonly extended: ((members: Readonly<Record<string, string>>) => Body) | undefined
  readonly contentType: string | undefined
  readonly text: string
}

/** Makes the body of a call: `values` of all messages, `each` of one message each. */
export type BodyMaker = (values: Values, each: readonly Values[]) => Body

const NONE: Body = { fields: [], extended: undefined, contentType: undefined, text: '' }

/** What the settings of a call say of its body. */
export function bodyMaker(settings: RequestSettings): BodyMaker {
  const { form, json, raw, raw_escape, raw_type } = settings
  if (json !== undefined) {
    const make = jsonMaker(JSON.parse(json))
    return (values, each) => jsonBody(make(values, each))
  }
  if (raw !== undefined) {
    const template = parseTemplate(raw)
    const escaped = ESCAPES[raw_escape]
    return (values) => ({
      ...NONE,
      contentType: raw_type,
      text: rendered(template, values, escaped),
    })
  }
  const fields = templatesOf(form)
  if (fields.length === 0 && settings.method === 'GET') return () => NONE
  return (values) => formBody(Object.fromEntries(filled(fields, values)))
}

/** Named templates, read. */
export function templatesOf(written: Readonly<Record<string, string>>) {
  return Object.entries(written).map(([name, source]) => [name, parseTemplate(source)] as const)
}

/** Named templates with their values, without those that come out empty. */
export function filled(fields: ReturnType<typeof templatesOf>, values: Values): SignedField[] {
  return fields
    .map(([name, template]) => [name, rendered(template, values)] as const)
    .filter(([, value]) => value !== '')
}

const ESCAPES: Readonly<Record<RequestSettings['raw_escape'], (value: string) => string>> = {
  none: (value) => value,
  url: percentEncoded,
  json: (value) => JSON.stringify(value).slice(1, -1),
  xml: (value) =>
    value
      // XML 1.0 has no way to write them.
      .replaceAll(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '')
      .replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`),
}

function formBody(members: Readonly<Record<string, string>>): Body {
  return {
    fields: Object.entries(members),
    extended: (more) => formBody({ ...members, ...more }),
    contentType: Object.keys(members).length === 0 ? undefined : FORM,
    text: formOf(members),
  }
}

function jsonBody(value: unknown): Body {
  const members: JsonObject = isJsonObject(value) ? value : {}
  return {
    fields: Object.entries(members).map(([name, member]) => [name, textOfValue(member)] as const),
    extended: isJsonObject(value) ? (more) => jsonBody({ ...value, ...more }) : undefined,
    contentType: JSON_UTF8,
    text: JSON.stringify(value),
  }
}

type JsonMaker = (values: Values, each: readonly Values[]) => unknown

/** Undefined is what comes out empty: its object or list goes without it. */
function jsonMaker(written: unknown): JsonMaker {
  if (typeof written === 'string') {
    const template = parseTemplate(written)
    const isFixed = template.every((part) => typeof part === 'string')
    return (values) => {
      const value = renderedValue(template, values)
      return value === '' && !isFixed ? undefined : value
    }
  }
  if (Array.isArray(written)) {
    const items = written.map(jsonMaker)
    return (values, each) =>
      items.map((make) => make(values, each)).filter((item) => item !== undefined)
  }
  if (!isJsonObject(written)) return () => written
  const entries = Object.entries(written)
  const [only] = entries
  if (entries.length === 1 && only?.[0] === '{each}') {
    const make = jsonMaker(only[1])
    return (_values, each) => each.map((values) => make(values, [values]))
  }
  const members = entries.map(([name, member]) => [name, jsonMaker(member)] as const)
  return (values, each) => {
    const made = members.map(([name, make]) => [name, make(values, each)] as const)
    return Object.fromEntries(made.filter(([, member]) => member !== undefined))
  }
}
