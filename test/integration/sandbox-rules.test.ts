import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { FaultRule } from '../../src/sandbox/faults.ts'
import type { ShownMessage } from '../support/api-client.ts'
import { openGateway, type TestGateway, temporaryFolder } from '../support/gateway.ts'
import { SandboxCarriers } from '../support/sandbox-carriers.ts'
import { openSink, type Sink } from '../webhooks/sink.ts'

/**
 * Every action of failure rules after every fault that its scene knows, on the sandbox's carriers. One
 * gateway serves all cases at once; each has a first carrier with the fault, a next one without, a rule
 * and a range of numbers of its own.
 */

const RINVDSTADR = 0x0b
const RSYSERR = 0x08
const SECRET = `whsec_${Buffer.alloc(24, 9).toString('base64')}`
/** Hundreds of carriers and messages share the machine. */
const PATIENCE = { timeout: 100_000, interval: 200 }
const IMPATIENT = { response_timeout_seconds: 2 }

const ACTIONS = {
  retry: { action: 'retry', max: 1, delay_seconds: 0 },
  switch_provider: { action: 'switch_provider' },
  fail: { action: 'fail', code: 'content_rejected' },
  alert: { action: 'alert' },
  hold: { action: 'hold' },
} as const
type Action = keyof typeof ACTIONS

/** How a case ends: status, carrier, attempts, error; submits at both; what the timeline says of it. */
type Ending = readonly [end: string, submits: readonly [number, number], story: string]
type Endings = Readonly<Record<Action, Ending>>

interface Fault {
  readonly name: string
  readonly scene: 'send_failure' | 'callback_failure'
  readonly faults: readonly FaultRule[]
  /** What rules and alerts see; null: they are not asked. */
  readonly code: readonly [code: string, rawCode: string | null] | null
  /** The timeline from the first submit to the rule. */
  readonly story: string
  readonly endings: Endings
  readonly message?: Readonly<Record<string, unknown>>
  /** Settings of the first carrier. */
  readonly keys?: Readonly<Record<string, unknown>>
  /** Its connections are cut while the message waits for room in the window. */
  readonly isCutBefore?: boolean
  /** Its receipts come when everything else has happened; where they bring the failure, before that. */
  readonly areReceiptsHeld?: boolean
}

const exactly = (ms: number) => ({ uniform: [ms, ms] as const })
const late = (ms: number): FaultRule => ({ fault: 'receipts_late', delay: exactly(ms), times: 1 })
const UNDELIVERED: FaultRule = { fault: 'undelivered', err: '027', times: 1 }
const ABSENT = ['recipient_absent', '027'] as const
const UNKNOWN = ['outcome_unknown', null] as const
const SILENT: FaultRule = { fault: 'never_answer', times: 1 }
const TAKEN_SILENT: FaultRule = { fault: 'never_answer', isAccepted: true, times: 1 }
const CUT: FaultRule = { fault: 'disconnect', at: 'before_answer', times: 1 }
const TAKEN_CUT: FaultRule = { ...CUT, isAccepted: true }
/** Of a class whose policy lets a message go again whose outcome is unknown. */
const RESENT = { traffic_class: 'otp' }
const NO_RETURN = { reconnect_seconds: { min: 60, max: 60 } }

const AGAIN = 'submitted:1 response:1 receipt:1'
const ELSEWHERE = 'submitted:2 response:2 receipt:2'

// In stories a star stands for the name of the rule, a question mark for `may_be_a_duplicate`.
const REFUSED: Endings = {
  retry: ['delivered first 2', [2, 0], `retry:1* ${AGAIN}`],
  switch_provider: ['delivered next 2', [1, 1], `routed:2* ${ELSEWHERE}`],
  fail: ['failed first 1 content_rejected', [1, 0], 'failed:1*'],
  alert: ['delivered next 2', [1, 1], `alerted:1* routed:2 ${ELSEWHERE}`],
  hold: ['delivered first 2', [2, 0], `held:1* queued:1* ${AGAIN}`],
}

