import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

/** How bodies are read, on every route that takes one. */

const GOOD = { to: '+447700900123', from: 'Linehaul', text: 'hello' }

const OPERATOR =
  /^\/v1\/(?:billing\/payments|carriers|config|guards|networks|ported-numbers|rate-decks|route)\b/

interface Operation {
  readonly method: string
  readonly path: string
}

let api: TestApp
let operations: readonly Operation[]

beforeAll(async () => {
  api = await openTestApp()
  const document = (await (await api.request('/openapi.json')).json()) as {
    readonly paths: Record<
      string,
      Record<string, { readonly requestBody?: { readonly content: object } }>
    >
  }
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      // A file is read by its lines: test/http/numbers.test.ts; a document as YAML: test/integration/config-api.test.ts.
      .filter(([, { requestBody }]) => requestBody && !/csv|yaml/.test(typesOf(requestBody)))
      .map(([method]) => ({
        method: method.toUpperCase(),
        path: path
          .replace('{id}', '0190a4f0-0000-7000-8000-000000000000')
          .replace('{number}', '+447700900123'),
      })),
  )
})

afterAll(() => api.close())

function typesOf({ content }: { readonly content: object }): string {
  return Object.keys(content).join()
}

function send({ method, path }: Operation, type: string | undefined, body: string | null) {
  const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type }
  if (OPERATOR.test(path)) headers.authorization = 'Bearer operator-key'
  if (body !== null) headers['content-length'] = String(body.length)
  return api.request(path, { method, headers, body })
}

describe('every route with a body', () => {
  test('there are such routes', () => {
    expect(operations.length).toBeGreaterThan(5)
    expect(operations).toContainEqual({ method: 'POST', path: '/v1/messages' })
  })

  test.each([
    ['malformed JSON', 'application/json', '{', 400, 'json_invalid'],
    ['another type', 'text/csv', 'a;b', 415, 'content_type_unsupported'],
    [
      'a type that only begins like JSON',
      'application/json-seq',
      '{}',
      415,
      'content_type_unsupported',
    ],
    ['an unknown field', 'application/json', '{"q":1}', 422, 'validation_failed'],
    ['a list', 'application/json', '[]', 422, 'validation_failed'],
  ])('%s', async (_what, type, body, status, code) => {
    for (const operation of operations) {
      const response = await send(operation, type, body)
      expect([operation, response.status]).toEqual([operation, status])
      expect(await problemIn(response)).toMatchObject({ code })
    }
  })
})

test.each([
  'application/json',
  'APPLICATION/JSON',
  'application/json; charset=utf-8',
  'application/json ;charset=utf-8',
  'application/json;',
  'application/vnd.sms.v2+json',
])('the content type %j is JSON', async (type) => {
  const response = await api.post(GOOD, { 'content-type': type })
  expect(response.status).toBe(202)
})

test('without a body every required field is missing', async () => {
  const response = await send({ method: 'POST', path: '/v1/messages' }, undefined, null)
  expect(response.status).toBe(422)
  const { errors } = await problemIn(response)
  expect(errors?.map(({ pointer }) => pointer).sort()).toEqual(['/from', '/text', '/to'])
})

test('a body whose length is not told is counted', async () => {
  const chunked = (text: string) =>
    api.post(text, { 'transfer-encoding': 'chunked' }).then((response) => response.status)
  expect(await chunked(JSON.stringify(GOOD))).toBe(202)
  expect(await chunked(JSON.stringify({ ...GOOD, text: 'x'.repeat(1024 * 1024) }))).toBe(413)
})
