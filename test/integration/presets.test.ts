import { afterAll, beforeAll, expect, test } from 'vitest'
import { PRESET_NAMES, type PresetName } from '../../src/config/presets.ts'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

/** A carrier for each preset answers and sends receipts in the dialect that the preset is for. */

interface Dialect {
  /** The id of the response. */
  readonly id: string
  /** Receipts in their order: the text, and the TLVs beside it. */
  readonly receipts: readonly {
    readonly text: string
    readonly tlvs?: { readonly receipted_message_id: string; readonly message_state: number }
  }[]
  /** What the message is after each. */
  readonly statuses: readonly string[]
}

const DATES = 'submit date:2401151030 done date:2401151031'

const DIALECTS: Readonly<Record<PresetName, Dialect>> = {
  'generic-3.3': {
    id: '39f99dd5',
    receipts: [{ text: `id:0972660181 sub:001 dlvrd:001 ${DATES} stat:DELIVRD err:000 Text:` }],
    statuses: ['delivered'],
  },
  nexmo: {
    id: '812FC7470000001B',
    receipts: [
      { text: `id:9308878062554710043 sub:001 dlvrd:001 ${DATES} stat:DELIVRD err:000 text:none` },
    ],
    statuses: ['delivered'],
  },
  jasmin: {
    id: '0e999f21-81ef-4974-a414-3de98174e3c7',
    receipts: [
      {
        text:
          'id:0e999f21-81ef-4974-a414-3de98174e3c7 submit date:201506201641 ' +
          'done date:201506201641 stat:DELIVRD err:000',
      },
    ],
    statuses: ['delivered'],
  },
  kannel: {
    id: 'k-1',
    receipts: [
      { text: `id:k-1 sub:001 dlvrd:000 ${DATES} stat:ACCEPTD err:000 text:` },
      { text: `id:k-1 sub:001 dlvrd:000 ${DATES} stat:BUFFERD err:000 text:` },
      { text: `id:k-1 sub:001 dlvrd:001 ${DATES} stat:DELIVRD err:000 text:` },
    ],
    statuses: ['sent', 'sent', 'delivered'],
  },
  mblox: {
    id: '4711',
    receipts: [
      { text: `id:4711 sub:001 dlvrd:000 ${DATES} stat:BUFFRED err:000 text:` },
      { text: `id:4711 sub:001 dlvrd:000 ${DATES} stat:ACKED err:000 text:` },
      { text: `id:4711 sub:001 dlvrd:000 ${DATES} stat:FAILED err:001 text:` },
    ],
    statuses: ['sent', 'sent', 'undelivered'],
  },
  'cm-com': {
    id: '8a5ed21a',
    receipts: [
      {
        text:
          'id:8a5ed21a sub:001 dlvrd:001 submit date:20240115103000 ' +
          'done date:20240115103100 stat:DELIVERD err:000 text:',
      },
    ],
    statuses: ['delivered'],
  },
  sicap: {
    id: '584d2903',
    receipts: [
      { text: '584d2903 2', tlvs: { receipted_message_id: '584d2903', message_state: 2 } },
    ],
    statuses: ['delivered'],
  },
}

const cleanUps: (() => Promise<unknown>)[] = []
const peers = new Map<PresetName, SmppPeer>()
let gateway: TestGateway

function numberOf(preset: PresetName): string {
  return `4477009000${PRESET_NAMES.indexOf(preset)}1`
}

beforeAll(async () => {
  const carriers = []
  for (const name of PRESET_NAMES) {
    const peer = await SmppPeer.listen()
    cleanUps.push(() => peer.close())
    peers.set(name, peer)
    carriers.push({ name, port: peer.port, prefix: numberOf(name), keys: { preset: name } })
  }
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  gateway = await openGateway(yamlFor(...carriers), { folder: folder.path })
  cleanUps.push(() => gateway.close())
  for (const [name, peer] of peers) {
    await peer.until(() => peer.binds.length === (name === 'generic-3.3' ? 2 : 1))
  }
})

afterAll(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

test.each(PRESET_NAMES)('%s: the receipts of its dialect find their message', async (preset) => {
  const peer = peers.get(preset) as SmppPeer
  const { id, receipts, statuses } = DIALECTS[preset]
  peer.onSubmit = () => ({ id, receipt: false })
  const messageId = await gateway.api.send({ to: `+${numberOf(preset)}`, text: 'Hello' })
  await gateway.api.until(messageId, (message) => message.status === 'sent')
  for (const { text, tlvs } of receipts) {
    await peer.sendDelivery({
      esm_class: 0x04,
      source_addr: numberOf(preset),
      destination_addr: 'Linehaul',
      short_message: Buffer.from(text, 'latin1'),
      ...tlvs,
    })
  }
  const message = await gateway.api.settled(messageId)
  expect(message.status).toBe(statuses.at(-1))
  const shown = message.timeline.filter(({ type }) => type === 'receipt')
  expect(shown.map(({ status }) => status)).toEqual(statuses)
})

test('generic-3.3 binds with a pair of its version, and sends no TLVs', () => {
  const { binds, submits } = peers.get('generic-3.3') as SmppPeer
  expect(binds.map(({ command }) => command).sort()).toEqual(['bind_receiver', 'bind_transmitter'])
  expect(binds.every((bind) => bind.interface_version === 0x33)).toBe(true)
  expect(submits[0]?.tlvs.size).toBe(0)
})
