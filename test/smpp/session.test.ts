import type { Duplex } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { COMMAND_IDS } from '../../src/smpp/commands.ts'
import type { PduError, RequestError } from '../../src/smpp/errors.ts'
import type { Pdu, PduInput } from '../../src/smpp/pdu.ts'
import {
  Session,
  type SessionEnd,
  type SessionOptions,
  type SessionReply,
} from '../../src/smpp/session.ts'
import { CommandStatus } from '../../src/smpp/status.ts'
import { connectedPair, rawPdu, ScriptedPeer, settled } from './scripted-peer.ts'

const SUBMIT: PduInput = {
  command: 'submit_sm',
  destination_addr: '447700900123',
  short_message: Buffer.from('hello'),
}
const DELIVER: PduInput = {
  command: 'deliver_sm',
  source_addr: '447700900123',
  short_message: Buffer.from('hi'),
}

interface Setup {
  readonly session: Session
  /** The session's end of the connection. */
  readonly stream: Duplex
  readonly peer: ScriptedPeer
  readonly ends: SessionEnd[]
  /** Moves the clock and looks at the timers. */
  pass(ms: number): void
}

function setUp(options: Partial<SessionOptions> = {}): Setup {
  const [near, far] = connectedPair()
  const ends: SessionEnd[] = []
  let now = 1_000_000
  const session = new Session({
    stream: near,
    role: 'esme',
    now: () => now,
    tickMs: 0,
    onRequest: () => ({}),
    onClose: (end) => ends.push(end),
    ...options,
  })
  const pass = (ms: number) => {
    now += ms
    session.tick()
  }
  return { session, stream: near, peer: new ScriptedPeer(far), ends, pass }
}

/** A session of ours that is bound as a transceiver to a scripted server. */
async function bound(options: Partial<SessionOptions> = {}): Promise<Setup> {
  const setup = setUp(options)
  const binding = setup.session.request({ command: 'bind_transceiver', system_id: 'me' })
  const { sequence_number } = await setup.peer.next('bind_transceiver')
  setup.peer.send({ command: 'bind_transceiver_resp', sequence_number, system_id: 'peer' })
  await binding
  return setup
}

/** Our server's end of a session, with a scripted client bound to it. */
async function boundServer(options: Partial<SessionOptions> = {}): Promise<Setup> {
  const setup = setUp({ role: 'smsc', ...options })
  setup.peer.send({ command: 'bind_transceiver', sequence_number: 1, interface_version: 0x34 })
  await setup.peer.next('bind_transceiver_resp')
  return setup
}

function failure(request: Promise<unknown>): Promise<RequestError> {
  return request.then(
    () => Promise.reject(new Error('the request was answered')),
    (error: RequestError) => error,
  )
}

