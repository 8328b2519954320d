import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { SandboxSmsc } from '../../src/sandbox/smsc.ts'
import type { SandboxSmscOptions } from '../../src/sandbox/smsc-options.ts'
import { formatAbsoluteTime } from '../../src/smpp/time.ts'
import { Esme } from './esme.ts'

const NUMBER = '447700900123'
const open: { close(): Promise<void> }[] = []

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

async function start(options: Partial<SandboxSmscOptions> = {}) {
  const smsc = new SandboxSmsc({
    name: 'test',
    systemId: 'esme',
    password: 'secret',
    receiptDelayMs: [5, 10],
    keepSubmits: 1000,
    ...options,
  })
  const { port } = await smsc.start()
  open.push(smsc)
  return { smsc, port }
}

async function bound(port: number, how?: Parameters<typeof Esme.bound>[1]) {
  const esme = await Esme.bound(port, how)
  open.push(esme)
  return esme
}

describe('a message', () => {
  it('gets a response and then a receipt in the layout of appendix B', async () => {
    const { port } = await start()
    const esme = await bound(port)
    const response = await esme.submit(NUMBER, { short_message: 'A text of more than twenty' })
    expect(response.command_status).toBe(0)
    expect(response.message_id).toMatch(/^\d{16}$/)
    const [receipt] = await esme.deliveries(1)
    expect(receipt?.text).toMatch(
      new RegExp(
        `^id:${response.message_id} sub:001 dlvrd:001 submit date:\\d{10} done date:\\d{10} ` +
          'stat:DELIVRD err:000 text:A text of more than $',
      ),
    )
    expect(receipt?.pdu).toMatchObject({
      esm_class: 0x04,
      data_coding: 0,
      source_addr: NUMBER,
      source_addr_ton: 1,
      source_addr_npi: 1,
      destination_addr: 'ACME',
      dest_addr_ton: 5,
      receipted_message_id: response.message_id,
      message_state: 2,
    })
  })

  it.each([
    ['999001', 'UNDELIV', 5, '001'],
    ['999002', 'EXPIRED', 3, '002'],
    ['999003', 'REJECTD', 8, '003'],
  ])('to …%s ends as %s', async (ending, stat, state, err) => {
    const { port } = await start()
    const esme = await bound(port)
    expect((await esme.submit(`447700${ending}`)).command_status).toBe(0)
    const [receipt] = await esme.deliveries(1)
    expect(receipt?.text).toContain(`dlvrd:000`)
    expect(receipt?.text).toContain(`stat:${stat} err:${err}`)
    expect(receipt?.pdu.message_state).toBe(state)
    expect([...receipt!.pdu.network_error_code]).toEqual([3, 0, Number(err)])
  })

  it('to …999004 is refused, to …999005 throttled once for every text', async () => {
    const { port, smsc } = await start()
    const esme = await bound(port)
    expect((await esme.submit('447700999004')).command_status).toBe(0x0b)
    const statuses: number[] = []
    for (const short_message of ['a', 'b', 'a', 'b', 'a']) {
      statuses.push((await esme.submit('447700999005', { short_message })).command_status)
    }
    expect(statuses).toEqual([0x58, 0x58, 0, 0, 0x58])
    await esme.deliveries(2)
    expect(smsc.waitingDeliveries).toBe(0)
  })

  it('to …999006 never has a receipt', async () => {
    const { port, smsc } = await start()
    const esme = await bound(port)
    expect((await esme.submit('447700999006')).command_status).toBe(0)
    expect(smsc.waitingDeliveries).toBe(0)
    await esme.submit(NUMBER)
    const receipts = await esme.deliveries(1)
    expect(receipts[0]?.pdu.source_addr).toBe(NUMBER)
  })

  it('to …999007 has its receipt twice', async () => {
    const { port } = await start()
    const esme = await bound(port)
    await esme.submit('447700999007')
    const [first, second] = await esme.deliveries(2)
    expect(first?.pdu.receipted_message_id).toBe(second?.pdu.receipted_message_id)
    expect([first?.pdu.message_state, second?.pdu.message_state]).toEqual([2, 2])
  })

  it.each([
    [0x01, 0x04],
    [0x11, 0x20],
  ])(
    'to …999008 has an intermediate receipt first (registered_delivery %i)',
    async (asked, esm) => {
      const { port } = await start()
      const esme = await bound(port)
      await esme.submit('447700999008', { registered_delivery: asked })
      const [first, second] = await esme.deliveries(2)
      expect(first?.text).toContain('stat:ENROUTE')
      expect(first?.pdu).toMatchObject({ esm_class: esm, message_state: 1 })
      expect(second?.text).toContain('stat:DELIVRD')
      expect(second?.pdu).toMatchObject({ esm_class: 0x04, message_state: 2 })
    },
  )

  it.each([
    ['relative', () => '000000000001000R'],
    ['absolute', () => formatAbsoluteTime(new Date(Date.now() + 1_000))],
  ])('ends as EXPIRED when its validity ends before its receipt is due: %s', async (_how, time) => {
    const { port, smsc } = await start({ receiptDelayMs: [60_000, 60_000] })
    const esme = await bound(port)
    const { message_id } = await esme.submit('447700999008', { validity_period: time() })
    const [receipt] = await esme.deliveries(1)
    expect(receipt?.text).toContain(`id:${message_id} sub:001 dlvrd:000`)
    expect(receipt?.text).toContain('stat:EXPIRED err:002')
    expect(smsc.waitingDeliveries).toBe(0)
    expect(await esme.request('query_sm', { message_id })).toMatchObject({ message_state: 3 })
  })

  it('is delivered within its validity, and has none where the field cannot be read', async () => {
    const { port, smsc } = await start()
    const esme = await bound(port)
    await esme.submit(NUMBER, { validity_period: '000000010000000R' })
    await esme.submit(NUMBER, { validity_period: 'tomorrow at noon' })
    const receipts = await esme.deliveries(2)
    expect(receipts.map(({ pdu }) => pdu.message_state)).toEqual([2, 2])
    const [within, unread] = smsc.submits()
    const validMs = (within?.validUntil?.getTime() ?? 0) - (within?.receivedAt.getTime() ?? 0)
    expect(Math.abs(validMs - 3_600_000)).toBeLessThan(1_000)
    expect(unread?.validUntil).toBeUndefined()
  })

  it('to …999009 has its receipt before the response', async () => {
    const { port } = await start()
    const esme = await bound(port)
    const response = await esme.submit('447700999009')
    const [receipt] = await esme.deliveries(1)
    expect(receipt?.pdu.receipted_message_id).toBe(response.message_id)
    expect(esme.arrivals.slice(1)).toEqual(['deliver_sm', 'submit_sm_resp'])
  })

  it('has no receipt when none is asked for, or not of this kind', async () => {
    const { port, smsc } = await start()
    const esme = await bound(port)
    await esme.submit(NUMBER, { registered_delivery: 0 })
    await esme.submit(NUMBER, { registered_delivery: 2 })
    await esme.submit('447700999001', { registered_delivery: 3 })
    await esme.submit('447700999008', { registered_delivery: 0 })
    expect(smsc.waitingDeliveries).toBe(0)
    await esme.submit('447700999001', { registered_delivery: 2 })
    const [receipt] = await esme.deliveries(1)
    expect(receipt?.text).toContain('stat:UNDELIV')
  })

  it('waits for its answer, or for its receipt, until the carrier is released', async () => {
    const { port, smsc } = await start()
    const esme = await bound(port)
    smsc.hold('deliveries')
    expect((await esme.submit(NUMBER)).command_status).toBe(0)
    smsc.hold('answers')
    const second = esme.submit(NUMBER)
    // Answered in its turn, and neither of the others before.
    await esme.request('enquire_link')
    expect(esme.arrivals.filter((command) => command !== 'enquire_link_resp')).toEqual([
      'bind_transceiver_resp',
      'submit_sm_resp',
    ])
    smsc.release()
    expect((await second).command_status).toBe(0)
    await esme.deliveries(2)
    expect((await esme.submit(NUMBER)).command_status).toBe(0)
  })

  it('is answered later when the carrier is slow', async () => {
    const { port } = await start({ submitDelayMs: 30 })
    const esme = await bound(port)
    const responses = await Promise.all([esme.submit(NUMBER), esme.submit('447700999004')])
    expect(responses.map((each) => each.command_status)).toEqual([0, 0x0b])
  })

  it('can be asked about', async () => {
    const { port } = await start()
    const esme = await bound(port)
    const { message_id } = await esme.submit('447700999001')
    const never = await esme.submit('447700999006')
    await esme.deliveries(1)
    const final = await esme.request('query_sm', { message_id })
    expect(final).toMatchObject({ command_status: 0, message_id, message_state: 5, error_code: 1 })
    expect(final.final_date).toBeInstanceOf(Date)
    const still = await esme.request('query_sm', { message_id: never.message_id })
    expect(still).toMatchObject({ command_status: 0, message_state: 1, final_date: '' })
    const unknown = await esme.request('query_sm', { message_id: 'nothing' })
    expect(unknown.command_status).toBe(0x67)
  })

  it.each([
    ['hex-response', (id: string) => BigInt(`0x${id}`).toString()],
    ['hex-receipt', (id: string) => BigInt(id).toString(16).toUpperCase()],
    ['uuid', (id: string) => id],
  ] as const)('has ids of the form %s', async (idForm, expected) => {
    const { port } = await start({ idForm })
    const esme = await bound(port)
    const { message_id } = await esme.submit(NUMBER)
    const [receipt] = await esme.deliveries(1)
    expect(receipt?.pdu.receipted_message_id).toBe(expected(message_id))
    expect(receipt?.text).toContain(`id:${expected(message_id)} `)
  })

  it('is refused by the seed, the same ones in every run', async () => {
    const run = async (seed: number) => {
      const { port } = await start({ acceptRate: 0.5, seed })
      const esme = await bound(port)
      const all = Array.from({ length: 60 }, (_, index) =>
        esme.submit(String(447700910100 + index)),
      )
      return (await Promise.all(all)).map((each) => each.command_status)
    }
    const first = await run(7)
    expect(new Set(first)).toEqual(new Set([0, 0x45]))
    expect(await run(7)).toEqual(first)
    expect(await run(8)).not.toEqual(first)
  })

  it('is kept with its text, long ones put together', async () => {
    const { port, smsc } = await start({ keepSubmits: 4 })
    const esme = await bound(port)
    await esme.submit(NUMBER, { short_message: 'forgotten' })
    await esme.submit(NUMBER, { short_message: 'one @ €5' })
    await esme.submit(NUMBER, { data_coding: 8, short_message: 'два' })
    for (const [number, message] of [
      [2, 'second'],
      [1, 'first '],
    ] as const) {
      const udh = Buffer.from([5, 0, 3, 9, 2, number])
      await esme.submit(NUMBER, { short_message: { udh, message } })
    }
    expect(smsc.submits().map(({ text }) => text)).toEqual(['one @ €5', 'два', 'second', 'first '])
    expect(smsc.submits()[2]?.part).toEqual({ reference: 9, total: 2, number: 2 })
    expect(smsc.messages().map(({ from, to, text }) => [from, to, text])).toEqual([
      ['ACME', NUMBER, 'one @ €5'],
      ['ACME', NUMBER, 'два'],
      ['ACME', NUMBER, 'first second'],
    ])
  })

  it('is put together from SAR parameters and from message_payload too', async () => {
    const { port, smsc } = await start()
    const esme = await bound(port)
    for (const [index, short_message] of ['x', 'y', 'z'].entries()) {
      await esme.submit(NUMBER, {
        short_message,
        sar_msg_ref_num: 300,
        sar_total_segments: 3,
        sar_segment_seqnum: index + 1,
      })
    }
    const payload = 'long '.repeat(60)
    await esme.submit(NUMBER, { short_message: '', message_payload: payload })
    expect(smsc.messages().map(({ text }) => text)).toEqual(['xyz', payload])
  })
})

