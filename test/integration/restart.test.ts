import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, inject, test, vi } from 'vitest'
import { ApiClient, type ShownMessage } from '../support/api-client.ts'
import { createTestDatabase } from '../support/database.ts'
import { environmentFor, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { GatewayProcess } from '../support/gateway-process.ts'
import { SmppPeer, type Submit } from '../support/smpp-peer.ts'

/** A gateway process is ended in the middle of its work and started again. */

const SHORT = 900
const LONG = 100
const LONG_SEGMENTS = 3
const ALL_SEGMENTS = SHORT + LONG * LONG_SEGMENTS
const WINDOW = 50
const SESSIONS = 2

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
  test('SIGTERM in the middle of 1,000 messages: all delivered, none twice', async () => {
    const { peer, start } = await prepare(postgresUrl)
    const first = await start()
    await sendAll(first.api)
    await peer.until(() => peer.submits.length >= ALL_SEGMENTS / 3)
    expect(await first.process.stop('SIGTERM')).toMatchObject({ code: 0, stderr: '' })
    const before = peer.submits.length
    expect(before).toBeLessThan(ALL_SEGMENTS)

    const second = await start()
    await second.api.untilCount('delivered', SHORT + LONG, 60_000)
    expect(await second.api.list()).toHaveLength(SHORT + LONG)
    expectEachOnce(peer.submits)
    expect(peer.submits).toHaveLength(ALL_SEGMENTS)
    expect(peer.pendingReceipts).toBe(0)
    expect(await second.process.stop()).toMatchObject({ code: 0, stderr: '' })
  }, 120_000)

  test('SIGKILL in the middle: nothing lost, nothing twice, the unanswered is named so', async () => {
    const { peer, start } = await prepare(postgresUrl)
    const first = await start()
    await sendAll(first.api)
    await peer.until(() => peer.submits.length >= ALL_SEGMENTS / 3)
    expect(await first.process.stop('SIGKILL')).toMatchObject({ code: null })

    const second = await start()
    const messages = await untilNoneIsOpen(second.api)
    expect(messages).toHaveLength(SHORT + LONG)
    const unknown = messages.filter(({ status }) => status !== 'delivered')
    for (const { status, error } of unknown) {
      expect({ status, code: error?.code }).toEqual({ status: 'sending', code: 'outcome_unknown' })
    }
    // What was journalled and not answered: two windows for each bind.
    expect(unknown.length).toBeLessThanOrEqual(2 * WINDOW * SESSIONS)
    expectEachOnce(peer.submits)
    const arrived = new Set(peer.submits.map(({ to }) => `+${to}`))
    for (const { status, to } of messages) if (status === 'delivered') expect(arrived).toContain(to)
    expect(await second.process.stop()).toMatchObject({ code: 0 })
  }, 120_000)
})

interface Running {
  readonly process: GatewayProcess
  readonly api: ApiClient
}

async function prepare(
  postgresUrl: string | null,
): Promise<{ peer: SmppPeer; start: () => Promise<Running> }> {
  const peer = await SmppPeer.listen()
  cleanUps.push(() => peer.close())
  // Answers take their turn, so that there is a middle to stop in.
  peer.onSubmit = async ({ number }) => {
    await new Promise((resolve) => setTimeout(resolve, 20))
    return { id: `m${number}` }
  }
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const database = postgresUrl === null ? undefined : await createTestDatabase(postgresUrl)
  if (database) cleanUps.push(database.drop)
  const config = join(folder.path, 'linehaul.yaml')
  await writeFile(
    config,
    yamlFor({ name: 'alpha', port: peer.port, keys: { sessions: SESSIONS, window: WINDOW } }),
  )
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

async function sendAll(api: ApiClient): Promise<void> {
  const numbers = Array.from({ length: SHORT + LONG }, (_, index) => `+${447700900000 + index}`)
  await Promise.all([
    api.sendMany(numbers.slice(0, SHORT), 'short'),
    api.sendMany(numbers.slice(SHORT), 'long '.repeat(80)),
  ])
}

/** Every message once each is delivered, or is known to have an unknown outcome. */
async function untilNoneIsOpen(api: ApiClient): Promise<ShownMessage[]> {
  return await vi.waitFor(
    async () => {
      const messages = await api.list()
      const open = messages.filter((message) => !message.is_final && message.error === null)
      expect(open.length).toBe(0)
      return messages
    },
    { timeout: 60_000, interval: 200 },
  )
}

/** A segment is known by its recipient and its number in the user data header. */
function expectEachOnce(submits: readonly Submit[]): void {
  const keys = submits.map(({ to, esmClass, shortMessage }) =>
    esmClass & 0x40 ? `${to}/${shortMessage[5]}` : to,
  )
  const twice = keys.filter((key, index) => keys.indexOf(key) !== index)
  expect(twice).toEqual([])
}