describe('requests and responses', () => {
  test('a request resolves with its response', async () => {
    const { session, peer } = await bound()
    const answer = session.request(SUBMIT)
    const submit = await peer.next('submit_sm')
    expect(submit.short_message.toString()).toBe('hello')
    const { sequence_number } = submit
    peer.send({ command: 'submit_sm_resp', sequence_number, message_id: 'abc' })
    expect(await answer).toMatchObject({ command_status: 0, message_id: 'abc' })
    expect(session.pendingCount).toBe(0)
  })

  test('responses may come in any order', async () => {
    const { session, peer } = await bound()
    const answers = [session.request(SUBMIT), session.request(SUBMIT), session.request(SUBMIT)]
    const numbers: number[] = []
    for (const _ of answers) numbers.push((await peer.next('submit_sm')).sequence_number)
    for (const sequence_number of numbers.toReversed()) {
      peer.send({ command: 'submit_sm_resp', sequence_number, message_id: `m${sequence_number}` })
    }
    const ids = (await Promise.all(answers)).map((pdu) => 'message_id' in pdu && pdu.message_id)
    expect(ids).toEqual(numbers.map((number) => `m${number}`))
  })

  test('an error response resolves, with and without a body', async () => {
    const { session, peer } = await bound()
    const [bare, full] = [session.request(SUBMIT), session.request(SUBMIT)]
    const first = await peer.next('submit_sm')
    const second = await peer.next('submit_sm')
    const command_status = CommandStatus.ESME_RTHROTTLED
    peer.send(
      { command: 'submit_sm_resp', sequence_number: first.sequence_number, command_status },
      {
        command: 'submit_sm_resp',
        sequence_number: second.sequence_number,
        command_status,
        message_id: 'x',
      },
    )
    expect(await bare).toMatchObject({ command_status, message_id: '' })
    expect(await full).toMatchObject({ command_status, message_id: 'x' })
  })

  test('generic_nack answers the request it names and never looks like a success', async () => {
    const { session, peer } = await bound()
    const answer = session.request(SUBMIT)
    const { sequence_number } = await peer.next('submit_sm')
    peer.send({ command: 'generic_nack', sequence_number, command_status: 0 })
    expect(await answer).toMatchObject({
      command: 'generic_nack',
      command_status: CommandStatus.ESME_RUNKNOWNERR,
    })
  })

  test('a response that cannot be read fails its request', async () => {
    const { session, peer } = await bound()
    const failed = failure(session.request(SUBMIT))
    const { sequence_number } = await peer.next('submit_sm')
    peer.sendOctets(rawPdu(0x80007777, sequence_number))
    expect(await failed).toMatchObject({ code: 'response_invalid', written: true })
    await settled()
    expect(peer.unread).toEqual([])
    expect(session.isBound).toBe(true)
  })

  test('a response to something else does not answer a request that has its number', async () => {
    const { session, peer } = await bound()
    const answer = session.request(SUBMIT)
    const { sequence_number } = await peer.next('submit_sm')
    peer.send(
      { command: 'deliver_sm_resp', sequence_number, message_id: 'wrong' },
      { command: 'enquire_link_resp', sequence_number },
    )
    await settled()
    expect(session.pendingCount).toBe(1)
    expect(session.counters.responsesUnmatched).toBe(2)
    peer.send({ command: 'submit_sm_resp', sequence_number, message_id: 'right' })
    expect(await answer).toMatchObject({ message_id: 'right' })
  })

  test('a response after the timeout is ignored and counted', async () => {
    const { session, peer, pass } = await bound({ requestTimeoutMs: 5000 })
    const failed = failure(session.request(SUBMIT))
    const { sequence_number } = await peer.next('submit_sm')
    pass(4999)
    expect(session.pendingCount).toBe(1)
    pass(1)
    expect(await failed).toMatchObject({ code: 'response_timeout', written: true })
    peer.send({ command: 'submit_sm_resp', sequence_number, message_id: 'late' })
    await settled()
    expect(session.counters).toMatchObject({ requestsTimedOut: 1, responsesUnmatched: 1 })
    expect(session.isBound).toBe(true)
    expect(peer.unread).toEqual([])
  })

  test('a response after the timeout is told to who wants it, and only once', async () => {
    const { session, peer, pass } = await bound({ requestTimeoutMs: 5000 })
    const late: Pdu[] = []
    const onLateResponse = (response: Pdu) => late.push(response)
    const requests = [
      failure(session.request(SUBMIT, { onLateResponse })),
      failure(session.request(SUBMIT, { onLateResponse })),
    ]
    const { sequence_number: first } = await peer.next('submit_sm')
    const { sequence_number: second } = await peer.next('submit_sm')
    pass(5000)
    await Promise.all(requests)
    const response = { command: 'submit_sm_resp', sequence_number: first, message_id: 'x' } as const
    peer.send(response, response, { command: 'generic_nack', sequence_number: second })
    await settled()
    expect(late).toMatchObject([
      { command: 'submit_sm_resp', message_id: 'x', command_status: 0 },
      { command: 'generic_nack', command_status: CommandStatus.ESME_RUNKNOWNERR },
    ])
    expect(session.counters).toMatchObject({
      requestsTimedOut: 2,
      responsesLate: 2,
      responsesUnmatched: 1,
    })
  })

  test('a response in time is no late one', async () => {
    const { session, peer } = await bound()
    const late: Pdu[] = []
    const answer = session.request(SUBMIT, { onLateResponse: (response) => late.push(response) })
    const { sequence_number } = await peer.next('submit_sm')
    const response = { command: 'submit_sm_resp', sequence_number, message_id: 'x' } as const
    peer.send(response, response)
    expect(await answer).toMatchObject({ message_id: 'x' })
    await settled()
    expect(late).toEqual([])
    expect(session.counters).toMatchObject({ responsesLate: 0, responsesUnmatched: 1 })
  })

  test('a field that does not fit is refused at once and takes no place', async () => {
    const { session } = await bound()
    const error = await failure(session.request({ ...SUBMIT, source_addr: 'x'.repeat(30) }))
    expect(error).toMatchObject({ code: 'pdu_unencodable' })
    expect(session.pendingCount).toBe(0)
    expect(await failure(session.request({ command: 'submit_sm_resp' }))).toMatchObject({
      code: 'no_response_expected',
    })
  })
})

describe('the window', () => {
  test('tells of requests when they leave the queue for the stream, and only of those', async () => {
    const written: unknown[] = []
    const { session, peer } = await bound({
      windowSize: 1,
      onWrite: (tags) => written.push(...tags),
    })
    const submit = (name: string) => session.request(SUBMIT, { tag: name }).catch(() => {})
    const first = submit('first')
    const rest = [submit('second')]
    const { sequence_number } = await peer.next('submit_sm')
    expect(written).toEqual(['first'])
    peer.send({ command: 'submit_sm_resp', sequence_number, message_id: 'x' })
    await first
    await peer.next('submit_sm')
    expect(written).toEqual(['first', 'second'])
    // What never gets a place is never written.
    rest.push(submit('third'))
    await session.close()
    await Promise.all(rest)
    expect(written).toEqual(['first', 'second'])
  })

  test('what waits for a place goes before the answer that freed it is worked on', async () => {
    const order: unknown[] = []
    const { session, peer } = await bound({
      windowSize: 1,
      onWrite: (tags) => order.push(...tags),
    })
    const first = session.request(SUBMIT, { tag: 'first' }).then(() => order.push('answered'))
    session.request(SUBMIT, { tag: 'second' }).catch(() => {})
    const { sequence_number } = await peer.next('submit_sm')
    peer.send({ command: 'submit_sm_resp', sequence_number, message_id: 'x' })
    await first
    expect(order).toEqual(['first', 'second', 'answered'])
  })

  test('requests wait for a place in the order of the calls, up to a limit', async () => {
    const { session, peer } = await bound({ windowSize: 2, queueLimit: 2 })
    const submit = (text: string) =>
      session.request({ ...SUBMIT, short_message: Buffer.from(text) })
    const answers = ['a', 'b', 'c', 'd'].map(submit)
    expect(await failure(submit('e'))).toMatchObject({ code: 'queue_full', written: false })
    expect([session.pendingCount, session.freePlaces]).toEqual([4, 0])
    const texts: string[] = []
    for (let turn = 0; turn < 4; turn++) {
      const { sequence_number, short_message } = await peer.next('submit_sm')
      texts.push(short_message.toString())
      peer.send({ command: 'submit_sm_resp', sequence_number })
    }
    await Promise.all(answers)
    expect(texts).toEqual(['a', 'b', 'c', 'd'])
    expect([session.pendingCount, session.freePlaces]).toEqual([0, 2])
  })

  test('never has more outstanding than its size', async () => {
    const { session, peer } = await bound({ windowSize: 3, queueLimit: 100 })
    const answers = Array.from({ length: 20 }, () => session.request(SUBMIT))
    await settled()
    let answered = 0
    while (answered < 20) {
      expect(peer.unread.length).toBeLessThanOrEqual(3)
      const { sequence_number } = await peer.next('submit_sm')
      peer.send({ command: 'submit_sm_resp', sequence_number })
      answered++
      await settled()
    }
    await Promise.all(answers)
  })

  test('tells when places become free, once per turn', async () => {
    const calls: number[] = []
    const { session, peer } = await bound({
      windowSize: 2,
      onWindowFree: (each) => calls.push(each.freePlaces),
    })
    calls.length = 0
    const answers = [session.request(SUBMIT), session.request(SUBMIT)]
    const first = await peer.next('submit_sm')
    const second = await peer.next('submit_sm')
    peer.send(
      { command: 'submit_sm_resp', sequence_number: first.sequence_number },
      { command: 'submit_sm_resp', sequence_number: second.sequence_number },
    )
    await Promise.all(answers)
    expect(calls).toEqual([2])
  })

  test('can be resized while in use', async () => {
    const { session, peer } = await bound({ windowSize: 1 })
    const answers = Array.from({ length: 5 }, () => session.request(SUBMIT))
    await settled()
    expect(peer.unread).toHaveLength(1)
    session.windowSize = 5
    for (const _ of answers) {
      const { sequence_number } = await peer.next('submit_sm')
      peer.send({ command: 'submit_sm_resp', sequence_number })
    }
    await Promise.all(answers)
  })

  test('PDUs of one turn leave in one write', async () => {
    const { session, stream, peer } = await bound({ windowSize: 50 })
    const writes: number[] = []
    const write = stream.write.bind(stream)
    stream.write = (octets: Buffer) => {
      writes.push(octets.length)
      return write(octets)
    }
    const answers = Array.from({ length: 20 }, () => session.request(SUBMIT))
    for (const _ of answers) {
      const { sequence_number } = await peer.next('submit_sm')
      peer.send({ command: 'submit_sm_resp', sequence_number })
    }
    await Promise.all(answers)
    expect(writes).toHaveLength(1)
  })
})