describe('a hook', () => {
  it('may give a status, no answer, or drop the connection', async () => {
    const actions = [
      { answer: 'status', status: 0x14 },
      { answer: 'none' },
      { answer: 'none', isAccepted: true },
      undefined,
      { answer: 'drop', isAccepted: true },
    ] as const
    let next = 0
    const { port, smsc } = await start({ onSubmit: () => actions[next++] })
    const esme = await bound(port)
    expect((await esme.submit(NUMBER)).command_status).toBe(0x14)
    esme.session.submit_sm({ destination_addr: NUMBER, registered_delivery: 1 })
    esme.session.submit_sm({ destination_addr: NUMBER, registered_delivery: 1 })
    expect((await esme.submit(NUMBER, { registered_delivery: 0 })).command_status).toBe(0)
    const [receipt] = await esme.deliveries(1)
    expect(smsc.submits().map(({ status }) => status)).toEqual([0x14, undefined, undefined, 0])
    expect(receipt?.pdu.receipted_message_id).toBe(smsc.submits()[2]?.messageId)
    esme.session.submit_sm({ destination_addr: NUMBER, registered_delivery: 1 })
    await esme.closed
    const again = await bound(port, 'bind_receiver')
    const [late] = await again.deliveries(1)
    expect(late?.pdu.receipted_message_id).toBe(smsc.submits()[4]?.messageId)
  })

  it('that fails costs the session and not the process', async () => {
    let isBroken = true
    const { port } = await start({
      onSubmit: () => {
        if (isBroken) throw new Error('a mistake in a test')
        return undefined
      },
    })
    const esme = await bound(port)
    esme.session.submit_sm({ destination_addr: NUMBER })
    await esme.closed
    isBroken = false
    expect((await (await bound(port)).submit(NUMBER)).command_status).toBe(0)
  })
})

