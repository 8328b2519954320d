import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TestGateway } from '../support/gateway.ts'
import { environmentFor, openGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { BIN, type Ended, runCommand } from '../support/gateway-process.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

let peer: SmppPeer
let gateway: TestGateway
let place: Awaited<ReturnType<typeof temporaryFolder>>
let environment: Record<string, string>

beforeAll(async () => {
  place = await temporaryFolder()
  peer = await SmppPeer.listen()
  const file = JSON.parse(yamlFor({ name: 'alpha', port: peer.port }))
  const yaml = JSON.stringify({ ...file, admin_keys: ['admin-key-1'] })
  // The commands read the key of the operator from the file; the tenant's does not get in its way.
  gateway = await openGateway(yaml, { folder: place.path })
  environment = environmentFor(place.path, { LINEHAUL_API_KEY: 'test-key-1' })
  await gateway.api.settled(await gateway.api.send({ to: '+447700900123', text: 'hello' }))
})

afterAll(async () => {
  await gateway.close()
  await peer.close()
  await place.remove()
})

function run(...args: readonly string[]): Promise<Ended> {
  return runCommand([...args, '--url', gateway.url], {
    cwd: place.path,
    env: environment,
  })
}

test('binds lists connections, pcap writes the capture of one', async () => {
  const listed = await run('binds')
  expect(listed).toMatchObject({ code: 0, stderr: '' })
  const line =
    /^([0-9a-f]{10}) +carrier +alpha +transceiver-1 +bound_trx +127\.0\.0\.1 (\d+) +(\d+) PDUs$/m
  const [, id = '', port, pdus] = line.exec(listed.stdout) ?? []
  expect(Number(port)).toBe(peer.port)
  expect(Number(pdus)).toBeGreaterThanOrEqual(6)
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [BIN, 'pcap', id, '--url', gateway.url],
    { cwd: place.path, env: environment, encoding: 'buffer' },
  )
  expect(stdout.readUInt32LE(0)).toBe(0xa1b2c3d4)
  const ofApi = await fetch(`${gateway.url}/v1/binds/${id}/pcap`, {
    headers: { authorization: 'Bearer admin-key-1' },
  })
  // Other PDUs may have come in between.
  const expected = Buffer.from(await ofApi.arrayBuffer())
  expect(expected.subarray(0, stdout.length)).toEqual(stdout)
  expect(stdout.length).toBeGreaterThan(500)
})

test('what goes wrong is told, with an exit code', async () => {
  const unknown = await run('pcap', 'nobody')
  expect([unknown.code, unknown.stdout]).toEqual([1, ''])
  expect(unknown.stderr).toContain('not_found')
  const tenant = await run('binds', '--key', 'test-key-1')
  expect([tenant.code, tenant.stderr]).toEqual([1, expect.stringContaining('forbidden')])
  const texts = await run('pcap', 'nobody', '--texts')
  expect([texts.code, texts.stderr]).toEqual([1, expect.stringContaining('recorder.show_texts')])
  const none = await run('pcap')
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('one BIND-ID')])
})
