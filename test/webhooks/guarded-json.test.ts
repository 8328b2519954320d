import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { AddressGuard } from '../../src/webhooks/address-guard.ts'
import { GuardedJson } from '../../src/webhooks/guarded-json.ts'
import { type Answer, openSink, type Sink } from './sink.ts'

let sink: Sink
let open: GuardedJson | undefined

beforeAll(async () => {
  sink = await openSink()
})
afterEach(() => open?.close())
afterAll(() => sink.close())

function json(allowPrivateAddresses = true): GuardedJson {
  const guard = new AddressGuard({ allowPrivateAddresses })
  open = new GuardedJson({ guard, version: '1.2.3', connections: 2 })
  return open
}

const WHOLE = { token: undefined, timeoutMs: 10_000 }

it('gets a document, with the token and nothing else that is secret', async () => {
  sink.answer = (response) => response.end('{"mccmnc":"23415"}')
  const answer = await json().get(`${sink.url}/v1/447700900123?x=1`, { ...WHOLE, token: 'abc' })
  expect(answer).toEqual({ status: 200, body: { mccmnc: '23415' } })
  expect(sink.received.at(-1)).toMatchObject({
    method: 'GET',
    path: '/v1/447700900123?x=1',
    headers: { authorization: 'Bearer abc', 'user-agent': 'Linehaul/1.2.3' },
  })
  await json().get(sink.url, WHOLE)
  expect(sink.received.at(-1)?.headers).not.toHaveProperty('authorization')
})

it('tells the status, and what is no JSON as undefined', async () => {
  sink.answer = (response) => response.writeHead(500).end('<html>')
  expect(await json().get(sink.url, WHOLE)).toEqual({ status: 500, body: undefined })
})

it('follows no redirect', async () => {
  const before = sink.received.length
  sink.answer = (response) => response.writeHead(302, { location: `${sink.url}/elsewhere` }).end()
  expect(await json().get(sink.url, WHOLE)).toEqual({ status: 302, body: undefined })
  expect(sink.received).toHaveLength(before + 1)
})

it.each<[string, Answer]>([
  ['hangs up', (response) => response.destroy()],
  ['does not end', (response) => void response.end('1'.repeat(1_000_000))],
])('fails when the other side %s', async (_what, answer) => {
  sink.answer = answer
  await expect(json().get(sink.url, WHOLE)).rejects.toThrow()
})

it.each<[string, Answer]>([
  ['at all', () => {}],
  ['whole', (response) => void response.writeHead(200).write('{')],
])('fails when no answer comes in time, %s', async (_what, answer) => {
  sink.answer = answer
  await expect(json().get(sink.url, { token: undefined, timeoutMs: 50 })).rejects.toThrow(/time/i)
})

it('connects to no private address unless it may', async () => {
  const before = sink.connections
  await expect(json(false).get(sink.url, WHOLE)).rejects.toMatchObject({
    code: 'webhook_address_refused',
  })
  await expect(json(false).get(`http://localhost:${sink.port}`, WHOLE)).rejects.toThrow()
  expect(sink.connections).toBe(before)
})