describe('receipts', () => {
  it('wait for a session that may receive', async () => {
    const { port, smsc } = await start({ receiptDelayMs: [0, 0] })
    const transmitter = await bound(port, 'bind_transmitter')
    const { message_id } = await transmitter.submit(NUMBER)
    expect(smsc.waitingDeliveries).toBe(1)
    const receiver = await bound(port, 'bind_receiver')
    const [receipt] = await receiver.deliveries(1)
    expect(receipt?.pdu.receipted_message_id).toBe(message_id)
    expect(transmitter.received).toEqual([])
  })

  it('are sent again when the session ends before they are acknowledged', async () => {
    const { port } = await start()
    const silent = await bound(port)
    silent.deliverStatus = undefined
    const { message_id } = await silent.submit(NUMBER)
    await silent.deliveries(1)
    await silent.close()
    const next = await bound(port)
    const [receipt] = await next.deliveries(1)
    expect(receipt?.pdu.receipted_message_id).toBe(message_id)
  })

  it('are sent again after a temporary refusal, and not after a final one', async () => {
    const { port, smsc } = await start()
    const esme = await bound(port)
    esme.deliverStatus = 0x64
    await esme.submit(NUMBER)
    await esme.deliveries(1)
    esme.deliverStatus = 0x65
    await esme.deliveries(2)
    await esme.request('enquire_link')
    expect(smsc.waitingDeliveries).toBe(0)
  })

  it('close a session that never acknowledges them', async () => {
    const { port } = await start({ deliverTimeoutMs: 0 })
    const silent = await bound(port)
    silent.deliverStatus = undefined
    await silent.submit(NUMBER)
    await silent.closed
    expect(silent.received).toHaveLength(1)
  })

  it('go to all sessions in turn, within a window for each', async () => {
    const { port } = await start({ receiptDelayMs: [0, 0] })
    const [first, second] = [await bound(port), await bound(port)]
    first.deliverStatus = undefined
    await Promise.all(Array.from({ length: 150 }, () => second.submit(NUMBER)))
    await second.deliveries(100)
    expect(first.received.length).toBe(50)
    await first.close()
    await second.deliveries(150)
    const ids = new Set(second.received.map(({ pdu }) => pdu.receipted_message_id))
    expect(ids.size).toBe(150)
  })

  it('have no optional parameters for a peer of version 3.3', async () => {
    const { port } = await start()
    const esme = await Esme.connect(port)
    open.push(esme)
    const bind = { system_id: 'esme', password: 'secret', interface_version: 0x33 }
    await esme.request('bind_transceiver', bind)
    await esme.submit(NUMBER)
    const [receipt] = await esme.deliveries(1)
    expect(receipt?.pdu.receipted_message_id).toBeUndefined()
    expect(receipt?.text).toContain('stat:DELIVRD')
  })
})

