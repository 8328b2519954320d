import { z } from 'zod'
import { FAILURE_CODES } from '../core/failure-code.ts'
import {
  choice,
  flag,
  integer,
  mapping,
  optionalInteger,
  optionalText,
  requiredText,
  setting,
  text,
} from '../settings/field.ts'
import { requiredEndpoint, secret } from './endpoint.ts'
import { authSettings, requestShape, successSettings } from './generic-call-settings.ts'
import {
  mappingWithDefaults,
  optionalList,
  optionalMapping,
  path,
  requiredSource,
  source,
  words,
} from './generic-fields.ts'
import { callbacksSettings, inboundSettings, receiptsSettings } from './generic-report-settings.ts'
import { PROVIDER_ERROR_TYPES } from './provider-error.ts'

const NAME = /^[A-Za-z0-9_.-]{1,64}$/
const NAME_ALLOWED = '1 to 64 letters, digits, "_", "." or "-"'
const LIST = /^\d{3}(-\d{3})?(,\d{3}(-\d{3})?)*$/

const answer = mapping({
  http_statuses: text(LIST, 'HTTP statuses such as "200,201" or "200-299"', '200-299', {
    about: 'HTTP statuses of success.',
  }),
  success: optionalMapping(
    successSettings,
    'What else success takes; without it that there is an id.',
  ),
  id: source("The provider's id; without it ours counts."),
  id_of: choice(['message', 'call'], 'message', {
    about:
      'Whether an id is of one message, or of all of a call: then receipts are found by id and number.',
  }),
  code: source('The code of a refusal.'),
  message: source('The words of a refusal.'),
  results: path('A list with a result for each message.'),
  result_success: optionalMapping(
    successSettings,
    'What success of a result takes; without it that it has an id.',
  ),
  result_to: path(
    'The number in a result, found by it; without it results are in the order of the messages.',
  ),
})

const error = mapping({
  codes: words('Codes of the provider.'),
  type: choice(PROVIDER_ERROR_TYPES, 'provider', { about: 'What they stand for.' }),
  retryable: flag(false, {
    about: 'Whether the same call to the same account may succeed later.',
  }),
  failure: setting(z.enum(FAILURE_CODES, { error: 'a code of errors.md' }).optional(), {
    about: 'What it is for us, where that says more than the type.',
    allowed: 'a code of errors.md',
    defaultText: 'none',
  }),
})

/** What the generic provider is set with; docs/generic-http.md describes it by example. */
export const genericSettings = mapping({
  endpoint: requiredEndpoint('Where the provider is called.'),
  channel: choice(['sms', 'wecom', 'dingtalk', 'webhook'], 'sms', {
    about:
      'By which way it brings messages; recipients of others than sms are written as they are.',
  }),
  takes: choice(['text', 'template', 'either'], 'text', {
    about: 'What it sends: texts, approved templates, or both.',
  }),
  counts: choice(['by_alphabet', 'as_ucs2'], 'by_alphabet', {
    about: 'How it counts segments: by the alphabet, or as if all were UCS-2.',
  }),
  counts_sign: flag(false, { about: 'Count the signature name in `【】` before the text.' }),
  max_characters: optionalInteger(1, 10_000, { about: 'Longest text.', unit: 'UTF-16 units' }),
  credentials: optionalList(
    mapping({
      name: requiredText(NAME, NAME_ALLOWED, { about: 'As {credential:name} has it.' }),
      secret: secret('What it stands for.'),
    }),
    'Keys, passwords and accounts that templates may name.',
  ),
  time_zone: setting(
    z
      .string({ error: 'a time zone such as Asia/Shanghai' })
      .refine(isTimeZone, { error: 'a time zone such as Asia/Shanghai' })
      .default('UTC'),
    {
      about: 'Zone of times that are written as a pattern.',
      allowed: 'a time zone such as Asia/Shanghai',
      defaultText: 'UTC',
      isText: true,
    },
  ),
  number_format: choice(['e164', 'plain', '00', 'national'], 'e164', {
    about:
      'How numbers are written: with +, without, with 00, or those of one country without its code.',
  }),
  national_code: optionalText(/^[1-9]\d{0,2}$/, 'a country code such as "86"', {
    about: 'The country of `national`.',
  }),
  national_digits: optionalInteger(4, 14, {
    about: 'How many digits a number of it has without country code.',
  }),
  foreign_prefix: choice(['', '+', '00'], '', {
    about: 'What stands before numbers of other countries with `national`.',
  }),
  batch_max: integer(1, 10_000, 1, { about: 'Most messages of a call.', unit: 'messages' }),
  batch_by: choice(['content', 'template'], 'content', {
    about: 'What the messages of a call have in common: all but the number, or the template only.',
  }),
  batch_separator: text(/^[^\p{Cc}]{1,4}$/u, '1 to 4 characters', ',', {
    about: 'Stands between numbers where {to} stands for several.',
  }),
  auth: mappingWithDefaults(authSettings, 'What all calls show.'),
  send: setting(mapping(requestShape('message')), {
    about: 'The call that sends.',
    allowed: 'a mapping',
    defaultText: 'required',
  }),
  send_template: optionalMapping(
    mapping(requestShape('message')),
    'The call that sends templates, where it is another one.',
  ),
  answer: mappingWithDefaults(answer, 'What both answer.'),
  errors: optionalList(error, 'What codes stand for; others go by the HTTP status.'),
  callbacks: optionalMapping(callbacksSettings, 'What the provider tells by itself.'),
  receipts: optionalMapping(receiptsSettings, 'How receipts are told.'),
  inbound: optionalMapping(inboundSettings, 'How messages of handsets are told.'),
  balance: optionalMapping(
    mapping({
      ...requestShape('call'),
      amount: requiredSource('What is left.'),
      unit: text(/^[^\p{Cc}]{0,16}$/u, 'up to 16 characters', '', {
        about: 'Of what: a currency, or `messages`.',
      }),
    }),
    'The call that says what is left.',
  ),
})

/** What {@link genericSettings} gives. */
export type GenericSettings = z.output<typeof genericSettings>

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

/** What {@link answerSettings} gives. */
export type AnswerSettings = GenericSettings['answer']
