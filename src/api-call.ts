import { messageOf } from './core/errors.ts'

/** A running gateway, and the key by which it is spoken to. */
export interface ApiAccess {
  readonly url: string
  readonly key: string
}

/** What a gateway has answered; without an answer `code` is `unreachable`. */
export interface ApiProblem {
  /** Set on every problem, and on nothing else. */
  readonly code?: string
  readonly detail?: string
}

/** Calls the HTTP API of a running gateway; a problem is an answer too, and never thrown. */
export async function callApi<Answer extends object>(
  { url, key }: ApiAccess,
  method: string,
  path: string,
  body?: object,
): Promise<Answer & ApiProblem> {
  try {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    return (await response.json()) as Answer & ApiProblem
  } catch (error) {
    const cause = error instanceof Error && error.cause ? messageOf(error.cause) : messageOf(error)
    return {
      code: 'unreachable',
      detail: `no gateway answers at ${url}: ${cause}`,
    } as Answer & ApiProblem
  }
}
