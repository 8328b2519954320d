import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ShownMessage } from '../support/api-client.ts'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

const GOOD = { to: '+447700900123', from: 'Linehaul', text: 'hello' }
const IN_AN_HOUR = new Date(Math.floor(Date.now() / 1_000) * 1_000 + 3_600_000).toISOString()

let api: TestApp

beforeAll(async () => {
  api = await openTestApp()
})

afterAll(() => api.close())

async function send(more: object = {}): Promise<string> {
  const response = await api.post({ ...GOOD, ...more })
  expect(response.status).toBe(202)
  return ((await response.json()) as ShownMessage).id
}

function patch(id: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return api.request(`/v1/messages/${id}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}

test('text and time of a message that waits', async () => {
  const id = await send({ tags: ['vip'] })
  const response = await patch(id, { text: 'x'.repeat(161), send_at: IN_AN_HOUR })
  expect(response.status).toBe(200)
  expect(await response.json()).toMatchObject({
    id,
    status: 'scheduled',
    text: 'x'.repeat(161),
    segments: 2,
    price: { amount: '0.0700', currency: 'EUR' },
    send_at: IN_AN_HOUR,
    tags: ['vip'],
  })
  const now = await patch(id, { send_at: null })
  expect(await now.json()).toMatchObject({ status: 'queued', segments: 2, send_at: null })
  const shown = (await (await api.request(`/v1/messages/${id}`)).json()) as ShownMessage
  expect(shown.timeline.filter(({ type }) => type === 'replaced')).toMatchObject([
    { status: 'scheduled', detail: { text: 'changed', send_at: IN_AN_HOUR, segments: 2 } },
    { status: 'queued', detail: { send_at: null } },
  ])
  // The timeline tells that the text was changed, never the text.
  expect(JSON.stringify(shown.timeline)).not.toContain('xxxx')
})

test.each([
  [{}, 'validation_failed', ''],
  [{ to: '+447700900124' }, 'validation_failed', '/to'],
  [{ text: 1 }, 'validation_failed', '/text'],
  [{ text: '' }, 'text_empty', '/text'],
  [{ send_at: 'soon' }, 'validation_failed', '/send_at'],
  [{ send_at: '2020-01-01T00:00:00Z' }, 'send_at_invalid', '/send_at'],
])('%j: 422 %s', async (body, code, pointer) => {
  const id = await send()
  const response = await patch(id, body)
  expect(response.status).toBe(422)
  const problem = await problemIn(response)
  expect(problem.code).toBe(code)
  expect(problem.errors?.map((fault) => fault.pointer)).toContain(pointer)
})

test('what has ended: 409; what is not theirs, or nothing: 404; no JSON: 400', async () => {
  const id = await send()
  for (const response of [
    await patch(id, { text: 'x' }, { authorization: 'Bearer other-key' }),
    await patch('0190a4f0-0000-7000-8000-000000000000', { text: 'x' }),
    await patch('4711', { text: 'x' }),
  ]) {
    expect(response.status).toBe(404)
    expect(await problemIn(response)).toMatchObject({ code: 'not_found' })
  }
  const broken = await api.request(`/v1/messages/${id}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: '{',
  })
  expect([broken.status, (await problemIn(broken)).code]).toEqual([400, 'json_invalid'])
  await api.bury(id)
  const late = await patch(id, { text: 'x' })
  expect(late.status).toBe(409)
  expect(await problemIn(late)).toMatchObject({ code: 'not_replaceable' })
})