describe('the state file', () => {
  const folder = () => {
    const path = mkdtempSync(join(tmpdir(), 'linehaul-smsc-'))
    open.push({ close: async () => rmSync(path, { recursive: true }) })
    return path
  }

  it('carries receipts over a restart: waiting, due and unacknowledged', async () => {
    const stateFile = join(folder(), 'deep', 'smsc.json')
    const before = await start({ stateFile, receiptDelayMs: [0, 0] })
    const silent = await bound(before.port)
    silent.deliverStatus = undefined
    const ids = [(await silent.submit(NUMBER)).message_id]
    await silent.deliveries(1)
    await silent.close()
    const transmitter = await bound(before.port, 'bind_transmitter')
    ids.push((await transmitter.submit(NUMBER)).message_id)
    await before.smsc.close()
    await transmitter.closed
    expect(existsSync(stateFile)).toBe(true)

    const after = await start({ stateFile })
    const esme = await bound(after.port)
    const receipts = await esme.deliveries(2)
    expect(receipts.map(({ pdu }) => pdu.receipted_message_id).sort()).toEqual(ids.sort())
    await esme.request('enquire_link')
    await after.smsc.close()
    expect(JSON.parse(readFileSync(stateFile, 'utf8'))).toEqual({ format: 1, deliveries: [] })
  })

  it('keeps a receipt that is not due yet', async () => {
    const stateFile = join(folder(), 'smsc.json')
    const before = await start({ stateFile, receiptDelayMs: [60_000, 60_000] })
    const esme = await bound(before.port)
    const { message_id } = await esme.submit(NUMBER)
    await before.smsc.close()
    const { deliveries } = JSON.parse(readFileSync(stateFile, 'utf8'))
    expect(deliveries).toHaveLength(1)
    expect(deliveries[0].delivery.receipt.messageId).toBe(message_id)
    expect(deliveries[0].dueMs).toBeGreaterThan(Date.now())
    const after = await start({ stateFile })
    expect(after.smsc.waitingDeliveries).toBe(1)
  })

  it('is written while the carrier runs, for a process that is killed', async () => {
    const stateFile = join(folder(), 'smsc.json')
    const { port } = await start({ stateFile, receiptDelayMs: [60_000, 60_000] })
    const esme = await bound(port)
    const { message_id } = await esme.submit(NUMBER)
    await expect
      .poll(() => existsSync(stateFile) && readFileSync(stateFile, 'utf8'), { timeout: 10_000 })
      .toContain(message_id)
  })

  it('that cannot be written is an error of close, and everything is closed', async () => {
    const path = folder()
    const stateFile = join(path, 'smsc.json')
    const { port, smsc } = await start({ stateFile })
    const esme = await bound(port)
    mkdirSync(stateFile)
    await expect(smsc.close()).rejects.toThrow()
    await esme.closed
  })

  it.each(['', '{ "format": 1', '{}', 'null'])('is set aside when it reads %j', async (content) => {
    const stateFile = join(folder(), 'smsc.json')
    writeFileSync(stateFile, content)
    const { port } = await start({ stateFile })
    expect(readFileSync(`${stateFile}.broken`, 'utf8')).toBe(content)
    expect((await (await bound(port)).submit(NUMBER)).command_status).toBe(0)
  })
})

