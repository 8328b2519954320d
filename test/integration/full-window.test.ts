import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { ShownMessage } from '../support/api-client.ts'
import { openGateway, type TestGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { SmppPeer, type Submit } from '../support/smpp-peer.ts'

/**
 * A carrier drops its connection with a full window. What becomes of each message is counted, under
 * each policy for unknown outcomes; every policy has a traffic class and a carrier of its own.
 */

const WINDOW = 100
const ANSWERED = 30
const MESSAGES = 150
/** Neither answered nor written before the connection broke. */
const UNWRITTEN = MESSAGES - WINDOW - ANSWERED

const CASES = {
  wait_receipt: { trafficClass: 'transactional', prefix: '447700900' },
  resend: { trafficClass: 'marketing', prefix: '447911123' },
  hold: { trafficClass: 'otp', prefix: '447911124' },
} as const

const POLICIES = {
  transactional: { uncertain: 'wait_receipt' },
  marketing: { uncertain: 'resend', uncertain_seconds: 1, quiet_hours: 'off' },
  otp: { uncertain: 'hold' },
}

type Policy = keyof typeof CASES

const cleanUps: (() => Promise<unknown>)[] = []
const peers = new Map<Policy, SmppPeer>()
let gateway: TestGateway

beforeAll(async () => {
  const carriers = await Promise.all(
    (Object.keys(CASES) as Policy[]).map(async (name) => {
      const peer = await SmppPeer.listen()
      cleanUps.push(() => peer.close())
      peers.set(name, peer)
      return { name, port: peer.port, prefix: CASES[name].prefix, keys: { window: WINDOW } }
    }),
  )
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const yaml = JSON.stringify({ ...JSON.parse(yamlFor(...carriers)), policies: POLICIES })
  gateway = await openGateway(yaml, { folder: folder.path })
  cleanUps.push(() => gateway.close())
  for (const peer of peers.values()) await peer.until(() => peer.binds.length > 0)
})

afterAll(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

/** What a carrier had in flight when it broke the connection, and all that was sent to it. */
interface Broken {
  readonly peer: SmppPeer
  readonly inFlight: readonly Submit[]
  readonly ids: readonly string[]
}

/**
 * Sends to a carrier that answers a few once its window is full, and breaks the connection when the
 * window is full again.
 */
async function breakWithFullWindow(policy: Policy): Promise<Broken> {
  const peer = peers.get(policy)
  if (!peer) throw new Error(`there is no carrier ${policy}`)
  const { trafficClass, prefix } = CASES[policy]
  const answers: (() => void)[] = []
  peer.onSubmit = ({ number }) => {
    if (number > WINDOW + ANSWERED) return { id: `m${number}` }
    return new Promise((resolve) => answers.push(() => resolve({ id: `m${number}` })))
  }
  const to = Array.from({ length: MESSAGES }, (_, n) => `+${prefix}${String(n).padStart(3, '0')}`)
  const { status, body } = await gateway.api.post({
    from: 'Linehaul',
    to,
    text: 'One of many',
    traffic_class: trafficClass,
  })
  expect(status).toBe(202)
  const ids = (body.messages as { id: string }[]).map(({ id }) => id)
  const arrived = (count: number) =>
    vi.waitFor(() => expect(peer.submits).toHaveLength(count), { timeout: 10_000, interval: 20 })
  await arrived(WINDOW)
  for (const answer of answers.splice(0, ANSWERED)) answer()
  await arrived(WINDOW + ANSWERED)
  const inFlight = peer.submits.slice(ANSWERED)
  expect(inFlight).toHaveLength(WINDOW)
  peer.drop()
  return { peer, inFlight, ids }
}

async function shown(ids: readonly string[]): Promise<ShownMessage[]> {
  return await Promise.all(ids.map((id) => gateway.api.message(id)))
}

/** How many messages there are of each kind, once that is so. */
async function untilCounted(
  ids: readonly string[],
  expected: Readonly<Record<string, number>>,
): Promise<ShownMessage[]> {
  return await vi.waitFor(
    async () => {
      const messages = await shown(ids)
      const counts: Record<string, number> = {}
      for (const { status, error, attempts } of messages) {
        const kind = `${status}, ${error?.code ?? 'no error'}, attempts ${attempts}`
        counts[kind] = (counts[kind] ?? 0) + 1
      }
      expect(counts).toEqual(expected)
      return messages
    },
    { timeout: 20_000, interval: 100 },
  )
}

/** How often each number was submitted to. */
function submitsByNumber({ submits }: SmppPeer): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { to } of submits) counts.set(to, (counts.get(to) ?? 0) + 1)
  return counts
}

