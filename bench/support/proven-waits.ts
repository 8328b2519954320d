import type { Arrival } from './end-to-end-carrier.ts'
import type { GatewayProcess } from './end-to-end-gateway.ts'

/** A message of a round as the gateway has stored it. */
export interface StoredMessage {
  readonly id: string
  readonly to_number: string
  readonly body: string
  readonly status: string
  readonly created_ms: number
}

/** Every message whose text says that it is of this round. */
export async function storedMessages(
  { sql }: Pick<GatewayProcess, 'sql'>,
  round: string,
): Promise<readonly StoredMessage[]> {
  return sql<StoredMessage[]>`
    select id, to_number, body, status, extract(epoch from created_at)::float8 * 1000 as created_ms
    from messages where body like ${`Round ${round} call %`}`
}

/**
 * Milliseconds from accept to submit of each message, in order of time taken.
 *
 * @throws {Error} when one was lost, doubled or not delivered
 */
export function provenWaits(
  round: string,
  expected: number,
  rows: readonly StoredMessage[],
  arrivals: readonly Arrival[],
): number[] {
  const mistakes: string[] = []
  if (rows.length !== expected) mistakes.push(`${expected} accepted, ${rows.length} stored`)
  const arrivedAt = new Map(arrivals)
  if (arrivals.length !== arrivedAt.size) {
    mistakes.push(`${arrivals.length - arrivedAt.size} submitted more than once`)
  }
  const lost = rows.filter((row) => !arrivedAt.has(keyOf(row)))
  if (lost.length > 0) mistakes.push(`${lost.length} never submitted, one is ${lost[0]?.id}`)
  if (arrivedAt.size > rows.length) mistakes.push('the carrier got messages nobody sent')
  const open = rows.filter(({ status }) => status !== 'delivered')
  if (open.length > 0) {
    mistakes.push(`${open.length} not delivered, one is ${open[0]?.id}: ${open[0]?.status}`)
  }
  if (mistakes.length > 0) throw new Error(`round ${round}: ${mistakes.join('; ')}`)
  return rows
    .map((row) => (arrivedAt.get(keyOf(row)) ?? Number.NaN) - row.created_ms)
    .sort((a, b) => a - b)
}

function keyOf({ to_number, body }: StoredMessage): string {
  return `${to_number.slice(1)} ${body}`
}

/** The figure that such a share of them does not exceed. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
