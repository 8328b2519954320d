import type { RequestSettings } from './generic-call-settings.ts'
import type { GenericSettings } from './generic-settings.ts'

/** What is wrong with settings that are right each for itself; the message is what would be right. */
export interface SettingsMistake {
  readonly path: readonly (string | number)[]
  readonly message: string
}

/** Mistakes of settings that have to fit each other. */
export function genericMistakes(settings: GenericSettings): SettingsMistake[] {
  return [
    ...nameMistakes(settings),
    ...requestsOf(settings).flatMap(([path, request]) => bodyMistakes(path, request)),
    ...batchMistakes(settings),
    ...reportMistakes(settings),
  ]
}

function requestsOf(settings: GenericSettings): (readonly [string[], RequestSettings])[] {
  const { send, send_template, balance, receipts, inbound } = settings
  const all: [string[], RequestSettings | undefined][] = [
    [['send'], send],
    [['send_template'], send_template],
    [['balance'], balance],
    [['receipts', 'pull'], receipts?.pull],
    [['inbound', 'pull'], inbound?.pull],
  ]
  return all.flatMap(([path, request]) => (request ? [[path, request] as const] : []))
}

const NAMED = /\{(credential|encoded|signature|token)(?::([^{}]*))?\}/g

/** Templates may name what is described elsewhere in the settings. */
function nameMistakes(settings: GenericSettings): SettingsMistake[] {
  const credentials = new Set(settings.credentials.map(({ name }) => name))
  const { credentials: _secrets, ...others } = settings
  return textsIn(others, []).flatMap(({ path, text }) => {
    return [...text.matchAll(NAMED)].flatMap(([, name, argument = '']) => {
      const message = (() => {
        if (name === 'credential' && !credentials.has(argument)) {
          return `a name of credentials: ${[...credentials].join(', ') || 'there are none'}`
        }
        if (name === 'encoded' && !Object.hasOwn(settings.auth.encoded, argument)) {
          return 'a name of auth.encoded'
        }
        if (name === 'token' && !settings.auth.oauth2) return '{token} with auth.oauth2'
        if (name !== 'signature') return undefined
        const section = path[0] === 'callbacks' ? settings.callbacks : settings.auth
        return section?.signature ? undefined : `{signature} with ${path[0]}.signature`
      })()
      return message === undefined ? [] : [{ path, message }]
    })
  })
}

function textsIn(
  value: unknown,
  path: readonly (string | number)[],
): { readonly path: readonly (string | number)[]; readonly text: string }[] {
  if (typeof value === 'string') return [{ path, text: value }]
  if (Array.isArray(value)) return value.flatMap((item, index) => textsIn(item, [...path, index]))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, member]) => textsIn(member, [...path, key]))
}

function bodyMistakes(path: readonly string[], request: RequestSettings): SettingsMistake[] {
  const bodies = [request.json !== undefined, request.raw !== undefined, hasForm(request)]
  const count = bodies.filter(Boolean).length
  if (count > 1) return [{ path, message: 'one of form, json and raw' }]
  if (count === 1 && request.method === 'GET') {
    return [{ path: [...path, 'method'], message: 'POST or PUT with a body' }]
  }
  return []
}

function hasForm({ form }: RequestSettings): boolean {
  return Object.keys(form).length > 0
}

function batchMistakes(settings: GenericSettings): SettingsMistake[] {
  const { batch_max: most, batch_by: by, answer, send, send_template } = settings
  const mistakes: SettingsMistake[] = []
  if (most > 1 && !answer.results && answer.id_of === 'message') {
    const message = '1, or answer.results, or answer.id_of: call'
    mistakes.push({ path: ['batch_max'], message })
  }
  const differing = settings.takes === 'text' ? send : (send_template ?? send)
  if (by === 'template' && !differing.json?.includes('"{each}"')) {
    mistakes.push({ path: ['batch_by'], message: 'content, or {"{each}": …} in the JSON' })
  }
  if (answer.results && !answer.id && !answer.result_success) {
    mistakes.push({
      path: ['answer', 'results'],
      message: 'with answer.id or answer.result_success',
    })
  }
  if (answer.results) {
    const sources = { id: answer.id, code: answer.code, message: answer.message }
    for (const [name, source] of Object.entries(sources)) {
      // Each result would be searched anew.
      if (source?.startsWith('/')) {
        mistakes.push({ path: ['answer', name], message: 'a path, with answer.results' })
      }
    }
  }
  if (settings.number_format === 'national') {
    const { national_code: code, national_digits: digits } = settings
    if (code === undefined || digits === undefined) {
      const message = 'national with national_code and national_digits'
      mistakes.push({ path: ['number_format'], message })
    }
  }
  return mistakes
}

function reportMistakes({ callbacks, receipts, inbound }: GenericSettings): SettingsMistake[] {
  const mistakes: SettingsMistake[] = []
  if (callbacks && !receipts && !inbound) {
    mistakes.push({ path: ['callbacks'], message: 'with receipts or inbound, which they tell' })
  }
  if (callbacks?.checks.length === 0) {
    for (const name of ['signed_at', 'nonce', 'signature'] as const) {
      if (callbacks[name] === undefined) continue
      mistakes.push({ path: ['callbacks', name], message: `${name} with callbacks.checks` })
    }
  }
  for (const [name, reports] of Object.entries({ receipts, inbound })) {
    if (reports && !reports.pull && !callbacks) {
      mistakes.push({ path: [name], message: `with callbacks or ${name}.pull, which tell them` })
    }
  }
  return mistakes
}
