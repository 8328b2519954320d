import { choice, mapping, optionalText, requiredText } from '../settings/field.ts'
import { type HttpResponse, JSON_UTF8 } from './http-call.ts'
import { defineProvider, type ProviderMessage, type SendResult } from './provider.ts'
import { classifyError, type ErrorTable } from './provider-error.ts'
import { STANDARD_SECRET, signatureHeaders, WEBHOOK_SIGNATURES } from './webhook-signature.ts'

const TOO_EARLY = 425

/** An answer has no code but its status; all others mean what they mean everywhere. */
const ERRORS: ErrorTable = { [TOO_EARLY]: ['provider', true] }

const settings = mapping({
  url: requiredText(/^https?:\/\/[^\s/?#@]+(?:[/?][^\s#]*)?$/, 'an http or https URL', {
    about:
      'Gets each message as `POST`. Whoever writes the configuration may name any host, those of the own network too.',
  }),
  signature: choice(WEBHOOK_SIGNATURES, 'standard', {
    about:
      'How a request is signed: Standard Webhooks; its body only, as GitHub does; time and body, as Stripe does; not at all.',
  }),
  secret: optionalText(/^[\x20-\x7e]{1,512}$/, '1 to 512 printable ASCII characters', {
    about: 'What requests are signed with; for `standard` `whsec_` and the key in Base64.',
    isSecret: true,
  }),
  authorization: optionalText(/^[\x20-\x7e]{1,1024}$/, '1 to 1024 printable ASCII characters', {
    about: 'The header `authorization` of requests, for example `Bearer` and a token.',
    isSecret: true,
  }),
}).superRefine(({ signature, secret }, context) => {
  const mistake = (message: string) =>
    context.addIssue({ code: 'custom', path: ['secret'], message })
  if (signature !== 'none' && secret === undefined) mistake(`set, or the signature is none`)
  if (signature === 'standard' && secret !== undefined && !STANDARD_SECRET.test(secret)) {
    mistake('`whsec_` and a key in Base64, for the signature standard')
  }
})

/** Any receiver of JSON: its 2xx says that it has the message. */
export const webhook = defineProvider({
  name: 'webhook',
  title: 'Webhook',
  settings,
  channel: 'webhook',
  takes: 'either',
  counts: 'as_ucs2',
  countsSign: false,
  requestsPerSecond: 0,
  givesReceipts: true,
  errors: ERRORS,
  open: ({ url, signature, secret = '', authorization }) => ({
    maxBatch: 1,
    batchKey: ({ id }) => id,
    send: ([message], { now }) => {
      // What is signed is what is sent.
      const body = message ? bodyOf(message) : ''
      const id = message?.id ?? ''
      const timestamp = String(Math.floor(now.getTime() / 1_000))
      return {
        method: 'POST',
        url,
        headers: {
          'content-type': JSON_UTF8,
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          ...signatureHeaders(signature, secret, { id, timestamp, body }),
          ...(authorization === undefined ? {} : { authorization }),
        },
        body,
      }
    },
    readSend,
    classify: (error) =>
      classifyError(ERRORS, {
        ...error,
        code: error.httpStatus === TOO_EARLY ? '425' : error.code,
      }),
  }),
})

function bodyOf({ id, to, from, text, template, expiresAt }: ProviderMessage): string {
  const variables = template?.variables.map(({ name, value }) => [name, value]) ?? []
  return JSON.stringify({
    type: 'message.send',
    id,
    to,
    from,
    text,
    ...(template && { template: { id: template.id, variables: Object.fromEntries(variables) } }),
    expires_at: expiresAt.toISOString(),
  })
}

/** What the receiver says in its body is nothing that we know; a redirect is not followed. */
function readSend({ status }: HttpResponse, messages: readonly ProviderMessage[]): SendResult[] {
  return messages.map(({ id }) =>
    status >= 200 && status < 300
      ? { kind: 'accepted', providerId: id, matchKey: id, isDelivered: true }
      : { kind: 'refused', code: '', text: '', httpStatus: status },
  )
}
