import { afterEach, describe, expect, it } from 'vitest'
import { readFaults } from '../../src/sandbox/fault-file.ts'
import { drawDelay, type FaultRule, FaultScript } from '../../src/sandbox/faults.ts'
import { SandboxSmsc } from '../../src/sandbox/smsc.ts'
import type { SandboxSmscOptions } from '../../src/sandbox/smsc-options.ts'
import { Esme } from './esme.ts'

const NUMBER = '447700900123'
const OTHER = '861390000001'
const open: { close(): Promise<void> }[] = []

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

async function start(faults: readonly FaultRule[], options: Partial<SandboxSmscOptions> = {}) {
  const smsc = new SandboxSmsc({
    name: 'test',
    systemId: 'esme',
    password: 'secret',
    receiptDelayMs: [5, 10],
    keepSubmits: 1000,
    faults,
    ...options,
  })
  const { port } = await smsc.start()
  open.push(smsc)
  const esme = await Esme.bound(port)
  open.push(esme)
  return { smsc, port, esme }
}

async function statuses(esme: Esme, recipients: readonly string[]): Promise<number[]> {
  const answers: number[] = []
  for (const to of recipients) answers.push((await esme.submit(to)).command_status)
  return answers
}

describe('which submits', () => {
  it('by recipient, by count, and no more than so often', async () => {
    const { esme, smsc } = await start([
      { fault: 'refuse', status: 0x0b, to: '44*', every: 2, after: 1, times: 2 },
    ])
    const found = await statuses(esme, [NUMBER, OTHER, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER])
    // The first that fits is spared, then every second: the third, the fifth; the seventh is one too many.
    expect(found).toEqual([0, 0, 0, 0x0b, 0, 0x0b, 0])
    expect(smsc.faultCounts).toEqual([2])
  })

  it('by a share that the seed decides: the same on every run and every bind', () => {
    const recipients = Array.from({ length: 1000 }, (_, index) => String(447700900000 + index))
    const refusedOf = (seed: number, order: readonly string[]) => {
      const script = new FaultScript([{ fault: 'refuse', status: 8, share: 0.2 }], seed, 0)
      return order.filter((to) => script.decide(to, 0).answer !== undefined).sort()
    }
    const once = refusedOf(7, recipients)
    expect(once.length).toBeGreaterThan(150)
    expect(once.length).toBeLessThan(250)
    expect(refusedOf(7, recipients.toReversed())).toEqual(once)
    expect(refusedOf(8, recipients)).not.toEqual(once)
  })

  it('by time since the script began', () => {
    const script = new FaultScript([{ fault: 'receipts_lost', fromMs: 10, untilMs: 20 }], 1, 1000)
    expect([1009, 1010, 1019, 1020].map((at) => script.decide('1', at).receipts.length)).toEqual([
      0, 1, 1, 0,
    ])
  })

  it('the first rule decides about the answer, and one of each kind about receipts', () => {
    const rules: FaultRule[] = [
      { fault: 'never_answer', to: '9*' },
      { fault: 'refuse', status: 8 },
      { fault: 'undelivered', err: '027' },
      { fault: 'undelivered', err: '001' },
      { fault: 'wrong_id_radix' },
    ]
    const { answer, receipts } = new FaultScript(rules, 1, 0).decide('44', 0)
    expect(answer).toBe(rules[1])
    expect(receipts).toEqual([rules[2], rules[4]])
  })
})

describe('carriers', () => {
  it('that have a script in common count together, after their own rules', () => {
    const common = new FaultScript([{ fault: 'refuse', status: 8, times: 1 }], 1, 0)
    const one = new FaultScript([{ fault: 'throttle', to: '86*' }], 1, 0, common)
    const other = new FaultScript([], 1, 0, common)
    const faultOf = (script: FaultScript, to: string) => script.decide(to, 0).answer?.fault
    expect(faultOf(one, OTHER)).toBe('throttle')
    expect(faultOf(other, NUMBER)).toBe('refuse')
    expect(faultOf(one, NUMBER)).toBeUndefined()
    expect([one.counts, other.counts]).toEqual([[1, 1], [1]])
  })
})

