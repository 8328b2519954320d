import { timeFormMistake } from './generic-time.ts'

/** A text of the configuration with the places where values go. */
export type Template = readonly (string | Placeholder)[]

/** `{name}` or `{name:argument}`. */
export interface Placeholder {
  readonly name: string
  /** Empty: none. */
  readonly argument: string
}

/** What a placeholder stands for; undefined counts as empty. */
export type Values = (placeholder: Placeholder) => unknown

/**
 * Where a template stands, which decides what it may name.
 *
 * - `message`: what sends messages
 * - `header`: a header of it; what others write may not stand there, since a line break would be another header
 * - `call`: calls that are about no message
 * - `auth`: what all calls show
 * - `plain`: what goes into the others
 * - `signed`: what is signed of a call
 * - `key`: of what is signed
 * - `received`: what is signed of a callback
 * - `callback`: what a callback has to show
 */
export type Scope =
  | 'message'
  | 'header'
  | 'call'
  | 'auth'
  | 'plain'
  | 'signed'
  | 'key'
  | 'received'
  | 'callback'

interface Rule {
  readonly scopes: readonly Scope[]
  /** What may stand after the colon; `''` for nothing. */
  readonly argument: RegExp | 'time'
}

const CALLS = ['message', 'header', 'call', 'auth', 'signed'] as const
const NAMED = /^[A-Za-z0-9_.-]{1,64}$/

const RULES: Readonly<Record<string, Rule>> = {
  to: { scopes: ['message', 'header', 'signed'], argument: /^(list)?$/ },
  from: { scopes: ['message', 'signed'], argument: /^$/ },
  text: { scopes: ['message', 'signed'], argument: /^$/ },
  id: { scopes: ['message', 'header', 'signed'], argument: /^$/ },
  sign: { scopes: ['message'], argument: /^(number|brackets)?$/ },
  template: { scopes: ['message'], argument: /^(number)?$/ },
  variables: { scopes: ['message'], argument: /^(list|join .{1,8})?$/s },
  variable: { scopes: ['message'], argument: /^[^{}]{1,64}$/ },
  expires: { scopes: ['message', 'header'], argument: 'time' },
  validity_seconds: { scopes: ['message', 'header'], argument: /^$/ },
  callback: { scopes: ['message', 'header'], argument: /^(delivery|mo)$/ },
  now: { scopes: [...CALLS, 'plain'], argument: 'time' },
  nonce: { scopes: [...CALLS, 'plain'], argument: /^(uuid|digits)?$/ },
  token: { scopes: CALLS, argument: /^$/ },
  credential: { scopes: [...CALLS, 'plain', 'key', 'received', 'callback'], argument: NAMED },
  encoded: { scopes: ['message', 'header', 'call', 'auth'], argument: NAMED },
  signature: { scopes: ['auth', 'callback'], argument: /^$/ },
  method: { scopes: ['signed'], argument: /^$/ },
  path: { scopes: ['signed'], argument: /^$/ },
  query: { scopes: ['signed', 'received', 'callback'], argument: NAMED },
  header: { scopes: ['signed', 'received', 'callback'], argument: NAMED },
  form: { scopes: ['received', 'callback'], argument: NAMED },
  body: { scopes: ['signed', 'received'], argument: /^$/ },
  url: { scopes: ['signed', 'received'], argument: /^$/ },
  sorted: { scopes: ['signed', 'received'], argument: /^$/ },
}

const TOKEN = /\{\{|\}\}|\{([a-z_]+)(?::([^{}]*))?\}|[{}]/g

/**
 * Reads a template; `{{` and `}}` stand for a brace.
 *
 * @throws {SyntaxError} where a brace is neither a placeholder nor doubled
 */
export function parseTemplate(source: string): Template {
  const parts: (string | Placeholder)[] = []
  let literal = ''
  let end = 0
  for (const match of source.matchAll(TOKEN)) {
    const [all, name, argument = ''] = match
    literal += source.slice(end, match.index)
    end = match.index + all.length
    if (all === '{{' || all === '}}') {
      literal += all[0]
    } else if (name === undefined) {
      throw new SyntaxError(`a brace that stands for itself is written twice: ${all}${all}`)
    } else {
      if (literal !== '') parts.push(literal)
      literal = ''
      parts.push({ name, argument })
    }
  }
  literal += source.slice(end)
  if (literal !== '') parts.push(literal)
  return parts
}

/** What is wrong with a template in its place, as what would be right; undefined: nothing. */
export function templateMistake(source: string, scope: Scope): string | undefined {
  let template: Template
  try {
    template = parseTemplate(source)
  } catch (error) {
    return `a text with placeholders; ${(error as Error).message}`
  }
  for (const part of template) {
    if (typeof part === 'string') continue
    const mistake = placeholderMistake(part, scope)
    if (mistake !== undefined) return mistake
  }
  return undefined
}

function placeholderMistake({ name, argument }: Placeholder, scope: Scope): string | undefined {
  const rule = Object.hasOwn(RULES, name) ? RULES[name] : undefined
  if (!rule?.scopes.includes(scope)) {
    const known = Object.keys(RULES).filter((each) => RULES[each]?.scopes.includes(scope))
    return `placeholders that stand for something here: ${known.join(', ')}; {${name}} does not`
  }
  if (rule.argument === 'time') return timeFormMistake(argument)
  if (rule.argument.test(argument)) return undefined
  return `what docs/generic-http.md says of {${name}}; "${argument}" is not an argument of it`
}

/** The placeholders of a template with that name. */
export function placeholdersOf(template: Template, name: string): Placeholder[] {
  return template.filter((part): part is Placeholder => {
    return typeof part !== 'string' && part.name === name
  })
}

/** A template with its values, each escaped for the place; lists and objects are written as JSON. */
export function rendered(
  template: Template,
  values: Values,
  escaped: (value: string) => string = (value) => value,
): string {
  return template
    .map((part) => (typeof part === 'string' ? part : escaped(textOfValue(values(part)))))
    .join('')
}

/** A template as a member of JSON: one placeholder alone keeps its type, so that it can be a number, a list or an object. */
export function renderedValue(template: Template, values: Values): unknown {
  const [only] = template
  if (template.length !== 1 || only === undefined || typeof only === 'string') {
    return rendered(template, values)
  }
  return values(only) ?? ''
}

/** Values as they stand in texts: lists and objects as JSON. */
export function textOfValue(value: unknown): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
