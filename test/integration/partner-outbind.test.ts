import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import smpp from 'smpp'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { PartnerClient } from '../support/partner-client.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

/** A partner that waits to be called: a server of the npm package `smpp` that binds when it is asked to. */

const cleanUps: (() => Promise<unknown>)[] = []
const outbinds: smpp.PDU[] = []
const receipts: smpp.PDU[] = []
const sessions = new Set<smpp.Session>()
let isListening = false
let port: number
let gateway: TestGateway

const esme = smpp.createServer((session) => {
  sessions.add(session)
  session.on('close', () => sessions.delete(session))
  session.on('error', () => session.destroy())
  session.on('outbind', (pdu) => {
    outbinds.push(pdu)
    session.bind_receiver({ system_id: 'called', password: 'pw2', interface_version: 0x34 })
  })
  session.on('deliver_sm', (pdu) => {
    receipts.push(pdu)
    session.send(pdu.response())
  })
  session.on('unbind', (pdu) => {
    session.send(pdu.response())
    session.close()
  })
})

async function listen(): Promise<void> {
  await new Promise<void>((resolve) => esme.listen(port, '127.0.0.1', resolve))
  isListening = true
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port: free } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return free
}

beforeAll(async () => {
  const peer = await SmppPeer.listen()
  cleanUps.push(() => peer.close())
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  port = await freePort()
  const config = JSON.parse(yamlFor({ name: 'alpha', port: peer.port }))
  config.partners.push({
    system_id: 'called',
    password: 'pw2',
    tenant: 'demo',
    outbind: { host: '127.0.0.1', port, password: 'ours', retry_seconds: 1 },
  })
  gateway = await openGateway(JSON.stringify(config), { folder: folder.path })
  cleanUps.push(gateway.close)
})

afterAll(async () => {
  for (const session of sessions) session.destroy()
  if (isListening) await new Promise<void>((resolve) => esme.close(() => resolve()))
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

function textOf(pdu: smpp.PDU | undefined): string {
  return String((pdu?.short_message as { message: unknown } | undefined)?.message)
}

async function submit(to: string): Promise<string> {
  const client = await PartnerClient.connect(gateway.smppPort)
  const { command_status: status } = await client.bind('called', 'pw2', 'bind_transmitter')
  expect(status).toBe(0)
  const response = await client.submit(to)
  await client.unbind()
  return String(response.message_id)
}

test('a partner is called once something waits for it, and gets it over the bind that it makes', async () => {
  const first = await submit('447700900001')
  await gateway.api.settled(first)
  // Nobody answers there yet: it is called again.
  expect(outbinds).toEqual([])
  await listen()
  await vi.waitFor(() => expect(receipts).toHaveLength(1), 15_000)
  expect(outbinds[0]).toMatchObject({ system_id: 'linehaul', password: 'ours' })
  expect(textOf(receipts[0])).toContain(first)

  const calls = outbinds.length
  const second = await submit('447700900002')
  await vi.waitFor(() => expect(receipts).toHaveLength(2), 15_000)
  expect(textOf(receipts[1])).toContain(second)
  // The session that there is was enough.
  expect(outbinds).toHaveLength(calls)
})
