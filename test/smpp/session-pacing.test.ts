import { afterEach, expect, test } from 'vitest'
import type { RequestError } from '../../src/smpp/errors.ts'
import { Pacer } from '../../src/smpp/pacer.ts'
import type { PduInput } from '../../src/smpp/pdu.ts'
import { type RequestOptions, Session, type SessionOptions } from '../../src/smpp/session.ts'
import { CommandStatus } from '../../src/smpp/status.ts'
import { connectedPair, ScriptedPeer, settled } from './scripted-peer.ts'

const open: Session[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((session) => session.close()))
})

function submit(text: string): PduInput {
  return { command: 'submit_sm', short_message: Buffer.from(text) }
}

/** A bound session whose clock stands still until the test moves it, and the server it talks to. */
async function bound(options: Partial<SessionOptions>) {
  const [near, far] = connectedPair()
  const peer = new ScriptedPeer(far)
  const clock = { now: 1_000_000 }
  const session = new Session({
    stream: near,
    role: 'esme',
    now: () => clock.now,
    tickMs: 0,
    onRequest: () => ({}),
    ...options,
  })
  open.push(session)
  const binding = session.request({ command: 'bind_transceiver', system_id: 'me' })
  const { sequence_number } = await peer.next('bind_transceiver')
  peer.send({ command: 'bind_transceiver_resp', sequence_number })
  await binding
  const sequences = new Map<string, number>()
  return {
    session,
    async pass(ms: number): Promise<void> {
      clock.now += ms
      session.tick()
      await settled()
    },
    /** Sends without waiting for the answer, which the test need not give. */
    send(text: string, more?: RequestOptions): void {
      session.request(submit(text), more).catch(() => undefined)
    },
    /** Sends texts that belong together. */
    sendWhole(...texts: string[]): void {
      texts.forEach((text, index) => {
        const answer = session.request(submit(text), { together: index === 0 ? texts.length : 0 })
        answer.catch(() => undefined)
      })
    },
    /** The texts that have come since the last call. */
    async arrived(): Promise<string[]> {
      await settled()
      const texts: string[] = []
      while (peer.unread.length > 0) {
        const pdu = await peer.next('submit_sm')
        const text = pdu.short_message.toString()
        sequences.set(text, pdu.sequence_number)
        texts.push(text)
      }
      return texts
    },
    async answer(text: string, command_status: number = CommandStatus.ESME_ROK): Promise<void> {
      const sequence_number = sequences.get(text)
      if (sequence_number === undefined) throw new Error(`${text} has not come`)
      peer.send({ command: 'submit_sm_resp', sequence_number, command_status, message_id: 'x' })
      await settled()
    },
  }
}

test('the segments of a message wait until the window has a place for each', async () => {
  const { send, sendWhole, arrived, answer } = await bound({ windowSize: 3 })
  send('a')
  sendWhole('m1', 'm2', 'm3')
  send('b')
  expect(await arrived()).toEqual(['a'])
  await answer('a')
  expect(await arrived()).toEqual(['m1', 'm2', 'm3'])
  await answer('m2')
  expect(await arrived()).toEqual(['b'])
})

test('a message with more segments than the window goes in order, as places become free', async () => {
  const { sendWhole, arrived, answer } = await bound({ windowSize: 2 })
  sendWhole('m1', 'm2', 'm3', 'm4')
  expect(await arrived()).toEqual(['m1', 'm2'])
  await answer('m1')
  await answer('m2')
  expect(await arrived()).toEqual(['m3', 'm4'])
})

test('a window that is made smaller does not stop a message that waits for more places', async () => {
  const { session, send, sendWhole, arrived, answer } = await bound({ windowSize: 3 })
  send('a')
  sendWhole('m1', 'm2', 'm3')
  expect(await arrived()).toEqual(['a'])
  session.windowSize = 2
  await answer('a')
  expect(await arrived()).toEqual(['m1', 'm2'])
  await answer('m1')
  expect(await arrived()).toEqual(['m3'])
})

