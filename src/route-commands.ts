import { readFile } from 'node:fs/promises'
import { type ApiAccess, callApi } from './api-call.ts'
import { readRoutingSection } from './config/written.ts'
import { GatewayError, messageOf } from './core/errors.ts'

/** How a command speaks to the gateway and to its caller. */
export interface RouteCommand extends ApiAccess {
  readonly isJson: boolean
  readonly say: (line: string) => void
  readonly complain: (line: string) => void
}

interface ShownSums {
  readonly cost: string
  readonly margin: string
  readonly expected_deliveries: number
}

interface ShownRehearsal {
  readonly since: string
  readonly until: string
  readonly messages: number
  readonly decisions: number
  readonly same: number
  readonly moved: readonly { readonly from: string; readonly to: string; readonly count: number }[]
  readonly unroutable: number
  readonly skipped: number
  readonly before: ShownSums
  readonly after: ShownSums
}

const HOUR_MS = 3_600_000

/** Prints what the routing of a file would have changed in the last hours; false on a problem. */
export async function rehearseRoutes(
  command: RouteCommand,
  file: string,
  hours: number,
): Promise<boolean> {
  const routing = readRoutingSection(await textOf(file), file)
  const since = new Date(Date.now() - hours * HOUR_MS).toISOString()
  const answer = await callApi<ShownRehearsal>(command, 'POST', '/v1/route/rehearsal', {
    routing,
    since,
  })
  if (answer.code !== undefined) {
    command.complain(answer.detail ?? answer.code)
    return false
  }
  const { say } = command
  if (command.isJson) {
    say(JSON.stringify(answer))
    return true
  }
  say(`${answer.messages} messages since ${answer.since}, ${answer.decisions} decisions`)
  say(`same carrier      ${answer.same}`)
  for (const { from, to, count } of answer.moved) say(`${from} -> ${to}  ${count}`)
  say(`nobody takes it   ${answer.unroutable}`)
  say(`cannot be told    ${answer.skipped}`)
  say(`cost              ${answer.before.cost} -> ${answer.after.cost}`)
  say(`margin            ${answer.before.margin} -> ${answer.after.margin}`)
  const delivered = [answer.before, answer.after].map((sums) => sums.expected_deliveries)
  say(`expected delivery ${delivered.join(' -> ')}`)
  return true
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new GatewayError('file_unreadable', `cannot read ${file}: ${messageOf(cause)}`, { cause })
  }
}
