import { describe, expect, it } from 'vitest'
import type { SegmentOutcome } from '../../src/carriers/carrier.ts'
import { failureCode } from '../../src/messages/failure.ts'
import { type ChooseNext, type Held, nextStep } from '../../src/messages/settle.ts'
import { testMessage } from './builders.ts'

const AT = new Date('2026-01-02T03:04:05Z')
const ACCEPTED: SegmentOutcome = { kind: 'accepted', carrierMessageId: 'AB1', matchKey: 'ab1' }
const UNCERTAIN: SegmentOutcome = { kind: 'uncertain', reason: 'no response in time' }
const NOT_SENT: SegmentOutcome = { kind: 'not_sent', reason: 'the connection closed' }
const WRONG: SegmentOutcome = {
  kind: 'refused',
  commandStatus: 0x0b,
  reason: 'ESME_RINVDSTADR',
  class: 'message',
}
const BUSY: SegmentOutcome = {
  kind: 'refused',
  commandStatus: 0x08,
  reason: 'ESME_RSYSERR',
  class: 'passing',
}

function held(segments = 1): Held {
  const message = testMessage({ segments, status: 'sending', attempt: 1 })
  return { message, tried: new Set(), rounds: 0 }
}

/** Chooses from a list the first that is not excluded. */
function among(...carriers: readonly string[]): ChooseNext {
  return (message, excluded, at) => {
    const carrier = carriers.find((name) => !excluded.has(name))
    if (carrier === undefined) return undefined
    return {
      carrier,
      event: { messageId: message.id, at, type: 'routed', status: 'queued', carrier },
    }
  }
}

const nobody = among()
const never: ChooseNext = () => {
  throw new Error('no other carrier may be asked')
}

