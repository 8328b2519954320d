import { sql } from 'drizzle-orm'
import { afterEach, describe, expect, inject, test, vi } from 'vitest'
import type { Config } from '../../src/config/schema.ts'
import { openStore } from '../../src/store/open.ts'
import { ApiClient } from '../support/api-client.ts'
import { createTestDatabase } from '../support/database.ts'
import { openGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

/** Carriers that are looked at while nobody sends. */

const RSYSERR = 0x08
const CHECKED = '447700900999'

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

/** @param check - as the configuration has it, in times that no file may say */
async function start(
  postgresUrl: string | null,
  check: Config['carriers'][number]['check'],
  health: object,
) {
  const peer = await SmppPeer.listen()
  cleanUps.push(() => peer.close())
  const database = postgresUrl === null ? undefined : await createTestDatabase(postgresUrl)
  if (database) cleanUps.push(() => database.drop())
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const file = JSON.parse(
    yamlFor({ name: 'alpha', port: peer.port, keys: { enquire_link_seconds: 3_600 } }),
  )
  const settings = { ...file, admin_keys: ['operator-key-1'], health }
  const gateway = await openGateway(JSON.stringify(settings), {
    folder: folder.path,
    databaseUrl: database?.url ?? null,
    change: (config) => ({
      ...config,
      carriers: config.carriers.map((carrier) => ({ ...carrier, check })),
    }),
  })
  let isOpen = true
  const close = async () => {
    if (isOpen) await gateway.close()
    isOpen = false
  }
  cleanUps.push(close)
  await peer.until(() => peer.binds.length > 0)
  const operator = new ApiClient(gateway.url, 'operator-key-1')
  const healthOf = async () => (await operator.get('/v1/carriers/alpha')).body.health
  const until = (wanted: object) =>
    vi.waitFor(async () => expect(await healthOf()).toMatchObject(wanted), {
      timeout: 15_000,
      interval: 50,
    })
  return {
    ...gateway,
    close,
    operator,
    peer,
    folder: folder.path,
    databaseUrl: database?.url ?? null,
    until,
  }
}

describe.each(databases)('on $name', ({ postgresUrl }) => {
  test('one that is bound and answers nothing is left alone before a message finds out', async () => {
    const check = { everyMs: 200, timeoutMs: 300, message: undefined }
    const cool = { consecutive_failures: 2, cool_down_seconds: 600 }
    const { operator, peer, until } = await start(postgresUrl, check, cool)
    const well = { ok: true, error: null, latency_ms: expect.any(Number), at: expect.any(String) }
    await until({ takes: 'everything', check: well, message_check: null })
    peer.answersLinks = false
    await until({
      takes: 'nothing',
      breaker: 'open',
      check: {
        ok: false,
        latency_ms: null,
        error: 'no answer to enquire_link on transceiver-1 in time',
      },
    })
    const { body } = await operator.get('/v1/carriers/alpha/history')
    expect(body.changes[0]).toMatchObject({
      kind: 'breaker',
      to: 'open',
      cause:
        '2 failures without a success; a check failed: no answer to enquire_link on transceiver-1 in time',
    })
    peer.answersLinks = true
    // It is there again, and waits for the end of its cool-down all the same.
    await until({ breaker: 'open', check: well })
    const metrics = (await operator.get('/metrics')).body
    expect(metrics).toMatch(
      /linehaul_carrier_check_seconds_count\{carrier="alpha",check="link"\} [1-9]/,
    )
    expect(metrics).toMatch(
      /linehaul_carrier_checks_failed_total\{carrier="alpha",check="link"\} [2-9]/,
    )
  }, 120_000)

  test('one that takes messages and drops them is found by a message of ours', async () => {
    const message = {
      to: `+${CHECKED}`,
      from: 'Us',
      text: 'Test',
      everyMs: 200,
      receiptMs: 500,
    }
    const check = { everyMs: 0, timeoutMs: 300, message }
    const cool = { consecutive_failures: 2, cool_down_seconds: 600, max_cool_down_seconds: 600 }
    const gateway = await start(postgresUrl, check, cool)
    const { api, peer, until } = gateway
    await until({ check: null, message_check: { ok: true, error: null } })
    peer.onSubmit = ({ number }) => ({ id: `lost${number}`, receipt: false })
    await until({
      breaker: 'closed',
      message_check: { ok: false, error: 'taken, and no receipt came in time' },
    })
    // Customers find out, and the breaker opens; our message is delivered, and others may try.
    peer.onSubmit = () => ({ status: RSYSERR })
    await until({ breaker: 'open', message_check: { ok: false } })
    peer.onSubmit = ({ number }) => ({ id: `m${number}` })
    await until({ breaker: 'half_open', message_check: { ok: true } })

    // No tenant has these messages, and no table their receipts.
    const id = await api.send({ to: '+447700900123', text: 'Hello' })
    expect(await api.settled(id)).toMatchObject({ status: 'delivered' })
    expect((await api.list()).map((each) => each.id)).toEqual([id])
    expect(peer.submits.filter(({ to }) => to === CHECKED).length).toBeGreaterThan(3)
    await gateway.close()
    const store = await openStore({
      dataDir: `${gateway.folder}/data`,
      databaseUrl: gateway.databaseUrl ?? undefined,
    })
    try {
      expect(await store.query(sql`select carrier_message_id from receipts`)).toEqual([])
    } finally {
      await store.close()
    }
  }, 120_000)
})
