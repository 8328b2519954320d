import type { SuccessSettings } from './generic-call-settings.ts'
import type { NumberForm } from './generic-numbers.ts'
import { readNumber } from './generic-numbers.ts'
import type { AnswerSettings } from './generic-settings.ts'
import { type Document, parseSource, type Source, textIn, valueIn } from './generic-source.ts'
import type { HttpResponse } from './http-call.ts'
import { parseJson, UnreadableAnswerError } from './json.ts'
import { allRefused, type ProviderMessage, type SendResult, sharedKey } from './provider.ts'
import type { RawError } from './provider-error.ts'

/** An answer as sources look at it: its text, and its JSON where it has some. */
export function documentOf(text: string): Document {
  try {
    return { text, value: parseJson(text) }
  } catch {
    return { text, value: undefined }
  }
}

/** Reads a {@link Source} that may be left out. */
export function optionalSource(written: string | undefined): Source | undefined {
  return written === undefined ? undefined : parseSource(written)
}

/** Whether an answer is a success: `unclear` where what tells it is missing. */
export function successBy(
  settings: SuccessSettings | undefined,
): (document: Document) => 'success' | 'refusal' | 'unclear' {
  if (!settings) return () => 'success'
  const source = parseSource(settings.source)
  const words = settings.is
  return (document) => {
    const value = textIn(source, document)
    if (value === undefined) {
      return words === undefined && valueIn(source, document) !== undefined ? 'success' : 'unclear'
    }
    return words === undefined || words.includes(value) ? 'success' : 'refusal'
  }
}

/** Reads statuses such as `200,202` or `200-299`. */
export function statusesIn(written: string): (status: number) => boolean {
  const ranges = written.split(',').map((range) => range.split('-').map(Number))
  return (status) => ranges.some(([from = 0, to = from]) => status >= from && status <= to)
}

/** How answers to what sends are read. */
export interface AnswerReader {
  results(response: HttpResponse, messages: readonly ProviderMessage[]): readonly SendResult[]
  /** The refusal in an answer; undefined where it is none. */
  refusal(response: HttpResponse): RawError | undefined
}

/** What the settings of answers make of them. */
export function answerReader(settings: AnswerSettings, numbers: NumberForm): AnswerReader {
  const isGoodStatus = statusesIn(settings.http_statuses)
  const success = successBy(settings.success)
  const itemSuccess = settings.result_success && successBy(settings.result_success)
  const [id, code, message, results, resultTo] = [
    settings.id,
    settings.code,
    settings.message,
    settings.results,
    settings.result_to,
  ].map(optionalSource)

  const errorIn = (document: Document, httpStatus: number): RawError => ({
    code: textIn(code, document) ?? '',
    text: textIn(message, document) ?? '',
    httpStatus,
  })

  /** What an answer says of all that it is about. */
  const outcomeOf = (document: Document, status: number): 'taken' | RawError => {
    const verdict = success(document)
    const hasProof = settings.success || id === undefined || textIn(id, document) !== undefined
    if (isGoodStatus(status) && verdict === 'success' && hasProof) return 'taken'
    const error = errorIn(document, status)
    if (error.code !== '' || verdict === 'refusal') return error
    // HTTP says that nothing was done; 408 does not know.
    if (status >= 400 && status < 500 && status !== 408) return error
    throw new UnreadableAnswerError(`HTTP ${status} without what tells success or a refusal`)
  }

  /** What a result in a list says of its message. */
  const itemOutcome = (item: Document, status: number): 'taken' | RawError => {
    const verdict = itemSuccess?.(item) ?? (textIn(id, item) ? 'success' : 'unclear')
    if (verdict === 'success') return 'taken'
    const error = errorIn(item, status)
    if (error.code !== '' || verdict === 'refusal') return error
    throw new UnreadableAnswerError('a result without what tells success or a refusal')
  }

  const taken = (document: Document, one: ProviderMessage): SendResult => {
    const providerId = id === undefined ? one.id : textIn(id, document)
    if (providerId === undefined || providerId === '') {
      throw new UnreadableAnswerError('a success without an id')
    }
    const matchKey = settings.id_of === 'call' ? sharedKey(providerId, one.to) : providerId
    return { kind: 'accepted', providerId, matchKey }
  }

  const perMessage = (
    list: readonly unknown[],
    messages: readonly ProviderMessage[],
    status: number,
  ): SendResult[] => {
    const left = list.map((value) => ({ text: '', value }))
    return messages.map((one, index) => {
      const place =
        resultTo === undefined
          ? index
          : left.findIndex((each) => readNumber(textIn(resultTo, each) ?? '', numbers) === one.to)
      const found = left[place]
      if (!found) throw new UnreadableAnswerError('an answer that leaves a message out')
      if (resultTo !== undefined) left.splice(place, 1)
      const outcome = itemOutcome(found, status)
      return outcome === 'taken' ? taken(found, one) : { kind: 'refused', ...outcome }
    })
  }

  return {
    refusal: (response) => {
      const outcome = outcomeOf(documentOf(response.body), response.status)
      return outcome === 'taken' ? undefined : outcome
    },
    results: (response, messages) => {
      const document = documentOf(response.body)
      const list = valueIn(results, document)
      if (Array.isArray(list) && list.length > 0 && isGoodStatus(response.status)) {
        return perMessage(list, messages, response.status)
      }
      const outcome = outcomeOf(document, response.status)
      if (outcome !== 'taken') return allRefused(messages, outcome)
      if (results) throw new UnreadableAnswerError('a success without the list of results')
      return messages.map((one) => taken(document, one))
    },
  }
}
