import { messageOf } from './core/errors.ts'

/** How long a message is followed, and how often it is looked at, in milliseconds. */
const FOLLOW_MS = 30_000
const LOOK_EVERY_MS = 250

/** What `linehaul send` is asked for. */
export interface SendRequest {
  readonly url: string
  readonly key: string
  readonly body: { to: string; from: string; text: string; dry_run: boolean }
  readonly say: (line: string) => void
}

interface Answer {
  readonly id?: string
  readonly status?: string | number
  readonly is_final?: boolean
  readonly detail?: string
  readonly code?: string
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
  const sent = await call(request, 'POST', '/v1/messages', body)
  if (sent.code !== undefined) {
    say(`refused (${sent.code}): ${sent.detail}`)
    return false
  }
  say(JSON.stringify(sent))
  if (body.dry_run) return true
  let shown = 0
  const deadline = Date.now() + FOLLOW_MS
  while (Date.now() < deadline) {
    const message = await call(request, 'GET', `/v1/messages/${sent.id}`)
    for (const event of message.timeline?.slice(shown) ?? []) {
      say(`${event.at}  ${event.type.padEnd(10)} ${event.status.padEnd(12)} ${event.carrier ?? ''}`)
      shown++
    }
    if (message.is_final) return message.status === 'delivered'
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
  say(`no end within ${FOLLOW_MS / 1_000} s; look again with GET /v1/messages/${sent.id}`)
  return false
}

async function call(
  { url, key }: SendRequest,
  method: string,
  path: string,
  body?: object,
): Promise<Answer> {
  let response: Response
  try {
    response = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
  } catch (error) {
    const cause = error instanceof Error && error.cause ? messageOf(error.cause) : messageOf(error)
    return { code: 'unreachable', detail: `no gateway answers at ${url}: ${cause}` }
  }
  return (await response.json()) as Answer
}
