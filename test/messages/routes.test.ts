import { describe, expect, it } from 'vitest'
import { DEFAULT_STRATEGY } from '../../src/core/route-rule.ts'
import { EncodingError } from '../../src/encoding/errors.ts'
import { Routes } from '../../src/messages/routes.ts'
import { type Held, type NextCarrier, newlyHeld } from '../../src/messages/settle.ts'
import { decisionOf, isDecisionRecord, recordOf } from '../../src/routing/decision-record.ts'
import { NO_NUMBER } from '../../src/routing/destination.ts'
import { parseNumber } from '../../src/routing/number.ts'
import { CAPABILITIES } from '../../src/routing/route-request.ts'
import { rateOf } from '../routing/subject.ts'
import { testMessage } from './builders.ts'
import { FakeCarrier, REFUSED } from './fake-carrier.ts'
import { priced } from './harness.ts'

const NOW = new Date('2026-01-02T03:04:05Z')

function routesOf(...carriers: readonly FakeCarrier[]): Routes {
  return new Routes(
    { carriers: carriers.map((carrier, index) => priced(carrier, BigInt(index + 1) * 10_000n)) },
    () => NOW,
  )
}

function question(text = 'Hello') {
  const parsed = parseNumber('+447700900123')
  if (!parsed.ok) throw new Error(parsed.reason)
  const content = {
    text,
    raw: null,
    passThrough: null,
    requestedEncoding: 'auto',
    maxSegments: null,
  } as const
  return {
    tenantId: 'tenant',
    channel: 'sms',
    from: 'ACME',
    to: parsed.number.e164,
    number: parsed.number,
    network: null,
    content,
    trafficClass: 'transactional',
    tags: [],
    expectsReply: false,
    registeredDelivery: 0,
    price: null,
    refusesLosses: false,
  } as const
}

function names(routes: Routes): string[] {
  return routes.decide(question()).candidates.map(({ carrier }) => carrier)
}

describe('decide', () => {
  it('prefers the cheaper carrier, unless it is down', () => {
    const [alpha, beta] = [new FakeCarrier('alpha'), new FakeCarrier('beta')]
    const routes = routesOf(alpha, beta)
    expect(names(routes)).toEqual(['alpha', 'beta'])
    alpha.isUp = false
    expect(names(routes)).toEqual(['beta', 'alpha'])
  })

  it('turns away from a carrier that loses messages or refuses in passing', () => {
    const routes = routesOf(new FakeCarrier('alpha'), new FakeCarrier('beta'))
    const message = testMessage()
    for (let n = 0; n < 50; n++) {
      const latencyMs = 5_000
      routes.noteOutcome({ message, carrier: 'alpha', outcome: 'failed', latencyMs })
      routes.noteOutcome({ message, carrier: 'beta', outcome: 'delivered', latencyMs })
    }
    expect(names(routes)).toEqual(['beta', 'alpha'])
    const busy = routesOf(new FakeCarrier('alpha'), new FakeCarrier('beta'))
    for (let n = 0; n < 50; n++) busy.note(message, [{ ...REFUSED, class: 'passing' }])
    expect(names(busy)).toEqual(['beta', 'alpha'])
  })

  it("does not blame a carrier for the message's own faults", () => {
    const routes = routesOf(new FakeCarrier('alpha'))
    routes.note(testMessage(), [REFUSED, { kind: 'uncertain', reason: '' }])
    expect(routes.quality.snapshot()).toEqual([])
  })

  it('leaves out who brings no replies where one is expected', () => {
    const carriers = [
      { ...priced(new FakeCarrier('alpha'), 10_000n), lacks: CAPABILITIES.inbound },
      priced(new FakeCarrier('beta'), 20_000n),
    ]
    const routes = new Routes({ carriers }, () => new Date())
    expect(names(routes)).toEqual(['alpha', 'beta'])
    const { candidates, refused } = routes.decide({ ...question(), expectsReply: true })
    expect(candidates.map(({ carrier }) => carrier)).toEqual(['beta'])
    expect(refused).toEqual([{ carrier: 'alpha', code: 'capability' }])
    const next = routes.choose(testMessage({ expectsReply: true }), new Set(['beta']), new Date())
    expect(next).toBeUndefined()
  })

  it('offers carriers of the channel only, though the others lay texts out alike', () => {
    const [sms, mail, hook] = ['alpha', 'beta', 'gamma'].map((name) => new FakeCarrier(name))
    if (!sms || !mail || !hook) throw new Error('no carriers')
    mail.channel = 'email'
    hook.channel = 'webhook'
    const carriers = [sms, mail, hook].map((carrier) => ({
      ...priced(carrier, 10_000n),
      layoutKey: 'same',
      rates: [rateOf('', 10_000n)],
    }))
    const routes = new Routes({ carriers }, () => NOW)
    const byMail = { channel: 'email', to: 'a@example.com', number: NO_NUMBER } as const
    const decision = routes.decide({ ...question(), ...byMail })
    expect(decision.candidates).toMatchObject([{ carrier: 'beta', segments: 1 }])
    expect(decision.encoding).toBe('utf8')
    expect(routes.rehearse({ ...question(), ...byMail, most: 9 }).refused).toEqual([
      { carrier: 'alpha', code: 'other_channel' },
      { carrier: 'gamma', code: 'other_channel' },
    ])
    const message = testMessage({ ...byMail, country: 'ZZ', carrier: 'beta' })
    expect(routes.choose(message, new Set(), NOW)).toMatchObject({ carrier: 'beta' })
    expect(routes.choose(message, new Set(['beta']), NOW)).toBeUndefined()
  })

  it('leaves out who cannot write the text, as a reason', () => {
    const alpha = new FakeCarrier('alpha')
    alpha.layOut = () => {
      throw new EncodingError('text_too_long', 'too long')
    }
    const decision = routesOf(alpha, new FakeCarrier('beta')).decide(question())
    expect(decision.candidates.map(({ carrier }) => carrier)).toEqual(['beta'])
    expect(decision.refused).toMatchObject([{ carrier: 'alpha' }])
  })
})

