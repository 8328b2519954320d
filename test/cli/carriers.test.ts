import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TestGateway } from '../support/gateway.ts'
import { environmentFor, openGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { type Ended, runCommand } from '../support/gateway-process.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

/** Every command is a process of its own. */
const PROCESSES_MS = 60_000

let peer: SmppPeer
let gateway: TestGateway
let place: Awaited<ReturnType<typeof temporaryFolder>>

beforeAll(async () => {
  place = await temporaryFolder()
  peer = await SmppPeer.listen()
  const settings = JSON.parse(yamlFor({ name: 'alpha', port: peer.port }))
  const yaml = JSON.stringify({ ...settings, admin_keys: ['operator-key-1'] })
  gateway = await openGateway(yaml, { folder: place.path })
  await gateway.api.settled(await gateway.api.send({ to: '+447700900123', text: 'one' }))
})

afterAll(async () => {
  await gateway.close()
  await peer.close()
  await place.remove()
})

/** The key of the operator is in the configuration of that folder. */
function carriers(...args: readonly string[]): Promise<Ended> {
  return runCommand(['carriers', ...args, '--url', gateway.url], {
    cwd: place.path,
    env: environmentFor(place.path),
  })
}

test(
  'list, quality, orders and history',
  async () => {
    const [listed, quality] = await Promise.all([carriers('list'), carriers('quality', 'alpha')])
    expect(listed).toMatchObject({ code: 0, stderr: '' })
    expect(listed.stdout).toMatch(
      /^alpha +everything +enabled +0 waiting +9\d\.\d % delivered .*connected$/m,
    )
    expect(quality.stdout).toMatch(/^everywhere +- +- +9\d\.\d % delivered/m)
    expect(quality.stdout).toMatch(/^GB +- +transactional +9\d\.\d % delivered \(.*\), of 1/m)

    const drained = await carriers('drain', 'alpha', '--reason', 'their maintenance')
    expect(drained.code).toBe(0)
    expect(drained.stdout).toMatch(
      /^alpha +nothing +drained .*gets nothing new: their maintenance$/m,
    )

    const [shown, history] = await Promise.all([
      carriers('show', 'alpha', '--json'),
      carriers('history', 'alpha', '--limit', '1'),
    ])
    expect(JSON.parse(shown.stdout)).toMatchObject({ name: 'alpha', health: { mode: 'drained' } })
    expect(history.stdout).toMatch(/^\S+Z +mode +enabled -> drained +their maintenance$/m)
  },
  PROCESSES_MS,
)

test(
  'what is wrong is said: no such carrier, no reason, no such action',
  async () => {
    const [unknown, ...wrong] = await Promise.all([
      carriers('disable', 'gamma', '--reason', 'x'),
      carriers('drain', 'alpha'),
      carriers('explode', 'alpha'),
    ])
    expect(unknown).toMatchObject({ code: 1, stdout: '' })
    expect(unknown.stderr).toContain('refused (not_found): there is no carrier "gamma"')
    expect(wrong.map(({ code }) => code)).toEqual([2, 2])
  },
  PROCESSES_MS,
)
