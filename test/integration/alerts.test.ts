import smpp from 'smpp'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { PartnerClient } from '../support/partner-client.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

/** alert_notification, from a carrier that is not ours to a partner that is not ours. */

const cleanUps: (() => Promise<unknown>)[] = []
const alerts: smpp.PDU[] = []
let peer: SmppPeer
let gateway: TestGateway
let client: PartnerClient

beforeAll(async () => {
  peer = await SmppPeer.listen()
  cleanUps.push(() => peer.close())
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  gateway = await openGateway(yamlFor({ name: 'alpha', port: peer.port }), { folder: folder.path })
  cleanUps.push(gateway.close)
  client = await PartnerClient.bound(gateway.smppPort)
  cleanUps.push(() => client.close())
  client.session.on('alert_notification', (pdu) => alerts.push(pdu))
})

afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

/** Submits, waits for the end, and has the carrier say that the handset is back. */
async function alerted(to: string, fields: smpp.PduFields): Promise<void> {
  const response = await client.submit(to, fields)
  await gateway.api.settled(String(response.message_id))
  const submit = peer.submits.find((each) => each.to === to)
  submit?.session.send(
    new smpp.PDU('alert_notification', {
      source_addr_ton: 1,
      source_addr_npi: 1,
      source_addr: to,
      esme_addr: 'us',
      ms_availability_status: 0,
    }),
  )
}

test('reaches the partner that has asked for it, and nobody else', async () => {
  await alerted('447700900001', {})
  await alerted('447700900002', { set_dpf: 0 })
  await alerted('447700900003', { set_dpf: 1 })
  await vi.waitFor(() => expect(alerts).toHaveLength(1), 10_000)
  expect(alerts[0]).toMatchObject({
    source_addr_ton: 1,
    source_addr: '447700900003',
    esme_addr_ton: 5,
    esme_addr: 'ACME',
    ms_availability_status: 0,
  })
  // The bind goes on.
  const { message_id: id } = await client.submit('447700900004')
  expect(await gateway.api.settled(String(id))).toMatchObject({ status: 'delivered' })
  expect(alerts).toHaveLength(1)
})

test('what the carrier says of the flag comes too late for the response, in any mode', async () => {
  const TRANSACTION_MODE = 2
  peer.onSubmit = ({ number }) => ({ id: `flag-${number}`, parameters: { dpf_result: 1 } })
  const fields = { set_dpf: 1, esm_class: TRANSACTION_MODE }
  const response = await client.submit('447700900005', fields)
  expect(response.command_status).toBe(0)
  expect(response).not.toHaveProperty('dpf_result')
  const data = await client.ask('data_sm', {
    source_addr: 'ACME',
    dest_addr_ton: 1,
    dest_addr_npi: 1,
    destination_addr: '447700900006',
    message_payload: Buffer.from('hello'),
    ...fields,
  })
  expect(data.command_status).toBe(0)
  expect(data).not.toHaveProperty('dpf_result')
  for (const { message_id: id } of [response, data]) {
    await gateway.api.until(String(id), ({ timeline }) =>
      timeline.some(({ type }) => type === 'response'),
    )
  }
  const asked = peer.submits.filter(({ to }) => /90000[56]$/.test(to))
  expect(asked.map(({ pdu }) => [pdu.set_dpf, pdu.esm_class])).toEqual([
    [1, TRANSACTION_MODE],
    [1, TRANSACTION_MODE],
  ])
})