describe('the end of a session', () => {
  test('a peer reset with a full window settles every request as written', async () => {
    const { session, peer, ends } = await bound({ windowSize: 5 })
    const failures = Array.from({ length: 8 }, () => failure(session.request(SUBMIT)))
    for (let read = 0; read < 5; read++) await peer.next('submit_sm')
    peer.reset()
    const errors = await Promise.all(failures)
    expect(errors.map((error) => error.code)).toEqual(Array(8).fill('session_closed'))
    expect(errors.map((error) => error.written)).toEqual([
      ...Array(5).fill(true),
      ...Array(3).fill(false),
    ])
    expect(ends).toHaveLength(1)
    expect(session.state).toBe('closed')
  })

  test('a socket error is the end and is told', async () => {
    const [near, far] = connectedPair()
    const ends: SessionEnd[] = []
    const session = new Session({
      stream: near,
      role: 'esme',
      tickMs: 0,
      onRequest: () => ({}),
      onClose: (end) => ends.push(end),
    })
    const failed = failure(session.request({ command: 'bind_receiver' }))
    far.resume()
    await settled()
    const reset = new Error('read ECONNRESET')
    near.destroy(reset)
    expect(await failed).toMatchObject({ code: 'session_closed', written: true, cause: reset })
    expect(ends).toEqual([{ reason: 'socket_error', error: reset }])
  })

  test('what was never handed to the socket is known not to be written', async () => {
    const { session, stream, peer } = await bound()
    const failed = failure(session.request(SUBMIT))
    // Within the turn of the request its octets are still gathered.
    stream.destroy(new Error('read ECONNRESET'))
    expect(await failed).toMatchObject({ code: 'session_closed', written: false })
    await peer.ended
    expect(peer.unread).toEqual([])
  })

  test('what close still sends counts as written', async () => {
    const { session, peer } = await bound()
    const failed = failure(session.request(SUBMIT))
    const closed = session.close()
    expect(await failed).toMatchObject({ code: 'closed', written: true })
    await peer.next('submit_sm')
    await closed
  })

  test('responses in front of the peer’s FIN still count', async () => {
    const { session, peer, ends } = await bound()
    const answer = session.request(SUBMIT)
    const { sequence_number } = await peer.next('submit_sm')
    peer.stream.end(rawPdu(COMMAND_IDS.submit_sm_resp, sequence_number, Buffer.from('id\0')))
    expect(await answer).toMatchObject({ message_id: 'id' })
    await peer.ended
    expect(ends).toEqual([{ reason: 'peer_closed' }])
  })

  test('answers to requests in front of the peer’s FIN are sent', async () => {
    const { peer } = await boundServer({ onRequest: () => ({ message_id: 'id' }) })
    peer.send({ ...SUBMIT, sequence_number: 2 })
    peer.stream.end()
    expect(await peer.next('submit_sm_resp')).toMatchObject({ message_id: 'id' })
    await peer.ended
  })

  test('close settles everything, may be called again, and refuses what follows', async () => {
    const { session, peer, ends } = await bound({ windowSize: 1 })
    const failures = [failure(session.request(SUBMIT)), failure(session.request(SUBMIT))]
    await peer.next('submit_sm')
    await Promise.all([session.close(), session.close()])
    await session.close()
    const errors = await Promise.all(failures)
    expect(errors.map(({ code, written }) => [code, written])).toEqual([
      ['closed', true],
      ['closed', false],
    ])
    expect(await failure(session.request(SUBMIT))).toMatchObject({ code: 'session_closed' })
    expect(ends).toEqual([{ reason: 'closed' }])
  })

  test('a throwing callback does not reach the socket', async () => {
    const { session, peer } = await bound({
      onClose: () => {
        throw new Error('from the application')
      },
      onPduError: () => {
        throw new Error('from the application')
      },
    })
    peer.sendOctets(rawPdu(0x00007777, 9))
    await peer.next('generic_nack')
    await session.close()
    expect(session.state).toBe('closed')
  })
})

