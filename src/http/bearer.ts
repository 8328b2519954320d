import type { Context } from 'hono'

const BEARER = /^Bearer +(\S+)$/i

/** The API key or token in the header `Authorization`; undefined: there is none of that form. */
export function bearerOf(c: Context): string | undefined {
  const header = c.req.header('authorization')
  return header === undefined ? undefined : BEARER.exec(header)?.[1]
}
