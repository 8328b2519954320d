import { once } from 'node:events'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type OperatorAlert, OperatorAlerts } from '../../src/alerting/operator-alerts.ts'
import type { AlertsConfig } from '../../src/config/alerts.ts'
import { keepingLogger } from '../messages/keeping-logger.ts'
import { type MailSink, openMailSink } from '../support/mail-sink.ts'
import { openSink, type Sink } from '../webhooks/sink.ts'

const SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`

const ALERT: OperatorAlert = {
  type: 'alert.failure_rule',
  kind: 'failure_rule:credit',
  title: 'credit: alpha refused: 0x00000401\r\nBcc: nobody@example.org',
  data: { rule: 'credit', code: 'carrier_specific', raw_code: null, attempt: 1 },
}

describe('OperatorAlerts', () => {
  let sink: Sink
  let mails: MailSink
  let alerts: OperatorAlerts
  const logger = keepingLogger()

  beforeEach(async () => {
    sink = await openSink()
    mails = await openMailSink()
  })
  afterEach(async () => {
    await alerts.close()
    await sink.close()
    await mails.close()
  })

  function open(
    config: Partial<Pick<AlertsConfig, 'webhook' | 'mail'>>,
    retryMs: readonly number[] = [],
  ): void {
    alerts = new OperatorAlerts({
      config: { webhook: undefined, mail: undefined, ...config },
      version: '1.2.3',
      logger,
      clock: () => new Date(),
      retryMs,
    })
  }

  function mail(): AlertsConfig['mail'] {
    const { port } = mails
    const to = ['ops@example.org', 'duty@example.org']
    return { host: '127.0.0.1', port, tls: 'none', login: undefined, from: 'sms@example.org', to }
  }

  it('posts a signed webhook, one in a minute', async () => {
    open({ webhook: { url: `${sink.url}/ops`, secret: SECRET } })
    const came = once(sink.events, 'request')
    for (let times = 0; times < 3; times++) alerts.raise(ALERT)
    await came
    await alerts.close()
    expect(sink.received).toHaveLength(1)
    const [request] = sink.received
    const body = new Webhook(SECRET).verify(
      request?.body ?? '',
      request?.headers as Record<string, string>,
    )
    expect(body).toMatchObject({
      type: 'alert.failure_rule',
      data: { title: ALERT.title, rule: 'credit', raw_code: null, left_out: 0 },
    })
    expect(request?.path).toBe('/ops')
  })

  it('tells another address from then on, and those before only what is under way', async () => {
    open({ webhook: { url: `${sink.url}/before`, secret: SECRET } })
    const takeOver = alerts.prepare({
      webhook: { url: `${sink.url}/after`, secret: SECRET },
      mail: undefined,
    })
    alerts.raise(ALERT)
    takeOver()
    alerts.raise({ ...ALERT, kind: 'another' })
    await alerts.close()
    expect(sink.received.map(({ path }) => path).sort()).toEqual(['/after', '/before'])
    const url = 'https://user:password@ops.example'
    expect(() => alerts.prepare({ webhook: { url, secret: SECRET }, mail: undefined })).toThrow(
      /credentials/,
    )
  })

  it('sends a mail, whose subject stays one line', async () => {
    open({ mail: mail() })
    const came = once(mails.events, 'mail')
    alerts.raise(ALERT)
    await came
    expect(mails.received).toMatchObject([
      { from: 'sms@example.org', to: ['ops@example.org', 'duty@example.org'] },
    ])
    const [{ data = '' } = {}] = mails.received
    expect(data).toMatch(/^Subject: \[Linehaul\] credit: alpha refused/m)
    const [headers] = data.split('\r\n\r\n')
    expect(headers).not.toMatch(/^Bcc:/m)
    expect(data).toContain('code: carrier_specific')
  })

  it('goes the ways that are wanted, and no other', async () => {
    open({ webhook: { url: sink.url, secret: SECRET }, mail: mail() })
    const came = once(mails.events, 'mail')
    alerts.raise({ ...ALERT, ways: ['mail'] })
    await came
    await alerts.close()
    expect(sink.received).toHaveLength(0)
    expect(mails.received).toHaveLength(1)
  })

  it('tries again what was not taken, each way for itself', async () => {
    open({ webhook: { url: sink.url, secret: SECRET }, mail: mail() }, [1, 1])
    let refusals = 1
    sink.answer = (response) => response.writeHead(refusals-- > 0 ? 503 : 204).end()
    mails.refusals = 2
    const came = once(mails.events, 'mail')
    alerts.raise(ALERT)
    await came
    await alerts.close()
    expect(sink.received).toHaveLength(2)
    // The id is the same: who gets both knows that it is one.
    const ids = sink.received.map(({ headers }) => headers['webhook-id'])
    expect(new Set(ids).size).toBe(1)
    expect(mails.received).toHaveLength(1)
  })

  it('gives up after its tries, and says so', async () => {
    open({ webhook: { url: sink.url, secret: SECRET } }, [1])
    sink.answer = (response) => response.writeHead(500).end()
    const twice = new Promise<void>((resolve) =>
      sink.events.on('request', () => sink.received.length === 2 && resolve()),
    )
    alerts.raise(ALERT)
    await twice
    await alerts.close()
    expect(sink.received).toHaveLength(2)
    expect(JSON.stringify(logger.lines)).toContain('it answered with 500')
  })
})
