import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ShownMessage } from '../support/api-client.ts'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

const GOOD = { to: '+447700900123', from: 'Linehaul', text: 'hello' }
const OTHER = { authorization: 'Bearer other-key' }

let api: TestApp

beforeAll(async () => {
  api = await openTestApp()
})

afterAll(() => api.close())

/** Sends a message and lets its validity end. */
async function dead(more: object = {}, app: TestApp = api): Promise<string> {
  const response = await app.post({ ...GOOD, ...more })
  expect(response.status).toBe(202)
  const { id } = (await response.json()) as ShownMessage
  await app.bury(id)
  return id
}

function replay(id: string, headers: Record<string, string> = {}): Promise<Response> {
  return api.request(`/v1/dead-letters/${id}/replay`, { method: 'POST', headers })
}

function replayMany(body: unknown): Promise<Response> {
  return api.request('/v1/dead-letters/replay', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

interface Page {
  readonly dead_letters: readonly (ShownMessage & { dead_letter: string })[]
  readonly next_cursor: string | null
}

async function list(query = '', app: TestApp = api): Promise<Page> {
  const response = await app.request(`/v1/dead-letters${query}`)
  expect(response.status).toBe(200)
  return (await response.json()) as Page
}

describe('GET /v1/dead-letters', () => {
  test('newest first, page by page, with filters; nobody sees those of others', async () => {
    const own = await openTestApp()
    const ids: string[] = []
    for (let index = 0; index < 5; index++) {
      ids.push(await dead({ to: `+44770090000${index % 2}` }, own))
    }
    await own.post(GOOD)
    const all = await list('', own)
    expect(all.dead_letters.map(({ id }) => id)).toEqual([...ids].reverse())
    expect(all.dead_letters[0]).toMatchObject({
      status: 'expired',
      dead_letter: 'expired',
      error: { code: 'expired', detail: expect.stringContaining('no carrier') },
      replayed_as: null,
    })
    const seen: string[] = []
    let query = '?limit=2'
    for (;;) {
      const page = await list(query, own)
      seen.push(...page.dead_letters.map(({ id }) => id))
      if (page.next_cursor === null) break
      query = `?limit=2&cursor=${page.next_cursor}`
    }
    expect(seen).toEqual([...ids].reverse())
    const found = async (filter: string) => (await list(filter, own)).dead_letters.length
    expect(await found('?to=%2B44%207700%20900001')).toBe(2)
    expect(await found('?reason=expired&carrier=alpha')).toBe(5)
    expect(await found('?reason=attempts')).toBe(0)
    expect(await found('?error=expired')).toBe(5)
    expect(await found('?error=carrier_error')).toBe(0)
    expect(await found('?since=2026-01-01T00:00:00%2B01:00')).toBe(5)
    expect(await found(`?since=${new Date(Date.now() + 60_000).toISOString()}`)).toBe(0)
    const others = await own.request('/v1/dead-letters', { headers: OTHER })
    expect(await others.json()).toEqual({ dead_letters: [], next_cursor: null })
    await own.close()
  })

  test.each([
    ['?since=yesterday', 'validation_failed', '/since'],
    ['?limit=0', 'validation_failed', '/limit'],
    ['?status=failed', 'validation_failed', '/status'],
    ['?cursor=x', 'cursor_invalid', '/cursor'],
  ])('%s: %s', async (query, code, pointer) => {
    const response = await api.request(`/v1/dead-letters${query}`)
    expect(response.status).toBe(422)
    expect(await problemIn(response)).toMatchObject({ code, errors: [{ pointer }] })
  })
})

describe('GET /v1/dead-letters/{id}', () => {
  test('one with its timeline', async () => {
    const id = await dead()
    const response = await api.request(`/v1/dead-letters/${id}`)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({
      id,
      dead_letter: 'expired',
      timeline: [{ type: 'accepted' }, { type: 'routed' }, { type: 'expired' }],
    })
  })

  test('what is no dead letter, or not yours: 404', async () => {
    const { id: living } = (await (await api.post(GOOD)).json()) as ShownMessage
    const id = await dead()
    for (const response of [
      await api.request(`/v1/dead-letters/${living}`),
      await api.request(`/v1/dead-letters/${id}`, { headers: OTHER }),
      await api.request('/v1/dead-letters/4711'),
    ]) {
      expect(response.status).toBe(404)
      expect(await problemIn(response)).toMatchObject({ code: 'not_found' })
    }
  })
})

describe('POST /v1/dead-letters/{id}/replay', () => {
  test('202 with the new message; then it is off the list and says so', async () => {
    const id = await dead({ client_reference: 'order 9' })
    const response = await replay(id)
    expect(response.status).toBe(202)
    const again = (await response.json()) as ShownMessage & { replay_of: string }
    expect(again).toMatchObject({
      status: 'accepted',
      to: GOOD.to,
      client_reference: 'order 9',
      price: { amount: '0.0350', currency: 'EUR' },
      replay_of: id,
    })
    const gone = await api.request(`/v1/dead-letters/${id}`)
    expect(gone.status).toBe(404)
    expect((await problemIn(gone)).detail).toContain(again.id)
    const message = await (await api.request(`/v1/messages/${again.id}`)).json()
    expect(message).toMatchObject({ status: 'queued', replay_of: id, text: 'hello' })
    const letter = await (await api.request(`/v1/messages/${id}`)).json()
    expect(letter).toMatchObject({ status: 'expired', replayed_as: again.id, dead_letter: null })
  })

  test('a second time: 409 with the id of the first, also at the same moment', async () => {
    const id = await dead()
    const responses = await Promise.all([replay(id), replay(id), replay(id)])
    expect(responses.map(({ status }) => status).sort()).toEqual([202, 409, 409])
    const [winner, ...others] = responses.sort((a, b) => a.status - b.status)
    const { id: first } = JSON.parse((await winner?.text()) ?? '') as ShownMessage
    for (const response of [...others, await replay(id)]) {
      expect(await problemIn(response)).toMatchObject({
        code: 'already_replayed',
        replayed_as: first,
      })
    }
  })

  test("another tenant's, or none: 404, and it stays", async () => {
    const id = await dead()
    for (const response of [await replay(id, OTHER), await replay('4711')]) {
      expect(response.status).toBe(404)
      expect(await problemIn(response)).toMatchObject({ code: 'not_found' })
    }
    expect((await replay(id)).status).toBe(202)
  })
})

describe('POST /v1/dead-letters/replay', () => {
  test('ids: each on its own', async () => {
    const [one, two] = [await dead(), await dead()]
    await replay(one)
    const response = await replayMany({
      ids: [one, two, two, '0190a4f0-0000-7000-8000-000000000000'],
    })
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({
      replayed: 1,
      failed: 2,
      results: [
        { id: one, error: { code: 'already_replayed', status: 409 } },
        { id: two, replayed_as: expect.any(String) },
        { error: { code: 'not_found' } },
      ],
    })
  })

  test('filter and limit: newest first', async () => {
    const to = '+447700900777'
    const ids = [await dead({ to }), await dead({ to }), await dead({ to })]
    const some = await replayMany({ filter: { to: '+44 7700 900 777' }, limit: 2 })
    expect(await some.json()).toMatchObject({
      replayed: 2,
      failed: 0,
      results: [{ id: ids[2] }, { id: ids[1] }],
    })
    expect((await list('?to=%2B447700900777')).dead_letters.map(({ id }) => id)).toEqual([ids[0]])
  })

  test.each([
    [{}, ''],
    [{ ids: ['0190a4f0-0000-7000-8000-000000000000'], filter: {} }, ''],
    [{ ids: [] }, '/ids'],
    [{ ids: ['4711'] }, '/ids/0'],
    [{ filter: { status: 'failed' } }, '/filter/status'],
    [{ filter: {}, limit: 0 }, '/limit'],
  ])('%j: 422', async (body, pointer) => {
    const response = await replayMany(body)
    expect(response.status).toBe(422)
    expect(await problemIn(response)).toMatchObject({
      code: 'validation_failed',
      errors: [{ pointer }],
    })
  })
})
