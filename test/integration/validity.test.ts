import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SandboxSmsc } from '../../src/sandbox/smsc.ts'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

/** What carriers are told of a message's validity, and what becomes of it when that ends there. */

const ESME_RSYSERR = 0x08
const VALID_SECONDS = 7_200

/** Carriers with different settings, each with a country of its own. */
const CARRIERS = {
  relative: { prefix: '44', number: '+447700900123', keys: {} },
  absolute: { prefix: '33', number: '+33612345678', keys: { validity: 'absolute' } },
  short: { prefix: '34', number: '+34612345678', keys: { validity_seconds: 60 } },
  none: { prefix: '46', number: '+46701234567', keys: { validity: 'none' } },
} as const

type Name = keyof typeof CARRIERS

const NAMES = Object.keys(CARRIERS) as Name[]
const DANISH = '+4520123456'

let peers: Record<Name, SmppPeer>
let gateway: TestGateway
/** A carrier whose receipts would come after a minute. */
let slow: SandboxSmsc
const cleanUps: (() => Promise<void>)[] = []

beforeAll(async () => {
  const listening = await Promise.all(
    NAMES.map(async (name) => [name, await SmppPeer.listen()] as const),
  )
  for (const [, peer] of listening) cleanUps.push(() => peer.close())
  peers = Object.fromEntries(listening) as Record<Name, SmppPeer>
  slow = new SandboxSmsc({
    name: 'slow',
    systemId: 'linehaul',
    password: 'secret',
    receiptDelayMs: [60_000, 60_000],
    keepSubmits: 10,
  })
  const { port } = await slow.start()
  cleanUps.push(() => slow.close())
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const carriers = NAMES.map((name) => {
    const { prefix, keys } = CARRIERS[name]
    return { name, prefix, keys, port: peers[name].port }
  })
  const yaml = yamlFor(...carriers, { name: 'slow', prefix: '45', port })
  gateway = await openGateway(yaml, { folder: folder.path })
  cleanUps.push(gateway.close)
})

afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})

/** Sends by one of the carriers; resolves with what it got and when the message expires. */
async function sendBy(name: Name, text: string) {
  const peer = peers[name]
  const before = peer.submits.length
  const to = CARRIERS[name].number
  const id = await gateway.api.send({ to, text, validity_seconds: VALID_SECONDS })
  await gateway.api.settled(id)
  const { body } = await gateway.api.get(`/v1/messages/${id}`)
  const submits = peer.submits.slice(before)
  return {
    told: submits.map(({ validityPeriod }) => validityPeriod),
    asThePackageReads: submits.map(({ pdu }): Date => pdu.validity_period),
    expiresMs: Date.parse(body.expires_at),
  }
}

/** Seconds of a relative time below a day. */
function secondsOf(relative: string): number {
  const match = /^000000(\d\d)(\d\d)(\d\d)000R$/.exec(relative)
  if (!match) throw new Error(`${relative} is not a relative time below a day`)
  const [hours = 0, minutes = 0, seconds = 0] = match.slice(1).map(Number)
  return hours * 3_600 + minutes * 60 + seconds
}

describe('a carrier is told', () => {
  test('what is left of the validity, the same in all segments', async () => {
    const { told, asThePackageReads, expiresMs } = await sendBy('relative', 'a'.repeat(400))
    const [first = ''] = told
    expect(told).toEqual([first, first, first])
    expect(secondsOf(first)).toBeGreaterThan(VALID_SECONDS - 60)
    expect(secondsOf(first)).toBeLessThanOrEqual(VALID_SECONDS)
    for (const end of asThePackageReads) {
      expect(Math.abs(end.getTime() - expiresMs)).toBeLessThan(5_000)
    }
  })

  test('the end of the validity in UTC', async () => {
    const { told, asThePackageReads, expiresMs } = await sendBy('absolute', 'x')
    const end = new Date(Math.ceil(expiresMs / 1_000) * 1_000)
    const digits = end.toISOString().replace(/\D/g, '').slice(2, 14)
    expect(told).toEqual([`${digits}000+`])
    expect(asThePackageReads).toEqual([end])
  })

  test('no more than it takes', async () => {
    expect((await sendBy('short', 'x')).told).toEqual(['000000000100000R'])
  })

  test('nothing where it takes neither', async () => {
    expect((await sendBy('none', 'x')).told).toEqual([''])
  })

  test('less with another attempt', async () => {
    const times: number[] = []
    peers.relative.onSubmit = ({ number }) => {
      times.push(Date.now())
      return times.length < 3 ? { status: ESME_RSYSERR } : { id: `m${number}` }
    }
    const { told } = await sendBy('relative', 'x')
    expect(told).toHaveLength(3)
    const [first = 0, ...others] = told.map(secondsOf)
    const [firstAt = 0, ...otherTimes] = times
    others.forEach((seconds, index) => {
      const waited = ((otherTimes[index] ?? 0) - firstAt) / 1_000
      expect(Math.abs(first - seconds - waited)).toBeLessThan(1.5)
    })
  })
})

test('a message that its carrier could not deliver in its validity is expired', async () => {
  const id = await gateway.api.send({ to: DANISH, text: 'x', validity_seconds: 4 })
  const message = await gateway.api.settled(id)
  expect(message).toMatchObject({ status: 'expired', attempts: 1 })
  expect(slow.submits()).toMatchObject([{ status: 0 }])
})
