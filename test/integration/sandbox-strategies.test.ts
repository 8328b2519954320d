import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type FaultRule, FaultScript } from '../../src/sandbox/faults.ts'
import { ApiClient, type ShownMessage } from '../support/api-client.ts'
import { openGateway, type TestGateway, temporaryFolder } from '../support/gateway.ts'
import { SandboxCarriers } from '../support/sandbox-carriers.ts'

/**
 * What every strategy does when its first carrier has a fault, on the sandbox's carriers. One gateway
 * serves all cases at once; each has three carriers and a range of numbers of its own. The fault befalls
 * whoever gets the message first.
 */

const LETTERS = ['a', 'b', 'c'] as const
type Letter = (typeof LETTERS)[number]

const PRICES: Readonly<Record<Letter, string>> = { a: '0.0100', b: '0.0200', c: '0.0400' }
/** What becomes of the messages from which the gateway learns how well each delivers. */
const LEARNING: Readonly<Record<Letter, readonly FaultRule[]>> = {
  a: [{ fault: 'undelivered', err: '001' }],
  b: [{ fault: 'undelivered', err: '001', every: 5 }],
  c: [],
}
const LEARNT_MESSAGES = 10
const DELIVERED_OF_THESE: Readonly<Record<Letter, number>> = { a: 0, b: 8, c: 10 }

const RSYSERR = 0x08
/** Hundreds of carriers and messages share the machine. */
const PATIENCE = { timeout: 100_000, interval: 200 }
const IMPATIENT = { response_timeout_seconds: 2 }
/** Of a class whose policy sends again what is not answered. */
const CODE = { traffic_class: 'otp' }
/** Of a class whose policy sends again what gets no receipt. */
const WITHOUT_RECEIPT = { traffic_class: 'marketing' }

interface Strategy {
  readonly name: string
  readonly settings?: Readonly<Record<string, unknown>>
  /** Who may be first, and who next when that one is out of the question. */
  readonly order: readonly [first: readonly Letter[], next: readonly Letter[]]
  /** The order depends on what is known of the carriers. */
  readonly learns?: boolean
}

const STRATEGIES: readonly Strategy[] = [
  { name: 'lowest_cost', order: [['a'], ['b']] },
  { name: 'expected_cost', order: [['b'], ['c']], learns: true },
  { name: 'best_quality', order: [['c'], ['b']], learns: true },
  {
    name: 'weighted',
    settings: { delivered_value: '0.2000' },
    order: [['c'], ['b']],
    learns: true,
  },
  { name: 'sequential', order: [['c'], ['a']] },
  { name: 'round_robin', order: [['a'], ['c']] },
  { name: 'weighted_round_robin', settings: { weights: [3, 1, 0] }, order: [['a'], ['b']] },
  {
    name: 'random',
    settings: { weights: [1, 1, 0] },
    order: [
      ['a', 'b'],
      ['a', 'b'],
    ],
  },
]

interface Fault {
  readonly name: string
  /** For all three together. */
  readonly faults: readonly FaultRule[]
  /** Status and attempts. */
  readonly end: string
  /** Submits of the message at the first carrier and at the next. */
  readonly submits: readonly [first: number, next: number]
  /** The timeline after the first submit; a question mark stands for `may_be_a_duplicate`. */
  readonly story: string
  readonly message?: Readonly<Record<string, unknown>>
  /** Settings of all three. */
  readonly keys?: Readonly<Record<string, unknown>>
  /** The first one's connections are cut while the message waits for room in the window. */
  readonly isCutBefore?: boolean
  /** What all three keep back at the beginning. */
  readonly held?: 'answers' | 'deliveries'
  /** When a carrier lets go what it keeps back, by the timeline after the first submit. */
  readonly released?: readonly (readonly [at: string, carrier: 'first' | 'next'])[]
  /** Copies that truly arrived. */
  readonly arrived: number
}

const exactly = (ms: number) => ({ uniform: [ms, ms] as const })
const late = (ms: number): FaultRule => ({ fault: 'receipts_late', delay: exactly(ms), times: 1 })
const BEGINNING = 'accepted routed:1 submitted:1'
const ELSEWHERE = 'submitted:2 response:2 receipt:2'

