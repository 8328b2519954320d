import { afterAll, beforeAll, expect, test } from 'vitest'
import { ROLES, type Role } from '../../src/accounts/roles.ts'
import type { User } from '../../src/accounts/users.ts'
import { PERMISSIONS } from '../../src/http/permissions.ts'
import { openTestApp, problemIn, type TestApp } from './test-app.ts'

/**
 * Who opens which route: users of whoever runs the gateway, then those of a tenant. O: owner, P: operator,
 * B: billing, R: read_only.
 */
const TABLE = `
  POST /v1/messages - OP
  GET /v1/messages OPBR OPBR
  GET /v1/messages/:id OPBR OPBR
  PATCH /v1/messages/:id - OP
  GET /v1/messages/:id/trace OPBR OPBR
  POST /v1/messages/:id/cancel - OP
  POST /v1/messages/:id/feedback - OP
  POST /v1/messages/:id/resolve - OP
  GET /v1/inbound-messages - OPBR
  GET /v1/inbound-messages/:id - OPBR
  GET /v1/dead-letters - OPBR
  GET /v1/dead-letters/:id - OPBR
  POST /v1/dead-letters/:id/replay - OP
  POST /v1/dead-letters/replay - OP
  GET /v1/webhooks - OPR
  POST /v1/webhooks - OP
  GET /v1/webhooks/:id - OPR
  PATCH /v1/webhooks/:id - OP
  DELETE /v1/webhooks/:id - OP
  GET /v1/webhooks/:id/events - OPR
  GET /v1/webhooks/:id/secret - OP
  POST /v1/webhooks/:id/rotate - OP
  POST /v1/webhooks/:id/test - OP
  POST /v1/webhooks/:id/replay - OP
  GET /v1/limits - OPBR
  GET /v1/partners - OPBR
  GET /v1/keys OPR OPR
  POST /v1/keys O O
  GET /v1/keys/:id OPR OPR
  PATCH /v1/keys/:id O O
  POST /v1/keys/:id/rotate O O
  POST /v1/keys/:id/revoke O O
  GET /v1/audit O O
  POST /v1/tenants OPB OPB
  GET /v1/tenants OPBR OPBR
  GET /v1/tenants/:name OPBR OPBR
  PATCH /v1/tenants/:name OPB OPB
  POST /v1/sessions OPBR OPBR
  GET /v1/sessions OPBR OPBR
  DELETE /v1/sessions/current OPBR OPBR
  DELETE /v1/sessions/:id OPBR OPBR
  GET /v1/users/me OPBR OPBR
  POST /v1/users/me/password OPBR OPBR
  POST /v1/users O O
  GET /v1/users O O
  GET /v1/users/:id O O
  PATCH /v1/users/:id O O
  POST /v1/users/:id/reset-password O O
  GET /v1/billing/balance OPBR OPBR
  GET /v1/billing/ledger OPBR OPBR
  GET /v1/billing/usage OPBR OPBR
  GET /v1/billing/statement OPBR OPBR
  GET /v1/billing/invoices/:month OPBR OPBR
  POST /v1/billing/reconciliations OPBR -
  POST /v1/billing/payments OB -
  POST /v1/billing/transfers OB OB
  GET /v1/carriers OPR -
  GET /v1/carriers/:name OPR -
  GET /v1/carriers/:name/quality OPR -
  GET /v1/carriers/:name/history OPR -
  GET /v1/carriers/:name/balance OPR -
  POST /v1/carriers/:name/enable OP -
  POST /v1/carriers/:name/drain OP -
  POST /v1/carriers/:name/disable OP -
  POST /v1/carriers/:name/force OP -
  GET /v1/binds OPR -
  GET /v1/binds/:id/pdus OPR -
  GET /v1/binds/:id/pcap OPR -
  GET /v1/callbacks OPR -
  POST /v1/callbacks/:id/replay OP -
  GET /v1/rate-decks OPBR -
  GET /v1/rate-decks/:kind/:owner OPBR -
  GET /v1/rate-decks/:kind/:owner/:version OPBR -
  POST /v1/rate-decks/:kind/:owner OP -
  POST /v1/rate-decks/:kind/:owner/preview OPBR -
  POST /v1/rate-decks/:kind/:owner/rollback OP -
  POST /v1/route/test OPBR -
  POST /v1/route/rehearsal OPBR -
  GET /v1/networks OPBR -
  POST /v1/networks OP -
  POST /v1/networks/:id/restore OP -
  GET /v1/numbers/:number OPBR -
  POST /v1/ported-numbers OP -
  PUT /v1/ported-numbers/:number OP -
  DELETE /v1/ported-numbers/:number OP -
  GET /v1/guards OPBR -
  POST /v1/guards/:id/reset OP -
  GET /v1/config OPR -
  PUT /v1/config O -
  GET /v1/config/versions OPR -
  GET /v1/config/versions/:number OPR -
  POST /v1/config/versions/:number/rollback O -
`

const LETTERS: Readonly<Record<Role, string>> = {
  owner: 'O',
  operator: 'P',
  billing: 'B',
  read_only: 'R',
}

const rows = TABLE.trim()
  .split('\n')
  .map((line) => line.trim().split(' ') as [string, string, string, string])

let api: TestApp
const staff = new Map<Role, User>()
const ofTenant = new Map<Role, User>()

beforeAll(async () => {
  api = await openTestApp()
  const { users, access } = api
  for (const role of ROLES) {
    const tenantId = access.tenantNamed('demo')?.id ?? null
    const about = { name: role, role, password: 'a long enough one' }
    const [first, second] = await Promise.all([
      users.add({ ...about, email: `${role}@staff.example`, tenantId: null }),
      users.add({ ...about, email: `${role}@demo.example`, tenantId }),
    ])
    staff.set(role, first.user)
    ofTenant.set(role, second.user)
  }
})

afterAll(() => api.close())

/** The letters of those whom a route does not refuse. */
async function openTo(method: string, path: string, users: ReadonlyMap<Role, User>) {
  let letters = ''
  for (const [role, user] of users) {
    // A new one for each: some routes end it.
    const { token } = await api.sessions.begin(user, { address: '', userAgent: '' })
    const response = await api.app.request(path, {
      method,
      headers: { authorization: `Bearer ${token}` },
    })
    const isRefused = response.status === 403 && (await problemIn(response)).code === 'forbidden'
    const what = `${method} ${path} of ${user.email}`
    expect(response.status, what).not.toBe(401)
    expect(response.status, what).not.toBe(500)
    if (!isRefused) letters += LETTERS[role]
  }
  return letters || '-'
}

test('the table has every route', () => {
  const named = rows.map(([method, path]) => `${method} ${path}`)
  expect(named.sort()).toEqual(PERMISSIONS.map(([method, path]) => `${method} ${path}`).sort())
})

test.each(rows)('%s %s opens to staff %s, of a tenant %s', async (method, path, first, second) => {
  const example = path.replace(':order', 'drain').replace(/:\w+/g, 'x')
  expect(await openTo(method, example, staff)).toBe(first)
  expect(await openTo(method, example, ofTenant)).toBe(second)
})
