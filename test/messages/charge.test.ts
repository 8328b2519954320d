import { describe, expect, it } from 'vitest'
import { type ChargingTerms, USUAL_TERMS } from '../../src/core/charging.ts'
import { chargeOf } from '../../src/messages/charge.ts'
import type { MessageStatus, SegmentState } from '../../src/messages/states.ts'

const ON_SUBMIT: ChargingTerms = { ...USUAL_TERMS, on: 'submit' }
const FAILED_TOO: ChargingTerms = { ...USUAL_TERMS, chargesFailed: true }
const CONFIRMED_ONLY: ChargingTerms = { ...USUAL_TERMS, chargesUnconfirmed: false }
const WHOLE: ChargingTerms = { ...USUAL_TERMS, unit: 'message' }

type Submits = readonly (readonly SegmentState[])[]

function chargedParts(status: MessageStatus, submits: Submits, terms: ChargingTerms): number {
  const attempts = submits.flatMap((states, index) =>
    states.map((state) => ({ attempt: index + 1, state })),
  )
  const message = { status, segments: 3, priceMicros: 90n, priceCurrency: 'EUR' }
  return chargeOf(message, attempts, terms).charged
}

const THREE = (state: SegmentState) => [state, state, state]

describe('parts of a message of three segments that are charged', () => {
  it.each<[string, MessageStatus, Submits, usual: number, onSubmit: number]>([
    ['nothing was submitted', 'queued', [], 0, 0],
    ['it is on its way', 'sending', [THREE('sending')], 0, 0],
    ['a carrier has it', 'sent', [THREE('sent')], 0, 3],
    ['two parts have arrived', 'sent', [['delivered', 'delivered', 'sent']], 2, 3],
    ['it has arrived', 'delivered', [THREE('delivered')], 3, 3],
    ['one part is lost', 'undelivered', [['delivered', 'undelivered', 'delivered']], 2, 3],
    [
      'one part is lost, the others are silent',
      'undelivered',
      [['undelivered', 'sent', 'sent']],
      0,
      3,
    ],
    ['all is lost', 'undelivered', [THREE('undelivered')], 0, 3],
    ['it has expired at the carrier', 'expired', [THREE('expired')], 0, 3],
    ['it has expired here', 'expired', [THREE('not_sent')], 0, 0],
    ['it is refused', 'failed', [THREE('refused')], 0, 0],
    ['one part of it is refused', 'failed', [['sent', 'refused', 'sent']], 0, 2],
    ['it is canceled before', 'canceled', [], 0, 0],
    ['it is canceled at the carrier', 'canceled', [THREE('sent')], 0, 3],
    ['its receipts never came', 'unconfirmed', [THREE('sent')], 3, 3],
    ['one of its receipts came', 'unconfirmed', [['delivered', 'sent', 'sent']], 3, 3],
    ['nobody knows', 'unconfirmed', [THREE('uncertain')], 3, 3],
    ['the second carrier took it', 'delivered', [THREE('refused'), THREE('delivered')], 3, 3],
    ['two carriers took it', 'delivered', [THREE('sent'), THREE('delivered')], 3, 3],
    ['it was lost once', 'delivered', [THREE('undelivered'), THREE('delivered')], 3, 3],
    ['one parameter had it all', 'delivered', [['delivered']], 3, 3],
    ['two larger parts had it all', 'undelivered', [['delivered', 'undelivered']], 1, 3],
  ])('when %s', (_, status, submits, usual, onSubmit) => {
    expect(chargedParts(status, submits, USUAL_TERMS)).toBe(usual)
    expect(chargedParts(status, submits, ON_SUBMIT)).toBe(onSubmit)
  })

  it.each<[string, MessageStatus, Submits, number]>([
    ['what is lost', 'undelivered', [THREE('undelivered')], 3],
    ['a message one part of which is lost', 'undelivered', [['undelivered', 'sent', 'sent']], 3],
    ['what a carrier has not taken', 'failed', [THREE('refused')], 0],
    ['what was canceled', 'canceled', [THREE('sent')], 0],
  ])('where the failed is charged: %s', (_, status, submits, charged) => {
    expect(chargedParts(status, submits, FAILED_TOO)).toBe(charged)
  })

  it('are those with a receipt where only the confirmed is charged', () => {
    expect(chargedParts('unconfirmed', [['delivered', 'sent', 'uncertain']], CONFIRMED_ONLY)).toBe(
      1,
    )
  })

  it('are one or none where a message has one price', () => {
    expect(chargedParts('undelivered', [['delivered', 'undelivered', 'delivered']], WHOLE)).toBe(0)
    expect(chargedParts('delivered', [THREE('delivered')], WHOLE)).toBe(1)
  })

  it('never become fewer while a message goes on', () => {
    const life: [MessageStatus, Submits][] = [
      ['queued', []],
      ['sending', [THREE('sending')]],
      ['sent', [THREE('sent')]],
      ['sent', [['delivered', 'sent', 'sent']]],
      ['queued', [['delivered', 'sent', 'undelivered']]],
      ['sending', [['delivered', 'sent', 'undelivered'], THREE('sending')]],
      ['sent', [['delivered', 'sent', 'undelivered'], THREE('sent')]],
      ['delivered', [['delivered', 'sent', 'undelivered'], THREE('delivered')]],
    ]
    for (const terms of [USUAL_TERMS, ON_SUBMIT, FAILED_TOO, CONFIRMED_ONLY, WHOLE]) {
      const charged = life.map(([status, submits]) => chargedParts(status, submits, terms))
      expect(charged).toEqual(charged.toSorted((a, b) => a - b))
    }
  })
})
