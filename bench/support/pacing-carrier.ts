/** A carrier with a limit that it does not tell, in a process of its own; see `pacing.bench.ts`. */
import { SmppServer } from '../../src/smpp/server.ts'
import { CommandStatus } from '../../src/smpp/status.ts'
import { answerCommands, epochMs } from './child.ts'

/** What the benchmark tells the carrier. */
export type PacingCommand =
  | { readonly type: 'listen'; readonly perSecond: number }
  /** Asks what came since the last time it was asked. */
  | { readonly type: 'count' }

/** What the carrier answers. */
export type PacingReport =
  | { readonly type: 'listening'; readonly port: number }
  | {
      readonly type: 'counted'
      readonly taken: number
      readonly throttled: number
      readonly seconds: number
    }

/** The bucket holds a twentieth of a second's worth. */
const DEPTH_SECONDS = 0.05

let perSecond = 0
let tokens = 0
let filledAt = epochMs()
let countedAt = filledAt
let submits = 0
let taken = 0
let throttled = 0

const server = new SmppServer({
  host: '127.0.0.1',
  port: 0,
  system_id: 'bench',
  maxInboundPending: 5_000,
  authenticate: () => ({ status: CommandStatus.ESME_ROK }),
  onRequest: (pdu) => {
    if (pdu.command !== 'submit_sm') return undefined
    const now = epochMs()
    tokens = Math.min(perSecond * DEPTH_SECONDS, tokens + ((now - filledAt) * perSecond) / 1_000)
    filledAt = now
    if (tokens < 1) {
      throttled++
      return { command_status: CommandStatus.ESME_RTHROTTLED }
    }
    tokens--
    taken++
    return { message_id: String(++submits) }
  },
})

answerCommands<PacingCommand, PacingReport>(async (command) => {
  if (command.type === 'count') {
    const now = epochMs()
    const report = {
      type: 'counted',
      taken,
      throttled,
      seconds: (now - countedAt) / 1_000,
    } as const
    taken = 0
    throttled = 0
    countedAt = now
    return report
  }
  perSecond = command.perSecond
  await server.listen()
  return { type: 'listening', port: server.port }
})
