import { afterEach, expect, test } from 'vitest'
import { openAccess } from '../../src/accounts/access.ts'
import { SmppCarrier } from '../../src/carriers/smpp-carrier.ts'
import { completeCarrier } from '../../src/config/load.ts'
import { systemClock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { ReferenceCounter } from '../../src/encoding/reference.ts'
import { Archive } from '../../src/messages/archive.ts'
import { Dispatcher } from '../../src/messages/dispatcher.ts'
import { Intake } from '../../src/messages/intake.ts'
import { Routes } from '../../src/messages/routes.ts'
import { Spool } from '../../src/messages/spool.ts'
import { PrefixTable } from '../../src/routing/prefix-table.ts'
import type { Rate } from '../../src/routing/router.ts'
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
  const rates = new PrefixTable<Rate>()
  rates.set('44', { priceMicros: 35_000n, currency: 'EUR' })
  const clock = systemClock
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
      onCapacityChange: (name) => dispatcher.onCapacityChange(name),
    },
  })
  const routes = new Routes([{ carrier, rates }], clock)
  const spool = new Spool({ store, logger })
  const carriers = new Map([[carrier.name, carrier]])
  const dispatcher = new Dispatcher({ carriers, routes, spool, logger, clock })
  const intake = new Intake({ routes, spool, dispatcher, clock })
  carrier.start()
  const tenantId = tenant?.id ?? ''
  const message = await intake.accept(tenantId, {
    source: 'rest',
    partner: null,
    to: '+447700900123',
    from: 'Linehaul',
    text: 'x'.repeat(600),
    raw: null,
    registeredDelivery: 0,
    encoding: 'auto',
    trafficClass: 'transactional',
    maxSegments: null,
    clientReference: null,
  })
  await peer.until(() => peer.submits.length === 2)
  // As main does it; nothing here may wait for a bind that will not come back.
  await dispatcher.stop(10)
  await carrier.close(10)
  await dispatcher.drained()
  await spool.close()
  const found = await new Archive(store).find(tenantId, message.id)
  expect(found?.message.error_code).toBe('partially_sent')
  expect(peer.submits).toHaveLength(2)
}, 15_000)
