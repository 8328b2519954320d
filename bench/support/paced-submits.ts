import type { Child } from './child.ts'
import type { CarrierCommand, CarrierReport } from './end-to-end-carrier.ts'
import type { LoadCommand, LoadReport } from './end-to-end-load.ts'

/** A partner and a carrier on either side of a gateway. */
export interface PartnerAndCarrier {
  readonly carrier: Child<CarrierCommand, CarrierReport>
  readonly partner: Child<LoadCommand, LoadReport>
}

/**
 * Submits and waits for every receipt; gives the submits answered a second.
 *
 * @param messagesPerSecond - 0: as fast as they are taken
 */
export async function submitAll(
  { carrier, partner }: PartnerAndCarrier,
  messages: number,
  round: string,
  messagesPerSecond: number,
): Promise<number> {
  const { tookMs } = await partner.ask(
    { type: 'submit', messages, round, messagesPerSecond },
    'loaded',
  )
  await carrier.ask({ type: 'collect', receipts: messages }, 'collected')
  await partner.ask({ type: 'receipts', receipts: messages }, 'received')
  return (messages * 1_000) / tookMs
}
