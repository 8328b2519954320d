import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TestGateway } from '../support/gateway.ts'
import { environmentFor, openGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { type Ended, runCommand } from '../support/gateway-process.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

const ESME_RINVDSTADR = 0x0b

let peer: SmppPeer
let gateway: TestGateway
let place: Awaited<ReturnType<typeof temporaryFolder>>
/** Letters that the carrier has refused, oldest first. */
const letters: string[] = []

beforeAll(async () => {
  place = await temporaryFolder()
  peer = await SmppPeer.listen()
  gateway = await openGateway(yamlFor({ name: 'alpha', port: peer.port }), { folder: place.path })
  peer.onSubmit = () => ({ status: ESME_RINVDSTADR })
  for (let index = 0; index < 3; index++) {
    letters.push(await gateway.api.send({ to: `+44770090000${index}`, text: `text ${index}` }))
  }
  for (const id of letters) await gateway.api.settled(id)
  peer.onSubmit = ({ number }) => ({ id: `m${number}` })
})

afterAll(async () => {
  await gateway.close()
  await peer.close()
  await place.remove()
})

function dlq(...args: readonly string[]): Promise<Ended> {
  return runCommand(['dlq', ...args], {
    cwd: place.path,
    env: environmentFor(place.path, { LINEHAUL_API_KEY: 'test-key-1' }),
  })
}

function here(...args: readonly string[]): Promise<Ended> {
  return dlq(...args, '--url', gateway.url)
}

test('list, show, replay: a letter is sent again once', async () => {
  const listed = await here('list')
  expect(listed).toMatchObject({ code: 0, stderr: '' })
  const lines = listed.stdout.trimEnd().split('\n')
  expect(lines.map((line) => line.slice(0, 36))).toEqual([...letters].reverse())
  expect(lines[0]).toMatch(
    /permanent +destination_invalid +\+447700900002 +alpha +.*ESME_RINVDSTADR/,
  )

  const [first = ''] = letters
  const shown = await here('show', first)
  expect(shown.code).toBe(0)
  expect(shown.stdout).toMatch(/^reason +permanent$/m)
  expect(shown.stdout).toMatch(/^text +text 0 \(segments: 1\)$/m)
  expect(shown.stdout).toMatch(/submitted +sending +alpha/)

  const replayed = await here('replay', first)
  expect(replayed.code).toBe(0)
  expect(replayed.stdout).toMatch(/sent again as [0-9a-f-]{36}\n1 sent again, 0 not\n$/)
  const [, next = ''] = /as ([0-9a-f-]{36})/.exec(replayed.stdout) ?? []
  expect(await gateway.api.settled(next)).toMatchObject({ status: 'delivered', text: 'text 0' })

  const again = await here('replay', first)
  expect(again.code).toBe(1)
  expect(again.stderr).toContain(
    `not sent again (already_replayed): it was sent again before, as ${next}`,
  )
  expect(again.stdout).toBe('0 sent again, 1 not\n')
})

test('with --json and filters; --all takes the rest', async () => {
  const listed = await here('list', '--json', '--to', '+447700900001', '--since', '2026-01-01')
  expect(JSON.parse(listed.stdout).dead_letters).toMatchObject([{ id: letters[1] }])
  expect((await here('list', '--error', 'carrier_error')).stdout).toBe('no dead letters\n')
  const one = await here('list', '--limit', '1', '--json')
  expect(JSON.parse(one.stdout).dead_letters).toMatchObject([{ id: letters[2] }])
  const replayed = await here('replay', '--all', '--json', '--error', 'destination_invalid')
  expect(replayed.code).toBe(0)
  expect(JSON.parse(replayed.stdout)).toMatchObject({
    replayed: 2,
    failed: 0,
    results: [{ id: letters[2] }, { id: letters[1] }],
  })
  expect((await here('replay', '--all')).stdout).toBe('0 sent again, 0 not\n')
})

test('what goes wrong is told, with an exit code', async () => {
  const unknown = await here('show', '0190a4f0-0000-7000-8000-000000000000')
  expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('not_found')])
  const noKey = await here('list', '--key', 'wrong')
  expect([noKey.code, noKey.stderr]).toEqual([1, expect.stringContaining('unauthorized')])
  const nobody = await dlq('list', '--url', 'http://127.0.0.1:19')
  expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining('unreachable')])
})

test.each([
  [[], /list, show ID, replay ID/],
  [['burn'], /list, show ID, replay ID/],
  [['show'], /one ID/],
  [['replay'], /either IDs or --all/],
  [['replay', 'x', '--all'], /either IDs or --all/],
  [['replay', 'x', '--reason', 'y'], /no other choice/],
  [['list', '--since', 'never'], /--since "never"/],
  [['list', '--limit', '0'], /--limit "0"/],
])('dlq %j: the command is wrong', async (args, complaint) => {
  const ended = await here(...args)
  expect(ended.code).toBe(2)
  expect(ended.stderr).toMatch(complaint)
})
