import { z } from 'zod'
import {
  choice,
  integer,
  mapping,
  optionalInteger,
  optionalText,
  requiredText,
  setting,
  text,
} from '../settings/field.ts'
import { requestShape, signatureSettings, successSettings } from './generic-call-settings.ts'
import {
  mappingWithDefaults,
  optionalList,
  optionalMapping,
  path,
  requiredPath,
  requiredTemplate,
  templates,
  timeForm,
  words,
} from './generic-fields.ts'

const NAME = /^[A-Za-z0-9_.-]{1,64}$/
const NAME_ALLOWED = '1 to 64 letters, digits, "_", "." or "-"'
const STATES = 'a mapping of words to delivered, failed or pending'

/** The same recipe for what the provider signs, with what only callbacks have. */
const callbackSignature = mapping({
  ...signatureSettings.shape,
  signed_text: requiredTemplate(
    'received',
    'What is hashed, its parts in order; {sorted} stands for the fields of the form by name.',
  ),
  sorted_with: templates('received', 'Further fields of {sorted}.'),
})

const condition = mapping({
  source: requiredPath('What tells which ones.'),
  is: words('Values that it may have.'),
})

const pull = mapping({
  ...requestShape('call'),
  success: optionalMapping(successSettings, 'What success takes beside the HTTP status 2xx.'),
  items: path('The list; without it the answer is the list.'),
  page_size: optionalInteger(1, 10_000, {
    about: 'How many come at most: as many mean that there may be others. Without it, any do.',
  }),
})

/** How receipts are told, by callback or by a call. */
export const receiptsSettings = mapping({
  when: optionalMapping(
    condition,
    'Which callbacks are receipts; without it those to `/delivery`.',
  ),
  id: requiredPath("The provider's id."),
  to: path('The number.'),
  state: requiredPath('What became of it.'),
  states: setting(
    z
      .record(z.string(), z.enum(['delivered', 'failed', 'pending'], { error: STATES }), {
        error: STATES,
      })
      .default({ DELIVRD: 'delivered', ACCEPTD: 'pending', ENROUTE: 'pending' }),
    {
      about: 'What its words stand for.',
      allowed: STATES,
      defaultText: '{ DELIVRD: delivered, ACCEPTD: pending, ENROUTE: pending }',
    },
  ),
  other_states: choice(['failed', 'pending'], 'failed', { about: 'What all other words mean.' }),
  code: path('The code of a failure; without it the word counts.'),
  text: path('Words about it.'),
  at: path('When it was.'),
  time_form: timeForm('iso', 'How that is written.'),
  pull: optionalMapping(pull, 'The call that fetches receipts.'),
})

/** How messages of handsets are told, by callback or by a call. */
export const inboundSettings = mapping({
  when: optionalMapping(
    condition,
    'Which callbacks are messages of handsets; without it those to `/mo`.',
  ),
  id: path("The provider's id."),
  from: requiredPath('Who has sent it.'),
  to: path('Where it was sent to.'),
  text: requiredPath('What it says.'),
  at: path('When it was.'),
  time_form: timeForm('iso', 'How that is written.'),
  pull: optionalMapping(pull, 'The call that fetches messages of handsets.'),
})

const reply = {
  http_status: integer(200, 299, 200, { about: 'HTTP status of our answer.' }),
  content_type: text(/^[\x20-\x7e]{0,128}$/, 'a content type', 'text/plain', {
    about: 'Content type of our answer.',
  }),
  body: text(/^[\s\S]{0,1000}$/, 'up to 1000 characters', '', { about: 'Body of our answer.' }),
}

const check = mapping({
  place: choice(['header', 'query', 'form'], 'header', { about: 'Where the provider shows it.' }),
  name: requiredText(NAME, NAME_ALLOWED, { about: 'Name of the header or field.' }),
  expected: requiredTemplate('callback', 'What it has to be, such as {signature} or a credential.'),
})

/** What the provider tells by itself, and how it is known. */
export const callbacksSettings = mapping({
  format: choice(['json', 'form', 'query'], 'json', { about: 'How the provider tells it.' }),
  inside: path('The field whose text is JSON that has it.'),
  items: path('The list in it; without it all of it, an object or a list.'),
  checks: optionalList(
    check,
    'What the provider has to show; all of it. Without any only the address is secret.',
  ),
  signature: optionalMapping(callbackSignature, 'What {signature} stands for in `checks`.'),
  signed_at: path('When it was signed: in its fields, or with `header.` before a name.'),
  signed_at_form: timeForm('unix', 'How that is written.'),
  nonce: path('What the provider uses once: in its fields, or with `header.` before a name.'),
  max_age_seconds: integer(1, 172_800, 300, {
    about: 'How long after `signed_at` it is taken.',
    unit: 'seconds',
  }),
  echo: optionalText(NAME, NAME_ALLOWED, {
    about:
      'A field of a GET that is answered as it is: the provider asks for it to know the address.',
  }),
  answer: mappingWithDefaults(mapping(reply), 'What callbacks are answered with.'),
  mo_answer: optionalMapping(mapping(reply), 'What those to `/mo` are answered with instead.'),
})

/** What {@link receiptsSettings} gives. */
export type ReceiptsSettings = z.output<typeof receiptsSettings>
/** What {@link inboundSettings} gives. */
export type InboundSettings = z.output<typeof inboundSettings>
/** What {@link callbacksSettings} gives. */
export type CallbacksSettings = z.output<typeof callbacksSettings>
/** The call that fetches reports. */
export type PullSettings = z.output<typeof pull>
