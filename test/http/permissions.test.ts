import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EVERY_SCOPE, TENANT_SCOPES } from '../../src/accounts/scope.ts'
import { AUDIT_ACTIONS } from '../../src/audit/actions.ts'
import { PERMISSIONS, permissionFor } from '../../src/http/permissions.ts'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

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
    for (const [method, path] of PERMISSIONS) expect(known).toContain(`${method} ${path}`)
  })

  test('says of every route that changes something what the audit log has of it', () => {
    for (const [method, path, , , action] of PERMISSIONS) {
      if (method === 'GET') continue
      expect(action, `${method} ${path}`).toBeDefined()
      if (action !== 'none') expect(Object.keys(AUDIT_ACTIONS)).toContain(action)
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

test('what is not there is not found, with a key', async () => {
  const response = await api.request('/v1/nothing')
  expect([response.status, (await problemIn(response)).code]).toEqual([404, 'not_found'])
})