describe('nextStep', () => {
  it('is sent when every segment was accepted', () => {
    const other: SegmentOutcome = { kind: 'accepted', carrierMessageId: '', matchKey: null }
    const { entry, rejoinAfterMs } = nextStep(held(2), [ACCEPTED, other], never, AT)
    expect(rejoinAfterMs).toBeUndefined()
    expect(entry).toMatchObject({
      kind: 'moved',
      to: 'sent',
      carrier: 'alpha',
      attempt: 1,
      at: AT,
      errorCode: null,
      errorDetail: null,
      answers: [
        {
          segment: 1,
          state: 'sent',
          carrierMessageId: 'AB1',
          matchKey: 'ab1',
          commandStatus: 0,
        },
        { segment: 2, state: 'sent', carrierMessageId: '', matchKey: null, commandStatus: 0 },
      ],
    })
    expect(entry.events).toEqual([
      expect.objectContaining({ type: 'response', status: 'sent', carrier: 'alpha', attempt: 1 }),
    ])
  })

  it('goes to the next carrier when refused, and remembers who refused', () => {
    const it = held()
    const { entry, rejoinAfterMs } = nextStep(it, [WRONG], among('alpha', 'beta'), AT)
    expect(rejoinAfterMs).toBe(0)
    expect(entry).toMatchObject({
      to: 'queued',
      carrier: 'beta',
      attempt: 1,
      errorCode: 'destination_invalid',
      errorDetail: 'alpha refused: ESME_RINVDSTADR',
      answers: [{ segment: 1, state: 'refused', commandStatus: 0x0b, matchKey: null }],
    })
    expect(entry.events.map(({ type, status }) => [type, status])).toEqual([
      ['response', 'queued'],
      ['routed', 'queued'],
    ])
    expect(entry.events[0]).toMatchObject({ code: 'destination_invalid', rawCode: '0x0000000b' })
    expect([...it.tried]).toEqual(['alpha'])
  })

  it('fails when refused for good by the last carrier', () => {
    const { entry, rejoinAfterMs } = nextStep(held(), [WRONG], among('alpha'), AT)
    expect(rejoinAfterMs).toBeUndefined()
    expect(entry).toMatchObject({ to: 'failed', errorCode: 'destination_invalid' })
    expect(entry.events.map(({ type, status }) => [type, status])).toEqual([
      ['response', 'failed'],
      ['failed', 'failed'],
    ])
  })

  it('asks everybody again after a passing refusal, waits longer each time, then fails', () => {
    const it = held()
    const choose = among('alpha', 'beta')
    const waits: (number | undefined)[] = []
    const ends: string[] = []
    for (let step = 0; step < 6; step++) {
      const { entry, rejoinAfterMs } = nextStep(it, [BUSY], choose, AT)
      waits.push(rejoinAfterMs)
      ends.push(`${entry.to} ${entry.carrier}`)
      it.message.carrier = entry.carrier
    }
    expect(ends).toEqual([
      'queued beta',
      'queued alpha',
      'queued beta',
      'queued alpha',
      'queued beta',
      'failed beta',
    ])
    expect(waits).toEqual([0, 2_000, 0, 4_000, 0, undefined])
  })

  it('fails at once after a passing refusal when no carrier takes it any more', () => {
    const { entry, rejoinAfterMs } = nextStep(held(), [BUSY], nobody, AT)
    expect(entry).toMatchObject({ to: 'failed', errorCode: 'carrier_error' })
    expect(rejoinAfterMs).toBeUndefined()
  })

  it.each<[string, SegmentOutcome[]]>([
    ['accepted and refused', [ACCEPTED, WRONG]],
    ['refused and accepted', [BUSY, ACCEPTED]],
    ['refused and unanswered', [WRONG, UNCERTAIN]],
    ['accepted and not sent', [ACCEPTED, NOT_SENT]],
    ['unanswered and not sent', [NOT_SENT, UNCERTAIN]],
    ['one of each', [ACCEPTED, UNCERTAIN, NOT_SENT, WRONG]],
  ])('is partially sent and goes nowhere else: %s', (_, outcomes) => {
    const it = held(outcomes.length)
    const { entry, rejoinAfterMs } = nextStep(it, outcomes, never, AT)
    expect(entry).toMatchObject({ to: 'failed', carrier: 'alpha', errorCode: 'partially_sent' })
    expect(rejoinAfterMs).toBeUndefined()
    expect(entry.answers.map(({ segment }) => segment)).toEqual(outcomes.map((_, i) => i + 1))
    expect(entry.events.at(-1)).toMatchObject({ type: 'failed', code: 'partially_sent' })
    expect(it.tried.size).toBe(0)
  })

  it.each<[string, SegmentOutcome[]]>([
    ['one', [NOT_SENT]],
    ['all of several', [NOT_SENT, NOT_SENT, NOT_SENT]],
  ])('waits for its carrier again when it surely did not leave: %s', (_, outcomes) => {
    const it = held(outcomes.length)
    const { entry, rejoinAfterMs } = nextStep(it, outcomes, never, AT)
    expect(entry).toMatchObject({ to: 'queued', carrier: 'alpha', errorCode: null })
    expect(entry.answers.every(({ state }) => state === 'not_sent')).toBe(true)
    expect(rejoinAfterMs).toBe(500)
    expect(it).toMatchObject({ rounds: 0, tried: new Set() })
  })

  it('goes elsewhere when refused, although other segments were not sent', () => {
    const { entry } = nextStep(held(2), [NOT_SENT, BUSY], among('alpha', 'beta'), AT)
    expect(entry).toMatchObject({ to: 'queued', carrier: 'beta' })
  })

  it('stays with a carrier that did not answer', () => {
    const { entry, rejoinAfterMs } = nextStep(held(), [UNCERTAIN], never, AT)
    expect(entry).toMatchObject({ to: 'sending', carrier: 'alpha', errorCode: 'outcome_unknown' })
    expect(entry.answers).toMatchObject([{ state: 'uncertain', matchKey: null }])
    expect(entry.events).toMatchObject([{ type: 'uncertain', status: 'sending' }])
    expect(rejoinAfterMs).toBeUndefined()
  })

  it('counts as sent when some segments were accepted and the rest is unknown', () => {
    const { entry } = nextStep(held(2), [ACCEPTED, UNCERTAIN], never, AT)
    expect(entry).toMatchObject({ to: 'sent', errorCode: 'outcome_unknown' })
  })
})

describe('failureCode', () => {
  it('has a word for the usual refusals and one for the rest', () => {
    expect([0x0b, 0x14, 0x58, 0x104].map(failureCode)).toEqual([
      'destination_invalid',
      'carrier_queue_full',
      'carrier_throttled',
      'encoding_refused',
    ])
    expect(failureCode(0x4ff)).toBe('carrier_refused')
    expect(failureCode(null)).toBe('not_encodable')
  })
})