describe('answers', () => {
  it('throttles what comes beyond a rate', () => {
    const script = new FaultScript([{ fault: 'throttle', perSecond: 2 }], 1, 0)
    const at = (ms: number) => script.decide('44', ms).answer?.fault
    expect([0, 1, 2, 999, 1000].map(at)).toEqual([
      undefined,
      undefined,
      'throttle',
      'throttle',
      undefined,
    ])
  })

  it('answers with ESME_RTHROTTLED', async () => {
    const { esme } = await start([{ fault: 'throttle', times: 1 }])
    expect(await statuses(esme, [NUMBER, NUMBER])).toEqual([0x58, 0])
  })

  it('answers late, and in the meantime others', async () => {
    const { esme } = await start([
      { fault: 'answer_late', to: '44*', delay: { uniform: [60, 60] } },
    ])
    const order: string[] = []
    await Promise.all([
      esme.submit(NUMBER).then(() => order.push('late')),
      esme.submit(OTHER).then(() => order.push('other')),
    ])
    expect(order).toEqual(['other', 'late'])
  })

  it('never answers; the message is taken where the script says so', async () => {
    const { esme, smsc } = await start([
      { fault: 'never_answer', isAccepted: true, to: '44*' },
      { fault: 'never_answer', to: '86*' },
    ])
    void esme.submit(OTHER)
    void esme.submit(NUMBER)
    const [receipt] = await esme.deliveries(1)
    expect(receipt?.pdu.source_addr).toBe(NUMBER)
    expect(esme.arrivals).not.toContain('submit_sm_resp')
    expect(smsc.trueCounts).toEqual({ submits: 2, accepted: 1, delivered: 1, faked: 0 })
  })

  it.each([
    ['before_answer', false, 0],
    ['within_answer', false, 1],
    ['after_answer', true, 1],
  ] as const)('disconnects %s', async (at, isAnswered, accepted) => {
    const { esme, smsc } = await start([{ fault: 'disconnect', at }])
    void esme.submit(NUMBER)
    await esme.closed
    expect(esme.arrivals.includes('submit_sm_resp')).toBe(isAnswered)
    expect(smsc.trueCounts).toMatchObject({ submits: 1, accepted })
  })

  it('within an answer half of it arrives', async () => {
    const { esme } = await start([{ fault: 'disconnect', at: 'within_answer' }])
    let octets = 0
    esme.session.socket.on('close', () => {
      octets = esme.session.socket.bytesRead
    })
    const before = esme.session.socket.bytesRead
    void esme.submit(NUMBER)
    await esme.closed
    // 16 octets of header and 17 of the id.
    expect(octets - before).toBe(16)
  })
})

