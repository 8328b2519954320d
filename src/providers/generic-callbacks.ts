import { callbackForm, callbackQuery } from './callback-body.ts'
import { isSame } from './digests.ts'
import { documentOf, optionalSource } from './generic-answer.ts'
import type { CallbacksSettings } from './generic-report-settings.ts'
import { itemsIn, type ReportReader } from './generic-reports.ts'
import { signatureBy } from './generic-signature.ts'
import { type Document, textIn } from './generic-source.ts'
import { parseTemplate, rendered, type Values } from './generic-template.ts'
import { readTime } from './generic-time.ts'
import {
  type CallbackCheck,
  type CallbackRequest,
  type Callbacks,
  type ProviderInbound,
  type ProviderReceipt,
  type ProviderReports,
  UnreadableCallbackError,
} from './provider.ts'

/** Who reads what comes; undefined: it is not told. */
export interface Readers {
  readonly receipts: ReportReader<ProviderReceipt> | undefined
  readonly inbound: ReportReader<ProviderInbound> | undefined
}

/** What the settings make of callbacks. */
export function genericCallbacks(
  settings: CallbacksSettings,
  credentials: ReadonlyMap<string, string>,
  zone: string,
  readers: Readers,
): Callbacks {
  const check = settings.checks.length > 0 ? checker(settings, credentials, zone) : undefined
  const [inside, items] = [settings.inside, settings.items].map(optionalSource)
  return {
    ...(settings.signed_at === undefined ? {} : { maxAgeSeconds: settings.max_age_seconds }),
    ...(check ? { check } : {}),
    read: (request) => {
      const reports: { receipts: ProviderReceipt[]; inbound: ProviderInbound[] } = {
        receipts: [],
        inbound: [],
      }
      if (echoOf(settings, request) !== undefined) return reports
      const outer = documentIn(settings.format, request)
      const inner = inside === undefined ? outer : documentOf(textIn(inside, outer) ?? '')
      if (inner.value === undefined) throw new UnreadableCallbackError('it is no JSON')
      for (const item of itemsIn(inner, items)) {
        if (isFor('delivery', readers.receipts, request, outer, item)) {
          reports.receipts.push(readers.receipts.read(item))
        } else if (isFor('mo', readers.inbound, request, outer, item)) {
          reports.inbound.push(readers.inbound.read(item))
        }
      }
      return reports satisfies ProviderReports
    },
    answer: (request) => {
      const echo = echoOf(settings, request)
      if (echo !== undefined) return { status: 200, contentType: 'text/plain', body: echo }
      const { http_status, content_type, body } =
        (request.kind === 'mo' ? settings.mo_answer : undefined) ?? settings.answer
      const contentType = body === '' && http_status === 204 ? null : content_type
      return { status: http_status, contentType, body }
    },
  }
}

function isFor<T>(
  kind: CallbackRequest['kind'],
  reader: ReportReader<T> | undefined,
  request: CallbackRequest,
  outer: Document,
  item: Document,
): reader is ReportReader<T> {
  if (!reader) return false
  // A word that tells the kind may stand beside what is told, or in it.
  return reader.isOne ? reader.isOne(item) || reader.isOne(outer) : request.kind === kind
}

/** What proves that an address is ours, as the provider asks for it. */
function echoOf({ echo }: CallbacksSettings, request: CallbackRequest): string | undefined {
  if (echo === undefined || request.method !== 'GET') return undefined
  const value = callbackQuery(request).get(echo)
  return value !== null && /^[\w.-]{1,128}$/.test(value) ? value : undefined
}

function documentIn(format: CallbacksSettings['format'], request: CallbackRequest): Document {
  const text = request.body.toString('utf8')
  if (format === 'json') return documentOf(text)
  const fields = format === 'form' ? callbackForm(request) : callbackQuery(request)
  return { text, value: Object.fromEntries(fields) }
}

function checker(
  settings: CallbacksSettings,
  credentials: ReadonlyMap<string, string>,
  zone: string,
): (request: CallbackRequest) => CallbackCheck {
  const checks = settings.checks.map(({ place, name, expected }) => ({
    place,
    name,
    expected: parseTemplate(expected),
  }))
  const sign = settings.signature && signatureBy(settings.signature)
  const [signedAt, nonce] = [settings.signed_at, settings.nonce].map(optionalSource)
  return (request) => {
    if (echoOf(settings, request) !== undefined) {
      return { isGenuine: true, signedAt: null, nonce: null }
    }
    const fieldIn = (place: string, name: string): string | undefined => {
      if (place === 'header') return request.headers[name.toLowerCase()]
      const fields = place === 'form' ? callbackForm(request) : callbackQuery(request)
      return fields.get(name) ?? undefined
    }
    const known: Values = ({ name, argument }) => {
      if (name === 'credential') return credentials.get(argument)
      if (name === 'body') return request.body.toString('utf8')
      if (name === 'url') return request.url
      return fieldIn(name, argument)
    }
    const fields = settings.format === 'query' ? callbackQuery(request) : callbackForm(request)
    const values: Values = (placeholder) => {
      if (placeholder.name !== 'signature') return known(placeholder)
      // What is compared with the signature cannot be part of it.
      const shown = new Set(checks.map(({ name }) => name))
      return sign?.(
        [...fields].filter(([name]) => !shown.has(name)),
        known,
      )
    }
    for (const { place, name, expected } of checks) {
      const given = fieldIn(place, name)
      if (given === undefined) return { isGenuine: false, reason: `no ${place} "${name}"` }
      const wanted = rendered(expected, values)
      if (wanted === '' || !isSame(given, wanted)) {
        return { isGenuine: false, reason: `${place} "${name}" is another one` }
      }
    }
    const document = { text: '', value: { ...Object.fromEntries(fields), header: request.headers } }
    const at = readTime(textIn(signedAt, document) ?? '', settings.signed_at_form, zone)
    if (signedAt !== undefined && at === null) {
      return { isGenuine: false, reason: `${settings.signed_at} is no time` }
    }
    const once = textIn(nonce, document) ?? null
    if (nonce !== undefined && !once) {
      return { isGenuine: false, reason: `no ${settings.nonce}` }
    }
    return { isGenuine: true, signedAt: at, nonce: once }
  }
}
