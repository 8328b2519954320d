import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { ApiClient } from '../support/api-client.ts'
import { createTestDatabase } from '../support/database.ts'
import { environmentFor, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { GatewayProcess } from '../support/gateway-process.ts'
import { SmppPeer, type Submit } from '../support/smpp-peer.ts'

/** A gateway process is killed while its carrier owes it every response. */

const WINDOW = 50
const SESSIONS = 2
const WINDOWS = WINDOW * SESSIONS

const cleanUps: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const databases = [
  { name: 'PGlite', postgresUrl: null },
  ...(inject('postgresUrl') === null
    ? []
    : [{ name: 'PostgreSQL', postgresUrl: inject('postgresUrl') }]),
]

describe.each(databases)('on $name', ({ postgresUrl }) => {
  test('receipts alone, with ids nobody knows, bring every message to its end', async () => {
    const { peer, start } = await prepare(postgresUrl, { uncertain: 'wait_receipt' })
    const first = await start()
    // Twenty recipients get a second message: there the text tells.
    await first.api.sendMany(numbers(WINDOWS - 20), 'One for everybody')
    await first.api.sendMany(numbers(20), 'Another one for a few')
    await peer.until(() => peer.submits.length === WINDOWS)
    const [early, late] = halves(peer.submits)
    for (const submit of early) sendReceipt(peer, submit)
    await peer.until(() => peer.acknowledged.length === early.length)
    expect(await first.process.stop('SIGKILL')).toMatchObject({ code: null })

    for (const submit of late) sendReceipt(peer, submit)
    const second = await start()
    await second.api.untilCount('delivered', WINDOWS, 60_000)
    expect(await second.api.list()).toHaveLength(WINDOWS)
    expect(peer.submits).toHaveLength(WINDOWS)
    expect(peer.pendingReceipts).toBe(0)
    expect(await second.process.stop()).toMatchObject({ code: 0, stderr: '' })
  }, 120_000)

  test('under "resend" all arrive, and no more twice than one window for each bind', async () => {
    const { peer, start } = await prepare(postgresUrl, {
      uncertain: 'resend',
      uncertain_seconds: 1,
    })
    const first = await start()
    const to = numbers(4 * WINDOWS)
    await first.api.sendMany(to, 'Once, please')
    await peer.until(() => peer.submits.length === WINDOWS)
    expect(await first.process.stop('SIGKILL')).toMatchObject({ code: null })
    const before = peer.submits.length

    peer.onSubmit = ({ number }) => ({ id: `m${number}` })
    const second = await start()
    await second.api.untilCount('delivered', to.length, 60_000)
    expect(await second.api.list()).toHaveLength(to.length)
    const times = new Map<string, number>()
    for (const submit of peer.submits) times.set(submit.to, (times.get(submit.to) ?? 0) + 1)
    expect(times.size).toBe(to.length)
    expect(Math.max(...times.values())).toBeLessThanOrEqual(2)
    const twice = [...times.values()].filter((count) => count === 2)
    expect(twice.length).toBeLessThanOrEqual(before)
    expect(before).toBe(WINDOWS)
    expect(await second.process.stop()).toMatchObject({ code: 0 })
  }, 120_000)
})

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `+${447700900000 + index}`)
}

function halves(submits: readonly Submit[]): [Submit[], Submit[]] {
  const even = submits.filter((_, index) => index % 2 === 0)
  return [even, submits.filter((submit) => !even.includes(submit))]
}

function sendReceipt(peer: SmppPeer, { to, from, number, shortMessage }: Submit): void {
  peer.addReceipt({
    id: `unknown-${number}`,
    from,
    to,
    stat: 'DELIVRD',
    submitDate: new Date().toISOString().replace(/\D/g, '').slice(2, 14),
    text: shortMessage.toString('latin1').slice(0, 10),
  })
}

async function prepare(
  postgresUrl: string | null,
  policy: Readonly<Record<string, string | number>>,
): Promise<{
  peer: SmppPeer
  start: () => Promise<{ process: GatewayProcess; api: ApiClient }>
}> {
  const peer = await SmppPeer.listen()
  cleanUps.push(() => peer.close())
  peer.onSubmit = () => 'silence'
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const database = postgresUrl === null ? undefined : await createTestDatabase(postgresUrl)
  if (database) cleanUps.push(database.drop)
  const keys = { sessions: SESSIONS, window: WINDOW, response_timeout_seconds: 60 }
  const yaml = JSON.parse(yamlFor({ name: 'alpha', port: peer.port, keys }))
  const config = join(folder.path, 'linehaul.yaml')
  await writeFile(config, JSON.stringify({ ...yaml, policies: { transactional: policy } }))
  const env = environmentFor(folder.path, {
    LINEHAUL_LOG_LEVEL: 'error',
    ...(database ? { DATABASE_URL: database.url } : {}),
  })
  return {
    peer,
    async start() {
      const process = new GatewayProcess(['serve'], { cwd: folder.path, env })
      cleanUps.push(() => process.stop('SIGKILL'))
      const [, url = ''] = await process.says(/HTTP API\s+(http:\S+)/)
      return { process, api: new ApiClient(url, 'test-key-1') }
    },
  }
}