test('the pace lets all segments of a message go, or none', async () => {
  // The bucket holds two; three go on credit, and what follows pays for it.
  const { send, sendWhole, arrived, pass } = await bound({ windowSize: 10, pacer: new Pacer(20) })
  send('a')
  sendWhole('m1', 'm2', 'm3')
  send('b')
  expect(await arrived()).toEqual(['a'])
  await pass(49)
  expect(await arrived()).toEqual([])
  await pass(1)
  expect(await arrived()).toEqual(['m1', 'm2', 'm3'])
  await pass(99)
  expect(await arrived()).toEqual([])
  await pass(1)
  expect(await arrived()).toEqual(['b'])
})

test('a throttled request goes again before what waits, and nothing passes it meanwhile', async () => {
  const pacer = new Pacer(0)
  // It has complained before: the next one counts.
  for (let n = 0; n < 4; n++) pacer.answered('throttled', 0, 0)
  const { send, sendWhole, arrived, answer, pass } = await bound({ windowSize: 3, pacer })
  const put = { again: true }
  sendWhole('m1', 'm2', 'm3')
  send('a')
  send('b')
  expect(await arrived()).toEqual(['m1', 'm2', 'm3'])
  await answer('m1')
  // Its place is free now, and goes to the next; then the carrier throttles segment 2.
  expect(await arrived()).toEqual(['a'])
  await pass(1)
  await answer('m2', CommandStatus.ESME_RTHROTTLED)
  send('m2', put)
  expect(pacer.perSecond).toBe(1)
  expect(await arrived()).toEqual([])
  await pass(1_049)
  expect(await arrived()).toEqual([])
  await pass(1)
  expect(await arrived()).toEqual(['m2'])
  await pass(1_000)
  await answer('m3')
  expect(await arrived()).toEqual(['b'])
})

test('nothing passes a throttled request, even where the complaint does not count', async () => {
  const pacer = new Pacer(0)
  const { send, arrived, answer, pass } = await bound({ windowSize: 1, pacer })
  send('a')
  send('b')
  expect(await arrived()).toEqual(['a'])
  await answer('a', CommandStatus.ESME_RTHROTTLED)
  send('a', { again: true })
  expect(await arrived()).toEqual([])
  await pass(1)
  expect(await arrived()).toEqual(['a'])
  expect(pacer.perSecond).toBe(0)
})

test('two sessions of one account share its pace, and neither is left behind', async () => {
  const pacer = new Pacer(20)
  const sessions = [await bound({ pacer }), await bound({ pacer })]
  const counts = [0, 0]
  for (const { send } of sessions) for (let n = 0; n < 100; n++) send(String(n))
  for (let ms = 0; ms < 2_000; ms += 10) {
    for (const [index, { pass, arrived, answer }] of sessions.entries()) {
      await pass(10)
      for (const text of await arrived()) {
        counts[index] = (counts[index] ?? 0) + 1
        await answer(text)
      }
    }
  }
  // Two seconds and the bucket.
  expect((counts[0] ?? 0) + (counts[1] ?? 0)).toBe(42)
  expect(Math.min(...counts)).toBeGreaterThanOrEqual(20)
})

test('without a limit the pace costs nothing and learns only from complaints', async () => {
  const pacer = new Pacer(0)
  const { send, arrived, answer } = await bound({ windowSize: 50, pacer })
  for (let n = 0; n < 50; n++) send(String(n))
  expect(await arrived()).toHaveLength(50)
  await answer('0', CommandStatus.ESME_RINVDSTADR)
  await answer('1')
  expect(pacer.isOpen).toBe(true)
  for (let n = 2; n < 7; n++) await answer(String(n), CommandStatus.ESME_RMSGQFUL)
  expect(pacer.isOpen).toBe(false)
})

test('binding is not held back by a pause', async () => {
  const pacer = new Pacer(0)
  for (let n = 0; n < 5; n++) pacer.answered('queue_full', 999_999, 1_000_000)
  expect(pacer.pauseLeft(1_000_000)).toBe(1_000)
  const { session } = await bound({ pacer })
  expect(session.isBound).toBe(true)
})

test('what waits for its turn is given back when the session ends, as not written', async () => {
  const pacer = new Pacer(10)
  const { session, arrived } = await bound({ pacer })
  const answers = ['a', 'b'].map((text) => session.request(submit(text)))
  expect(await arrived()).toEqual(['a'])
  const ends = answers.map((answer) => answer.catch(({ written }: RequestError) => written))
  await session.close()
  expect(await Promise.all(ends)).toEqual([true, false])
  expect(session.waitingCount).toBe(0)
})
