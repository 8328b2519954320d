import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { DatabaseProxy } from './database-proxy.ts'

const cleanUps: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

/** A proxy before a server that sends back what it gets. */
async function prepare(): Promise<{ proxy: DatabaseProxy; client: Socket }> {
  const server: Server = createServer((socket) => socket.on('error', () => {}).pipe(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUps.push(() => server.close())
  const proxy = new DatabaseProxy((server.address() as { port: number }).port)
  const client = connect(await proxy.listen(), '127.0.0.1')
  cleanUps.push(() => proxy.close())
  cleanUps.push(() => client.destroy())
  await new Promise((resolve) => client.once('connect', resolve))
  return { proxy, client }
}

/** Resolves once everything has come. */
async function received(client: Socket, length: number): Promise<string> {
  let text = ''
  for await (const chunk of client.iterator({ destroyOnReturn: false })) {
    text += String(chunk)
    if (text.length >= length) break
  }
  return text
}

test('what is held back keeps its place when the delay ends', async () => {
  const { proxy, client } = await prepare()
  const startedAt = performance.now()
  proxy.delay(120)
  client.write('first ')
  const later = new Promise<void>((resolve) => {
    setTimeout(() => {
      proxy.delay(0)
      client.write('second')
      resolve()
    }, 40)
  })
  expect(await received(client, 12)).toBe('first second')
  expect(performance.now() - startedAt).toBeGreaterThan(110)
  await later
})

test('a cut resets the connection', async () => {
  const { proxy, client } = await prepare()
  client.write('x')
  await received(client, 1)
  const error = new Promise<Error & { code?: string }>((resolve) => client.once('error', resolve))
  proxy.cut()
  expect((await error).code).toBe('ECONNRESET')
})
