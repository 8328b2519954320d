import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  createKey,
  type KeyCommand,
  listKeys,
  revokeKey,
  rotateKey,
} from '../../src/key-commands.ts'
import {
  environmentFor,
  openGateway,
  type TestGateway,
  temporaryFolder,
  yamlFor,
} from '../support/gateway.ts'
import { type Ended, runCommand } from '../support/gateway-process.ts'
import { signedHeaders } from '../support/signing.ts'

const PAGE = readFileSync(new URL('../../docs/api-keys.md', import.meta.url), 'utf8')

let gateway: TestGateway
let place: Awaited<ReturnType<typeof temporaryFolder>>

async function start(): Promise<TestGateway> {
  const file = { ...JSON.parse(yamlFor({ name: 'alpha', port: 1 })), admin_keys: ['operator-1'] }
  return openGateway(JSON.stringify(file), { folder: place.path })
}

beforeAll(async () => {
  place = await temporaryFolder()
  gateway = await start()
})

afterAll(async () => {
  await gateway.close()
  await place.remove()
})

/** What an action says and complains of, without a process of its own. */
async function told(run: (command: KeyCommand) => Promise<boolean>, key = 'operator-1') {
  const said: string[] = []
  const complained: string[] = []
  const isDone = await run({
    url: gateway.url,
    key,
    say: (line) => said.push(line),
    complain: (line) => complained.push(line),
  })
  return { isDone, said: said.join('\n'), complained: complained.join('\n') }
}

function field(said: string, name: string): string {
  return new RegExp(`^${name} +(\\S+)`, 'm').exec(said)?.[1] ?? ''
}

async function statusWith(key: string): Promise<number> {
  const headers = { authorization: `Bearer ${key}` }
  return (await fetch(`${gateway.url}/v1/limits`, { headers })).status
}

test('make, list, rotate and revoke a key', async () => {
  const made = await told((command) =>
    createKey(command, { name: 'server', scopes: 'account:read, keys:read', tenant: 'demo' }),
  )
  expect(made).toMatchObject({ isDone: true, complained: '' })
  const [id, key] = [field(made.said, 'id'), field(made.said, 'key')]
  expect(await statusWith(key)).toBe(200)

  const listed = await told((command) => listKeys(command, 'demo'))
  expect(listed.said).toMatch(
    new RegExp(`^${id}  \\w{12}  demo +usable +2\\S+Z +127.0.0.1 +server$`, 'm'),
  )
  expect(listed.said).toMatch(/^\w{12} +\w{12} +demo .*\(configuration\)$/m)

  const rotated = await told((command) => rotateKey(command, id, 0))
  expect(rotated.said).toMatch(/^the old one is good no more$/m)
  const next = field(rotated.said, 'key')
  expect([await statusWith(key), await statusWith(next)]).toEqual([401, 200])

  const refused = await told((command) => revokeKey(command, id), next)
  expect(refused).toMatchObject({
    isDone: false,
    complained: expect.stringMatching(/^refused \(forbidden\): .*"keys:write"/),
  })
  const revoked = await told((command) => revokeKey(command, id))
  expect(revoked.said).toMatch(new RegExp(`^${id} is revoked since 2`))
  expect(await statusWith(next)).toBe(401)
})

test('the example of the documentation signs a request, which is refused again after a restart', async () => {
  const made = await told((command) =>
    createKey(command, { name: 's', scopes: 'messages:send', tenant: 'demo', signing: 'full' }),
  )
  const key = { id: field(made.said, 'id'), secret: field(made.said, 'secret') }
  const [, example = ''] = /```js\n([\s\S]+?)```/.exec(PAGE) ?? []
  const script = join(place.path, 'example.mjs')
  await writeFile(script, example)
  const { stdout } = await promisify(execFile)(process.execPath, [script], {
    env: { LINEHAUL_URL: gateway.url, APP_KEY: key.id, APP_SECRET: key.secret },
  })
  expect(stdout).toMatch(/^202 \{"id":"/)

  const path = '/v1/messages?x=%41%2f'
  const body = '{ "to": "+447700900123", "from": "ACME", "text": "\\u00e9", "dry_run": true }'
  const timestamp = Math.floor(Date.now() / 1_000)
  const toSign = { method: 'POST', path, body, timestamp, nonce: 'once' }
  const send = () =>
    fetch(gateway.url + path, {
      method: 'POST',
      headers: { ...signedHeaders(key, toSign), 'content-type': 'application/json' },
      body,
    })
  expect((await send()).status).toBe(200)
  await gateway.close()
  gateway = await start()
  expect((await send()).status).toBe(401)
})

test('the command line says what is missing, and lists with the first key of the operator', async () => {
  const keys = (...args: readonly string[]): Promise<Ended> =>
    runCommand(['keys', ...args], {
      cwd: place.path,
      env: environmentFor(place.path, { LINEHAUL_CONFIG: join(place.path, 'linehaul.yaml') }),
    })
  const [listed, wrong] = await Promise.all([
    keys('list', '--url', gateway.url),
    keys('create', 'server'),
  ])
  expect(listed).toMatchObject({ code: 0, stdout: expect.stringMatching(/\(configuration\)/) })
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringMatching(/^keys needs one of/) })
})
