import { RequestError } from '../smpp/errors.ts'
import type { Session } from '../smpp/session.ts'
import type { CheckOutcome } from './carrier.ts'

/** A bound connection, and what it is called. */
export interface CheckedLink {
  readonly label: string
  readonly session: Pick<Session, 'checkLink'>
}

/**
 * Asks every connection whether the carrier is there. The slowest answer counts, and one that does not come
 * is a failure whatever the others say.
 *
 * A connection that breaks meanwhile says nothing here: its loss is counted as such.
 */
export async function checkLinks(
  links: readonly CheckedLink[],
  timeoutMs: number,
): Promise<CheckOutcome> {
  const answers = await Promise.all(
    links.map(async ({ label, session }) => ({
      label,
      answer: await answerOf(session, timeoutMs),
    })),
  )
  const silent = answers.find(({ answer }) => answer === 'silence')
  if (silent) {
    return { kind: 'no_answer', reason: `no answer to enquire_link on ${silent.label} in time` }
  }
  const times = answers.flatMap(({ answer }) => (typeof answer === 'number' ? [answer] : []))
  if (times.length === 0) return { kind: 'not_asked', reason: 'no bind is up' }
  return { kind: 'answered', latencyMs: Math.max(...times) }
}

/** Milliseconds to the answer. */
async function answerOf(
  session: CheckedLink['session'],
  timeoutMs: number,
): Promise<number | 'silence' | 'gone'> {
  let timer: NodeJS.Timeout | undefined
  const silence = new Promise<'silence'>((resolve) => {
    timer = setTimeout(() => resolve('silence'), timeoutMs)
  })
  try {
    return await Promise.race([session.checkLink(), silence])
  } catch (error) {
    return error instanceof RequestError && error.code === 'response_timeout' ? 'silence' : 'gone'
  } finally {
    clearTimeout(timer)
  }
}
