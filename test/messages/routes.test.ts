import { describe, expect, it } from 'vitest'
import { EncodingError } from '../../src/encoding/errors.ts'
import { describeDecision, Routes } from '../../src/messages/routes.ts'
import { type Held, newlyHeld } from '../../src/messages/settle.ts'
import { parseNumber } from '../../src/routing/number.ts'
import { testMessage } from './builders.ts'
import { FakeCarrier, REFUSED } from './fake-carrier.ts'
import { priced } from './harness.ts'

const NOW = new Date('2026-01-02T03:04:05Z')

function routesOf(...carriers: readonly FakeCarrier[]): Routes {
  return new Routes(
    carriers.map((carrier, index) => priced(carrier, BigInt(index + 1) * 10_000n)),
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
  return { number: parsed.number, content, trafficClass: 'transactional' } as const
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

describe('choose', () => {
  it('gives the best that is not excluded, with the line for the timeline', () => {
    const message = testMessage()
    const routes = routesOf(new FakeCarrier('alpha'), new FakeCarrier('beta'))
    expect(routes.choose(message, new Set(['alpha']), NOW)).toMatchObject({
      carrier: 'beta',
      event: {
        messageId: message.id,
        at: NOW,
        type: 'routed',
        status: 'queued',
        carrier: 'beta',
        detail: { candidates: [{ carrier: 'beta' }], refused: [{ carrier: 'alpha' }] },
      },
    })
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
  })
})

describe('describeDecision', () => {
  it('lists five of each at most', () => {
    const many = Array.from({ length: 8 }, (_, n) => new FakeCarrier(`c${n}`))
    const routes = routesOf(...many)
    const shown = describeDecision(routes.decide(question()))
    expect(shown).toMatchObject({ refused: [] })
    expect((shown as { candidates: object[] }).candidates).toHaveLength(5)
  })
})
