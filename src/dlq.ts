import { type ApiAccess, type ApiProblem, callApi } from './api-call.ts'

/** Which dead letters are meant. */
export interface DeadLetterChoice {
  readonly reason?: string | undefined
  readonly error?: string | undefined
  readonly to?: string | undefined
  readonly carrier?: string | undefined
  /** RFC 3339. */
  readonly since?: string | undefined
}

/** How a command speaks to the gateway and to its caller. */
export interface DeadLetterCommand extends ApiAccess {
  /** Answers go out as JSON, one document. */
  readonly isJson: boolean
  readonly say: (line: string) => void
  readonly complain: (line: string) => void
}

interface Letter {
  readonly id: string
  readonly dead_letter: string
  readonly to: string
  readonly from: string
  readonly carrier: string | null
  readonly final_at: string
  readonly error: { readonly code: string; readonly detail: string | null } | null
}

interface LetterWithTimeline extends Letter {
  readonly segments: number
  readonly text: string
  readonly timeline: readonly {
    readonly at: string
    readonly type: string
    readonly status: string
    readonly carrier: string | null
    readonly code: string | null
    readonly detail: unknown
  }[]
}

interface Replays {
  readonly replayed: number
  readonly failed: number
  readonly results: readonly {
    readonly id: string
    readonly replayed_as?: string
    readonly error?: Required<ApiProblem>
  }[]
}

/** Letters in one answer, and in one replay. */
const PAGE = 500

/** Prints the dead letters, newest first and `limit` at most; false when that did not work. */
export async function listDeadLetters(
  command: DeadLetterCommand,
  choice: DeadLetterChoice,
  limit: number,
): Promise<boolean> {
  const letters = await fetchLetters(command, choice, limit)
  if (!letters) return false
  const { say, isJson } = command
  if (isJson) {
    say(JSON.stringify({ dead_letters: letters }))
    return true
  }
  if (letters.length === 0) say('no dead letters')
  for (const { id, final_at: at, dead_letter: reason, to, carrier, error } of letters) {
    const code = error?.code ?? '-'
    const columns = [id, at, reason.padEnd(10), code.padEnd(22), to.padEnd(16), carrier ?? '-']
    say(`${columns.join('  ')}  ${error?.detail ?? ''}`.trimEnd())
  }
  return true
}

/** Prints one dead letter with its timeline; false when that did not work. */
export async function showDeadLetter(command: DeadLetterCommand, id: string): Promise<boolean> {
  const { say, isJson } = command
  const path = `/v1/dead-letters/${encodeURIComponent(id)}`
  const letter = await callApi<LetterWithTimeline>(command, 'GET', path)
  if (isProblem(command, letter)) return false
  if (isJson) {
    say(JSON.stringify(letter))
    return true
  }
  say(`id        ${letter.id}`)
  say(`reason    ${letter.dead_letter}`)
  say(`error     ${letter.error?.code ?? '-'}: ${letter.error?.detail ?? '-'}`)
  say(`to, from  ${letter.to}, ${letter.from}`)
  say(`carrier   ${letter.carrier ?? '-'}`)
  say(`text      ${letter.text} (segments: ${letter.segments})`)
  for (const { at, type, status, carrier, code } of letter.timeline) {
    say(`${at}  ${type.padEnd(11)} ${status.padEnd(12)} ${carrier ?? ''} ${code ?? ''}`.trimEnd())
  }
  return true
}

/** Sends dead letters again; false when one of them could not be. */
export async function replayDeadLetters(
  command: DeadLetterCommand,
  which: { readonly ids: readonly string[] } | { readonly all: DeadLetterChoice; limit: number },
): Promise<boolean> {
  const { say, complain, isJson } = command
  const found =
    'ids' in which
      ? which.ids
      : (await fetchLetters(command, which.all, which.limit))?.map(({ id }) => id)
  if (!found) return false
  const ids = [...new Set(found)]
  const results: Replays['results'][number][] = []
  for (let start = 0; start < ids.length; start += PAGE) {
    const answer = await callApi<Replays>(command, 'POST', '/v1/dead-letters/replay', {
      ids: ids.slice(start, start + PAGE),
    })
    if (isProblem(command, answer)) {
      if (results.length > 0) complain(`${results.length} of ${ids.length} were dealt with before`)
      return false
    }
    results.push(...answer.results)
    if (isJson) continue
    for (const { id, replayed_as: next, error } of answer.results) {
      if (error) complain(`${id}  not sent again (${error.code}): ${error.detail}`)
      else say(`${id}  sent again as ${next}`)
    }
  }
  const failed = results.filter(({ error }) => error).length
  const replayed = results.length - failed
  if (isJson) say(JSON.stringify({ replayed, failed, results }))
  else say(`${replayed} sent again, ${failed} not`)
  return failed === 0
}

async function fetchLetters(
  command: DeadLetterCommand,
  choice: DeadLetterChoice,
  limit: number,
): Promise<Letter[] | undefined> {
  const letters: Letter[] = []
  let cursor: string | null = null
  do {
    const query = new URLSearchParams({ limit: String(Math.min(PAGE, limit - letters.length)) })
    for (const [name, value] of Object.entries(choice)) if (value) query.set(name, value)
    if (cursor !== null) query.set('cursor', cursor)
    const page: { dead_letters: Letter[]; next_cursor: string | null } & ApiProblem = await callApi(
      command,
      'GET',
      `/v1/dead-letters?${query}`,
    )
    if (isProblem(command, page)) return undefined
    letters.push(...page.dead_letters)
    cursor = page.next_cursor
  } while (cursor !== null && letters.length < limit)
  return letters
}

function isProblem({ complain }: DeadLetterCommand, answer: ApiProblem): boolean {
  if (answer.code === undefined) return false
  complain(`refused (${answer.code}): ${answer.detail}`)
  return true
}
