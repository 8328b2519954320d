import { describe, expect, it } from 'vitest'
import { readBounce } from '../../src/carriers/bounce.ts'

const TOKEN = '0190a5c4000070008000000000000001'
const SENT_TO = `bounces+${TOKEN}@example.com`
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
To: ${SENT_TO}
Subject: Undelivered Mail
MIME-Version: 1.0
Content-Type: ${type};
    boundary="RAA14128.773615765/mx"

--RAA14128.773615765/mx

It was not delivered.

--RAA14128.773615765/mx
Content-Type: message/delivery-status
${more}
${status}
--RAA14128.773615765/mx
Content-Type: message/rfc822

Subject: the mail

--RAA14128.773615765/mx--
`
}

const EXPECTED = {
  token: TOKEN,
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
    expect(readBounce(mail, SENT_TO)).toEqual(EXPECTED)
  })

  it('may be of nobody knows which mail', () => {
    expect(readBounce(report(STATUS), 'bounces@example.com')?.token).toBeNull()
  })

  it.each([
    ['the answer of a person', 'From: a@example.org\nContent-Type: text/plain\n\nThank you'],
    [
      'another report',
      report(STATUS, '', 'multipart/report; report-type=disposition-notification'),
    ],
    ['a report without a status', report('Reporting-MTA: dns; a')],
    ['a report that says too little', report('Reporting-MTA: dns; a\n\nAction: failed')],
    ['nothing', ''],
  ])('is not %s', (_what, mail) => {
    expect(readBounce(mail, SENT_TO)).toBeNull()
  })
})