/** Who was refused by the decision for a carrier. */
function refusedIn(next: NextCarrier | undefined) {
  const detail = next?.event.detail
  return isDecisionRecord(detail) ? decisionOf(detail).refused : undefined
}

describe('choose', () => {
  it('gives the best that is not excluded, with the line for the timeline', () => {
    const message = testMessage()
    const routes = routesOf(new FakeCarrier('alpha'), new FakeCarrier('beta'))
    const next = routes.choose(message, new Set(['alpha']), NOW)
    expect(next).toMatchObject({
      carrier: 'beta',
      event: {
        messageId: message.id,
        at: NOW,
        type: 'routed',
        status: 'queued',
        carrier: 'beta',
      },
    })
    expect(refusedIn(next)).toEqual([{ carrier: 'alpha', code: 'tried' }])
  })

  it('gives the best among some, in one turn, and says of the others that they are not meant', () => {
    const setup = {
      carriers: ['alpha', 'beta', 'gamma'].map((name) => priced(new FakeCarrier(name), 10_000n)),
      rules: [
        {
          name: 'turns',
          match: {},
          strategy: { ...DEFAULT_STRATEGY, name: 'round_robin' as const },
        },
      ],
    }
    const routes = new Routes(setup, () => NOW)
    const message = testMessage()
    const next = routes.choose(message, new Set(['alpha']), NOW, ['gamma'])
    expect(next).toMatchObject({ carrier: 'gamma' })
    expect(refusedIn(next)).toEqual([
      { carrier: 'alpha', code: 'tried' },
      { carrier: 'beta', code: 'not_in_rule' },
    ])
    expect(routes.decide(question()).turn).toBe(1)
    // Made again, it is the same decision.
    const record = next?.event.detail
    if (!isDecisionRecord(record)) throw new Error('it has no decision')
    const again = routes.replay(decisionOf(record), message, NOW)
    expect(record).toMatchObject(again ? recordOf(again) : {})
    expect(again).toBeDefined()
  })

  it('gives nobody when all are excluded, or the number is none', () => {
    const routes = routesOf(new FakeCarrier('alpha'))
    expect(routes.choose(testMessage(), new Set(['alpha']), NOW)).toBeUndefined()
    expect(routes.choose(testMessage({ to: 'x' }), new Set(), NOW)).toBeUndefined()
  })
})

