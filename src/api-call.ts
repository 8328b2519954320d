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
    if (response.status === 204) return {} as Answer & ApiProblem
    return (await response.json()) as Answer & ApiProblem
  } catch (error) {
    return unreachable(url, error) as Answer & ApiProblem
  }
}

/** How {@link uploadToApi} sends a file. */
export interface Upload {
  /** Default POST. */
  readonly method?: 'POST' | 'PUT'
  readonly headers?: Readonly<Record<string, string>>
}

/** Sends a file to the HTTP API of a running gateway; a problem is an answer too, and never thrown. */
export async function uploadToApi<Answer extends object>(
  { url, key }: ApiAccess,
  path: string,
  file: Blob,
  type: string,
  { method = 'POST', headers = {} }: Upload = {},
): Promise<Answer & ApiProblem> {
  try {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { ...headers, authorization: `Bearer ${key}`, 'content-type': type },
      body: file,
    })
    return (await response.json()) as Answer & ApiProblem
  } catch (error) {
    return unreachable(url, error) as Answer & ApiProblem
  }
}

/** Gets a file from the HTTP API of a running gateway, or the problem that stands in its place. */
export async function downloadFromApi(
  { url, key }: ApiAccess,
  path: string,
): Promise<Buffer | ApiProblem> {
  try {
    const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${key}` } })
    if (!response.ok) return (await response.json()) as ApiProblem
    return Buffer.from(await response.arrayBuffer())
  } catch (error) {
    return unreachable(url, error)
  }
}

function unreachable(url: string, error: unknown): ApiProblem {
  const cause = error instanceof Error && error.cause ? messageOf(error.cause) : messageOf(error)
  return { code: 'unreachable', detail: `no gateway answers at ${url}: ${cause}` }
}
