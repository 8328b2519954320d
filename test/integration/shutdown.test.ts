import { afterEach, expect, test } from 'vitest'
import { openAccess } from '../../src/accounts/access.ts'
import { SmppCarrier } from '../../src/carriers/smpp-carrier.ts'
import { completeCarrier } from '../../src/config/load.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { ReferenceCounter } from '../../src/encoding/reference.ts'
import { Archive } from '../../src/messages/archive.ts'
import { Harness, request } from '../messages/harness.ts'
import { openTestPglite } from '../support/database.ts'
import { SmppPeer } from '../support/smpp-peer.ts'

const cleanUps: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

test('a half-sent message does not keep a stopping gateway from stopping', async () => {
  const peer = await SmppPeer.listen()
  cleanUps.push(() => peer.close())
  peer.onSubmit = () => 'silence'
  const store = await openTestPglite()
  cleanUps.push(() => store.close())
  const tenant = (await openAccess(store, [{ name: 'demo', apiKeys: [] }])).tenantNamed('demo')
  const logger = silentLogger
  const carrier = new SmppCarrier({
    config: completeCarrier({
      name: 'alpha',
      host: '127.0.0.1',
      port: peer.port,
      systemId: 'linehaul',
      password: 'secret',
      window: 2,
      rates: [],
    }),
    references: new ReferenceCounter(),
    logger,
    events: {
      onReceipt: () => Promise.resolve(),
      onInbound: () => Promise.resolve(),
      onCapacityChange: (name) => dispatcher.onCapacityChange(name),
    },
  })
  const harness = await Harness.open(store, [carrier])
  const { dispatcher, intake } = harness
  carrier.start()
  const tenantId = tenant?.id ?? ''
  const message = await intake.accept(tenantId, request({ text: 'x'.repeat(600) }))
  await peer.until(() => peer.submits.length === 2)
  // As main does it; nothing here may wait for a bind that will not come back.
  await dispatcher.stop(10)
  await carrier.close(10)
  await dispatcher.drained()
  await harness.close()
  const { live, tables } = harness.journal
  const found = await new Archive(store, live, tables).find(tenantId, message.id)
  expect(found?.message.error_code).toBe('partially_sent')
  expect(peer.submits).toHaveLength(2)
}, 15_000)
