import fc from 'fast-check'
import { encodePdu } from '../../../src/smpp/codec.ts'
import type { SmppLogger } from '../../../src/smpp/logger.ts'
import { Session } from '../../../src/smpp/session.ts'
import type { SessionEnd } from '../../../src/smpp/session-options.ts'
import type { SessionRole } from '../../../src/smpp/session-rules.ts'
import { connectedPair, ScriptedPeer, settled } from '../../smpp/scripted-peer.ts'
import { mutated, withRightLength } from '../mutation.ts'
import { PDU_SEEDS } from '../seeds.ts'
import type { FuzzTarget } from '../target.ts'

const PROBE = 0x7eed_beef

interface Talk {
  readonly role: SessionRole
  readonly binds: boolean
  readonly frames: readonly Buffer[]
  /** What comes last may break the stream itself. */
  readonly ending: Buffer
}

const OK_BIND = encodePdu({ command: 'bind_transceiver', sequence_number: 1, system_id: 'peer' })

/**
 * A peer that talks nonsense in whole PDUs: the session goes on and answers, or has ended for a
 * reason that the peer gave. A bug of ours would end it as `internal_error` or be logged.
 */
export const sessionTarget: FuzzTarget<Talk> = {
  name: 'session',
  cases: fc.record({
    role: fc.constantFrom('smsc' as const, 'esme' as const),
    binds: fc.boolean(),
    frames: fc.array(mutated(PDU_SEEDS).map(withRightLength), { maxLength: 12 }),
    ending: fc.oneof({ weight: 3, arbitrary: fc.constant(Buffer.alloc(0)) }, mutated(PDU_SEEDS)),
  }),
  async check({ role, binds, frames, ending }) {
    const faults: string[] = []
    const ends: SessionEnd[] = []
    const [ours, theirs] = connectedPair()
    const peer = new ScriptedPeer(theirs)
    const session = new Session({
      stream: ours,
      role,
      tickMs: 0,
      onRequest: () => ({ message_id: 'id' }),
      onClose: (end) => void ends.push(end),
      logger: faultLogger(faults),
    })
    const requests: Promise<unknown>[] = []
    if (binds && role === 'smsc') peer.sendOctets(OK_BIND)
    if (binds && role === 'esme') {
      requests.push(session.request({ command: 'bind_transceiver', system_id: 'us' }))
      const { sequence_number } = await peer.next('bind_transceiver')
      peer.send({ command: 'bind_transceiver_resp', sequence_number })
      await requests[0]
      // Requests of ours that the nonsense may happen to answer.
      for (let index = 0; index < 3; index++)
        requests.push(session.request({ command: 'submit_sm' }))
    }
    const outcomes = Promise.allSettled(requests)
    peer.sendOctets(Buffer.concat([...frames, ending]))
    await settled()
    const outcome = await judge(session, peer, ending.length === 0)
    await session.close()
    await outcomes
    if (faults.length > 0) throw new Error(`logged as our own fault: ${faults.join('; ')}`)
    if (ends.length !== 1) throw new Error(`ended ${ends.length} times`)
    if (ends[0]?.reason === 'internal_error') throw ends[0].error ?? new Error('internal error')
    return outcome
  },
}

async function judge(session: Session, peer: ScriptedPeer, isWhole: boolean): Promise<string> {
  if (session.state === 'closed') return 'ended'
  if (!isWhole) return 'waiting for more'
  peer.send({ command: 'enquire_link', sequence_number: PROBE })
  await settled()
  const isAnswered = peer.unread.some(
    ({ command, sequence_number }) => command === 'enquire_link_resp' && sequence_number === PROBE,
  )
  if (!isAnswered) throw new Error(`deaf in state ${session.state}`)
  return `goes on ${session.state}`
}

function faultLogger(faults: string[]): SmppLogger {
  const ignore = () => {}
  return {
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (fields, message) => void faults.push(`${message} ${JSON.stringify(fields)}`),
  }
}