describe('a session', () => {
  it.each([
    ['esme', 'wrong', 0x0e],
    ['nobody', 'secret', 0x0f],
  ])('of %s/%s is refused and closed', async (system_id, password, status) => {
    const { port, smsc } = await start()
    const esme = await Esme.connect(port)
    open.push(esme)
    const response = await esme.request('bind_transceiver', { system_id, password })
    expect(response.command_status).toBe(status)
    await esme.closed
    expect(smsc.boundSessions).toBe(0)
  })

  it('is closed after unbind', async () => {
    const { port, smsc } = await start()
    const esme = await bound(port)
    expect(smsc.boundSessions).toBe(1)
    expect((await esme.request('unbind')).command_status).toBe(0)
    await esme.closed
    expect(smsc.boundSessions).toBe(0)
  })

  it('may do only what its bind allows', async () => {
    const { port } = await start()
    const receiver = await bound(port, 'bind_receiver')
    expect((await receiver.submit(NUMBER)).command_status).toBe(0x04)
    const again = await receiver.request('bind_receiver', { system_id: 'esme', password: 'secret' })
    expect(again.command_status).toBe(0x05)
    expect((await receiver.request('enquire_link')).command_status).toBe(0)
    expect((await receiver.request('cancel_sm', { message_id: '1' })).command_status).toBe(0x03)
    const fresh = await Esme.connect(port)
    open.push(fresh)
    expect((await fresh.submit(NUMBER)).command_status).toBe(0x04)
  })

  it('that sends garbage is closed; the others stay', async () => {
    const { port } = await start()
    const esme = await bound(port)
    for (const octets of ['GET / HTTP/1.1\r\n\r\n', '\0\0\0\x1f\0\0\0\x04\0\0\0\0\0\0\0\x01abc']) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.resume()
      const closed = new Promise((resolve) => socket.on('close', resolve))
      socket.end(octets)
      await closed
    }
    expect((await esme.submit(NUMBER)).command_status).toBe(0)
  })

  it('is told when the carrier closes', async () => {
    const { port, smsc } = await start()
    const esme = await bound(port)
    await smsc.close()
    await esme.closed
    expect(esme.arrivals).toContain('unbind')
    await smsc.close()
  })
})