/** A throttled segment keeps its attempt until the patience of the class is over. */
const THROTTLED: Endings = {
  retry: ['delivered first 2', [3, 0], REFUSED.retry[2]],
  switch_provider: ['delivered next 2', [2, 1], REFUSED.switch_provider[2]],
  fail: ['failed first 1 content_rejected', [2, 0], 'failed:1*'],
  alert: ['failed first 1 carrier_throttled', [2, 0], 'alerted:1* failed:1'],
  hold: ['delivered first 2', [3, 0], REFUSED.hold[2]],
}

/** The carrier may have it, and no second copy is allowed: the receipt is waited for. */
const MAY_HAVE_IT: Endings = {
  retry: ['delivered first 1', [1, 0], 'receipt:1'],
  switch_provider: ['delivered first 1', [1, 0], 'receipt:1'],
  fail: ['failed first 1 content_rejected', [1, 0], 'failed:1* receipt:1'],
  alert: ['delivered first 1', [1, 0], 'alerted:1* receipt:1'],
  hold: ['delivered first 1', [1, 0], 'held:1* receipt:1'],
}

/** It surely has not left, and its carrier does not come back. */
const NOT_LEFT: Endings = {
  retry: ['delivered next 2', [1, 1], `retry:1* routed:2 ${ELSEWHERE}`],
  switch_provider: REFUSED.switch_provider,
  fail: REFUSED.fail,
  alert: REFUSED.alert,
  hold: ['delivered next 2', [1, 1], `held:1* queued:1* routed:2 ${ELSEWHERE}`],
}

/** Nobody else gets it, and the operator cannot put it back. */
const PARTLY: Endings = {
  retry: ['failed first 1 partially_sent', [2, 0], 'failed:1 receipt:1'],
  switch_provider: ['failed first 1 partially_sent', [2, 0], 'failed:1 receipt:1'],
  fail: ['failed first 1 content_rejected', [2, 0], 'failed:1* receipt:1'],
  alert: ['failed first 1 partially_sent', [2, 0], 'alerted:1* failed:1 receipt:1'],
  hold: ['failed first 1 partially_sent', [2, 0], 'failed:1 receipt:1'],
}

const LOST: Endings = {
  retry: ['delivered first 2', [2, 0], `retry:1* ${AGAIN}`],
  switch_provider: ['delivered next 2', [1, 1], `routed:2* retry:1* ${ELSEWHERE}`],
  fail: ['undelivered first 1 content_rejected', [1, 0], 'failed:1*'],
  alert: ['undelivered first 1 recipient_absent', [1, 0], 'alerted:1*'],
  hold: ['delivered first 2', [2, 0], `held:1* queued:1* ${AGAIN}`],
}

/** No rule is asked. */
const DELIVERED: Ending = ['delivered first 1', [1, 0], '']
const NO_FAILURE: Endings = {
  retry: DELIVERED,
  switch_provider: DELIVERED,
  fail: DELIVERED,
  alert: DELIVERED,
  hold: DELIVERED,
}

