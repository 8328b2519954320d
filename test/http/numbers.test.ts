import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

const OPERATOR = { authorization: 'Bearer operator-key' }
const RANGES = 'prefix,mccmnc,name\n4477,23415,Vodafone\n4479,23430,EE\n'

let test: TestApp
beforeAll(async () => {
  test = await openTestApp()
})
afterAll(() => test.close())

function call(path: string, init: RequestInit = {}): Promise<Response> {
  return test.request(path, { ...init, headers: { ...OPERATOR, ...init.headers } })
}

function send(path: string, body: string, type = 'text/csv'): Promise<Response> {
  return call(path, { method: 'POST', body, headers: { 'content-type': type } })
}

async function jsonOf(response: Response | Promise<Response>): Promise<Record<string, unknown>> {
  const answered = await response
  expect(answered.status).toBe(200)
  return (await answered.json()) as Record<string, unknown>
}

async function number(text: string): Promise<Record<string, unknown>> {
  return jsonOf(call(`/v1/numbers/${encodeURIComponent(text)}`))
}

describe('tables of networks', () => {
  it('are for the operator only', async () => {
    for (const [path, method] of [
      ['/v1/networks', 'GET'],
      ['/v1/networks', 'POST'],
      ['/v1/numbers/+447700900123', 'GET'],
      ['/v1/ported-numbers', 'POST'],
      ['/v1/ported-numbers/+447700900123', 'PUT'],
      ['/v1/ported-numbers/+447700900123', 'DELETE'],
    ] as const) {
      const refused = await problemIn(await test.request(path, { method }))
      expect(refused, `${method} ${path}`).toMatchObject({ status: 403, code: 'forbidden' })
    }
  })

  it('show what an import would change, take it in, and go back', async () => {
    const preview = await jsonOf(send('/v1/networks?preview=true', RANGES))
    expect(preview).toMatchObject({
      version: null,
      rows: 2,
      mistake_count: 0,
      changes: { added: 2, changed: 0, removed: 0, unchanged: 0 },
    })
    expect(await jsonOf(call('/v1/networks'))).toMatchObject({ ranges: 0, versions: [] })

    const report = await jsonOf(send('/v1/networks?name=ranges.csv', RANGES))
    const { version } = report as { version: { id: string } }
    expect(version).toMatchObject({
      kind: 'ranges',
      source: 'ranges.csv',
      rows: 2,
      is_current: true,
    })
    await jsonOf(send('/v1/networks?replaces=4479', 'prefix,mccmnc,name\n44791,GB-x,X\n'))
    expect((await number('+447911123456')).network).toEqual({ mccmnc: 'GB-x', name: 'X' })

    const tables = await jsonOf(call(`/v1/networks/${version.id}/restore`, { method: 'POST' }))
    expect(tables).toMatchObject({
      ranges: 2,
      lookup: null,
      versions: [{ is_current: true }, { is_current: false }, { is_current: false }],
    })
    expect((await number('+447911123456')).network).toEqual({ mccmnc: '23430', name: 'EE' })
    const unknown = await call('/v1/networks/nothing/restore', { method: 'POST' })
    expect(await problemIn(unknown)).toMatchObject({ status: 404, code: 'not_found' })
  })

  it('are not touched by a file with a wrong line', async () => {
    const refused = await problemIn(
      await send('/v1/networks', 'prefix,mccmnc,name\n4477,1,X\n4478,23415,V\n', 'text/plain'),
    )
    expect(refused).toMatchObject({
      status: 422,
      code: 'file_invalid',
      detail: '1 line is wrong: nothing has changed',
      errors: [{ detail: expect.stringMatching(/^line 2: mccmnc "1"/), pointer: '#line=1,2' }],
    })
    expect(await jsonOf(call('/v1/networks'))).toMatchObject({ ranges: 2 })
    expect(await problemIn(await send('/v1/networks?replaces=%2B44', RANGES))).toMatchObject({
      code: 'validation_failed',
    })
    expect(await problemIn(await send('/v1/networks', '<x/>', 'text/xml'))).toMatchObject({
      code: 'content_type_unsupported',
    })
  })

  it('take more than other bodies may have', async () => {
    const lines = Array.from({ length: 60_000 }, (_, n) => `99${100_000 + n},23415,Vodafone`)
    const body = `prefix,mccmnc,name\n${lines.join('\n')}\n`
    expect(body.length).toBeGreaterThan(1024 * 1024)
    expect(await jsonOf(send('/v1/networks?replaces=99', body))).toMatchObject({
      rows: 60_000,
      changes: { added: 60_000 },
    })
    const message = await test.post(JSON.stringify({ text: 'x'.repeat(1024 * 1024) }))
    expect(await problemIn(message)).toMatchObject({ code: 'body_too_large' })
  })
})

