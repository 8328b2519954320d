import { describe, expect, it } from 'vitest'
import { type OtherChannel, readChannelSender, readRecipient } from '../../src/core/channel.ts'

describe('recipients', () => {
  it.each<[OtherChannel, string, string]>([
    ['email', ' Anna.Lee+x@Example.COM ', 'Anna.Lee+x@example.com'],
    ['email', 'post@m\u00fcller.example', 'post@xn--mller-kva.example'],
    ['email', `${'a'.repeat(64)}@example.com`, `${'a'.repeat(64)}@example.com`],
    ['wecom', 'ZhangSan', 'ZhangSan'],
    ['wecom', 'party:12', 'party:12'],
    ['wecom', 'tag:3', 'tag:3'],
    ['wecom', '@all', '@all'],
    ['dingtalk', 'group', 'group'],
    ['dingtalk', 'manager4711,13800138000', 'manager4711,13800138000'],
    ['dingtalk', '13800138000, +8613900139000,13800138000', '13800138000,+8613900139000'],
    ['webhook', 'erp.orders', 'erp.orders'],
  ])('%s: %j', (channel, text, address) => {
    expect(readRecipient(channel, text)).toEqual({ ok: true, address })
  })

  it.each<[OtherChannel, string, string]>([
    ['email', '', 'empty'],
    ['email', 'Anna <anna@example.com>', 'without a name'],
    ['email', 'anna@example.com,bob@example.com', 'one address alone'],
    ['email', 'anna@example.com\r\nBcc: bob@example.com', 'line break'],
    ['email', '"anna lee"@example.com', 'without a name, quotes'],
    ['email', 'anna', 'no "@"'],
    ['email', 'anna..lee@example.com', 'before the "@"'],
    ['email', `${'a'.repeat(65)}@example.com`, '64 are the most'],
    ['email', 'anna@localhost', 'no domain'],
    ['email', 'anna@[127.0.0.1]', 'no domain'],
    ['email', 'anna@127.0.0.1', 'no domain'],
    ['email', 'anna@-x.example', 'no domain'],
    ['email', `anna@${'a'.repeat(64)}.example`, 'no domain'],
    ['email', `anna@${'a.'.repeat(125)}example`, '254 are the most'],
    ['wecom', 'Zhang San', 'user id'],
    ['wecom', 'party:x', 'user id'],
    ['wecom', 'a|b', 'user id'],
    ['dingtalk', 'a b', 'group'],
    ['dingtalk', Array.from({ length: 21 }, (_, n) => `138001380${n + 10}`).join(','), 'up to 20'],
    ['webhook', 'https://example.com/', 'name of a receiver'],
  ])('%s refuses %j', (channel, text, reason) => {
    expect(readRecipient(channel, text)).toEqual({
      ok: false,
      reason: expect.stringContaining(reason),
    })
  })
})

describe('senders', () => {
  it('are an address or a name for e-mail, on one line', () => {
    expect(readChannelSender('email', ' Shop <shop@example.com> ')).toEqual({
      ok: true,
      address: 'Shop <shop@example.com>',
    })
    expect(readChannelSender('email', '')).toEqual({ ok: true, address: '' })
    expect(readChannelSender('email', 'Shop\nBcc: x')).toMatchObject({ ok: false })
    expect(readChannelSender('email', 'x'.repeat(201))).toMatchObject({ ok: false })
  })

  it('are nobody for other channels', () => {
    expect(readChannelSender('webhook', 'Shop')).toEqual({ ok: true, address: '' })
  })
})