const FAULTS: readonly Fault[] = [
  {
    name: 'refused',
    scene: 'send_failure',
    faults: [{ fault: 'refuse', status: RINVDSTADR, times: 1 }],
    code: ['destination_invalid', '0x0000000b'],
    story: 'response:1',
    endings: REFUSED,
  },
  {
    name: 'refused for the moment',
    scene: 'send_failure',
    faults: [{ fault: 'refuse', status: RSYSERR, times: 1 }],
    code: ['carrier_error', '0x00000008'],
    story: 'response:1',
    endings: REFUSED,
  },
  {
    name: 'throttled',
    scene: 'send_failure',
    faults: [{ fault: 'throttle', times: 2 }],
    code: ['carrier_throttled', '0x00000058'],
    story: 'response:1',
    endings: THROTTLED,
  },
  {
    name: 'timed out, the receipt after that',
    scene: 'send_failure',
    faults: [TAKEN_SILENT],
    areReceiptsHeld: true,
    keys: IMPATIENT,
    code: UNKNOWN,
    story: 'uncertain:1',
    endings: MAY_HAVE_IT,
  },
  {
    name: 'timed out, it may go again',
    scene: 'send_failure',
    faults: [SILENT],
    keys: IMPATIENT,
    code: UNKNOWN,
    story: 'uncertain:1',
    message: RESENT,
    endings: {
      retry: ['delivered first 2', [2, 0], `retry:1*? ${AGAIN}`],
      switch_provider: ['delivered next 2', [1, 1], `routed:2* retry:1*? ${ELSEWHERE}`],
      fail: REFUSED.fail,
      alert: ['delivered first 2', [2, 0], `alerted:1* retry:1? ${AGAIN}`],
      hold: ['delivered first 2', [2, 0], `held:1* retry:1? ${AGAIN}`],
    },
  },
  {
    name: 'timed out, it may go again, the first receipt after that',
    scene: 'send_failure',
    faults: [TAKEN_SILENT],
    areReceiptsHeld: true,
    keys: IMPATIENT,
    code: UNKNOWN,
    story: 'uncertain:1',
    message: RESENT,
    endings: {
      retry: ['delivered first 2', [2, 0], `retry:1*? ${AGAIN} receipt:1`],
      switch_provider: ['delivered next 2', [1, 1], `routed:2* retry:1*? ${ELSEWHERE} receipt:1`],
      fail: MAY_HAVE_IT.fail,
      alert: ['delivered first 2', [2, 0], `alerted:1* retry:1? ${AGAIN} receipt:1`],
      hold: ['delivered first 2', [2, 0], `held:1* retry:1? ${AGAIN} receipt:1`],
    },
  },
  {
    name: 'disconnected, the receipt over the next bind',
    scene: 'send_failure',
    faults: [TAKEN_CUT],
    areReceiptsHeld: true,
    code: UNKNOWN,
    story: 'uncertain:1',
    endings: MAY_HAVE_IT,
  },
  {
    name: 'disconnected, it may go again',
    scene: 'send_failure',
    faults: [CUT],
    code: UNKNOWN,
    story: 'uncertain:1',
    message: RESENT,
    keys: NO_RETURN,
    endings: {
      retry: ['delivered next 2', [1, 1], `retry:1*? routed:2 ${ELSEWHERE}`],
      switch_provider: ['delivered next 2', [1, 1], `routed:2* retry:1*? ${ELSEWHERE}`],
      fail: REFUSED.fail,
      alert: ['delivered next 2', [1, 1], `alerted:1* retry:1? routed:2 ${ELSEWHERE}`],
      hold: ['delivered next 2', [1, 1], `held:1* retry:1? routed:2 ${ELSEWHERE}`],
    },
  },
  {
    name: 'disconnected before it left',
    scene: 'send_failure',
    faults: [SILENT],
    code: ['carrier_unreachable', null],
    story: 'response:1',
    keys: { ...NO_RETURN, window: 1 },
    isCutBefore: true,
    endings: NOT_LEFT,
  },
  {
    name: 'refused in part',
    scene: 'send_failure',
    faults: [{ fault: 'refuse', status: RINVDSTADR, after: 1, times: 1 }],
    areReceiptsHeld: true,
    code: ['partially_sent', '0x0000000b'],
    story: 'response:1',
    message: { text: '0123456789'.repeat(20) },
    endings: PARTLY,
  },
  {
    name: 'undelivered',
    scene: 'callback_failure',
    faults: [UNDELIVERED],
    code: ABSENT,
    story: 'response:1 receipt:1',
    endings: LOST,
  },
  {
    name: 'undelivered, the receipt late',
    scene: 'callback_failure',
    faults: [UNDELIVERED, late(1_000)],
    code: ABSENT,
    story: 'response:1 receipt:1',
    endings: LOST,
  },
  {
    name: 'undelivered, the receipt before the response',
    scene: 'callback_failure',
    faults: [UNDELIVERED, { fault: 'answer_late', delay: exactly(500), times: 1 }],
    code: ABSENT,
    story: 'response:1 receipt:1',
    endings: LOST,
  },
  {
    name: 'undelivered, timed out before',
    scene: 'callback_failure',
    faults: [UNDELIVERED, TAKEN_SILENT],
    areReceiptsHeld: true,
    keys: IMPATIENT,
    code: ABSENT,
    story: 'uncertain:1 receipt:1',
    endings: LOST,
  },
  {
    name: 'undelivered, disconnected before',
    scene: 'callback_failure',
    faults: [UNDELIVERED, { fault: 'disconnect', at: 'within_answer', times: 1 }],
    code: ABSENT,
    story: 'uncertain:1 receipt:1',
    endings: LOST,
  },
  {
    name: 'fake-delivered',
    scene: 'callback_failure',
    faults: [{ fault: 'fake_delivered', times: 1 }],
    code: null,
    story: 'response:1 receipt:1',
    endings: NO_FAILURE,
  },
  {
    name: 'delivered, the receipt late',
    scene: 'callback_failure',
    faults: [late(1_000)],
    code: null,
    story: 'response:1 receipt:1',
    endings: NO_FAILURE,
  },
]

