import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import smpp from 'smpp'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { ApiClient } from '../support/api-client.ts'
import { createTestDatabase } from '../support/database.ts'
import { contractYaml, environmentFor, temporaryFolder } from '../support/gateway.ts'
import { type Ended, GatewayProcess, runCommand } from '../support/gateway-process.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

/** The command line as a stranger meets it: real processes, nothing but what they print. */

const CURL =
  /curl -s (\S+) -H "Authorization: Bearer (\S+)" -H "(Content-Type): (\S+)" -d '(\{[^']+\})'/

const cleanUps: (() => Promise<unknown>)[] = []
let folder: string

beforeAll(async () => {
  const made = await temporaryFolder()
  cleanUps.push(made.remove)
  folder = made.path
})

afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

function serve(env: Record<string, string>, cwd = folder): GatewayProcess {
  const process = new GatewayProcess(['serve'], { cwd, env })
  cleanUps.push(() => process.stop('SIGKILL'))
  return process
}

function run(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return runCommand(args, { cwd: folder, env: environmentFor(folder, env) })
}

/** Waits until the whole announcement is there. */
async function announced(process: GatewayProcess): Promise<string> {
  await process.says(/bind_transceiver to .*\n/)
  return process.stdout
}

describe('without a configuration', () => {
  let process: GatewayProcess
  let text: string
  let url: string
  let key: string
  let id: string

  beforeAll(async () => {
    process = serve(environmentFor(folder))
    text = await announced(process)
    const curl = CURL.exec(text)
    url = new URL(curl?.[1] ?? '').origin
    key = curl?.[2] ?? ''
  })

  test('prints the key once, a curl to send, a curl for the status and a line for SMPP', () => {
    expect(text).toMatch(/^Linehaul \d+\.\d+\.\d+ is ready after \d+\.\d s$/m)
    expect(text).toContain(`The demo tenant's API key, shown this once: ${key}`)
    expect(key).toMatch(/^lh_[\w-]{32}$/)
    expect(text).toContain(`curl -s -H "Authorization: Bearer ${key}" ${url}/v1/messages/ID`)
    expect(text).toMatch(/bind_transceiver to 127\.0\.0\.1:\d+ with system_id demo, password \S+/)
  })

  test('the printed curl gives 202, and the message is delivered with its whole story', async () => {
    const [, address = '', bearer, header = '', type = '', body = ''] = CURL.exec(text) ?? []
    const response = await fetch(address, {
      method: 'POST',
      headers: { authorization: `Bearer ${bearer}`, [header]: type },
      body,
    })
    expect(response.status).toBe(202)
    ;({ id } = (await response.json()) as { id: string })
    const message = await new ApiClient(url, key).settled(id)
    expect(message).toMatchObject({ status: 'delivered', is_final: true, error: null })
    expect(message.timeline.map(({ type }) => type)).toEqual([
      'accepted',
      'routed',
      'submitted',
      'response',
      'receipt',
    ])
    const routed = message.timeline[1]
    const [best] = routed?.detail.candidates ?? []
    expect(best).toMatchObject({ carrier: message.carrier })
    expect(best.reasons.length).toBeGreaterThan(0)
    expect(routed?.detail.candidates.length).toBeGreaterThan(1)
  })

  test('an SMPP client binds with the printed account and sends', async () => {
    const match = /to (\S+):(\d+) with system_id (\S+), password (\S+)/.exec(text)
    const [, host = '', port = '', system_id, password] = match ?? []
    const session = smpp.connect({ host, port: Number(port) })
    await new Promise<void>((resolve) => session.once('connect', resolve))
    const bound = await new Promise<smpp.PDU>((resolve) =>
      session.bind_transceiver({ system_id, password }, resolve),
    )
    expect(bound.command_status).toBe(0)
    const response = await new Promise<smpp.PDU>((resolve) =>
      session.submit_sm(
        { destination_addr: '447700900124', source_addr: 'ACME', short_message: 'over SMPP' },
        resolve,
      ),
    )
    expect(response.command_status).toBe(0)
    const message = await new ApiClient(url, key).settled(String(response.message_id))
    expect(message).toMatchObject({ status: 'delivered', text: 'over SMPP' })
    session.destroy()
  })

  test('send follows a message to its end, and says what is wrong with one', async () => {
    const to = ['--to', '+447700900125', '--from', 'Linehaul']
    const sent = await run(['send', ...to, '--text', 'hello', '--key', key, '--url', url])
    expect(sent).toMatchObject({ code: 0, stderr: '' })
    expect(sent.stdout).toMatch(/accepted(.*\n)+.*submitted(.*\n)+.*receipt +delivered/)
    const [quote, refused] = await Promise.all([
      run(['send', ...to, '--text', 'hello', '--dry-run', '--key', key, '--url', url]),
      run(['send', '--to', '12', '--from', 'L', '--text', 'x', '--key', key, '--url', url]),
    ])
    expect(quote).toMatchObject({ code: 0, stdout: expect.stringContaining('"dry_run":true') })
    expect(refused).toMatchObject({ code: 1, stdout: expect.stringContaining('(to_invalid)') })
  })

  test('a second process on the same folder, and one on its ports, each get one clear line', async () => {
    const { port } = new URL(url)
    const smppPort = /SMPP +127\.0\.0\.1:(\d+)/.exec(text)?.[1] ?? ''
    const other = { LINEHAUL_DATA_DIR: join(folder, 'other') }
    const [sameFolder, sameHttp, sameSmpp] = await Promise.all([
      run(['serve']),
      run(['serve'], { ...other, LINEHAUL_HTTP_PORT: port }),
      run(['serve'], { LINEHAUL_DATA_DIR: join(folder, 'third'), LINEHAUL_SMPP_PORT: smppPort }),
    ])
    expectOneLine(sameFolder, /data is in use by process \d+.*LINEHAUL_DATA_DIR/)
    expectOneLine(sameHttp, new RegExp(`port ${port} is in use.*LINEHAUL_HTTP_PORT`))
    expectOneLine(sameSmpp, new RegExp(`${smppPort}.*in use`))
  })

  test('SIGTERM ends it in order; the second start knows the message and the key', async () => {
    expect(await process.stop()).toMatchObject({ code: 0, stderr: '' })
    expect(process.stdout).toMatch(/SIGTERM: .*\n(.*\n)*stopped\n$/)

    const second = serve(environmentFor(folder))
    const again = await announced(second)
    expect(again).not.toContain(key)
    expect(again).toContain('was shown at the first start')
    const [, address = ''] = /HTTP API +(\S+)/.exec(again) ?? []
    const api = new ApiClient(address, key)
    expect(await api.message(id)).toMatchObject({ id, status: 'delivered' })
    await api.settled(await api.send({ to: '+447700900126', text: 'still here' }))
    expect(await second.stop('SIGINT')).toMatchObject({ code: 0, stderr: '' })
  })
})

