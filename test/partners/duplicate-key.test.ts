import { describe, expect, test } from 'vitest'
import { duplicateKeyOf } from '../../src/partners/duplicate-key.ts'
import type { SubmitSm, Tlv } from '../../src/smpp/pdu.ts'
import { SUBMIT } from './sample-submit.ts'

function submit(more: Partial<SubmitSm> = {}): SubmitSm {
  return { ...SUBMIT, ...more }
}

const reference = (value: number): Tlv => ({
  tag: 0x0204,
  value: Buffer.from([value >> 8, value & 0xff]),
})

/** One part of a text in two parts, with an 8-bit reference. */
const part = (number: number, tlvs: readonly Tlv[] = []) =>
  submit({
    esm_class: 0x40,
    short_message: Buffer.concat([Buffer.from([5, 0, 3, 7, 2, number]), Buffer.from('x')]),
    tlvs,
  })

describe('user_message_reference', () => {
  const by = 'user_message_reference'

  test('tells repetitions of one submit from others', () => {
    const first = duplicateKeyOf(submit({ tlvs: [reference(7)] }), by)
    expect(first).toBeDefined()
    const again = submit({
      tlvs: [reference(7)],
      sequence_number: 99,
      short_message: Buffer.from('!'),
    })
    expect(duplicateKeyOf(again, by)).toBe(first)
    expect(duplicateKeyOf(submit({ tlvs: [reference(8)] }), by)).not.toBe(first)
    const elsewhere = submit({ tlvs: [reference(7)], destination_addr: '447700900124' })
    expect(duplicateKeyOf(elsewhere, by)).not.toBe(first)
  })

  test('the parts of a long text are different submits, whatever their reference', () => {
    const keys = [1, 2].map((number) => duplicateKeyOf(part(number, [reference(7)]), by))
    expect(new Set(keys).size).toBe(2)
  })

  test('without it nothing is a repetition', () => {
    expect(duplicateKeyOf(submit(), by)).toBeUndefined()
    expect(duplicateKeyOf(submit({ tlvs: [{ tag: 0x0204, value: Buffer.alloc(0) }] }), by)).toBe(
      undefined,
    )
  })
})

test("a TLV of the partner's own", () => {
  const own = (text: string) => submit({ tlvs: [{ tag: 0x1400, value: Buffer.from(text) }] })
  const first = duplicateKeyOf(own('order 1'), '0x1400')
  expect(duplicateKeyOf(own('order 1'), '0x1400')).toBe(first)
  expect(duplicateKeyOf(own('order 2'), '0x1400')).not.toBe(first)
  expect(duplicateKeyOf(own('order 1'), '0x1401')).toBeUndefined()
  expect(duplicateKeyOf(own('x'.repeat(60_000)), '0x1400')?.length).toBeLessThan(200)
})

describe('content', () => {
  test.each<[string, Partial<SubmitSm>]>([
    ['text', { short_message: Buffer.from('other') }],
    ['sender', { source_addr: 'OTHER' }],
    ['number', { destination_addr: '447700900124' }],
    ['coding', { data_coding: 3 }],
    [
      'payload',
      {
        short_message: Buffer.alloc(0),
        tlvs: [{ tag: 0x0424, value: Buffer.from('other') }],
      },
    ],
  ])('another %s is another message', (_what, more) => {
    const first = duplicateKeyOf(submit(), 'content')
    expect(duplicateKeyOf(submit({ tlvs: [reference(9)] }), 'content')).toBe(first)
    expect(duplicateKeyOf(submit(more), 'content')).not.toBe(first)
  })

  test('the parts of a long text differ', () => {
    expect(duplicateKeyOf(part(1), 'content')).not.toBe(duplicateKeyOf(part(2), 'content'))
  })
})
