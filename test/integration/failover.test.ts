import { afterEach, describe, expect, inject, test, vi } from 'vitest'
import { ApiClient } from '../support/api-client.ts'
import { createTestDatabase } from '../support/database.ts'
import { openGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

/**
 * A carrier is cut for good with 5,000 messages of five tenants queued for it. All leave by the next, in
 * order for each tenant, and none twice but what was with the dead carrier, where the policy says so.
 */

const WINDOW = 20
const TENANTS = [0, 1, 2, 3, 4]
const PER_TENANT = 1000
const CHUNK = 250
const TOTAL = TENANTS.length * PER_TENANT

const databases = [
  { name: 'PGlite', postgresUrl: null },
  ...(inject('postgresUrl') === null
    ? []
    : [{ name: 'PostgreSQL', postgresUrl: inject('postgresUrl') }]),
]

const cleanUps: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

/** Recipients of a tenant in the order in which it sends. */
function recipients(tenant: number): string[] {
  return Array.from(
    { length: PER_TENANT },
    (_, index) => `44770090${tenant}${String(index).padStart(3, '0')}`,
  )
}

async function prepare(postgresUrl: string | null, uncertain: string) {
  const first = await SmppPeer.listen()
  const next = await SmppPeer.listen()
  cleanUps.push(() => next.close())
  const database = postgresUrl === null ? undefined : await createTestDatabase(postgresUrl)
  if (database) cleanUps.push(() => database.drop())
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const keys = { sessions: 1, window: WINDOW }
  const carriers = JSON.parse(
    yamlFor(
      { name: 'first', port: first.port, price: '0.0100', keys },
      { name: 'next', port: next.port, price: '0.0200', keys },
    ),
  )
  const gateway = await openGateway(
    JSON.stringify({
      ...carriers,
      tenants: TENANTS.map((tenant) => ({ name: `t${tenant}`, api_keys: [`key-of-t${tenant}`] })),
      partners: [],
      policies: { transactional: { uncertain, uncertain_seconds: 1 } },
    }),
    { folder: folder.path, databaseUrl: database?.url ?? null },
  )
  cleanUps.push(() => gateway.close())
  await first.until(() => first.binds.length > 0)
  await next.until(() => next.binds.length > 0)
  const apis = TENANTS.map((tenant) => new ApiClient(gateway.url, `key-of-t${tenant}`))
  return { first, next, apis }
}

/** Sends everything, the tenants in turn. */
async function sendAll(apis: readonly ApiClient[]): Promise<void> {
  for (let begin = 0; begin < PER_TENANT; begin += CHUNK) {
    await Promise.all(
      apis.map((api, tenant) =>
        api.sendMany(
          recipients(tenant)
            .slice(begin, begin + CHUNK)
            .map((digits) => `+${digits}`),
          'keep the order',
        ),
      ),
    )
  }
}

function recipientsAt(peer: SmppPeer): string[] {
  return peer.submits.map(({ pdu }) => String(pdu.destination_addr))
}

function isOf(tenant: number, digits: string): boolean {
  return digits.startsWith(`44770090${tenant}`)
}

/** Resolves when the messages of all tenants have these statuses and no others. */
async function untilCounts(apis: readonly ApiClient[], wanted: object): Promise<void> {
  await vi.waitFor(
    async () => {
      const counts: Record<string, number> = {}
      for (const api of apis) {
        for (const { status } of await api.list()) counts[status] = (counts[status] ?? 0) + 1
      }
      expect(counts).toEqual(wanted)
    },
    { timeout: 60_000, interval: 500 },
  )
}

describe.each(databases)('on $name', ({ postgresUrl }) => {
  test('what waits for a carrier that is cut leaves by the next, in order, none twice', async () => {
    const { first, next, apis } = await prepare(postgresUrl, 'wait_receipt')
    first.onSubmit = () => 'silence'
    await sendAll(apis)
    await first.until(() => first.submits.length === WINDOW)
    await first.close()
    const lost = recipientsAt(first)
    expect(lost).toHaveLength(WINDOW)
    await next.until(() => next.submits.length >= TOTAL - WINDOW)
    await untilCounts(apis, { delivered: TOTAL - WINDOW, sending: WINDOW })
    const moved = recipientsAt(next)
    // Each once, and nothing of what may be with the dead carrier.
    expect([...moved].sort()).toEqual(
      TENANTS.flatMap(recipients)
        .filter((digits) => !lost.includes(digits))
        .sort(),
    )
    for (const tenant of TENANTS) {
      const own = moved.filter((digits) => isOf(tenant, digits))
      expect(own).toEqual(own.toSorted())
    }
  }, 120_000)

  test('with the policy `resend` only what was with the dead carrier goes twice', async () => {
    const { first, next, apis } = await prepare(postgresUrl, 'resend')
    first.onSubmit = () => 'silence'
    await sendAll(apis)
    await first.until(() => first.submits.length === WINDOW)
    await first.close()
    const lost = recipientsAt(first)
    await untilCounts(apis, { delivered: TOTAL })
    const moved = recipientsAt(next)
    expect([...moved].sort()).toEqual(TENANTS.flatMap(recipients).sort())
    // What nobody knows of is sent again after a second; all else keeps the order.
    for (const tenant of TENANTS) {
      const certain = moved.filter((digits) => isOf(tenant, digits) && !lost.includes(digits))
      expect(certain).toEqual(certain.toSorted())
    }
  }, 120_000)
})