const FAULTS: readonly Fault[] = [
  {
    name: 'refuses',
    faults: [{ fault: 'refuse', status: RSYSERR, times: 1 }],
    end: 'delivered 2',
    submits: [1, 1],
    story: `response:1 routed:2 ${ELSEWHERE}`,
    arrived: 1,
  },
  {
    name: 'throttles: it keeps its place',
    faults: [{ fault: 'throttle', times: 2 }],
    end: 'delivered 1',
    submits: [3, 0],
    story: 'response:1 receipt:1',
    arrived: 1,
  },
  {
    name: 'times out: nobody else gets it',
    faults: [{ fault: 'never_answer', isAccepted: true, times: 1 }],
    keys: IMPATIENT,
    held: 'deliveries',
    released: [['uncertain:1', 'first']],
    end: 'delivered 1',
    submits: [1, 0],
    story: 'uncertain:1 receipt:1',
    arrived: 1,
  },
  {
    name: 'times out with a code, which may go again',
    faults: [{ fault: 'never_answer', times: 1 }],
    keys: IMPATIENT,
    end: 'delivered 2',
    submits: [2, 0],
    story: 'uncertain:1 retry:1? submitted:1 response:1 receipt:1',
    message: CODE,
    arrived: 1,
  },
  {
    name: 'disconnects: the receipt comes over the next bind',
    faults: [{ fault: 'disconnect', at: 'within_answer', times: 1 }],
    held: 'deliveries',
    released: [['uncertain:1', 'first']],
    end: 'delivered 1',
    submits: [1, 0],
    story: 'uncertain:1 receipt:1',
    arrived: 1,
  },
  {
    name: 'disconnects before the message has left',
    faults: [],
    held: 'answers',
    released: [['response:1 routed:2 submitted:2', 'next']],
    end: 'delivered 2',
    submits: [0, 1],
    story: `response:1 routed:2 ${ELSEWHERE}`,
    keys: { window: 1, reconnect_seconds: { min: 300, max: 300 } },
    isCutBefore: true,
    arrived: 1,
  },
  {
    name: 'cannot deliver',
    faults: [{ fault: 'undelivered', err: '027', times: 1 }],
    end: 'undelivered 1 recipient_absent',
    submits: [1, 0],
    story: 'response:1 receipt:1',
    arrived: 0,
  },
  {
    name: 'fakes the receipt',
    faults: [{ fault: 'fake_delivered', times: 1 }],
    end: 'delivered 1',
    submits: [1, 0],
    story: 'response:1 receipt:1',
    arrived: 0,
  },
  {
    name: 'sends the receipt late',
    faults: [late(2_000)],
    end: 'delivered 1',
    submits: [1, 0],
    story: 'response:1 receipt:1',
    arrived: 1,
  },
  {
    name: 'sends the receipt so late that the message has gone elsewhere',
    faults: [],
    held: 'deliveries',
    released: [
      ['response:1 retry:1? routed:2 submitted:2 response:2', 'next'],
      [`response:1 retry:1? routed:2 ${ELSEWHERE}`, 'first'],
    ],
    end: 'delivered 2',
    submits: [1, 1],
    story: `response:1 retry:1? routed:2 ${ELSEWHERE} receipt:1`,
    message: WITHOUT_RECEIPT,
    arrived: 2,
  },
]

const CASES = STRATEGIES.flatMap((strategy) => FAULTS.map((fault) => ({ strategy, fault }))).map(
  ({ strategy, fault }, index) => ({
    strategy,
    fault,
    name: `${strategy.name}: the first ${fault.name}`,
    route: `route-${index}`,
    prefix: `4477009${index + 10}`,
    to: `4477009${index + 10}001`,
    names: LETTERS.map((letter) => `${letter}-${index}`),
    expected: {
      end: fault.end,
      submits: fault.submits,
      story: `${BEGINNING} ${fault.story}`,
    },
  }),
)
type Case = (typeof CASES)[number]

/** Carriers and numbers of the test of faked codes. */
const CODES = { prefix: '447700099', names: ['honest-1', 'honest-2', 'faker'] }

const cleanUps: (() => Promise<unknown>)[] = []
const ids = new Map<Case, string>()
let carriers: SandboxCarriers
let gateway: TestGateway
let operator: ApiClient
let other: ApiClient

