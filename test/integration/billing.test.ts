import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, inject, test, vi } from 'vitest'
import { ApiClient } from '../support/api-client.ts'
import { createTestDatabase } from '../support/database.ts'
import {
  environmentFor,
  openGateway,
  type TestGateway,
  temporaryFolder,
  yamlFor,
} from '../support/gateway.ts'
import { BIN } from '../support/gateway-process.ts'
import { PartnerClient } from '../support/partner-client.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

/** Money in a whole gateway: from the file, spent by many at once, proved from the database alone. */

const databases = [
  { name: 'PGlite', postgresUrl: null },
  ...(inject('postgresUrl') === null
    ? []
    : [{ name: 'PostgreSQL', postgresUrl: inject('postgresUrl') }]),
]

const RSUBMITFAIL = 0x45
const PATIENCE_MS = 60_000

interface Charged {
  readonly charged: number
  readonly revenue: string
}

describe.each(databases)('on $name', ({ postgresUrl }) => {
  const cleanUps: (() => Promise<unknown>)[] = []

  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
  })

  /** The tenant demo has so much, and pays 0.01 a segment; the tenant other has no account. */
  async function open(amount: string) {
    const peer = await SmppPeer.listen()
    cleanUps.push(() => peer.close())
    const folder = await temporaryFolder()
    cleanUps.push(folder.remove)
    const database = postgresUrl === null ? undefined : await createTestDatabase(postgresUrl)
    if (database) cleanUps.push(database.drop)
    const file = JSON.parse(yamlFor({ name: 'alpha', port: peer.port }))
    const yaml = JSON.stringify({
      ...file,
      rates: [{ tenant: 'demo', prefix: '44', price: '0.01', currency: 'EUR' }],
      balances: [{ tenant: 'demo', amount, currency: 'EUR' }],
      admin_keys: ['admin-key-1'],
    })
    const place = { folder: folder.path, databaseUrl: database?.url ?? null }
    let gateway = await openGateway(yaml, place)
    let isOpen = true
    async function close(): Promise<void> {
      if (isOpen) await gateway.close()
      isOpen = false
    }
    cleanUps.push(close)
    return {
      peer,
      gateway: () => gateway,
      restart: async () => {
        await close()
        gateway = await openGateway(yaml, place)
        isOpen = true
      },
      /** Stops the gateway, and proves from the database alone that its ledger is in order. */
      check: async () => {
        await close()
        return linehaul(['ledger', 'check'], folder.path, database?.url)
      },
      /** Runs another command. */
      run: (...command: readonly string[]) => linehaul(command, folder.path, database?.url),
    }
  }

  async function balanceOf({ api }: TestGateway) {
    const { body } = await api.get('/v1/billing/balance')
    return body.accounts[0]
  }

  test('a balance of a thousand segments pays for exactly a thousand, whoever is faster', async () => {
    const { gateway, restart, check, run } = await open('10.00')
    const taken = { rest: 0, smpp: 0 }
    /** Long texts as long as they are paid for, and short ones then. */
    async function sender(): Promise<void> {
      for (let length = 200; ; ) {
        const { status, body } = await gateway().api.post({
          from: 'ACME',
          to: '+447700900123',
          text: 'x'.repeat(length),
        })
        if (status === 402) {
          expect(body).toMatchObject({ code: 'balance_insufficient' })
          if (length === 10) return
          length = 10
          continue
        }
        expect(status, JSON.stringify(body)).toBe(202)
        taken.rest += body.segments
      }
    }
    async function partner(): Promise<void> {
      const client = await PartnerClient.bound(gateway().smppPort)
      for (;;) {
        const { command_status: status } = await client.submit('447700900124')
        if (status === RSUBMITFAIL) break
        expect(status).toBe(0)
        taken.smpp++
      }
      await client.close()
    }
    await Promise.all([
      ...Array.from({ length: 60 }, sender),
      ...Array.from({ length: 4 }, partner),
    ])
    expect(taken.smpp).toBeGreaterThan(0)
    expect(taken.rest + taken.smpp).toBe(1_000)
    expect(await balanceOf(gateway())).toMatchObject({ available: '0.0000' })
    await vi.waitFor(async () => {
      expect(await balanceOf(gateway())).toMatchObject({ reserved: '0.0000' })
    }, PATIENCE_MS)
    await restart()
    expect(await balanceOf(gateway())).toMatchObject({
      balance: '0.0000',
      reserved: '0.0000',
      spent: '10.0000',
      available: '0.0000',
    })
    const { status } = await gateway().api.post({
      from: 'ACME',
      to: '+447700900123',
      text: 'Hello',
    })
    expect(status).toBe(402)
    const operator = new ApiClient(gateway().url, 'admin-key-1')
    const { body: usage } = await operator.get(
      '/v1/billing/usage?group_by=tenant&granularity=month',
    )
    expect(usage.rows.map(({ charged, revenue }: Charged) => [charged, revenue])).toEqual([
      [1_000, '10.0000'],
    ])
    expect(await check()).toMatchObject({
      code: 0,
      output: expect.stringMatching(/in order: \d+ lines/),
    })
    const month = usage.rows[0].starts_at.slice(0, '2026-10'.length)
    const { output } = await run('invoices', '--month', month, '--tenant', 'demo')
    expect(output).toContain(`demo,${month},EUR,total,,,,,,,10.0000,0.0000,10.0000,,,`)
  }, 120_000)

  test('what is lost is given back, and money that comes later is spent', async () => {
    const { peer, gateway, check } = await open('0.01')
    peer.onSubmit = ({ number }) => ({ id: `m${number}`, receipt: 'UNDELIV' })
    const first = await gateway().api.send({ from: 'ACME', to: '+447700900123', text: 'Hello' })
    expect(await gateway().api.settled(first)).toMatchObject({ status: 'undelivered' })
    peer.onSubmit = ({ number }) => ({ id: `m${number}` })
    const second = await gateway().api.send({ from: 'ACME', to: '+447700900123', text: 'Hello' })
    await gateway().api.settled(second)
    expect(
      (await gateway().api.post({ from: 'ACME', to: '+447700900123', text: 'Hello' })).status,
    ).toBe(402)
    const operator = new ApiClient(gateway().url, 'admin-key-1')
    const payment = {
      tenant: 'demo',
      kind: 'top_up',
      currency: 'EUR',
      amount: '0.01',
      reference: 'r',
    }
    expect((await operator.call('POST', '/v1/billing/payments', payment)).status).toBe(201)
    const third = await gateway().api.send({ from: 'ACME', to: '+447700900123', text: 'Hello' })
    await gateway().api.settled(third)
    const { body } = await operator.get('/v1/billing/ledger?tenant=demo')
    const kinds = body.lines.map(({ kind }: { kind: string }) => kind)
    expect(kinds.filter((kind: string) => kind === 'settle')).toHaveLength(2)
    expect(body.lines.at(-1)).toMatchObject({ kind: 'opening', note: 'from the configuration' })
    expect(await balanceOf(gateway())).toMatchObject({ balance: '0.0000', spent: '0.0200' })
    expect((await check()).code).toBe(0)
  }, 60_000)
})

/** Runs a command of `linehaul`. */
async function linehaul(args: readonly string[], folder: string, databaseUrl: string | undefined) {
  const env = environmentFor(folder, {
    LINEHAUL_CONFIG: join(folder, 'linehaul.yaml'),
    DATABASE_URL: databaseUrl,
  })
  const command = [BIN, ...args]
  try {
    const { stdout } = await promisify(execFile)(process.execPath, command, { env })
    return { code: 0, output: stdout }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, output: `${stdout}${stderr}` }
  }
}
