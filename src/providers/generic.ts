import { answerReader, documentOf } from './generic-answer.ts'
import type { RequestSettings } from './generic-call-settings.ts'
import { genericCallbacks } from './generic-callbacks.ts'
import { genericMistakes } from './generic-mistakes.ts'
import { oauth2Token } from './generic-oauth2.ts'
import { inboundReader, pullOf, type Reading, receiptReader } from './generic-reports.ts'
import { requestMaker } from './generic-request.ts'
import { type GenericSettings, genericSettings } from './generic-settings.ts'
import { parseSource, textIn } from './generic-source.ts'
import { callValues, messageValues, writingOf } from './generic-values.ts'
import { UnreadableAnswerError } from './json.ts'
import {
  type Call,
  defineProvider,
  equalMessages,
  type ProviderAccount,
  type ProviderMessage,
} from './provider.ts'
import { classifyError, type ErrorRow, type ErrorTable } from './provider-error.ts'

/**
 * A provider that is described by configuration alone: its calls, what it answers, what it tells by itself.
 *
 * Nothing of the configuration is ever run as code: templates have a fixed set of placeholders, and regular
 * expressions are bounded (see `generic-pattern.ts`).
 */
export const generic = defineProvider({
  name: 'generic',
  title: 'Generic HTTP',
  settings: genericSettings.superRefine((settings, context) => {
    for (const { path, message } of genericMistakes(settings)) {
      context.addIssue({ code: 'custom', path: [...path], message })
    }
  }),
  channel: 'sms',
  takes: 'either',
  counts: 'by_alphabet',
  countsSign: false,
  requestsPerSecond: 0,
  givesReceipts: true,
  errors: {},
  open: openAccount,
})

function openAccount(settings: GenericSettings): ProviderAccount {
  const { auth, endpoint, callbacks, receipts, inbound, balance } = settings
  const writing = writingOf(settings)
  const errors = errorTable(settings)
  const makerOf = (request: RequestSettings) => requestMaker(request, auth, endpoint)
  const send = makerOf(settings.send)
  const sendTemplate = settings.send_template ? makerOf(settings.send_template) : send
  const answers = answerReader(settings.answer, writing.numbers)
  const reading: Reading = {
    numbers: writing.numbers,
    zone: settings.time_zone,
    isIdShared: settings.answer.id_of === 'call',
    errors,
  }
  const readers = {
    receipts: receipts && receiptReader(receipts, reading),
    inbound: inbound && inboundReader(inbound, reading),
  }
  const caller = (request: RequestSettings) => {
    const make = makerOf(request)
    return (call: Call) => make(callValues(call, writing))
  }
  const pulls = [
    ...(receipts?.pull && readers.receipts
      ? [pullOf('receipts', receipts.pull, caller(receipts.pull), readers.receipts)]
      : []),
    ...(inbound?.pull && readers.inbound
      ? [pullOf('inbound', inbound.pull, caller(inbound.pull), readers.inbound)]
      : []),
  ]
  return {
    traits: {
      channel: settings.channel,
      takes: settings.takes,
      counts: settings.counts,
      countsSign: settings.counts_sign,
      givesReceipts: receipts !== undefined,
      ...(settings.max_characters === undefined ? {} : { maxCharacters: settings.max_characters }),
    },
    maxBatch: settings.batch_max,
    batchKey: (message) => batchKeyOf(settings, message),
    send: (messages, call) => {
      const make = messages[0]?.template ? sendTemplate : send
      const each = messages.map((message) => messageValues([message], call, writing))
      return make(messageValues(messages, call, writing), each)
    },
    readSend: (response, messages) => answers.results(response, messages),
    classify: (error) => classifyError(errors, error),
    ...(balance ? { balance: balanceOf(balance, caller(balance), answers.refusal) } : {}),
    ...(pulls.length > 0 ? { pulls } : {}),
    ...(auth.oauth2 ? { token: oauth2Token(auth.oauth2) } : {}),
    ...(callbacks
      ? {
          callbacks: genericCallbacks(callbacks, writing.credentials, settings.time_zone, readers),
        }
      : {}),
  }
}

function batchKeyOf({ batch_max, batch_by }: GenericSettings, message: ProviderMessage): string {
  if (batch_max === 1) return message.id
  if (batch_by === 'content' || !message.template) return equalMessages(message)
  return JSON.stringify([message.from, message.sign, { template: message.template.id }])
}

function balanceOf(
  settings: NonNullable<GenericSettings['balance']>,
  request: (call: Call) => ReturnType<ProviderAccount['send']>,
  refusal: ReturnType<typeof answerReader>['refusal'],
): NonNullable<ProviderAccount['balance']> {
  const amount = parseSource(settings.amount)
  return {
    request,
    read: (response) => {
      const left = textIn(amount, documentOf(response.body))
      if (left !== undefined) return { amount: left, unit: settings.unit }
      const error = refusal(response)
      if (!error) throw new UnreadableAnswerError(`a success without ${settings.amount}`)
      return error
    },
  }
}

function errorTable({ errors }: GenericSettings): ErrorTable {
  const rows = errors.flatMap(({ codes, type, retryable, failure }) => {
    const row: ErrorRow = failure === undefined ? [type, retryable] : [type, retryable, failure]
    return codes.map((code) => [code, row] as const)
  })
  return Object.fromEntries(rows)
}
