import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { describeCarrier } from './as-carrier.ts'
import { describePartner } from './as-partner.ts'
import type { Implementation } from './implementations.ts'
import { WAYS } from './long-messages.ts'
import type { PeerPdu } from './peer-process.ts'
import { hexOf, Stage, short } from './stage.ts'

/**
 * The cases of the interoperability matrix. Texts are compared as the octets that arrive say, and a
 * library that cannot read one of our PDUs does not answer it.
 */
export function describeMatrix(implementation: Implementation): void {
  const stage = new Stage(implementation)

  beforeAll(() => stage.open())

  afterEach(async () => {
    await stage.esme.drop()
    stage.esme.forget()
  })

  afterAll(() => stage.close())

  describe('as partner', () => {
    describePartner(stage)
  })

  describe('as carrier', () => {
    describeCarrier(stage)
  })

  test('the gateway goes in order, comes back, and loses nothing', async () => {
    await stage.bound()
    const to = stage.recipient()
    await stage.submit(to, short())
    const [submitted] = await stage.atCarrier(to)
    const from = stage.recipient()
    const binds = WAYS.map((way) => stage.smsc.bounds(way))
    await stage.gateway.close()
    await stage.esme.until(() => stage.esme.connections.some(({ kind }) => kind === 'closed'))
    expect(stage.esme.all('unbind')).toHaveLength(1)
    expect(stage.smsc.all('unbind').map(({ session }) => session)).toEqual(
      expect.arrayContaining([...WAYS]),
    )
    await stage.openGateway()
    await stage.smsc.until(() =>
      WAYS.every((way, index) => stage.smsc.bounds(way) > (binds[index] ?? 0)),
    )
    await stage.sendReceipt(submitted as PeerPdu, 'DELIVRD')
    await stage.sendMo(from, { command: 'deliver_sm', fields: { short_message: hexOf('hi') } })
    await stage.bound()
    await stage.delivered(to, 1)
    await stage.delivered(from, 1)
  })
}
