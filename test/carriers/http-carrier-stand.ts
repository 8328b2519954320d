import type { CarrierReceipt, OutboundMessage, SegmentOutcome } from '../../src/carriers/carrier.ts'
import { HttpCarrier } from '../../src/carriers/http-carrier.ts'
import { httpCarrierSchema, toHttpCarrier } from '../../src/config/http-carriers.ts'
import type { Clock } from '../../src/core/clock.ts'
import { newId } from '../../src/core/id.ts'
import { silentLogger } from '../../src/core/logger.ts'

/** A message as the gateway gives it to a carrier. */
export function outbound(said: Partial<OutboundMessage> = {}): OutboundMessage {
  const id = newId()
  return {
    id,
    tenantId: 'demo',
    partner: null,
    from: 'Linehaul',
    to: 'zhangsan',
    text: 'Your code is 4711',
    raw: null,
    passThrough: null,
    requestedEncoding: 'auto',
    maxSegments: null,
    registeredDelivery: 1,
    sender: { value: 'Linehaul', ton: 5, npi: 0 },
    expiresAt: new Date('2100-01-01'),
    submit: { key: id, isRepetition: false, mayBeRepeated: false },
    ...said,
  }
}

/** A carrier of type `http` that runs by itself, and what it has told of. */
export function openHttpCarrier(keys: Readonly<Record<string, unknown>>, clock: Clock) {
  const receipts: CarrierReceipt[] = []
  const file = httpCarrierSchema.parse({ name: 'main', type: 'http', rates: [], ...keys })
  const carrier = new HttpCarrier({
    config: toHttpCarrier(file),
    clock,
    logger: silentLogger,
    events: {
      onReceipt: async (receipt) => {
        receipts.push(receipt)
      },
      onInbound: async () => {},
      onCapacityChange: () => {},
    },
  })
  carrier.start()
  const send = (message: OutboundMessage): Promise<SegmentOutcome> =>
    carrier.prepare(message).send(1, clock())
  return { carrier, receipts, send }
}