describe('a number', () => {
  it('is told with what is known of it and who says so', async () => {
    await jsonOf(send('/v1/networks', RANGES))
    expect(await number('0044 7700 900123')).toEqual({
      number: '+447700900123',
      country: 'GB',
      type: 'unknown',
      region: 'europe',
      network: { mccmnc: '23415', name: 'Vodafone' },
      ported: false,
      from: 'range',
      range: { prefix: '4477', mccmnc: '23415', name: 'Vodafone' },
    })
    const refused = await problemIn(await call('/v1/numbers/abc'))
    expect(refused).toMatchObject({ status: 422, code: 'to_invalid' })
  })

  it('is ported one by one and by file, and taken out', async () => {
    const path = '/v1/ported-numbers/%2B447700900123'
    const put = (mccmnc: string) =>
      call(path, {
        method: 'PUT',
        body: JSON.stringify({ mccmnc }),
        headers: { 'content-type': 'application/json' },
      })
    expect(await jsonOf(put('23430'))).toMatchObject({
      network: { mccmnc: '23430', name: 'EE' },
      ported: true,
      from: 'ported',
      range: { mccmnc: '23415' },
    })
    expect(await problemIn(await put('EE'))).toMatchObject({ code: 'ported_number_invalid' })
    const file = 'number,mccmnc\n447700900124,23430\n'
    expect(await jsonOf(send('/v1/ported-numbers?replace=true&preview=true', file))).toEqual({
      applied: false,
      rows: 1,
      removed: 1,
      mistakes: [],
      mistake_count: 0,
    })
    expect(await jsonOf(send('/v1/ported-numbers', file))).toMatchObject({ applied: true, rows: 1 })
    expect((await number('+447700900124')).ported).toBe(true)
    const wrong = await send('/v1/ported-numbers', 'number,mccmnc\n1,23430\n')
    expect(await problemIn(wrong)).toMatchObject({
      code: 'file_invalid',
      errors: [{ pointer: '#line=1,2' }],
    })
    expect((await call(path, { method: 'DELETE' })).status).toBe(204)
    expect((await number('+447700900123')).ported).toBe(false)
    expect(await problemIn(await call(path, { method: 'DELETE' }))).toMatchObject({ status: 404 })
  })
})

describe('a message', () => {
  it('has the network of its recipient, in the quote and afterwards', async () => {
    await jsonOf(send('/v1/networks', RANGES))
    const body = { to: '+447700900123', from: 'ACME', text: 'Hello' }
    const quote = await jsonOf(test.post({ ...body, dry_run: true }))
    expect(quote.network).toBe('23415')
    const accepted = (await (await test.post(body)).json()) as { id: string }
    await test.settled()
    expect(await jsonOf(test.request(`/v1/messages/${accepted.id}`))).toMatchObject({
      network: '23415',
    })
    const other = await jsonOf(test.post({ ...body, to: '+8613012345678', dry_run: true }))
    expect(other.network).toBeNull()
  })
})
