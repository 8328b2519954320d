import { FAILURE_CODES, isFailureCode } from '../core/failure-code.ts'
import { type Mistake, nearestKey, pathText } from './mistake.ts'
import { duplicates, type Item, mappingAt, places } from './written-items.ts'

/** What rules may name, and what alerts go to. */
export interface RuleSurroundings {
  readonly carriers: readonly string[]
  readonly tenants: readonly string[]
  /** The section `alerts`. */
  readonly alerts: Readonly<Record<string, unknown>>
}

/** The settings of each action; one that stands with another action would do nothing. */
const SETTINGS: Readonly<Record<string, readonly string[]>> = {
  retry: ['max', 'delay_seconds', 'backoff', 'max_delay_seconds'],
  switch_provider: ['delay_seconds', 'to'],
  fail: ['code'],
  alert: [],
  hold: [],
  policy: [],
}

const ALL_SETTINGS = [...new Set(Object.values(SETTINGS).flat())]

/** One of our codes in its form, and so a slip where it is none of them. */
const LIKE_OURS = /^[a-z_]{4,}$/

/** Finds names that are not there, and settings that do nothing. */
export function failureRuleMistakes(
  rules: readonly Item[],
  { carriers, tenants, alerts }: RuleSurroundings,
): Mistake[] {
  const mistakes = [...duplicates(places(rules, 'name'), 'name'), ...alertMistakes(alerts)]
  const isAlertHeard = alerts.webhook_url !== undefined || alerts.mail !== undefined
  for (const { path, value } of rules) {
    const match = mappingAt(value, ['match'])
    const at = (...more: PropertyKey[]) => pathText([...path, ...more])
    for (const [keys, list] of [
      [['match', 'carriers'], match.carriers],
      [['to'], value.to],
    ] as const) {
      mistakes.push(...unknownNames('carrier', list, carriers, (index) => at(...keys, index)))
    }
    mistakes.push(
      ...unknownNames('tenant', match.tenants, tenants, (i) => at('match', 'tenants', i)),
    )
    for (const [index, code] of textsOf(match.codes).entries()) {
      if (LIKE_OURS.test(code) && !isFailureCode(code)) {
        mistakes.push({ path: at('match', 'codes', index), message: unknownCode(code) })
      }
    }
    if (typeof value.code === 'string' && !isFailureCode(value.code)) {
      mistakes.push({ path: at('code'), message: unknownCode(value.code) })
    }
    for (const [index, text] of [match.attempts].flat().entries()) {
      const [from, to] = String(text).split('-').map(Number)
      if (from === undefined || to === undefined || from <= to) continue
      const place = Array.isArray(match.attempts) ? ['attempts', index] : ['attempts']
      const message = `"${String(text)}" ends before it begins; write "${to}-${from}"`
      mistakes.push({ path: at('match', ...place), message })
    }
    const { action } = value
    const known = typeof action === 'string' ? SETTINGS[action] : undefined
    if (known === undefined) continue
    for (const key of ALL_SETTINGS) {
      if (value[key] === undefined || known.includes(key)) continue
      const owners = Object.keys(SETTINGS).filter((name) => SETTINGS[name]?.includes(key))
      const message = `means nothing with ${String(action)}; it belongs to ${owners.join(', ')}`
      mistakes.push({ path: at(key), message })
    }
    if (action === 'alert' && !isAlertHeard) {
      const message = 'nobody would be told: alerts has neither webhook_url nor mail'
      mistakes.push({ path: at('action'), message })
    }
  }
  return mistakes
}

function alertMistakes(alerts: RuleSurroundings['alerts']): Mistake[] {
  return [...secretMistakes(alerts), ...wayMistakes(alerts)]
}

/** Ways that are named and not there. */
function wayMistakes(alerts: RuleSurroundings['alerts']): Mistake[] {
  const { webhook_url, mail } = alerts
  const isThere: Readonly<Record<string, boolean>> = {
    webhook: webhook_url !== undefined,
    mail: mail !== undefined,
  }
  return Object.entries(mappingAt(alerts, ['events'])).flatMap(([event, ways]) =>
    textsOf(ways).flatMap((way, index) => {
      if (isThere[way] !== false) return []
      const missing = way === 'webhook' ? 'webhook_url' : way
      const message = `nobody would be told: alerts has no ${missing}`
      return [{ path: pathText(['alerts', 'events', event, index]), message }]
    }),
  )
}

function secretMistakes({ webhook_url, webhook_secret }: RuleSurroundings['alerts']): Mistake[] {
  if ((webhook_url === undefined) === (webhook_secret === undefined)) return []
  const [there, missing] =
    webhook_url === undefined
      ? ['webhook_secret', 'webhook_url']
      : ['webhook_url', 'webhook_secret']
  return [{ path: `alerts.${missing}`, message: `is missing; alerts.${there} needs it` }]
}

function unknownNames(
  kind: string,
  list: unknown,
  known: readonly string[],
  placeOf: (index: number) => string,
): Mistake[] {
  return textsOf(list).flatMap((name, index) => {
    if (known.includes(name)) return []
    const allowed = known.length === 0 ? `the file has no ${kind}s` : `one of ${known.join(', ')}`
    const message = `there is no ${kind} ${JSON.stringify(name)}; allowed: ${allowed}`
    return [{ path: placeOf(index), message, isUnknownTenant: kind === 'tenant' }]
  })
}

function unknownCode(code: string): string {
  const near = nearestKey(code, FAILURE_CODES)
  const hint = near === undefined ? 'docs/errors.md lists them' : `did you mean ${near}?`
  return `there is no code ${JSON.stringify(code)}; ${hint}`
}

/** Nothing where an entry is no text: that mistake is told by the schema. */
function textsOf(list: unknown): readonly string[] {
  const isTexts = Array.isArray(list) && list.every((item) => typeof item === 'string')
  return isTexts ? list : []
}