describe('with mistakes', () => {
  test('a database that does not answer is named without its password', async () => {
    const ended = await run(['serve'], {
      DATABASE_URL: 'postgres://linehaul:open-sesame@127.0.0.1:1/messages',
    })
    expectOneLine(ended, /cannot reach PostgreSQL at postgres:\/\/linehaul:\*\*\*@127\.0\.0\.1:1/)
    expect(ended.stderr).not.toContain('open-sesame')
  })

  test('a bad file: every mistake with its place, its value and what is allowed', async () => {
    const file = join(folder, 'bad.yaml')
    await writeFile(
      file,
      contractYaml(70_000)
        .replace('bind: transceiver ', 'bind: both ')
        .replace('window: 50', 'windows: 50')
        .replace('"0.0350"', '"cheap"')
        .replace('tenant: demo', 'tenant: nobody'),
    )
    const ended = await run(['serve'], { LINEHAUL_CONFIG: file })
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    const checked = await run(['check-config', file])
    expect(checked).toMatchObject({ code: 1, stdout: '' })
    for (const mistake of [
      /carriers\[0\]\.port.*70000.*65535/,
      /carriers\[0\]\.bind.*both.*transceiver/,
      /carriers\[0\]\.windows.*window/,
      /carriers\[0\]\.rates\[0\]\.price.*cheap.*decimal/,
    ]) {
      expect(ended.stderr).toMatch(mistake)
      expect(checked.stderr).toMatch(mistake)
    }
    // Before the database is open, it may be a tenant of the API.
    expect(ended.stderr).not.toMatch(/nobody/)
    expect(checked.stderr).toMatch(/partners\[0\]\.tenant.*nobody/)
    expect(ended.stderr).not.toMatch(/\n\s+at /)
  })

  test('a file that is no YAML, and one that does not exist', async () => {
    const file = join(folder, 'broken.yaml')
    await writeFile(file, 'tenants: [\n  - {')
    const [broken, missing] = await Promise.all([
      run(['check-config', file]),
      run(['check-config', join(folder, 'nowhere.yaml')]),
    ])
    expect(broken.code).toBe(1)
    expect(broken.stderr).toMatch(/broken\.yaml.*\d/)
    expect(missing.code).toBe(1)
    expect(missing.stderr).toMatch(/nowhere\.yaml does not exist/)
  })

  test('an unknown command, an unknown option and a missing one: usage and exit 2', async () => {
    const [command, option, missing] = await Promise.all([
      run(['fly']),
      run(['serve', '--fast']),
      run(['send', '--to', '+447700900123']),
    ])
    expect(command).toMatchObject({ code: 2, stdout: '' })
    expect(command.stderr).toContain('there is no command "fly"')
    expect(option.code).toBe(2)
    expect(option.stderr).toContain('--fast')
    expect(missing.code).toBe(2)
    expect(missing.stderr).toContain('send needs --to, --from and --text')
  })
})

