import { documentOf, optionalSource, statusesIn, successBy } from './generic-answer.ts'
import { type NumberForm, readNumber } from './generic-numbers.ts'
import type { InboundSettings, PullSettings, ReceiptsSettings } from './generic-report-settings.ts'
import { type Document, parseSource, textIn, valueIn } from './generic-source.ts'
import { readTime } from './generic-time.ts'
import type { HttpRequest, HttpResponse } from './http-call.ts'
import { UnreadableAnswerError } from './json.ts'
import {
  type Call,
  type ProviderInbound,
  type ProviderReceipt,
  type ProviderReports,
  type Pull,
  sharedKey,
  UnreadableCallbackError,
} from './provider.ts'
import { type ErrorTable, errorInfo } from './provider-error.ts'

/** What reports are read with, beside their own settings. */
export interface Reading {
  readonly numbers: NumberForm
  readonly zone: string
  /** Whether one id is of all messages of a call. */
  readonly isIdShared: boolean
  readonly errors: ErrorTable
}

/** Reads one kind of report, or says that something is none of it. */
export interface ReportReader<T> {
  /** Undefined where nothing but the address tells. */
  readonly isOne: ((item: Document) => boolean) | undefined
  /** @throws {UnreadableCallbackError} where a field is missing */
  read(item: Document): T
}

/** Reads receipts. */
export function receiptReader(
  settings: ReceiptsSettings,
  { numbers, zone, isIdShared, errors }: Reading,
): ReportReader<ProviderReceipt> {
  const id = parseSource(settings.id)
  const state = parseSource(settings.state)
  const [to, code, text, at] = [settings.to, settings.code, settings.text, settings.at].map(
    optionalSource,
  )
  return {
    isOne: conditionOf(settings.when),
    read: (item) => {
      const providerId = textIn(id, item) ?? ''
      const word = textIn(state, item) ?? ''
      if (providerId === '' || word === '') {
        throw new UnreadableCallbackError(`no ${settings.id} or ${settings.state}`)
      }
      const number = readNumber(textIn(to, item) ?? '', numbers)
      const told = textIn(code, item) || word
      const row = Object.hasOwn(errors, told) ? errors[told] : undefined
      const status = Object.hasOwn(settings.states, word) ? settings.states[word] : undefined
      return {
        providerId,
        matchKey: isIdShared && number !== null ? sharedKey(providerId, number) : providerId,
        to: number,
        status: status ?? settings.other_states,
        code: told,
        failure: row ? errorInfo(row).failure : null,
        text: textIn(text, item) ?? '',
        at: readTime(textIn(at, item) ?? '', settings.time_form, zone),
      }
    },
  }
}

/** Reads messages of handsets. */
export function inboundReader(
  settings: InboundSettings,
  { numbers, zone }: Reading,
): ReportReader<ProviderInbound> {
  const from = parseSource(settings.from)
  const text = parseSource(settings.text)
  const [id, to, at] = [settings.id, settings.to, settings.at].map(optionalSource)
  return {
    isOne: conditionOf(settings.when),
    read: (item) => {
      const sender = textIn(from, item) ?? ''
      if (sender === '') throw new UnreadableCallbackError(`no ${settings.from}`)
      return {
        id: textIn(id, item) || null,
        from: readNumber(sender, numbers) ?? sender,
        to: textIn(to, item) ?? '',
        text: textIn(text, item) ?? '',
        at: readTime(textIn(at, item) ?? '', settings.time_form, zone),
      }
    },
  }
}

/** A call that fetches one kind of report. */
export function pullOf<T>(
  name: Pull['name'],
  settings: PullSettings,
  request: (call: Call) => HttpRequest,
  reader: ReportReader<T>,
): Pull {
  const success = successBy(settings.success)
  const isGoodStatus = statusesIn('200-299')
  return {
    name,
    request,
    read: (response: HttpResponse) => {
      const document = documentOf(response.body)
      if (!isGoodStatus(response.status) || success(document) !== 'success') {
        throw new UnreadableAnswerError(`HTTP ${response.status}: nothing is handed out`)
      }
      const items = itemsIn(document, optionalSource(settings.items))
      const isMore = items.length > 0 && items.length >= (settings.page_size ?? 1)
      const reports = items.map((item) => reader.read(item))
      return { ...reportsAs(name, reports), isMore }
    },
  }
}

/** The reports in a document: those of a list, or the one that it is. */
export function itemsIn(
  document: Document,
  source: ReturnType<typeof optionalSource>,
): readonly Document[] {
  const value = source === undefined ? document.value : valueIn(source, document)
  if (value === undefined || value === null || value === '') return []
  const items: readonly unknown[] = Array.isArray(value) ? value : [value]
  return items.map((value) => ({ text: '', value }))
}

function reportsAs(name: Pull['name'], reports: readonly unknown[]): ProviderReports {
  return name === 'receipts'
    ? { receipts: reports as ProviderReceipt[], inbound: [] }
    : { receipts: [], inbound: reports as ProviderInbound[] }
}

function conditionOf(when: ReceiptsSettings['when']) {
  if (!when) return undefined
  const source = parseSource(when.source)
  return (item: Document) => when.is.includes(textIn(source, item) ?? '')
}