describe('receipts', () => {
  it('claim DELIVRD for what was not delivered, and the carrier knows', async () => {
    const { esme, smsc } = await start([{ fault: 'fake_delivered', to: '44*' }])
    await statuses(esme, [NUMBER, OTHER, '447700999001'])
    const receipts = await esme.deliveries(3)
    expect(receipts.map(({ text }) => /stat:(\w+)/.exec(text)?.[1])).toEqual([
      'DELIVRD',
      'DELIVRD',
      'DELIVRD',
    ])
    expect(smsc.submits().map(({ isDelivered }) => isDelivered)).toEqual([false, true, false])
    expect(smsc.trueCounts).toEqual({ submits: 3, accepted: 3, delivered: 1, faked: 2 })
  })

  it('are undelivered with the code of the script, lost, or late', async () => {
    const { esme, smsc } = await start([
      { fault: 'undelivered', err: '027', to: '44*' },
      { fault: 'receipts_lost', to: '49*' },
      { fault: 'receipts_late', delay: { uniform: [80, 80] }, to: '44*' },
    ])
    await statuses(esme, [NUMBER, '491700000001', OTHER])
    const receipts = await esme.deliveries(2)
    expect(receipts.map(({ pdu }) => pdu.source_addr)).toEqual([OTHER, NUMBER])
    expect(receipts[1]?.text).toContain('stat:UNDELIV err:027')
    expect(smsc.waitingDeliveries).toBe(0)
    expect(smsc.trueCounts).toEqual({ submits: 3, accepted: 3, delivered: 2, faked: 0 })
  })

  it.each([
    ['decimal', (id: string) => Number(id).toString(16).toUpperCase()],
    ['hex-response', (id: string) => id],
    ['hex-receipt', (id: string) => id],
  ] as const)('have the id in the wrong radix where %s is agreed', async (idForm, expected) => {
    const { esme } = await start([{ fault: 'wrong_id_radix' }], { idForm })
    const { message_id: id } = await esme.submit(NUMBER)
    const [receipt] = await esme.deliveries(1)
    expect(/id:(\w+)/.exec(receipt?.text ?? '')?.[1]).toBe(expected(id))
  })

  it('come by the distribution that was asked for', () => {
    const delays = (delay: Parameters<typeof drawDelay>[0]) =>
      Array.from({ length: 4000 }, (_, index) => drawDelay(delay, String(index))).sort(
        (a, b) => a - b,
      )
    const exponential = delays({ exponential: 1000 })
    const mean = exponential.reduce((sum, each) => sum + each, 0) / exponential.length
    expect(mean).toBeGreaterThan(900)
    expect(mean).toBeLessThan(1100)
    const lognormal = delays({ lognormal: [1000, 1] })
    expect(lognormal[2000]).toBeGreaterThan(900)
    expect(lognormal[2000]).toBeLessThan(1100)
    // e^1 times the median at one sigma: 84 %.
    expect(lognormal[3365]).toBeGreaterThan(2300)
    expect(lognormal[3365]).toBeLessThan(3200)
    const uniform = delays({ uniform: [10, 20] })
    expect([uniform[0], uniform.at(-1)]).toEqual([10, 20])
  })
})

describe('the script', () => {
  it('changes while the carrier runs', async () => {
    const { esme, smsc } = await start([])
    expect(await statuses(esme, [NUMBER])).toEqual([0])
    smsc.setFaults([{ fault: 'refuse', status: 0x14 }])
    expect(await statuses(esme, [NUMBER])).toEqual([0x14])
    smsc.setFaults([])
    expect(await statuses(esme, [NUMBER])).toEqual([0])
  })

  it.each([
    [{ fault: 'refuse', status: 0 }, 'faults[0].status: 0 is not allowed'],
    [{ fault: 'refuse', status: 8, share: 1.5 }, 'faults[0].share: 1.5 is not allowed'],
    [{ fault: 'refuse', status: 8, every: 0 }, 'faults[0].every: 0 is not allowed'],
    [{ fault: 'receipts_lost', to: '+44*' }, 'faults[0].to: +44* is not allowed'],
    [{ fault: 'undelivered', err: '27' }, 'faults[0].err: 27 is not allowed'],
  ] as const)('says what is wrong with %j', (rule, message) => {
    expect(() => new FaultScript([rule], 1, 0)).toThrow(message)
  })

  it('is read from a file', () => {
    const text = JSON.stringify({
      a: [
        { fault: 'throttle', per_second: 10, from_ms: 500 },
        { fault: 'disconnect', at: 'before_answer', is_accepted: true },
      ],
    })
    expect(readFaults(text, ['a', 'b'])).toEqual(
      new Map([
        [
          'a',
          [
            { fault: 'throttle', perSecond: 10, fromMs: 500 },
            { fault: 'disconnect', at: 'before_answer', isAccepted: true },
          ],
        ],
      ]),
    )
  })

  it.each([
    ['{"c":[]}', 'c'],
    ['{"a":[{"fault":"explode"}]}', 'a.0.fault'],
    ['{"a":[{"fault":"refuse"}]}', 'a.0.status'],
    ['{"a":[{"fault":"refuse","status":8,"evry":2}]}', 'evry'],
    ['{"a":[{"fault":"refuse","status":0}]}', 'faults[0].status'],
  ])('names what is wrong in the file %s', (text, place) => {
    expect(() => readFaults(text, ['a', 'b'])).toThrow(place)
  })
})
