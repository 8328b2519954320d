import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { silentLogger } from '../../src/core/logger.ts'
import type { ExchangeResult } from '../../src/webhooks/exchange.ts'
import type { Posting } from '../../src/webhooks/poster.ts'
import { PosterThread } from '../../src/webhooks/poster-thread.ts'
import { newSecret } from '../../src/webhooks/signature.ts'
import { openSink, type Sink } from './sink.ts'

let sink: Sink
let poster: PosterThread

beforeEach(async () => {
  sink = await openSink()
  poster = posterWith(true)
})
afterEach(async () => {
  await poster.close()
  await sink.close()
})

function posterWith(allowPrivateAddresses: boolean): PosterThread {
  const settings = { allowPrivateAddresses, version: '1.2.3', timeoutMs: 500 }
  return new PosterThread(settings, silentLogger)
}

function post(change: Partial<Posting> = {}): Promise<ExchangeResult> {
  const posting = {
    target: { origin: sink.url, path: '/hook?a=1' },
    id: 'event-1',
    timestamp: Math.floor(Date.now() / 1_000),
    body: '{"type":"message.sent"}',
    secrets: [newSecret()],
    ...change,
  }
  return new Promise((resolve) => {
    poster.post(posting, resolve)
  })
}

it('signs and sends from another thread, and brings back each answer to its own request', async () => {
  const secret = newSecret()
  sink.answer = (response, request) =>
    response.writeHead(Number(request.path.slice(1)), { 'retry-after': '7' }).end()
  const statuses = [200, 204, 410, 429, 500]
  const results = await Promise.all(
    statuses.map((status) =>
      post({
        id: `event-${status}`,
        target: { origin: sink.url, path: `/${status}` },
        secrets: [newSecret(), secret],
      }),
    ),
  )
  expect(results.map(({ status }) => status)).toEqual(statuses)
  expect(results[3]).toMatchObject({ retryAfter: '7', error: null, isTimeout: false })
  expect(sink.received).toHaveLength(statuses.length)
  for (const { headers, body } of sink.received) {
    expect(headers['user-agent']).toBe('Linehaul/1.2.3')
    expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toEqual({
      type: 'message.sent',
    })
  }
})

it('says what went wrong: no answer in time, nobody there, an address inside', async () => {
  sink.answer = () => {}
  expect(await post()).toMatchObject({ status: null, isTimeout: true })
  const nobody = { origin: 'http://127.0.0.1:1', path: '/' }
  expect(await post({ target: nobody })).toMatchObject({
    status: null,
    error: expect.stringContaining('ECONNREFUSED'),
  })
  await poster.close()
  poster = posterWith(false)
  const named = { origin: `http://localhost:${sink.port}`, path: '/' }
  expect(await post({ target: named })).toMatchObject({
    status: null,
    error: expect.stringContaining('no public address'),
  })
})

it('fails what is under way when its thread ends, and starts another', async () => {
  // A secret that no key can be made of never gets past the endpoints; here it ends the thread.
  const [lost, broken] = await Promise.all([post({ id: 'lost' }), post({ secrets: ['none'] })])
  expect([lost.error, broken.error]).toEqual(
    Array(2).fill('the thread that sends webhooks has ended'),
  )
  expect(await post()).toMatchObject({ status: 204 })
})

it('gives every request its end when it closes', async () => {
  sink.answer = () => {}
  const waiting = post()
  while (sink.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await poster.close()
  expect(await waiting).toMatchObject({ status: null, error: 'the gateway closes' })
  expect(await post()).toMatchObject({ status: null, error: 'the gateway closes' })
})

it('connects to private addresses, or does not, from the moment that is said', async () => {
  await poster.close()
  poster = posterWith(false)
  const byName = { target: { origin: `http://localhost:${sink.port}`, path: '/' } }
  expect(await post(byName)).toMatchObject({ error: expect.stringContaining('no public address') })
  poster.follow({ allowPrivateAddresses: true })
  expect(await post(byName)).toMatchObject({ status: 204 })
  poster.follow({ allowPrivateAddresses: false })
  expect(await post(byName)).toMatchObject({ error: expect.stringContaining('no public address') })
})
