import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EVERY_SCOPE, TENANT_SCOPES } from '../../src/accounts/scope.ts'
import { PERMISSIONS, permissionFor } from '../../src/http/permissions.ts'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

const CARRIER_ORDERS = ['disable', 'drain', 'enable', 'force']

let api: TestApp
/** Every route of the API, as the OpenAPI document has it. */
let routes: (readonly [method: string, path: string])[]

beforeAll(async () => {
  api = await openTestApp()
  const { paths } = (await (await api.request('/openapi.json')).json()) as {
    paths: Record<string, Record<string, unknown>>
  }
  routes = Object.entries(paths)
    .filter(([path]) => path.startsWith('/v1/'))
    .flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => [method.toUpperCase(), path] as const),
    )
})

afterAll(() => api.close())

/** A path that the route answers, whatever is there. */
function example(path: string): string {
  return path.replace(/\{\w+\}/g, 'x')
}

describe('the table of permissions', () => {
  test('has every route that there is, once', () => {
    expect(routes.length).toBeGreaterThan(60)
    const named = PERMISSIONS.map(([method, path]) => `${method} ${path}`)
    expect(new Set(named).size).toBe(named.length)
    for (const [method, path] of routes) {
      expect(permissionFor(method, example(path)), `${method} ${path}`).toBeDefined()
    }
  })

  test('has no route that there is not', () => {
    const known = routes.map(([method, path]) => `${method} ${path.replace(/\{(\w+)\}/g, ':$1')}`)
    const orders = CARRIER_ORDERS.map((order) => `POST /v1/carriers/:name/${order}`)
    for (const [method, path] of PERMISSIONS) {
      const expected = path.endsWith('/:order') ? orders : [`${method} ${path}`]
      expect(known).toEqual(expect.arrayContaining(expected))
    }
  })

  test('gives tenants nothing that is of every tenant', () => {
    for (const [, path, audience, scope] of PERMISSIONS) {
      if (scope === null) continue
      expect(EVERY_SCOPE.has(scope), path).toBe(true)
      if (audience !== 'operator') expect(TENANT_SCOPES.has(scope), path).toBe(true)
    }
  })

  test('opens a route for HEAD as for GET, and nothing that is not there', () => {
    expect(permissionFor('HEAD', '/v1/messages')).toEqual(permissionFor('GET', '/v1/messages'))
    expect(permissionFor('PUT', '/v1/messages')).toBeUndefined()
    expect(permissionFor('GET', '/v1/messages/1/2/3')).toBeUndefined()
  })
})

describe('every route refuses', () => {
  test.each([
    ['no key', {}],
    ['an unknown key', { authorization: 'Bearer nobody' }],
    ['another scheme', { authorization: 'Basic ZGVtbzpkZW1v' }],
  ])('%s', async (_, headers) => {
    for (const [method, path] of routes) {
      if (permissionFor(method, example(path))?.audience === 'anyone') continue
      const response = await api.app.request(example(path), { method, headers })
      expect(response.status, `${method} ${path}`).toBe(401)
      expect(response.headers.get('www-authenticate')).toBe('Bearer realm="linehaul"')
      expect((await problemIn(response)).code).toBe('unauthorized')
    }
  })

  test("a tenant's key where it is of every tenant, and the operator's where it is of one", async () => {
    for (const [method, path] of routes) {
      const { audience } = permissionFor(method, example(path)) ?? {}
      if (audience === 'shared' || audience === 'anyone') continue
      const key = audience === 'operator' ? 'demo-key' : 'operator-key'
      const headers = { authorization: `Bearer ${key}` }
      const response = await api.app.request(example(path), { method, headers })
      expect(response.status, `${method} ${path}`).toBe(403)
      expect((await problemIn(response)).code).toBe('forbidden')
    }
  })
})

test('what is not there is not found, with a key', async () => {
  const response = await api.request('/v1/nothing')
  expect([response.status, (await problemIn(response)).code]).toEqual([404, 'not_found'])
})