describe('unbind', () => {
  test('lets open requests finish, then unbinds and closes', async () => {
    const { session, peer, ends } = await bound()
    const answer = session.request(SUBMIT)
    const { sequence_number } = await peer.next('submit_sm')
    const ended = session.unbind({ drainMs: 1000 })
    expect(await failure(session.request(SUBMIT))).toMatchObject({ written: false })
    await settled()
    expect(peer.unread).toEqual([])
    peer.send({ command: 'submit_sm_resp', sequence_number, message_id: 'in time' })
    expect(await answer).toMatchObject({ message_id: 'in time' })
    const unbind = await peer.next('unbind')
    expect(session.state).toBe('unbound')
    peer.send({ command: 'unbind_resp', sequence_number: unbind.sequence_number })
    await ended
    expect(ends).toEqual([{ reason: 'unbound' }])
  })

  test('leaves unanswered what crosses its unbind, so that it comes again', async () => {
    const { session, peer } = await bound()
    const ended = session.unbind()
    const unbind = await peer.next('unbind')
    peer.send({ command: 'deliver_sm', sequence_number: 77 })
    await settled()
    expect(peer.unread).toEqual([])
    expect(session.counters.requestsUnanswered).toBe(1)
    peer.send({ command: 'unbind_resp', sequence_number: unbind.sequence_number })
    await ended
  })

  test('waits no longer than it was told, for the window and for the answer', async () => {
    const { session, peer, ends, pass } = await bound({ answerTimeoutMs: 300 })
    const failed = failure(session.request(SUBMIT))
    await peer.next('submit_sm')
    const ended = session.unbind({ drainMs: 1000 })
    pass(999)
    expect(session.state).toBe('bound_trx')
    pass(1)
    await peer.next('unbind')
    expect(session.state).toBe('unbound')
    pass(300)
    expect(await failed).toMatchObject({ code: 'closed', written: true })
    await ended
    expect(ends).toEqual([{ reason: 'unbound' }])
  })

  test('the peer’s unbind is answered and ends the session', async () => {
    const { peer, ends } = await bound()
    peer.send({ command: 'unbind', sequence_number: 77 })
    expect(await peer.next('unbind_resp')).toMatchObject({ sequence_number: 77 })
    await peer.ended
    expect(ends).toEqual([{ reason: 'unbound_by_peer' }])
  })

  test('open requests may finish before the peer’s unbind is answered', async () => {
    const { session, peer } = await bound({ windowSize: 1 })
    const answer = session.request(SUBMIT)
    const queued = failure(session.request(SUBMIT))
    const { sequence_number } = await peer.next('submit_sm')
    peer.send({ command: 'unbind', sequence_number: 77 })
    expect(await queued).toMatchObject({ code: 'session_closed', written: false })
    peer.send({ command: 'submit_sm_resp', sequence_number, message_id: 'last' })
    expect(await answer).toMatchObject({ message_id: 'last' })
    await peer.next('unbind_resp')
    await peer.ended
  })

  test('a peer that unbinds and does not answer is not waited for', async () => {
    const { session, peer, pass } = await bound({ peerUnbindDrainMs: 2000 })
    const failed = failure(session.request(SUBMIT))
    await peer.next('submit_sm')
    peer.send({ command: 'unbind', sequence_number: 77 })
    await settled()
    expect(peer.unread).toEqual([])
    pass(2000)
    await peer.next('unbind_resp')
    expect(await failed).toMatchObject({ code: 'session_closed', written: true })
  })

  test('both sides may unbind at once', async () => {
    const { session, peer, ends } = await bound()
    const ended = session.unbind()
    const { sequence_number } = await peer.next('unbind')
    peer.send({ command: 'unbind', sequence_number: 5 })
    await peer.next('unbind_resp')
    peer.send({ command: 'unbind_resp', sequence_number })
    await ended
    expect(ends).toEqual([{ reason: 'unbound' }])
  })
})