describe("a subscriber's message", () => {
  const from = '+447700900123'

  it('arrives in GSM 7-bit or UCS-2', async () => {
    const { port, smsc } = await start()
    const esme = await bound(port)
    expect(await smsc.sendMo({ from, to: '12345', text: 'STOP @ €1' })).toBe(true)
    expect(await smsc.sendMo({ from, to: '12345', text: 'Привет 👋' })).toBe(true)
    const [plain, wide] = await esme.deliveries(2)
    expect(plain?.pdu).toMatchObject({
      esm_class: 0,
      data_coding: 0,
      source_addr: '447700900123',
      source_addr_ton: 1,
      destination_addr: '12345',
      dest_addr_ton: 3,
    })
    expect(plain?.text).toBe('STOP @ €1')
    expect(wide?.pdu.data_coding).toBe(8)
    expect(wide?.text).toBe('Привет 👋')
  })

  it.each(['€'.repeat(200), '👋'.repeat(80)])('is sent in parts when it is long', async (text) => {
    const { port, smsc } = await start()
    const esme = await bound(port)
    expect(await smsc.sendMo({ from, to: '12345', text })).toBe(true)
    const parts = await esme.deliveries(2)
    expect(parts.map((part) => part.text).join('')).toBe(text)
    for (const [index, { pdu }] of parts.entries()) {
      expect(pdu.esm_class).toBe(0x40)
      expect([...pdu.short_message.udh[0]]).toEqual([0, 3, 1, parts.length, index + 1])
    }
  })

  it('waits for a session, and is given up when the carrier closes', async () => {
    const { port, smsc } = await start()
    const first = smsc.sendMo({ from, to: '12345', text: 'first' })
    const esme = await bound(port)
    expect(await first).toBe(true)
    esme.deliverStatus = undefined
    const second = smsc.sendMo({ from, to: '12345', text: 'second' })
    await esme.deliveries(2)
    await smsc.close()
    expect(await second).toBe(false)
    expect(await smsc.sendMo({ from, to: '12345', text: 'third' })).toBe(false)
  })
})
