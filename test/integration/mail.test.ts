import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ProviderServer } from '../../src/sandbox/provider-server.ts'
import { dingtalkSimulator } from '../../src/sandbox/providers/dingtalk.ts'
import { wecomSimulator } from '../../src/sandbox/providers/wecom.ts'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

/** Mail to a server that is not ours, and chats that check token and signature, from the REST API. */

const RINVDSTADR = 0x0b
const cleanUps: (() => Promise<unknown>)[] = []
const mails: { readonly to: string[]; readonly data: string }[] = []
const chats = {
  wecom: new ProviderServer(
    wecomSimulator({
      corpId: 'wx1',
      corpSecret: 'example-secret',
      agentId: 7,
    }),
  ),
  dingtalk: new ProviderServer(
    dingtalkSimulator({ accessToken: 'example-token', secret: 'SECexample' }),
  ),
}
let smsc: SmppPeer
let gateway: TestGateway

beforeAll(async () => {
  const mailServer = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData: (stream, session, done) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const to = session.envelope.rcptTo.map(({ address }) => address)
        mails.push({ to, data: Buffer.concat(chunks).toString('utf8') })
        done()
      })
    },
  })
  mailServer.listen(0, '127.0.0.1')
  await once(mailServer.server, 'listening')
  cleanUps.push(() => new Promise<void>((resolve) => mailServer.close(() => resolve())))
  const [wecom, dingtalk] = [await chats.wecom.start(), await chats.dingtalk.start()]
  cleanUps.push(
    () => chats.wecom.close(),
    () => chats.dingtalk.close(),
  )
  smsc = await SmppPeer.listen()
  cleanUps.push(() => smsc.close())
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const rates = [{ prefix: '', price: '0.0010', currency: 'EUR' }]
  const file = JSON.parse(yamlFor({ name: 'smsc', port: smsc.port }))
  const others = [
    {
      name: 'mail',
      type: 'smtp',
      host: '127.0.0.1',
      port: (mailServer.server.address() as AddressInfo).port,
      tls: 'none',
      from: 'noreply@example.com',
    },
    {
      name: 'wecom',
      type: 'http',
      wecom: { endpoint: wecom, corp_id: 'wx1', corp_secret: 'example-secret', agent_id: 7 },
    },
    {
      name: 'dingtalk',
      type: 'http',
      dingtalk: { endpoint: dingtalk, access_token: 'example-token', secret: 'SECexample' },
    },
  ]
  gateway = await openGateway(
    JSON.stringify({
      ...file,
      carriers: [...file.carriers, ...others.map((carrier) => ({ ...carrier, rates }))],
    }),
    { folder: folder.path },
  )
  cleanUps.push(gateway.close)
  await smsc.until(() => smsc.binds.length > 0)
})

afterAll(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

test('a mail arrives with its subject', async () => {
  const id = await gateway.api.send({
    channel: 'email',
    to: 'someone@example.org',
    subject: 'Dein Code für heute',
    text: 'Your code is 4711',
  })
  const message = await gateway.api.until(id, ({ status }) => status === 'sent')
  expect(message).toMatchObject({ carrier: 'mail', to: 'someone@example.org', segments: 1 })
  expect(mails.at(-1)).toMatchObject({ to: ['someone@example.org'] })
  expect(mails.at(-1)?.data).toContain('Subject: =?UTF-8?Q?Dein_Code_f=C3=BCr_heute?=')
  expect(mails.at(-1)?.data).toContain('Your code is 4711')
})

test.each([
  ['wecom', 'zhangsan'],
  ['dingtalk', 'group'],
] as const)('%s gets a message that it has checked', async (channel, to) => {
  const id = await gateway.api.send({ channel, to, text: 'The door is open' })
  await gateway.api.until(id, ({ status }) => status === 'sent')
  expect(chats[channel].desk.taken.at(-1)?.content).toMatchObject({
    text: { content: 'The door is open' },
  })
})

test('a text that is refused goes on as a mail', async () => {
  smsc.onSubmit = () => ({ status: RINVDSTADR })
  const { status, body } = await gateway.api.post({
    channels: ['sms', 'email'],
    to: { sms: '+447700900199', email: 'next@example.org' },
    from: 'Linehaul',
    text: 'Hello again',
    subject: 'Hello',
  })
  expect(status).toBe(202)
  await gateway.api.settled(body.id)
  await expect.poll(() => mails.at(-1)?.to, { timeout: 20_000 }).toEqual(['next@example.org'])
})