beforeAll(async () => {
  carriers = await SandboxCarriers.start([
    ...CASES.flatMap(({ names, prefix, fault: { keys } }) =>
      LETTERS.map((letter, index) => ({
        name: names[index] ?? '',
        prefix,
        price: PRICES[letter],
        keys: { response_timeout_seconds: 300, tags: [letter], ...keys },
      })),
    ),
    ...CODES.names.map((name) => ({ name, prefix: CODES.prefix })),
  ])
  cleanUps.push(() => carriers.close())
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const settings = {
    ...carriers.settings,
    admin_keys: ['admin-key-1'],
    quality: { prior_messages: 2 },
    policies: {
      otp: { uncertain: 'resend', uncertain_seconds: 1 },
      marketing: { quiet_hours: 'off', missing_receipt: 'resend', missing_receipt_seconds: 1 },
    },
    guards: { conversion: { action: 'flag', least_messages: 5, feedback_seconds: 4 } },
    routing: { routes: [...CASES.map(routeOf), codesRoute(), ...LETTERS.map(directRoute)] },
  }
  gateway = await openGateway(JSON.stringify(settings), { folder: folder.path })
  cleanUps.push(() => gateway.close())
  operator = new ApiClient(gateway.url, 'admin-key-1')
  other = new ApiClient(gateway.url, 'other-key-1')
  await carriers.untilUp(gateway.api)
  await learn()
  for (const { names, fault } of CASES) {
    carriers.setFaults(names, [], new FaultScript(fault.faults, 1, Date.now()))
    if (fault.held) for (const name of names) carriers.of(name).hold(fault.held)
  }
}, 120_000)