describe('reroute', () => {
  const held = (tried: readonly string[] = []): Held => ({
    ...newlyHeld(testMessage()),
    tried: new Set(tried),
  })

  it('moves a message to a carrier that is up', () => {
    const [alpha, beta] = [new FakeCarrier('alpha'), new FakeCarrier('beta')]
    alpha.isUp = false
    expect(routesOf(alpha, beta).reroute(held(), NOW)).toMatchObject({
      kind: 'moved',
      to: 'queued',
      carrier: 'beta',
      answers: [],
      events: [{ type: 'routed' }],
    })
  })

  it('leaves it where it is when all are down, or only those that refused it are up', () => {
    const [alpha, beta] = [new FakeCarrier('alpha'), new FakeCarrier('beta')]
    alpha.isUp = false
    expect(routesOf(alpha, beta).reroute(held(['beta']), NOW)).toBeUndefined()
    beta.isUp = false
    expect(routesOf(alpha, beta).reroute(held(), NOW)).toBeUndefined()
    expect(routesOf(beta).reroute(held(), NOW)).toBeUndefined()
    expect(routesOf(beta).reroute(held(), NOW, true)).toMatchObject({ carrier: 'beta' })
  })
})

describe('prepare', () => {
  it('decides by the new carriers, rates and routes, and keeps what was learned', async () => {
    const [alpha, beta] = [new FakeCarrier('alpha'), new FakeCarrier('beta')]
    const routes = routesOf(alpha, beta)
    const message = testMessage({ carrier: 'alpha' })
    for (let n = 0; n < 50; n++) routes.note(message, [{ ...REFUSED, class: 'passing' }])
    const rule = {
      name: 'only alpha',
      match: { tenants: ['tenant'] },
      carriers: ['alpha'],
      strategy: DEFAULT_STRATEGY,
    }
    const setup = { carriers: [priced(alpha, 1n), priced(beta, 2n)], rules: [rule] }
    const takeOver = await routes.prepare(setup)
    expect(routes.decide(question())).toMatchObject({ route: null })
    takeOver()
    const decision = routes.decide(question())
    expect(decision).toMatchObject({ route: 'only alpha', candidateCount: 1 })
    expect(decision.candidates[0]?.success).toBeLessThan(0.5)
  })
})

describe('turns', () => {
  it('are taken by what is sent, not by what is only asked', () => {
    const [alpha, beta] = [new FakeCarrier('alpha'), new FakeCarrier('beta')]
    const carriers = [priced(alpha, 1n), priced(beta, 2n)]
    const strategy = { ...DEFAULT_STRATEGY, name: 'round_robin' } as const
    const routes = new Routes(
      { carriers, rules: [{ name: 'all', match: {}, strategy }] },
      () => NOW,
    )
    const first = () => routes.decide(question()).candidates[0]?.carrier
    expect([routes.rehearse(question()).candidates[0]?.carrier, first(), first(), first()]).toEqual(
      ['alpha', 'alpha', 'beta', 'alpha'],
    )
  })
})

describe('a canary', () => {
  it('that delivers too little is told of once, and gets nothing when it is taken out', () => {
    const [fresh, old] = [new FakeCarrier('fresh'), new FakeCarrier('old')]
    const canary = { carrier: 'fresh', percent: 100, stopBelow: 0.8, afterMessages: 20 }
    const rule = { name: 'try', match: {}, carriers: ['old'], strategy: DEFAULT_STRATEGY, canary }
    const stopped: string[] = []
    let mode: 'enabled' | 'drained' = 'enabled'
    const routes = new Routes(
      { carriers: [priced(fresh, 1n), priced(old, 2n)], rules: [rule] },
      () => NOW,
      {
        health: {
          // `fresh` is the first by name.
          read: (_nowMs, into) => into.fill(1).fill(mode === 'drained' ? 0 : 1, 0, 1),
          takes: (name) => (name === 'fresh' && mode === 'drained' ? 0 : 1),
          modeOf: (name) => (name === 'fresh' ? mode : 'enabled'),
        },
        onCanaryStopped: (carrier, route) => {
          stopped.push(`${carrier} of ${route}`)
          mode = 'drained'
        },
      },
    )
    expect(names(routes)).toEqual(['fresh', 'old'])
    const message = testMessage({ carrier: 'fresh' })
    for (let n = 0; n < 50; n++) routes.note(message, [{ ...REFUSED, class: 'passing' }])
    expect([names(routes), names(routes), names(routes)]).toEqual([['old'], ['old'], ['old']])
    expect(stopped).toEqual(['fresh of try'])
  })
})
