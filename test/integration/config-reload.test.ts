import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { keepingLogger } from '../messages/keeping-logger.ts'
import { ApiClient } from '../support/api-client.ts'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

/** A gateway that follows its file while messages go through it. */

const logger = keepingLogger()
const cleanUps: (() => Promise<unknown>)[] = []
const peers: SmppPeer[] = []
let folder: string
let gateway: TestGateway
let operator: ApiClient

beforeAll(async () => {
  for (let n = 0; n < 2; n++) {
    const peer = await SmppPeer.listen()
    peers.push(peer)
    cleanUps.push(() => peer.close())
  }
  const temporary = await temporaryFolder()
  folder = temporary.path
  gateway = await openGateway(yamlWith({}), { folder, logger })
  operator = new ApiClient(gateway.url, 'admin-key-1')
  cleanUps.push(temporary.remove, gateway.close)
  await vi.waitFor(async () => {
    const { body } = await gateway.api.get('/readyz')
    expect((body.carriers as { is_up: boolean }[]).every(({ is_up }) => is_up)).toBe(true)
  })
})

afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

function yamlWith(more: object): string {
  const [alpha, beta] = peers
  const file = JSON.parse(
    yamlFor(
      { name: 'alpha', port: alpha?.port ?? 0, price: '0.0100' },
      { name: 'beta', port: beta?.port ?? 0, price: '0.0200' },
    ),
  )
  return JSON.stringify({ ...file, admin_keys: ['admin-key-1'], ...more })
}

/** As editors do it: another file comes in the place of the old one. */
async function save(yaml: string): Promise<void> {
  await writeFile(join(folder, 'new.yaml'), yaml)
  await rename(join(folder, 'new.yaml'), join(folder, 'linehaul.yaml'))
}

const toBeta = { routing: { routes: [{ name: 'to-beta', carriers: ['beta'] }] } }

async function firstCarrier(): Promise<string> {
  const asked = { tenant: 'demo', to: '+447700900123', from: 'X' }
  const { body } = await operator.call('POST', '/v1/route/test', asked)
  return body.candidates[0]?.carrier
}

describe('a changed configuration file', () => {
  test('routes as it says from the moment it is saved, with messages under way', async () => {
    expect(await firstCarrier()).toBe('alpha')
    const ids: string[] = []
    let isOver = false
    const traffic = (async () => {
      while (!isOver) ids.push(await gateway.api.send({ to: '+447700900123', text: 'Hello' }))
    })()
    await save(yamlWith(toBeta))
    await vi.waitFor(async () => expect(await firstCarrier()).toBe('beta'), { timeout: 10_000 })
    isOver = true
    await traffic
    for (const id of ids)
      expect(await gateway.api.settled(id)).toMatchObject({ status: 'delivered' })
    const id = await gateway.api.send({ to: '+447700900123', text: 'Hello' })
    expect(await gateway.api.settled(id)).toMatchObject({ carrier: 'beta' })
  })

  test('with a mistake changes nothing, and says where it is', async () => {
    await save(yamlWith({ routing: { routes: [{ name: 'x', carriers: ['nobody'] }] } }))
    await vi.waitFor(() => expect(JSON.stringify(logger.lines)).toMatch(/there is no carrier/), {
      timeout: 10_000,
    })
    expect(await firstCarrier()).toBe('beta')
  })

  test('in what cannot change while it runs: the rest is taken over, and that is told', async () => {
    await save(yamlWith({ http: { host: 'localhost', port: 0 } }))
    await vi.waitFor(async () => expect(await firstCarrier()).toBe('alpha'), { timeout: 10_000 })
    expect(JSON.stringify(logger.lines)).toContain('"waiting":["http"]')
    const { body } = await operator.get('/v1/config')
    expect(body).toMatchObject({ version: { source: 'file' }, waits_for_start: ['http'] })
  })

  test('changes what follows a failure', async () => {
    const failure_rules = [
      {
        name: 'hold-refused',
        scene: 'send_failure',
        match: { codes: ['0x00000045'] },
        action: 'hold',
      },
    ]
    await save(yamlWith({ failure_rules }))
    const [alpha] = peers
    if (!alpha) throw new Error('there is no peer')
    alpha.onSubmit = () => ({ status: 0x45 })
    await vi.waitFor(
      async () => {
        const id = await gateway.api.send({ to: '+447700900123', text: 'Hello' })
        const message = await gateway.api.until(id, ({ timeline }) => timeline.length > 4)
        expect(message.timeline.map(({ type }) => type)).toContain('held')
      },
      { timeout: 10_000 },
    )
  })
})
