import { type ApiAccess, callApi } from './api-call.ts'
import { elapsed } from './core/waits.ts'

/** How long a message is followed, and how often it is looked at, in milliseconds. */
const FOLLOW_MS = 30_000
const LOOK_EVERY_MS = 250

/** What `linehaul send` is asked for. */
export interface SendRequest extends ApiAccess {
  readonly body: { to: string; from: string; text: string; dry_run: boolean }
  readonly say: (line: string) => void
}

interface Answer {
  readonly id?: string
  readonly status?: string | number
  readonly is_final?: boolean
  readonly timeline?: readonly {
    at: string
    type: string
    status: string
    carrier: string | null
  }[]
}

/** Sends one message through a running gateway and prints its way; true when it was delivered. */
export async function sendAndFollow(request: SendRequest): Promise<boolean> {
  const { say, body } = request
  const sent = await callApi<Answer>(request, 'POST', '/v1/messages', body)
  if (sent.code !== undefined) {
    say(`refused (${sent.code}): ${sent.detail}`)
    return false
  }
  say(JSON.stringify(sent))
  if (body.dry_run) return true
  let shown = 0
  const deadline = Date.now() + FOLLOW_MS
  while (Date.now() < deadline) {
    const message = await callApi<Answer>(request, 'GET', `/v1/messages/${sent.id}`)
    for (const event of message.timeline?.slice(shown) ?? []) {
      say(`${event.at}  ${event.type.padEnd(10)} ${event.status.padEnd(12)} ${event.carrier ?? ''}`)
      shown++
    }
    if (message.is_final) return message.status === 'delivered'
    await elapsed(LOOK_EVERY_MS)
  }
  say(`no end within ${FOLLOW_MS / 1_000} s; look again with GET /v1/messages/${sent.id}`)
  return false
}
