import { describe, expect, it } from 'vitest'
import { readBounce } from '../../src/carriers/bounce.ts'
import { BOUNCE_SAMPLES, bounceOf } from './bounce-samples.ts'

const TOKEN = '0190a5c4000070008000000000000001fedcba9876543210'
const OTHER = '0190a5c4000070008000000000000002fedcba9876543210'
const RETURN_PATH = `bounces+${TOKEN}@example.com`
const STATUS = `Reporting-MTA: dns; mx.example.net
Arrival-Date: Mon, 20 May 2024 16:30:00 +0800

Original-Recipient: rfc822;Nobody@example.org
Final-Recipient: rfc822;
 nobody@example.org
Action: Failed
Status: 5.1.1 (no such user)
Diagnostic-Code: smtp; 550 5.1.1 <nobody@example.org>:
    user unknown

Final-Recipient: rfc822; slow@example.org
Action: delayed
Status: 4.4.1
`

/** As in RFC 3464, appendix E. */
function report(status: string, more = '', type = 'multipart/report; report-type=delivery-status') {
  return `From: MAILER-DAEMON@mx.example.net
To: ${RETURN_PATH}
Subject: Undelivered Mail
MIME-Version: 1.0
Content-Type: ${type};
    boundary="RAA14128;773615765/mx"

--RAA14128;773615765/mx

It was not delivered.

--RAA14128;773615765/mx
Content-Type: message/delivery-status
${more}
${status}
--RAA14128;773615765/mx
Content-Type: message/rfc822

Subject: the mail

--RAA14128;773615765/mx--
`
}

const EXPECTED = {
  tokens: [TOKEN],
  queueId: null,
  recipients: [
    {
      finalRecipient: 'nobody@example.org',
      action: 'failed',
      status: '5.1.1',
      diagnostic: '550 5.1.1 <nobody@example.org>: user unknown',
    },
    { finalRecipient: 'slow@example.org', action: 'delayed', status: '4.4.1', diagnostic: null },
  ],
}

describe('a bounce', () => {
  it.each([
    ['as it should be', report(STATUS)],
    ['with CRLF', report(STATUS).replaceAll('\n', '\r\n')],
    ['from a mailbox file', `From MAILER-DAEMON Fri Nov 20 09:14:03 2026\n${report(STATUS)}`],
    [
      'in Base64',
      report(
        Buffer.from(STATUS.replaceAll('\n', '\r\n')).toString('base64'),
        'Content-Transfer-Encoding: base64\n',
      ),
    ],
    [
      'quoted',
      report(
        STATUS.replaceAll('unknown', 'un=\nkno=77n'),
        'Content-Transfer-Encoding: quoted-printable\n',
      ),
    ],
  ])('is read, %s', (_what, mail) => {
    expect(readBounce(mail)).toEqual(EXPECTED)
  })

  it.each(BOUNCE_SAMPLES)('is read as servers write it: %s', (sample, outcome) => {
    const bounce = readBounce(bounceOf(sample, { returnPath: RETURN_PATH }))
    expect(bounce?.tokens).toEqual([TOKEN])
    expect(bounce?.recipients).toHaveLength(1)
    expect(bounce?.recipients[0]).toMatchObject({
      finalRecipient: 'nobody@example.org',
      action: outcome === 'pending' ? 'delayed' : outcome,
    })
  })

  it.each([
    ['the envelope id', 'postfix-unknown-user', { envelopeId: TOKEN }],
    ['the mail that it returns', 'exim-refused', { messageId: `<${TOKEN}@example.com>` }],
    ['the header that it returns', 'postfix-delayed', { messageId: `<${TOKEN}@example.com>` }],
    ['a field for it alone', 'gmail-over-quota', { messageId: `<${TOKEN}@example.com>` }],
  ] as const)('has its token in %s', (_where, sample, mail) => {
    expect(readBounce(bounceOf(sample, mail))?.tokens).toEqual([TOKEN])
  })

  it('has that of the return path first', () => {
    const mail = bounceOf('postfix-unknown-user', {
      returnPath: RETURN_PATH.toUpperCase(),
      messageId: `<${OTHER}@example.com>`,
    })
    expect(readBounce(mail)?.tokens).toEqual([TOKEN, OTHER])
    const envelope = `Delivered-To: bounces+${OTHER}@example.com\n`
    expect(readBounce(envelope + report(STATUS))?.tokens).toEqual([OTHER, TOKEN])
  })

  it('tells neither more words than are of use nor such as no database takes', () => {
    const long = `${STATUS}Diagnostic-Code: smtp; 450\u0000\u0007 ${'x'.repeat(1_000)}\n`
    const [, slow] = readBounce(report(long))?.recipients ?? []
    expect(slow?.diagnostic).toMatch(/^450 x{496}$/)
  })
})

describe('another mail', () => {
  it('that a machine has answered with says nothing', () => {
    const answer = 'From: a@example.org\nAuto-Submitted: auto-replied\n\nI am away until Monday'
    expect(readBounce(answer)).toBeNull()
  })

  it.each([
    [
      'the answer of a person',
      'From: a@example.org\nContent-Type: text/plain; charset=utf-8\n\nThank you',
      'text/plain is no delivery status notification',
    ],
    ['nothing', '', 'a mail without a content type is no delivery status notification'],
    [
      'another report',
      report(STATUS, '', 'multipart/report; report-type=disposition-notification'),
      'multipart/report is no delivery status notification',
    ],
    [
      'a report without a boundary',
      'Content-Type: multipart/report; report-type=delivery-status\n\nno',
      'the report has no boundary',
    ],
    [
      'a report that is cut off',
      report(STATUS).split('message/delivery-status')[0] ?? '',
      'the report has no message/delivery-status',
    ],
    [
      'a report without a recipient',
      report('Reporting-MTA: dns; a'),
      'the report has no recipient with Final-Recipient, Action and Status',
    ],
    [
      'a report that says too little',
      report('Reporting-MTA: dns; a\n\nAction: failed'),
      'the report has no recipient with Final-Recipient, Action and Status',
    ],
  ])('cannot be read: %s', (_what, mail, message) => {
    expect(() => readBounce(mail)).toThrow(message)
  })
})
