import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { ApiClient } from '../support/api-client.ts'
import { createTestDatabase } from '../support/database.ts'
import { environmentFor, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { type Ended, GatewayProcess, runCommand } from '../support/gateway-process.ts'
import { PartnerClient } from '../support/partner-client.ts'

/** The audit log of a whole gateway, up to its sudden end and from the database alone. */

const PATIENCE = { timeout: 30_000, interval: 50 }
const postgresUrl = inject('postgresUrl')
/** What is in the file, or was given by somebody, and must not be seen. */
const SECRETS = ['sEcrEt-1', 'chAngEd2', 'pw1', 'not-it', 'admin-key-1', 'test-key-1']

interface Entry {
  readonly number: number
  readonly action: string
  readonly actor: { readonly kind: string; readonly name: string | null }
  readonly subject: { readonly kind: string; readonly id: string } | null
  readonly outcome: string
  readonly reason: string | null
  readonly before: unknown
  readonly after: { readonly changes?: readonly unknown[] } | null
}

const cleanUps: (() => Promise<unknown>)[] = []
let gateway: GatewayProcess
let api: ApiClient
let smppPort: number
let url: string
let file: string
let env: Record<string, string>
let folder: string

beforeAll(async () => {
  const place = await temporaryFolder()
  cleanUps.push(place.remove)
  folder = place.path
  const database = postgresUrl === null ? undefined : await createTestDatabase(postgresUrl)
  if (database) cleanUps.push(database.drop)
  file = join(folder, 'linehaul.yaml')
  const yaml = JSON.parse(yamlFor({ name: 'alpha', port: 1, keys: { password: SECRETS[0] } }))
  await writeFile(file, JSON.stringify({ ...yaml, admin_keys: ['admin-key-1'] }))
  env = environmentFor(folder, { LINEHAUL_CONFIG: file, DATABASE_URL: database?.url })
  gateway = new GatewayProcess(['serve'], { cwd: folder, env })
  cleanUps.push(() => gateway.stop('SIGKILL'))
  url = (await gateway.says(/HTTP API +(http:\S+)/))[1] ?? ''
  const [, port = ''] = await gateway.says(/SMPP +127\.0\.0\.1:(\d+)/)
  api = new ApiClient(url, 'admin-key-1')
  smppPort = Number(port)
}, 90_000)

afterAll(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

async function entries(query: string): Promise<Entry[]> {
  const { status, body } = await api.get(`/v1/audit?${query}`)
  expect(status).toBe(200)
  return body.entries
}

/** Resolves as soon as there is an entry. */
function awaited(query: string): Promise<Entry> {
  return vi.waitFor(async () => {
    const [entry] = await entries(query)
    if (!entry) throw new Error(`no entry: ${query}`)
    return entry
  }, PATIENCE)
}

function command(...args: string[]): Promise<Ended> {
  return runCommand(args, { cwd: folder, env })
}

describe('the audit log of a gateway', () => {
  test('has its start, and the file that it has found', async () => {
    expect(await awaited('action=gateway.start')).toMatchObject({ actor: { kind: 'system' } })
    expect(await awaited('action=config.change')).toMatchObject({
      actor: { kind: 'configuration_file' },
      before: null,
      after: { version: 1, source: 'start' },
    })
  })

  test('has binds of partners, with the reason of refusals', async () => {
    const stranger = await PartnerClient.connect(smppPort)
    await stranger.bind('partner1', 'not-it')
    await stranger.close()
    const partner = await PartnerClient.bound(smppPort)
    await partner.close()
    expect(await awaited('action=bind.refused')).toMatchObject({
      actor: { kind: 'partner', name: 'partner1' },
      outcome: 'refused',
      reason: 'wrong_password',
    })
    expect(await awaited('action=bind.accepted')).toMatchObject({
      actor: { kind: 'partner', name: 'partner1', tenant: 'demo' },
      address: '127.0.0.1',
      subject: { kind: 'bind', id: 'transceiver' },
    })
  })

  test('has a file that was saved, path by path, and one that was refused', async () => {
    const text = await readFile(file, 'utf8')
    const changed = text.replace('sEcrEt-1', 'chAngEd2')
    await writeFile(file, changed)
    const change = await awaited('action=config.change&subject=1')
    expect(change).toMatchObject({
      actor: { kind: 'configuration_file' },
      outcome: 'done',
      before: { version: 1 },
      after: {
        version: 2,
        source: 'file',
        changes: [
          {
            path: 'carriers[alpha].password',
            before: expect.stringMatching(/^<secret:/),
            after: expect.stringMatching(/^<secret:/),
          },
        ],
      },
    })
    await writeFile(file, changed.replace('alpha', 'a l'))
    expect(await awaited('action=config.change&subject=2')).toMatchObject({
      outcome: 'refused',
      reason: 'config_invalid',
    })
    await writeFile(file, changed)
  })

  test('has a rollback over the API, with the key that asked for it', async () => {
    const { status } = await api.call('POST', '/v1/config/versions/1/rollback', { comment: 'back' })
    expect(status).toBe(200)
    expect((await entries('action=config.rollback'))[0]).toMatchObject({
      actor: { kind: 'key', name: expect.stringMatching(/^[0-9a-f]{12}$/) },
      address: '127.0.0.1',
      reason: 'back',
      before: { version: 2 },
      after: { version: 3, source: 'rollback', rolled_back_to: 1 },
    })
  })

  test('is listed on the command line, without any secret', async () => {
    const listed = await command(
      'audit',
      'list',
      '--url',
      url,
      '--limit',
      '600',
      '--from',
      '2020-01-01T00:00:00Z',
    )
    expect(listed).toMatchObject({ code: 0, stderr: '' })
    expect(listed.stdout).toMatch(
      /^ +\d+ {2}\S+Z {2}config\.rollback +key [0-9a-f]{12} \(127\.0\.0\.1\) +configuration 2 {2}back$/m,
    )
    const json = await command('audit', 'list', '--url', url, '--action', 'config', '--json')
    expect(json.stdout.trim().split('\n')).toHaveLength(4)
    for (const secret of SECRETS) {
      expect(listed.stdout + json.stdout).not.toContain(secret)
    }
    const refused = await command('audit', 'list', '--url', url, '--outcome', 'maybe')
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/validation_failed/) })
  }, 120_000)

  test('can be proved after the gateway was killed', async () => {
    const order = await api.call('POST', '/v1/carriers/alpha/disable', { reason: 'last words' })
    expect(order.status).toBe(200)
    const [last] = await entries('action=carrier')
    await gateway.stop('SIGKILL')
    const proved = await command('audit', 'verify')
    expect(proved).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^the audit log is in order/),
    })
    const head = /head: entry (\d+), ([0-9a-f]{64})/.exec(proved.stdout)
    expect(Number(head?.[1])).toBeGreaterThanOrEqual(last?.number ?? Number.POSITIVE_INFINITY)
    expect(await command('audit', 'verify', '--head', head?.[2] ?? '')).toMatchObject({ code: 0 })
    expect(await command('audit', 'verify', '--head', 'abc')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no entry has the hash abc'),
    })
  }, 120_000)
})