const CASES = FAULTS.flatMap((fault) =>
  (Object.keys(ACTIONS) as Action[]).map((action) => ({ fault, action })),
).map(({ fault, action }, index) => {
  const [end, submits, ending] = fault.endings[action]
  const story = `accepted routed:1 submitted:1 ${fault.story} ${ending}`.trim()
  const untilReceipts = fault.scene === 'send_failure' ? /( receipt:1)+$/ : / receipt:1.*$/
  return {
    fault,
    action,
    name: `${fault.name}: ${action}`,
    rule: `rule ${index}`,
    first: `first-${index}`,
    next: `next-${index}`,
    prefix: `4477009${index + 10}`,
    storyBeforeReceipts: story.replace(untilReceipts, ''),
    expected: {
      end,
      submits,
      story,
      alerts: action === 'alert' && fault.code !== null ? 1 : 0,
    },
  }
})
type Case = (typeof CASES)[number]

const cleanUps: (() => Promise<unknown>)[] = []
const ids = new Map<Case, string>()
let carriers: SandboxCarriers
let gateway: TestGateway
let sink: Sink

beforeAll(async () => {
  sink = await openSink()
  cleanUps.push(() => sink.close())
  carriers = await SandboxCarriers.start(
    CASES.flatMap(({ first, next, prefix, fault: { keys } }) => [
      { name: first, prefix, price: '0.0100', keys: { response_timeout_seconds: 300, ...keys } },
      { name: next, prefix, price: '0.0200' },
    ]),
  )
  cleanUps.push(() => carriers.close())
  const folder = await temporaryFolder()
  cleanUps.push(folder.remove)
  const settings = {
    ...carriers.settings,
    webhooks: { allow_private_addresses: true },
    policies: {
      otp: { uncertain: 'resend', uncertain_seconds: 1 },
      transactional: { retry: { throttled: { max_attempts: 2 } } },
    },
    failure_rules: CASES.map(({ fault, action, rule, first }) => ({
      name: rule,
      scene: fault.scene,
      match: { carriers: [first], ...(fault.code && { codes: [fault.code[0]] }) },
      ...ACTIONS[action],
    })),
    alerts: { webhook_url: `${sink.url}/alerts`, webhook_secret: SECRET },
  }
  gateway = await openGateway(JSON.stringify(settings), { folder: folder.path })
  cleanUps.push(() => gateway.close())
  await carriers.untilUp(gateway.api)
  for (const { first, fault } of CASES) {
    carriers.of(first).setFaults(fault.faults)
    if (fault.areReceiptsHeld) carriers.of(first).hold('deliveries')
  }
}, 120_000)