describe('requests of the peer', () => {
  test('are answered by the handler, now or later', async () => {
    const replies: SessionReply[] = [{}, { command_status: CommandStatus.ESME_RX_T_APPN }]
    const { peer } = await bound({
      onRequest: async () => {
        await settled()
        return replies.shift()
      },
    })
    peer.send({ ...DELIVER, sequence_number: 1 }, { ...DELIVER, sequence_number: 2 })
    expect(await peer.next('deliver_sm_resp')).toMatchObject({
      sequence_number: 1,
      command_status: 0,
    })
    expect(await peer.next('deliver_sm_resp')).toMatchObject({
      sequence_number: 2,
      command_status: CommandStatus.ESME_RX_T_APPN,
    })
  })

  test('echo any sequence number', async () => {
    const { peer } = await bound()
    for (const sequence_number of [0, 0x80000000, 0xffffffff]) {
      peer.send({ ...DELIVER, sequence_number })
      expect(await peer.next('deliver_sm_resp')).toMatchObject({ sequence_number })
    }
  })

  test('a handler that throws, rejects, has nothing or answers nonsense costs an error', async () => {
    const answers: (() => Promise<SessionReply> | SessionReply | undefined)[] = [
      () => {
        throw new Error('now')
      },
      () => Promise.reject(new Error('later')),
      () => undefined,
      () => ({ message_id: 'x'.repeat(100) }),
    ]
    const { session, peer } = await boundServer({
      onRequest: (pdu) => (pdu.command === 'submit_sm' ? answers.shift()?.() : {}),
    })
    const expected = [
      CommandStatus.ESME_RSYSERR,
      CommandStatus.ESME_RSYSERR,
      CommandStatus.ESME_RINVCMDID,
      CommandStatus.ESME_RSYSERR,
    ]
    for (const command_status of expected) {
      peer.send({ ...SUBMIT, sequence_number: 5 })
      expect(await peer.next('submit_sm_resp')).toMatchObject({ command_status })
    }
    expect(session.isBound).toBe(true)
  })

  test('checkLink goes past a full window and tells how long the answer took', async () => {
    const { session, peer, pass } = await bound({ windowSize: 1, requestTimeoutMs: 9_000 })
    const submitted = session.request(SUBMIT)
    session.request(SUBMIT).catch(() => {})
    await peer.next('submit_sm')
    const checked = session.checkLink()
    const { sequence_number } = await peer.next('enquire_link')
    pass(40)
    peer.send({ command: 'enquire_link_resp', sequence_number })
    expect(await checked).toBe(40)
    const unanswered = session.checkLink()
    await peer.next('enquire_link')
    pass(9_001)
    await expect(unanswered).rejects.toMatchObject({ code: 'response_timeout' })
    await expect(submitted).rejects.toMatchObject({ code: 'response_timeout' })
    await session.close()
    await expect(session.checkLink()).rejects.toMatchObject({ code: 'session_closed' })
  })

  test('enquire_link is answered inside, even before the bind', async () => {
    const { peer } = setUp({ role: 'smsc' })
    peer.send({ command: 'enquire_link', sequence_number: 3 })
    expect(await peer.next('enquire_link_resp')).toMatchObject({ sequence_number: 3 })
  })

  test('alert_notification reaches the handler and has no response', async () => {
    const seen: string[] = []
    const { peer } = await bound({
      onRequest: (pdu) => {
        seen.push(pdu.command)
        return {}
      },
    })
    peer.send({ command: 'alert_notification', sequence_number: 1, source_addr: '1' })
    peer.send({ command: 'enquire_link', sequence_number: 2 })
    await peer.next('enquire_link_resp')
    await settled()
    expect(seen).toEqual(['alert_notification'])
    expect(peer.unread).toEqual([])
  })

  test('an undecodable request is answered and the session goes on', async () => {
    const errors: PduError[] = []
    const { session, peer } = await boundServer({
      onRequest: () => ({ message_id: 'ok' }),
      onPduError: (error) => errors.push(error),
    })
    const cutOff = rawPdu(COMMAND_IDS.submit_sm, 11, Buffer.from([0, 1, 1, 0x31]))
    const unknown = rawPdu(0x00007777, 12)
    const fine = { ...SUBMIT, sequence_number: 13 }
    peer.sendOctets(cutOff)
    peer.sendOctets(unknown)
    peer.send(fine)
    const refused = await peer.next('submit_sm_resp')
    expect(refused.sequence_number).toBe(11)
    expect(refused.command_status).not.toBe(0)
    expect(await peer.next('generic_nack')).toMatchObject({
      sequence_number: 12,
      command_status: CommandStatus.ESME_RINVCMDID,
    })
    expect(await peer.next('submit_sm_resp')).toMatchObject({
      sequence_number: 13,
      command_status: 0,
      message_id: 'ok',
    })
    expect(errors).toHaveLength(2)
    expect(session.counters.pduErrors).toBe(2)
  })

  test('a broken stream is nacked and closed, after what came before it', async () => {
    const { peer, ends } = await boundServer({ onRequest: () => ({ message_id: 'ok' }) })
    const submit = rawPdu(COMMAND_IDS.enquire_link, 21)
    peer.sendOctets(Buffer.concat([submit, Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')]))
    expect(await peer.next('enquire_link_resp')).toMatchObject({ sequence_number: 21 })
    expect(await peer.next('generic_nack')).toMatchObject({
      sequence_number: 0,
      command_status: CommandStatus.ESME_RINVCMDLEN,
    })
    await peer.ended
    expect(ends).toMatchObject([{ reason: 'frame_invalid', error: { code: 'frame_invalid' } }])
  })

  test('responses nobody waits for and generic_nack are never answered', async () => {
    const { session, peer } = await bound()
    peer.send(
      { command: 'submit_sm_resp', sequence_number: 999 },
      { command: 'generic_nack', sequence_number: 998, command_status: 3 },
      { command: 'enquire_link_resp', sequence_number: 997 },
    )
    peer.sendOctets(rawPdu(0x80007777, 996))
    await settled()
    expect(peer.unread).toEqual([])
    expect(session.counters.responsesUnmatched).toBe(4)
  })

  test('responses are handled ahead of requests that came before them', async () => {
    const matchedBefore: number[] = []
    const { session, peer } = await bound({
      onRequest: (_, each) => {
        matchedBefore.push(each.counters.responsesMatched)
        return {}
      },
    })
    const answer = session.request(SUBMIT)
    const { sequence_number } = await peer.next('submit_sm')
    peer.send(
      { ...DELIVER, sequence_number: 1 },
      { command: 'submit_sm_resp', sequence_number },
      { ...DELIVER, sequence_number: 2 },
    )
    await answer
    expect((await peer.next('deliver_sm_resp')).sequence_number).toBe(1)
    expect((await peer.next('deliver_sm_resp')).sequence_number).toBe(2)
    // The bind response and the submit_sm_resp.
    expect(matchedBefore).toEqual([2, 2])
  })
})

describe('states', () => {
  test('a server refuses requests before the bind, and closes after three', async () => {
    const { peer, ends } = setUp({ role: 'smsc' })
    for (const sequence_number of [1, 2, 3]) {
      peer.send({ ...SUBMIT, sequence_number })
      expect(await peer.next('submit_sm_resp')).toMatchObject({
        sequence_number,
        command_status: CommandStatus.ESME_RINVBNDSTS,
      })
    }
    await peer.ended
    expect(ends).toEqual([{ reason: 'not_bound' }])
  })

  test('a server closes on a hundred PDUs without a bind among them', async () => {
    const { session, peer, ends } = setUp({ role: 'smsc' })
    const link = (sequence_number: number) => rawPdu(COMMAND_IDS.enquire_link, sequence_number)
    peer.sendOctets(Buffer.concat(Array.from({ length: 150 }, (_, index) => link(index + 1))))
    await peer.ended
    expect(ends).toEqual([{ reason: 'not_bound' }])
    expect(session.counters.pdusIn).toBe(101)
  })

  test('a server takes only PDUs as short as a bind before the bind', async () => {
    const { peer, ends } = setUp({ role: 'smsc' })
    peer.sendOctets(Buffer.from('0000100100000009', 'hex'))
    expect(await peer.next('generic_nack')).toMatchObject({
      command_status: CommandStatus.ESME_RINVCMDLEN,
    })
    await peer.ended
    expect(ends).toMatchObject([{ reason: 'frame_invalid' }])
    const { session, peer: partner } = await boundServer()
    const submit = { ...SUBMIT, tlvs: [{ tag: 0x0424, value: Buffer.alloc(60_000) }] }
    partner.send({ ...submit, sequence_number: 2 })
    await partner.next('submit_sm_resp')
    expect(session.isBound).toBe(true)
  })

  test('a request between a bind and its response is refused', async () => {
    let accept: (reply: SessionReply) => void = () => undefined
    const { session, peer } = setUp({
      role: 'smsc',
      onRequest: () =>
        new Promise((resolve) => {
          accept = resolve
        }),
    })
    peer.send({ command: 'bind_transmitter', sequence_number: 1 })
    peer.send({ ...SUBMIT, sequence_number: 2 })
    peer.send({ command: 'bind_transmitter', sequence_number: 3 })
    expect(await peer.next('submit_sm_resp')).toMatchObject({
      command_status: CommandStatus.ESME_RINVBNDSTS,
    })
    expect(await peer.next('bind_transmitter_resp')).toMatchObject({
      sequence_number: 3,
      command_status: CommandStatus.ESME_RALYBND,
    })
    accept({})
    expect(await peer.next('bind_transmitter_resp')).toMatchObject({ sequence_number: 1 })
    expect(session.state).toBe('bound_tx')
  })

  test('a second bind is refused and the session stays', async () => {
    const { session, peer } = await boundServer()
    peer.send({ command: 'bind_receiver', sequence_number: 9 })
    expect(await peer.next('bind_receiver_resp')).toMatchObject({
      command_status: CommandStatus.ESME_RALYBND,
    })
    expect(session.state).toBe('bound_trx')
  })

  test('a refused bind is answered, then the connection is closed', async () => {
    const { peer, ends } = setUp({
      role: 'smsc',
      onRequest: () => ({ command_status: CommandStatus.ESME_RINVPASWD }),
    })
    peer.send({ command: 'bind_transceiver', sequence_number: 1 })
    expect(await peer.next('bind_transceiver_resp')).toMatchObject({
      command_status: CommandStatus.ESME_RINVPASWD,
    })
    await peer.ended
    expect(ends).toEqual([{ reason: 'bind_refused' }])
  })

  test('what the bind does not allow is refused in both directions', async () => {
    const setup = setUp()
    const binding = setup.session.request({ command: 'bind_receiver' })
    const { sequence_number } = await setup.peer.next('bind_receiver')
    setup.peer.send({ command: 'bind_receiver_resp', sequence_number })
    await binding
    expect(setup.session.state).toBe('bound_rx')
    const submit = failure(setup.session.request(SUBMIT))
    expect(await submit).toMatchObject({ code: 'not_bound', written: false })
    setup.peer.send({ ...SUBMIT, sequence_number: 4 })
    expect(await setup.peer.next('submit_sm_resp')).toMatchObject({
      command_status: CommandStatus.ESME_RINVBNDSTS,
    })

    const server = setUp({ role: 'smsc' })
    server.peer.send({ command: 'bind_transmitter', sequence_number: 1 })
    await server.peer.next('bind_transmitter_resp')
    expect(await failure(server.session.request(DELIVER))).toMatchObject({ code: 'not_bound' })
  })

  test('nothing but a bind is sent before the bind response', async () => {
    const { session, peer } = setUp()
    expect(await failure(session.request(SUBMIT))).toMatchObject({ code: 'not_bound' })
    const binding = session.request({ command: 'bind_transceiver' })
    const second = failure(session.request({ command: 'bind_transceiver' }))
    expect(await second).toMatchObject({ code: 'not_bound' })
    expect(await failure(session.request(SUBMIT))).toMatchObject({ code: 'not_bound' })
    const { sequence_number } = await peer.next('bind_transceiver')
    peer.send({ command: 'bind_transceiver_resp', sequence_number })
    await binding
    expect(session.state).toBe('bound_trx')
  })

  test('a deliver_sm in the same segment as the bind response is handled', async () => {
    const handled: Pdu[] = []
    const { session, peer } = setUp({
      onRequest: (pdu) => {
        handled.push(pdu)
        return {}
      },
    })
    const binding = session.request({ command: 'bind_transceiver' })
    const { sequence_number } = await peer.next('bind_transceiver')
    peer.send(
      { command: 'bind_transceiver_resp', sequence_number },
      { ...DELIVER, sequence_number: 1 },
    )
    await binding
    expect(await peer.next('deliver_sm_resp')).toMatchObject({ command_status: 0 })
    expect(handled).toHaveLength(1)
  })

  test('a bind response of another bind type is taken, and versions are optional', async () => {
    const { session, peer } = setUp()
    const binding = session.request({ command: 'bind_transceiver' })
    const { sequence_number } = await peer.next('bind_transceiver')
    peer.sendOctets(rawPdu(COMMAND_IDS.bind_receiver_resp, sequence_number))
    await binding
    expect(session.state).toBe('bound_trx')
    expect(session.peerVersion).toBeUndefined()
  })
})

describe('timers', () => {
  test('silence is asked about, then closed', async () => {
    const { session, peer, ends, pass } = await bound({
      enquireLinkMs: 30_000,
      answerTimeoutMs: 10_000,
    })
    const failed = failure(session.request(SUBMIT))
    await peer.next('submit_sm')
    pass(9_000)
    expect(session.pendingCount).toBe(1)
    pass(21_000)
    await peer.next('enquire_link')
    expect(await failed).toMatchObject({ code: 'response_timeout' })
    pass(10_000)
    await peer.ended
    expect(ends).toEqual([{ reason: 'no_answer' }])
  })

  test('a lost enquire_link_resp does no harm while anything else comes', async () => {
    const { session, peer, pass } = await bound({ enquireLinkMs: 30_000, answerTimeoutMs: 10_000 })
    pass(30_000)
    await peer.next('enquire_link')
    peer.send({ ...DELIVER, sequence_number: 1 })
    await peer.next('deliver_sm_resp')
    pass(15_000)
    expect(session.isBound).toBe(true)
  })

  test('enquire_link goes out although the window is full', async () => {
    const { session, peer, pass } = await bound({
      windowSize: 1,
      enquireLinkMs: 1000,
      requestTimeoutMs: 60_000,
    })
    const failed = failure(session.request(SUBMIT))
    await peer.next('submit_sm')
    pass(1000)
    await peer.next('enquire_link')
    await session.close()
    await failed
  })

  test('a server closes what does not bind in time', async () => {
    const { peer, ends, pass } = setUp({ role: 'smsc', sessionInitMs: 5000 })
    pass(4999)
    expect(ends).toEqual([])
    pass(1)
    await peer.ended
    expect(ends).toEqual([{ reason: 'not_bound' }])
  })

  test('the session looks at its timers by itself', async () => {
    const [near, far] = connectedPair()
    const peer = new ScriptedPeer(far)
    const end = await new Promise<SessionEnd>((resolve) => {
      new Session({
        stream: near,
        role: 'smsc',
        sessionInitMs: 5,
        tickMs: 1,
        onRequest: () => ({}),
        onClose: resolve,
      })
    })
    await peer.ended
    expect(end).toEqual({ reason: 'not_bound' })
  })
})

describe('pressure', () => {
  const LARGE: PduInput = { ...SUBMIT, tlvs: [{ tag: 0x0424, value: Buffer.alloc(4000) }] }

  test('a peer that does not read gets no more requests, then no connection', async () => {
    const { session, peer, ends, pass } = await bound({
      windowSize: 100,
      writeTimeoutMs: 20_000,
      requestTimeoutMs: 60_000,
      enquireLinkMs: 0,
    })
    peer.stream.pause()
    const failures: Promise<RequestError>[] = []
    for (let sent = 0; sent < 20; sent++) failures.push(failure(session.request(LARGE)))
    await settled()
    expect(session.freePlaces).toBe(0)
    const { requestsSent } = session.counters
    for (let sent = 0; sent < 20; sent++) failures.push(failure(session.request(LARGE)))
    await settled()
    expect(session.counters.requestsSent).toBe(requestsSent)
    pass(20_000)
    expect(ends).toEqual([{ reason: 'slow_reader' }])
    const errors = await Promise.all(failures)
    // The bind was sent too, and answered.
    expect(errors.filter((error) => error.written)).toHaveLength(requestsSent - 1)
    expect(errors).toHaveLength(40)
  })

  test('a peer that reads again gets the rest', async () => {
    const { session, peer } = await bound({ windowSize: 100 })
    peer.stream.pause()
    const answers: Promise<Pdu>[] = []
    for (let sent = 0; sent < 20; sent++) answers.push(session.request(LARGE))
    await settled()
    for (let sent = 0; sent < 20; sent++) answers.push(session.request(LARGE))
    peer.stream.resume()
    for (const _ of answers) {
      const { sequence_number } = await peer.next('submit_sm')
      peer.send({ command: 'submit_sm_resp', sequence_number })
    }
    expect(await Promise.all(answers)).toHaveLength(40)
  })

  test('answers for a peer that does not read are bounded', async () => {
    const { session, peer } = await bound({ enquireLinkMs: 0 })
    peer.stream.pause()
    const link = rawPdu(COMMAND_IDS.enquire_link, 1)
    const flood = Buffer.concat(Array.from({ length: 1000 }, () => link))
    for (let sent = 0; sent < 20; sent++) {
      peer.sendOctets(flood)
      await settled()
    }
    const { octetsOut, repliesDropped, requestsReceived } = session.counters
    expect(requestsReceived).toBe(20_000)
    expect(repliesDropped).toBeGreaterThan(10_000)
    expect(octetsOut).toBeLessThan(100_000)
    await session.close()
  })

  test('reading stops while too many requests are in work, and no PDU is lost', async () => {
    const waiting: (() => void)[] = []
    let handled = 0
    const { session, peer } = await bound({
      maxInboundPending: 3,
      onRequest: () => {
        handled++
        return new Promise((resolve) => waiting.push(() => resolve({})))
      },
    })
    const total = 2000
    for (let sequence_number = 1; sequence_number <= total; sequence_number++) {
      peer.send({ ...DELIVER, sequence_number })
    }
    await settled()
    expect(handled).toBe(3)
    expect(session.counters.pdusIn).toBeLessThan(10)
    expect(peer.stream.writableLength).toBeGreaterThan(0)
    const numbers: number[] = []
    while (numbers.length < total) {
      const answer = peer.next('deliver_sm_resp')
      waiting.shift()?.()
      numbers.push((await answer).sequence_number)
      expect(waiting.length).toBeLessThanOrEqual(3)
    }
    expect(numbers).toEqual(Array.from({ length: total }, (_, index) => index + 1))
  })

  test('reading stops while requests of too many octets are in work or wait', async () => {
    const waiting: (() => void)[] = []
    const { session, peer } = await bound({
      onRequest: () => new Promise((resolve) => waiting.push(() => resolve({}))),
    })
    const tlvs = [{ tag: 0x0424, value: Buffer.alloc(60_000) }]
    const total = 100
    for (let sequence_number = 1; sequence_number <= total; sequence_number++) {
      peer.send({ ...DELIVER, sequence_number, tlvs })
    }
    await settled()
    const { octetsIn } = session.counters
    expect(waiting.length).toBe(18)
    expect(octetsIn).toBeLessThan(2.5 * 2 ** 20)
    for (let answered = 0; answered < total; answered++) {
      const answer = peer.next('deliver_sm_resp')
      waiting.shift()?.()
      expect(await answer).toMatchObject({ sequence_number: answered + 1, command_status: 0 })
    }
  })

  test('responses and enquire_link pass requests that wait', async () => {
    const { session, peer } = await bound({
      maxInboundPending: 1,
      onRequest: () => new Promise(() => undefined),
    })
    const answer = session.request(SUBMIT)
    const { sequence_number } = await peer.next('submit_sm')
    peer.send(
      { ...DELIVER, sequence_number: 1 },
      { ...DELIVER, sequence_number: 2 },
      { command: 'enquire_link', sequence_number: 3 },
      { command: 'submit_sm_resp', sequence_number, message_id: 'passed' },
    )
    expect(await answer).toMatchObject({ message_id: 'passed' })
    expect(await peer.next('enquire_link_resp')).toMatchObject({ sequence_number: 3 })
  })

  test('requests are not timed out for responses that we do not read', async () => {
    const { session, peer, pass } = await bound({
      maxInboundPending: 1,
      requestTimeoutMs: 5000,
      enquireLinkMs: 0,
      onRequest: () => new Promise(() => undefined),
    })
    const failed = failure(session.request(SUBMIT))
    await peer.next('submit_sm')
    for (let sequence_number = 1; sequence_number <= 5; sequence_number++) {
      peer.send({ ...DELIVER, sequence_number })
    }
    await settled()
    pass(0)
    pass(4999)
    expect(session.pendingCount).toBe(1)
    pass(1)
    expect(await failed).toMatchObject({ code: 'response_timeout', written: true })
  })

  test('a flood in one chunk is handled in turns, in order', async () => {
    const numbers: number[] = []
    const { peer } = await boundServer({
      onRequest: (pdu) => {
        if (pdu.command === 'submit_sm') numbers.push(pdu.sequence_number)
        return {}
      },
      maxInboundPending: 10_000,
    })
    const empty = Buffer.alloc(17)
    const total = 3500
    const flood = Array.from({ length: total }, (_, index) =>
      rawPdu(COMMAND_IDS.submit_sm, index + 2, empty),
    )
    peer.sendOctets(Buffer.concat(flood))
    let sawOtherWork = 0
    for (let answered = 0; answered < total; answered++) {
      if (peer.unread.length === 0) sawOtherWork++
      await peer.next('submit_sm_resp')
    }
    expect(numbers).toEqual(Array.from({ length: total }, (_, index) => index + 2))
    expect(sawOtherWork).toBeGreaterThan(1)
  })
})

describe('counters', () => {
  test('reconcile from octets to answers', async () => {
    const { session, peer, pass } = await boundServer({
      requestTimeoutMs: 1000,
      onRequest: (pdu) => (pdu.command === 'submit_sm' ? { message_id: 'm' } : {}),
    })
    const octetsBefore = session.counters.octetsIn
    const answered = session.request(DELIVER)
    const expired = failure(session.request(DELIVER))
    const { sequence_number } = await peer.next('deliver_sm')
    await peer.next('deliver_sm')
    peer.send({ command: 'deliver_sm_resp', sequence_number })
    await answered
    pass(1000)
    await expired
    peer.send({ ...SUBMIT, sequence_number: 2 })
    await peer.next('submit_sm_resp')
    peer.sendOctets(rawPdu(0x7777, 3))
    await peer.next('generic_nack')
    const open = failure(session.request(DELIVER))
    await peer.next('deliver_sm')
    await session.close()
    await open

    const seen = session.counters
    expect(octetsBefore).toBeGreaterThan(0)
    expect(seen.requestsSent).toBe(
      seen.responsesMatched + seen.requestsTimedOut + seen.requestsFailed,
    )
    expect(seen).toMatchObject({
      requestsSent: 3,
      responsesMatched: 1,
      requestsTimedOut: 1,
      requestsFailed: 1,
      requestsReceived: 3,
      repliesSent: 3,
      pduErrors: 1,
      pdusIn: 4,
      pdusOut: 6,
      receivedByCommand: { bind_transceiver: 1, submit_sm: 1, deliver_sm_resp: 1 },
      sentByCommand: {
        bind_transceiver_resp: 1,
        deliver_sm: 3,
        submit_sm_resp: 1,
        generic_nack: 1,
      },
    })
  })
})
