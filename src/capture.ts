import { type ApiAccess, type ApiProblem, callApi, downloadFromApi } from './api-call.ts'

/** How a command speaks to the gateway and to its caller. */
export interface BindCommand extends ApiAccess {
  readonly say: (line: string) => void
  readonly complain: (line: string) => void
}

interface ShownBind {
  readonly id: string | null
  readonly side: string
  readonly name: string | null
  readonly bind: string | null
  readonly system_id: string | null
  readonly state: string
  readonly remote: { readonly address: string; readonly port: number } | null
  readonly end_reason: string | null
  readonly pdus_kept: number
}

/** Prints every connection, a line each; false when that did not work. */
export async function listBinds(command: BindCommand): Promise<boolean> {
  const answer = await callApi<{ binds: ShownBind[] }>(command, 'GET', '/v1/binds')
  if (isProblem(command, answer)) return false
  for (const { id, side, name, bind, system_id, state, remote, ...rest } of answer.binds) {
    const peer = remote ? `${remote.address} ${remote.port}` : '-'
    const columns = [
      (id ?? '-').padEnd(10),
      side.padEnd(7),
      (name ?? system_id ?? '-').padEnd(16),
      (bind ?? '-').padEnd(14),
      (rest.end_reason ?? state).padEnd(15),
      peer.padEnd(24),
      `${rest.pdus_kept} PDUs`,
    ]
    command.say(columns.join('  '))
  }
  return true
}

/** Writes the capture of a connection; false when there is none. */
export async function writeCapture(
  command: BindCommand & { readonly write: (octets: Buffer) => void },
  id: string,
  showTexts: boolean,
): Promise<boolean> {
  const path = `/v1/binds/${encodeURIComponent(id)}/pcap?texts=${showTexts ? 'shown' : 'masked'}`
  const answer = await downloadFromApi(command, path)
  if (!Buffer.isBuffer(answer)) {
    isProblem(command, answer)
    return false
  }
  command.write(answer)
  return true
}

function isProblem({ complain }: BindCommand, answer: ApiProblem): boolean {
  if (answer.code === undefined) return false
  complain(`refused (${answer.code}): ${answer.detail}`)
  return true
}