afterAll(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

function routeOf({ strategy, route, prefix, names }: Case): object {
  const { name, settings = {} } = strategy
  const { weights } = settings as { weights?: readonly number[] }
  const [a, b, c] = names
  return {
    name: route,
    prefixes: [prefix],
    senders: ['Linehaul'],
    carriers: name === 'sequential' ? [c, a, b] : [a, b, c],
    strategy: {
      name,
      ...settings,
      ...(weights && { weights: Object.fromEntries(names.map((each, n) => [each, weights[n]])) }),
    },
  }
}

function codesRoute(): object {
  return {
    name: 'codes',
    prefixes: [CODES.prefix],
    carriers: CODES.names,
    strategy: { name: 'round_robin' },
  }
}

/** To one of the three, whatever the strategy. */
function directRoute(letter: Letter): object {
  return { name: `to-${letter}`, senders: [senderTo(letter)], carrier_tags: [letter] }
}

function senderTo(letter: Letter): string {
  return `To ${letter}`
}

/** Teaches the gateway how well carriers deliver, where that counts. */
async function learn(): Promise<void> {
  let delivered = 0
  let lost = 0
  for (const { strategy, names, prefix } of CASES) {
    if (!strategy.learns) continue
    const to = Array.from({ length: LEARNT_MESSAGES }, (_, n) => `+${prefix}${100 + n}`)
    for (const [index, letter] of LETTERS.entries()) {
      carriers.setFaults([names[index] ?? ''], LEARNING[letter])
      const { status } = await gateway.api.post({ from: senderTo(letter), to, text: 'Lesson' })
      expect(status).toBe(202)
      delivered += DELIVERED_OF_THESE[letter]
      lost += LEARNT_MESSAGES - DELIVERED_OF_THESE[letter]
    }
  }
  await gateway.api.untilCount('delivered', delivered, 60_000)
  await gateway.api.untilCount('undelivered', lost, 60_000)
}

/** The carriers of a message, in the order in which it was routed to them. */
function carriersOf({ timeline }: ShownMessage): string[] {
  return timeline.filter(({ type }) => type === 'routed').map(({ carrier }) => carrier ?? '')
}

function storyOf(message: ShownMessage): string {
  const [first] = carriersOf(message)
  return message.timeline
    .map(({ type, carrier, detail }) => {
      const place = carrier === null ? '' : carrier === first ? ':1' : ':2'
      return `${type}${place}${detail?.may_be_a_duplicate ? '?' : ''}`
    })
    .join(' ')
}

function submitsOf(name: string, to: string) {
  return carriers
    .of(name)
    .submits()
    .filter((submit) => submit.to.address === to)
}

async function shown(it: Case) {
  const message = await gateway.api.message(ids.get(it) ?? '')
  const { status, attempts, error } = message
  const [first] = carriersOf(message)
  const counts = (are: (name: string) => boolean) =>
    it.names.filter(are).reduce((sum, name) => sum + submitsOf(name, it.to).length, 0)
  return {
    end: [status, attempts, ...(error === null ? [] : [error.code])].join(' '),
    submits: [counts((name) => name === first), counts((name) => name !== first)],
    story: storyOf(message),
  }
}

async function send(it: Case): Promise<string> {
  const { api } = gateway
  const { fault, prefix, to } = it
  if (fault.isCutBefore) {
    // The only place of each window is taken.
    for (const letter of LETTERS) {
      await api.send({ from: senderTo(letter), to: `+${prefix}002`, text: 'Hello' })
    }
    await vi.waitFor(() => {
      expect(carriers.submitsTo(...it.names).every((count) => count > 0)).toBe(true)
    }, PATIENCE)
  }
  const id = await api.send({ to: `+${to}`, text: 'Hello', ...fault.message })
  ids.set(it, id)
  if (fault.isCutBefore) {
    const { carrier } = await api.until(id, ({ status }) => status === 'sending', PATIENCE)
    carriers.of(carrier ?? '').cutSessions()
  }
  return id
}

/** Lets carriers go on that keep something back, when it is time for each. */
async function release(id: string, { fault }: Case): Promise<void> {
  for (const [at, which] of fault.released ?? []) {
    const isThere = (message: ShownMessage) => storyOf(message) === `${BEGINNING} ${at}`
    const [first = '', next = ''] = carriersOf(await gateway.api.until(id, isThere, PATIENCE))
    carriers.of(which === 'first' ? first : next).release()
  }
}

/** A carrier's place among the three. */
function letterOf(carrier: string | undefined): string {
  return carrier?.[0] ?? ''
}

describe.concurrent('the strategy', () => {
  test.each(CASES)(
    '$name',
    async (it) => {
      const id = await send(it)
      await release(id, it)
      await vi.waitFor(async () => expect(await shown(it)).toEqual(it.expected), PATIENCE)
      const message = await gateway.api.message(id)
      const [first, next] = carriersOf(message)
      expect(it.strategy.order[0]).toContain(letterOf(first))
      if (next !== undefined) {
        expect(it.strategy.order[1]).toContain(letterOf(next))
        expect(next).not.toBe(first)
      }
      // Each decision says by which strategy it was made, and went to its best.
      for (const { type, carrier, detail } of message.timeline) {
        if (type !== 'routed') continue
        expect(detail).toMatchObject({ route: it.route, strategy: it.strategy.name })
        expect(detail.candidates[0].carrier).toBe(carrier)
      }
      const submits = it.names.flatMap((name) => submitsOf(name, it.to))
      expect(submits.filter(({ isDelivered }) => isDelivered)).toHaveLength(it.fault.arrived)
    },
    120_000,
  )

  test('a carrier that fakes receipts stands under suspicion, by the codes that are used', async () => {
    carriers.setFaults(['faker'], [{ fault: 'fake_delivered' }])
    const numbers = Array.from({ length: 45 }, (_, n) => `${CODES.prefix}${100 + n}`)
    const sent = await Promise.all(
      numbers.map(async (to) => ({
        to,
        id: await other.send({ to: `+${to}`, text: '1', ...CODE }),
      })),
    )
    for (const { id, to } of sent) {
      const { status } = await other.until(id, ({ is_final }) => is_final, PATIENCE)
      expect(status).toBe('delivered')
      const [submit] = CODES.names.flatMap((name) => submitsOf(name, to))
      // Whoever has got the code types it in.
      if (!submit?.isDelivered) continue
      const path = `/v1/messages/${id}/feedback`
      expect((await other.call('POST', path, { outcome: 'converted' })).status).toBe(200)
    }
    expect(carriers.of('faker').trueCounts).toMatchObject({ delivered: 0, faked: 15 })
    await vi.waitFor(async () => {
      const { body } = await operator.get('/v1/guards')
      const suspects = (body.carriers as { carrier: string; suspect: unknown[] }[])
        .filter(({ suspect }) => suspect.length > 0)
        .map(({ carrier }) => carrier)
      expect(suspects).toEqual(['faker'])
    }, PATIENCE)
  }, 120_000)
})

test('nothing came after', async () => {
  for (const it of CASES) expect(await shown(it), it.name).toEqual(it.expected)
})
