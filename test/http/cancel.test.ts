import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ShownMessage } from '../support/api-client.ts'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

const GOOD = { to: '+447700900123', from: 'Linehaul', text: 'hello' }

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

function cancel(id: string, headers: Record<string, string> = {}): Promise<Response> {
  return api.request(`/v1/messages/${id}/cancel`, { method: 'POST', headers })
}

test.each([
  ['queued', {}],
  ['scheduled', { send_at: new Date(Date.now() + 3_600_000).toISOString() }],
])('a message that is %s: 200 with the canceled message, twice the same', async (_, more) => {
  const id = await send(more)
  const first = await cancel(id)
  expect(first.status).toBe(200)
  const text = await first.text()
  expect(JSON.parse(text)).toMatchObject({
    id,
    status: 'canceled',
    is_final: true,
    error: { code: 'canceled' },
    dead_letter: null,
    final_at: expect.any(String),
  })
  const second = await cancel(id)
  expect([second.status, await second.text()]).toEqual([200, text])
  const shown = (await (await api.request(`/v1/messages/${id}`)).json()) as ShownMessage
  expect(shown.timeline.at(-1)).toMatchObject({ type: 'canceled', status: 'canceled' })
})

test('what has ended otherwise: 409', async () => {
  const id = await send()
  await api.bury(id)
  const response = await cancel(id)
  expect(response.status).toBe(409)
  expect(await problemIn(response)).toMatchObject({
    code: 'already_final',
    detail: expect.stringContaining('expired'),
  })
})

test("another tenant's message, or none: 404", async () => {
  const id = await send()
  for (const response of [
    await cancel(id, { authorization: 'Bearer other-key' }),
    await cancel('0190a4f0-0000-7000-8000-000000000000'),
    await cancel('nonsense'),
  ]) {
    expect(response.status).toBe(404)
    expect(await problemIn(response)).toMatchObject({ code: 'not_found' })
  }
  expect((await cancel(id.toUpperCase())).status).toBe(200)
})
