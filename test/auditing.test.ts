import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkAudit } from '../src/audit/audit-check.ts'
import { Auditing } from '../src/auditing.ts'
import { silentLogger } from '../src/core/logger.ts'
import type { Store } from '../src/store/open.ts'
import type { StoredVersion } from '../src/versions/version-store.ts'
import type { Endpoint } from '../src/webhooks/endpoints.ts'
import { openTestPglite } from './support/database.ts'

const TENANT = '01a1fbfe-0226-7d8b-828e-234281d9dc9a'
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo='

let store: Store

beforeAll(async () => {
  store = await openTestPglite()
})
afterAll(() => store.close())

function version(number: number, text: string): StoredVersion {
  const about = { source: 'start', who: null, comment: '', rolledBackTo: null } as const
  return { ...about, number, at: new Date(0), text }
}

test('what does not come over HTTP is written down with who has done it', async () => {
  const auditing = await Auditing.open(store, silentLogger)
  auditing.configFound(undefined, version(1, 'log_level: info'))
  auditing.configFound(
    version(1, 'admin_keys: [hidden-key-1]'),
    version(2, 'log_level: debug\nadmin_keys: [hidden-key-2]'),
  )
  auditing.demoKeyMade('demo', false)
  auditing.demoKeyMade('demo', true)
  auditing.started()
  auditing.balanceOpened(TENANT, { tenant: 'acme', micros: 250_000_000n, currency: 'EUR' })
  auditing.tableTaken('networks', '/etc/networks.csv', 12)
  auditing.tableTaken('ported_numbers', '/etc/ported.csv', 13)
  auditing.canaryStopped('alpha', 'the canary of the route x delivers too little')
  const endpoint = { id: 'w1', tenantId: TENANT, secret: SECRET } as Endpoint
  auditing.webhookGone(endpoint, 'it answered 410 Gone')
  await auditing.configTaken(2, { kind: 'refused', mistakes: [] })
  await auditing.close()

  const filter = {
    tenantId: undefined,
    actor: undefined,
    action: undefined,
    subject: undefined,
    outcome: undefined,
    from: undefined,
    before: undefined,
    beforeNumber: undefined,
    limit: 100,
  }
  const entries = await auditing.archive.list(filter)
  const said = entries.reverse().map(({ content }) => {
    const { actor, action, subject, tenantId, outcome, reason } = content
    return [action, actor.kind, subject?.id, tenantId, outcome, reason].join(' ').trim()
  })
  expect(said).toEqual([
    'config.change configuration_file 0  done',
    'config.change configuration_file 1  done',
    'key.create system demo  done',
    'key.create command_line demo  done',
    'gateway.start system   done',
    `payment.book configuration_file acme ${TENANT} done`,
    'network.import configuration_file /etc/networks.csv  done',
    'ported_number.import configuration_file /etc/ported.csv  done',
    'carrier.drain system alpha  done the canary of the route x delivers too little',
    `webhook.disable system w1 ${TENANT} done it answered 410 Gone`,
    'config.change configuration_file 2  refused config_invalid',
    'gateway.stop system   done',
  ])
  expect(JSON.parse(entries[1]?.content.after ?? '')).toMatchObject({
    version: 2,
    change_count: 2,
    changes: [
      { path: 'admin_keys[0]', before: expect.stringMatching(/^<secret:/) },
      { path: 'log_level', before: null, after: 'debug' },
    ],
  })
  expect(JSON.parse(entries[5]?.content.after ?? '')).toEqual({
    payment: { kind: 'opening', amount: '250.0000', currency: 'EUR' },
  })
  expect(JSON.stringify(entries)).not.toMatch(/hidden-key|whsec_/)
  expect((await checkAudit(store, undefined)).fault).toBeUndefined()
})

test('a gateway that never started does not say that it stops', async () => {
  const auditing = await Auditing.open(store, silentLogger)
  const { number } = auditing.log.head
  await auditing.close()
  expect(auditing.log.head.number).toBe(number)
})
