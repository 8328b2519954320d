import { createHmac } from 'node:crypto'
import type { ProviderDesk, RefusalReason, TakenMessage } from '../provider-desk.ts'
import type { ApiAnswer, ApiRequest, ProviderSimulator, Push } from '../provider-server.ts'

/** The account that the simulator knows. */
export interface TwilioAccount {
  readonly accountSid: string
  readonly authToken: string
}

const REFUSALS: Readonly<
  Record<RefusalReason, readonly [status: number, code: number, message: string]>
> = {
  rate_limit: [429, 20429, 'Too Many Requests'],
  auth: [401, 20003, 'Authenticate'],
  number: [400, 21211, "The 'To' number is not a valid phone number."],
  template: [400, 21617, 'The concatenated message body exceeds the 1600 character limit'],
  balance: [403, 30002, 'Account suspended'],
  content: [400, 30007, 'Message filtered'],
  unsubscribed: [400, 21610, 'Attempt to send to unsubscribed recipient'],
  internal: [500, 20500, 'Internal Server Error'],
}

/** Twilio's messages, balance, status callbacks and inbound webhooks. */
export function twilioSimulator({ accountSid, authToken }: TwilioAccount): ProviderSimulator {
  const base = `/2010-04-01/Accounts/${accountSid}`
  const credentials = Buffer.from(`${accountSid}:${authToken}`).toString('base64')
  const push = (url: string, fields: Readonly<Record<string, string>>): Push => ({
    method: 'POST',
    url,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-twilio-signature': signatureOf(authToken, url, fields),
    },
    body: new URLSearchParams(fields).toString(),
  })
  return {
    name: 'twilio',
    answer: (request, desk) => {
      if (request.headers.authorization !== `Basic ${credentials}`) return refusal('auth')
      if (request.path === `${base}/Messages.json` && request.method === 'POST') {
        return create(accountSid, request, desk)
      }
      if (request.path === `${base}/Balance.json`) {
        return { status: 200, body: { currency: 'USD', balance: '12.34', account_sid: accountSid } }
      }
      const sid = new RegExp(`^${base}/Messages/(\\w+)\\.json$`).exec(request.path)?.[1]
      const message = desk.taken.find(({ id }) => id === sid)
      if (!message) return { status: 404, body: { code: 20404, message: 'not found', status: 404 } }
      return { status: 200, body: resource(accountSid, message, statusIn(desk, message)) }
    },
    receiptPushes: (receipts, url) =>
      receipts.map(({ message, isDelivered, code }) =>
        push(message.callbackUrl ?? url, {
          AccountSid: accountSid,
          ApiVersion: '2010-04-01',
          From: String(message.content.from ?? ''),
          MessageSid: message.id,
          MessageStatus: isDelivered ? 'delivered' : 'undelivered',
          SmsSid: message.id,
          SmsStatus: isDelivered ? 'delivered' : 'undelivered',
          To: message.to,
          ...(isDelivered ? {} : { ErrorCode: code }),
        }),
      ),
    inboundPush: ({ id, from, to, text }, url) =>
      push(url, {
        AccountSid: accountSid,
        Body: text,
        From: from,
        MessageSid: id,
        NumMedia: '0',
        NumSegments: '1',
        SmsSid: id,
        To: to,
      }),
  }
}

function create(accountSid: string, { body }: ApiRequest, desk: ProviderDesk): ApiAnswer {
  const form = new URLSearchParams(body.toString('utf8'))
  const to = form.get('To') ?? ''
  if (!/^\+[1-9]\d{6,14}$/.test(to)) return refusal('number')
  if (!form.has('From') && !form.has('MessagingServiceSid'))
    return refused(400, 21603, 'From required')
  if ((form.get('Body') ?? '').length > 1600) return refusal('template')
  const verdict = desk.verdictFor(to)
  if (verdict.kind === 'refuse') {
    const [status, code, message] = REFUSALS[verdict.reason]
    return refused(status, Number(verdict.code ?? code), message)
  }
  const callbackUrl = form.get('StatusCallback')
  const message = desk.take({
    id: `SM${desk.nextId().toString(16).padStart(32, '0')}`,
    to,
    content: { from: form.get('From'), text: form.get('Body'), contentSid: form.get('ContentSid') },
    ...(callbackUrl === null ? {} : { callbackUrl }),
  })
  return { status: 201, body: resource(accountSid, message, 'queued') }
}

/** What a message that waits to be told of is known to be. */
function statusIn(desk: ProviderDesk, { id }: TakenMessage): string {
  const receipt = desk.receipts.find(({ message }) => message.id === id)
  if (!receipt) return 'sent'
  return receipt.isDelivered ? 'delivered' : 'undelivered'
}

function resource(accountSid: string, { id, to, content }: TakenMessage, status: string): object {
  return {
    sid: id,
    account_sid: accountSid,
    api_version: '2010-04-01',
    status,
    to,
    from: content.from,
    body: content.text,
    num_segments: '1',
    price: null,
    price_unit: 'USD',
    error_code: null,
    error_message: null,
    date_created: 'Thu, 24 Aug 2023 05:01:45 +0000',
    uri: `/2010-04-01/Accounts/${accountSid}/Messages/${id}.json`,
  }
}

function refusal(reason: RefusalReason): ApiAnswer {
  return refused(...REFUSALS[reason])
}

function refused(status: number, code: number, message: string): ApiAnswer {
  const info = `https://www.twilio.com/docs/errors/${code}`
  return { status, body: { code, message, more_info: info, status } }
}

function signatureOf(
  authToken: string,
  url: string,
  fields: Readonly<Record<string, string>>,
): string {
  let signed = url
  for (const name of Object.keys(fields).sort()) signed += name + fields[name]
  return createHmac('sha1', authToken).update(signed, 'utf8').digest('base64')
}