const UNKNOWN = 'sending, outcome_unknown, attempts 1'
const DELIVERED = 'delivered, no error, attempts 1'
/** Its first attempt never left, or was followed by a second. */
const DELIVERED_SECOND = 'delivered, no error, attempts 2'

/** Exactly what was in flight is unknown, and nothing was submitted twice. */
async function expectInFlightUnknown({ peer, inFlight, ids }: Broken): Promise<void> {
  const messages = await untilCounted(ids, {
    [DELIVERED]: ANSWERED,
    [DELIVERED_SECOND]: UNWRITTEN,
    [UNKNOWN]: WINDOW,
  })
  const unknown = messages.filter(({ status }) => status === 'sending').map(({ to }) => to)
  expect(unknown.sort()).toEqual(inFlight.map(({ to }) => `+${to}`).sort())
  expect(peer.submits).toHaveLength(MESSAGES)
  expect(submitsByNumber(peer).size).toBe(MESSAGES)
}

test('wait_receipt: what was in flight is sent to nobody again, and its receipts end it', async () => {
  const broken = await breakWithFullWindow('wait_receipt')
  await expectInFlightUnknown(broken)
  const { peer, inFlight, ids } = broken
  const submitDate = new Date().toISOString().replace(/\D/g, '').slice(2, 12)
  for (const { from, to, number } of inFlight) {
    peer.addReceipt({ id: `m${number}`, from, to, stat: 'DELIVRD', submitDate })
  }
  await untilCounted(ids, {
    [DELIVERED]: ANSWERED + WINDOW,
    [DELIVERED_SECOND]: UNWRITTEN,
  })
  expect(peer.submits).toHaveLength(MESSAGES)
})

test('resend: what was in flight is sent once more, and nothing else is', async () => {
  const { peer, inFlight, ids } = await breakWithFullWindow('resend')
  await untilCounted(ids, {
    [DELIVERED]: ANSWERED,
    [DELIVERED_SECOND]: UNWRITTEN + WINDOW,
  })
  const twice = [...submitsByNumber(peer)].filter(([, count]) => count > 1)
  expect(twice.map(([to]) => to).sort()).toEqual(inFlight.map(({ to }) => to).sort())
  expect(twice.every(([, count]) => count === 2)).toBe(true)
  expect(peer.submits).toHaveLength(MESSAGES + WINDOW)
})

test('hold: what was in flight stays, is listed, and is sent again only on demand', async () => {
  const broken = await breakWithFullWindow('hold')
  await expectInFlightUnknown(broken)
  const listed = await gateway.api.list('&status=sending&carrier=hold')
  expect(listed).toHaveLength(WINDOW)
  const [first] = listed
  const answer = await gateway.api.call('POST', `/v1/messages/${first?.id}/resolve`, {
    action: 'resend',
  })
  expect(answer.status).toBe(200)
  await untilCounted(broken.ids, {
    [DELIVERED]: ANSWERED,
    [DELIVERED_SECOND]: UNWRITTEN + 1,
    [UNKNOWN]: WINDOW - 1,
  })
  expect(broken.peer.submits).toHaveLength(MESSAGES + 1)
})