test('check-config, migrate and help do what they say', async () => {
  const file = join(folder, 'good.yaml')
  await writeFile(file, contractYaml(2776))
  const [checked, help, version, migrated] = await Promise.all([
    run(['check-config', file]),
    run(['help']),
    run(['--version']),
    run(['migrate'], { LINEHAUL_DATA_DIR: join(folder, 'migrated') }),
  ])
  expect(checked).toEqual({
    code: 0,
    stdout: `${file}: 1 tenants, 1 carriers, 1 partners, no mistakes\n`,
    stderr: '',
  })
  expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('linehaul serve') })
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  expect(migrated).toEqual({ code: 0, stdout: 'the database schema is up to date\n', stderr: '' })
})

test.runIf(inject('postgresUrl') !== null)(
  'the file of the contract on PostgreSQL: sent, received, and a second gateway is refused',
  async () => {
    const database = await createTestDatabase(inject('postgresUrl') ?? '')
    cleanUps.push(database.drop)
    const peer = await SmppPeer.listen()
    cleanUps.push(() => peer.close())
    const file = join(folder, 'postgres.yaml')
    await writeFile(file, contractYaml(peer.port))
    const env = { LINEHAUL_CONFIG: file, DATABASE_URL: database.url }
    const process = serve(environmentFor(folder, env))
    const [, url = ''] = await process.says(/HTTP API +(\S+)/)
    await process.says(/Data +PostgreSQL/)
    const api = new ApiClient(url, 'test-key-1')
    const message = await api.settled(await api.send({ to: '+8613812345678', text: '验证码 4711' }))
    expect(message).toMatchObject({ status: 'delivered', carrier: 'alpha', encoding: 'ucs2' })
    expectOneLine(await run(['serve'], env), /another Linehaul gateway is running on postgres/)
    expect(await process.stop()).toMatchObject({ code: 0, stderr: '' })
  },
)

/** Exit 1 and a message for people: one line, no stack. */
function expectOneLine({ code, stdout, stderr }: Ended, pattern: RegExp): void {
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(pattern)
  expect(stderr.trimEnd().split('\n')).toHaveLength(1)
}
