import { writeFile } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import postgres from 'postgres'
import { afterEach, describe, expect, inject, test, vi } from 'vitest'
import { createTestDatabase } from '../support/database.ts'
import { environmentFor, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { GatewayProcess } from '../support/gateway-process.ts'

const postgresUrl = inject('postgresUrl')
const cleanUps: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

/**
 * A connection to the database that keeps the database's answers to itself, from the moment that a
 * statement with the given text has passed.
 */
async function listenBefore(target: URL, secret: string): Promise<{ server: Server; url: string }> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const database = connect(Number(target.port || 5432), target.hostname)
    let isMute = false
    let seen = ''
    client.on('data', (chunk) => {
      seen = (seen + chunk.toString('latin1')).slice(-100_000)
      isMute ||= seen.includes(secret)
      database.write(chunk)
    })
    database.on('data', (chunk) => {
      if (!isMute) client.write(chunk)
    })
    for (const [one, other] of [
      [client, database],
      [database, client],
    ] as const) {
      sockets.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUps.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  const url = new URL(target)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as { port: number }).port)
  return { server, url: url.toString() }
}

async function serve(folder: string, databaseUrl: string) {
  const gateway = new GatewayProcess(['serve'], {
    cwd: folder,
    env: environmentFor(folder, {
      LINEHAUL_CONFIG: join(folder, 'linehaul.yaml'),
      DATABASE_URL: databaseUrl,
    }),
  })
  cleanUps.push(() => gateway.stop('SIGKILL'))
  const [, url = ''] = await gateway.says(/HTTP API +(http:\S+)/)
  return { gateway, url }
}

describe.skipIf(postgresUrl === null)('killed between the commit and the answer', () => {
  test('the repeated call gets the answer of the first; the message is there once', async () => {
    const place = await temporaryFolder()
    cleanUps.push(place.remove)
    const database = await createTestDatabase(postgresUrl ?? '')
    cleanUps.push(database.drop)
    // Nobody listens at the carrier: what is accepted waits.
    await writeFile(join(place.path, 'linehaul.yaml'), yamlFor({ name: 'alpha', port: 1 }))
    const reference = 'killed-in-between'
    const call = (url: string) =>
      fetch(`${url}/v1/messages`, {
        method: 'POST',
        headers: {
          authorization: 'Bearer test-key-1',
          'content-type': 'application/json',
          'idempotency-key': '"the one key"',
        },
        body: JSON.stringify({
          to: '+447700900123',
          from: 'Linehaul',
          text: 'once',
          client_reference: reference,
        }),
      })

    const { url: muteUrl } = await listenBefore(new URL(database.url), reference)
    const first = await serve(place.path, muteUrl)
    const lost = call(first.url).then(
      ({ status }) => `answered with ${status}`,
      () => 'no answer',
    )
    const sql = postgres(database.url, { max: 1, onnotice() {} })
    cleanUps.push(() => sql.end())
    const committed = () =>
      sql`select entries from journal where entries like ${`%${reference}%`}`.then((rows) => {
        if (rows.length !== 1) throw new Error('not committed yet')
        return String(rows[0]?.entries)
      })
    const entries = await vi.waitFor(committed, { timeout: 20_000, interval: 20 })
    await first.gateway.stop('SIGKILL')
    expect(await lost).toBe('no answer')

    const second = await serve(place.path, database.url)
    const repeated = await call(second.url)
    expect(repeated.status).toBe(202)
    expect(repeated.headers.get('idempotent-replayed')).toBe('true')
    const { id } = (await repeated.json()) as { id: string }
    expect(entries).toContain(id)
    const listed = await fetch(`${second.url}/v1/messages?client_reference=${reference}`, {
      headers: { authorization: 'Bearer test-key-1' },
    })
    expect(await listed.json()).toMatchObject({ messages: [{ id, status: 'queued' }] })
  })
})