afterAll(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

/** The timeline in short: what happened at which of the two carriers. */
function storyOf({ timeline }: ShownMessage, { first }: Case): string {
  return timeline
    .map(({ type, carrier, detail }) => {
      const place = carrier === null ? '' : carrier === first ? ':1' : ':2'
      return `${type}${place}${detail?.rule ? '*' : ''}${detail?.may_be_a_duplicate ? '?' : ''}`
    })
    .join(' ')
}

function endOf({ status, carrier, attempts, error }: ShownMessage): string {
  const code = error === null ? [] : [error.code]
  return [status, carrier?.replace(/-\d+$/, ''), attempts, ...code].join(' ')
}

function alertsOf({ rule }: Case) {
  return sink.received.map(({ body }) => JSON.parse(body)).filter(({ data }) => data.rule === rule)
}

async function shown(it: Case) {
  const message = await gateway.api.message(ids.get(it) ?? '')
  return {
    end: endOf(message),
    submits: carriers.submitsTo(it.first, it.next),
    story: storyOf(message, it),
    alerts: alertsOf(it).length,
  }
}

async function send(it: Case): Promise<string> {
  const { prefix, first, fault } = it
  const { api } = gateway
  // The only place of the window is taken.
  if (fault.isCutBefore) await api.send({ to: `+${prefix}002`, text: 'Hello' })
  const id = await api.send({ to: `+${prefix}001`, text: 'Hello', ...fault.message })
  ids.set(it, id)
  if (fault.isCutBefore) {
    await api.until(id, ({ status }) => status === 'sending', PATIENCE)
    carriers.of(first).cutSessions()
  }
  return id
}

/** Waits for the rule, and does what an operator would. */
async function letGo(id: string, { rule, fault }: Case): Promise<void> {
  const { api } = gateway
  const held = await api.until(id, ({ held_by }) => held_by !== null, PATIENCE)
  const isUnknown = fault.code?.[0] === 'outcome_unknown'
  expect(held).toMatchObject({
    status: isUnknown ? 'sending' : 'queued',
    held_by: rule,
    is_final: false,
    error: { code: fault.code?.[0] },
  })
  // What the class does not let go twice is left to its receipt.
  if (isUnknown && fault.message !== RESENT) return
  const action = isUnknown ? 'resend' : 'release'
  expect(await api.call('POST', `/v1/messages/${id}/resolve`, { action })).toMatchObject({
    status: 200,
  })
}

/** Lets the receipts of the first carrier come, if it keeps them back. */
async function letReceiptsCome(id: string, it: Case): Promise<void> {
  if (!it.fault.areReceiptsHeld) return
  const { storyBeforeReceipts: before } = it
  await gateway.api.until(id, (message) => storyOf(message, it) === before, PATIENCE)
  carriers.of(it.first).release()
}

describe.concurrent('after a fault, a rule', () => {
  test.each(CASES)(
    '$name',
    async (it) => {
      const id = await send(it)
      const { fault, action, expected, rule, first } = it
      if (fault.scene === 'callback_failure') await letReceiptsCome(id, it)
      if (action === 'hold' && expected.story.includes('held')) await letGo(id, it)
      if (fault.scene === 'send_failure') await letReceiptsCome(id, it)
      await vi.waitFor(async () => expect(await shown(it)).toEqual(expected), PATIENCE)
      for (const { type, data } of alertsOf(it)) {
        expect(type).toBe('alert.failure_rule')
        const { scene, code } = fault
        const [name, rawCode] = code ?? []
        const told = { rule, scene, carrier: first, code: name, raw_code: rawCode, attempt: 1 }
        expect(data).toMatchObject({ ...told, message_id: id, left_out: 0 })
      }
    },
    120_000,
  )
})

test('nothing came after', async () => {
  for (const it of CASES) expect(await shown(it), it.name).toEqual(it.expected)
})

test('the carriers know what was faked', () => {
  for (const { first, name, fault } of CASES) {
    const { faked, delivered } = carriers.of(first).trueCounts
    const isFake = fault.name === 'fake-delivered'
    expect(faked, name).toBe(isFake ? 1 : 0)
    if (isFake) expect(delivered, name).toBe(0)
  }
})

test('metrics count what rules did by action', async () => {
  const { body } = await gateway.api.get('/metrics')
  for (const { rule, action, expected, name } of CASES) {
    const line = `linehaul_failure_rules_total{rule="${rule}",action="${action}"} 1`
    const hasActed = expected.story.includes('*')
    expect(body.split('\n').includes(line), name).toBe(hasActed)
  }
})
