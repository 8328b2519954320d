import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TestGateway } from '../support/gateway.ts'
import { environmentFor, openGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { type Ended, runCommand } from '../support/gateway-process.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

let peer: SmppPeer
let gateway: TestGateway
let place: Awaited<ReturnType<typeof temporaryFolder>>

beforeAll(async () => {
  place = await temporaryFolder()
  peer = await SmppPeer.listen()
  const file = JSON.parse(yamlFor({ name: 'alpha', port: peer.port }))
  const yaml = JSON.stringify({ ...file, admin_keys: ['admin-key-1'] })
  gateway = await openGateway(yaml, { folder: place.path })
})

afterAll(async () => {
  await gateway.close()
  await peer.close()
  await place.remove()
})

function rates(...args: readonly string[]): Promise<Ended> {
  return runCommand(['rates', ...args, '--url', gateway.url], {
    cwd: place.path,
    env: environmentFor(place.path),
  })
}

async function deck(name: string, ...rows: readonly string[]): Promise<string> {
  const path = join(place.path, name)
  await writeFile(path, ['prefix,operator,price,currency', ...rows].join('\r\n'))
  return path
}

test('preview and import, with the key of the operator', async () => {
  const file = await deck('new.csv', '44,x,0.0420,EUR', '33,y,0.05,EUR')
  const preview = await rates('preview', 'carrier', 'alpha', file)
  expect(preview).toMatchObject({ code: 0, stderr: '' })
  expect(preview.stdout).toBe(`rates            2, compared with 1 of version 0
unchanged        0
added            1
  33                0.0500 EUR
removed          0
raised           1, +20 % on average
  44                0.0350 EUR -> 0.0420 EUR  +20 %
lowered          0
currency changed 0
columns without a meaning here: operator
`)
  const imported = await rates('import', 'carrier', 'alpha', file, '--note', 'of June')
  expect(imported.stdout).toMatch(/^version 1 with 2 rates counts now\n/)
})

test('list, export and rollback', async () => {
  const list = await rates('list', 'carrier', 'alpha')
  expect(list.stdout).toMatch(/carrier +alpha +\*1 +2 rates +20\S+ +of June\n/)
  expect(list.stdout).toMatch(/carrier +alpha +0 +1 rates +- +the rates of the configuration\n$/)
  const exported = await rates('export', 'carrier', 'alpha')
  expect(exported.stdout).toBe(
    'prefix,mccmnc,price,currency,effective_from\n44,,0.0420,EUR,\n33,,0.0500,EUR,\n',
  )
  const back = await rates('rollback', 'carrier', 'alpha', '0')
  expect(back.stdout).toBe('version 2 counts now, with the rates of version 0\n')
  const first = await rates('export', 'carrier', 'alpha', '--version', '0')
  expect(first.stdout).toBe('prefix,mccmnc,price,currency,effective_from\n44,,0.0350,EUR,\n')
  const all = await rates('list', '--json')
  expect(JSON.parse(all.stdout).rate_decks).toMatchObject([{ owner: 'alpha', version: 2, rows: 1 }])
})

test('a deck with mistakes is refused, row by row', async () => {
  const file = await deck('wrong.csv', '44,x,0.01,EUR', '44,x,0.01,EUR', '45,x,-1,EUR')
  for (const action of ['preview', 'import']) {
    const ended = await rates(action, 'tenant', 'demo', file)
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain(
      'line 3: prefix "44" prefix with the same effective_from stands in line 2: leave one of them\n' +
        'line 4: price "-1" is negative: write 0 or more, for example 0.0350\n',
    )
  }
})

test('refusals and the lack of a deck are told to programs, too', async () => {
  const file = await deck('wrong.csv', '44,x,1e3,EUR')
  const json = await rates('import', 'tenant', 'demo', file, '--json')
  expect(json.code).toBe(1)
  expect(JSON.parse(json.stdout)).toMatchObject({ code: 'rate_deck_invalid', mistake_count: 1 })
  expect((await rates('export', 'tenant', 'demo')).stderr).toBe('tenant demo has no rate deck\n')
})

test('what goes wrong is told, with an exit code', async () => {
  const missing = await rates('import', 'carrier', 'alpha', join(place.path, 'no.csv'))
  expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('cannot read')])
  const unknown = await rates('list', 'carrier', 'gamma')
  expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('known: alpha')])
  const tenant = await rates('list', '--key', 'test-key-1')
  expect([tenant.code, tenant.stderr]).toEqual([1, expect.stringContaining('forbidden')])
})

test.each([
  [[], /list \[DECK\], preview/],
  [['burn'], /list \[DECK\], preview/],
  [['import', 'carrier', 'alpha'], /list \[DECK\], preview/],
  [['preview', 'alpha', 'x.csv'], /"alpha" is no DECK/],
  [['rollback', 'carrier', 'alpha', 'x'], /"x" is not the number of a version/],
  [['export', 'carrier', 'alpha', 'x'], /list \[DECK\], preview/],
])('rates %j: the command is wrong', async (args, complaint) => {
  const ended = await rates(...args)
  expect(ended.code).toBe(2)
  expect(ended.stderr).toMatch(complaint)
})
