import type { Context } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import type { Caller } from '../accounts/caller.ts'
import { type Sessions, TOKEN_PREFIX } from '../accounts/sessions.ts'
import { GatewayError } from '../core/errors.ts'
import { bearerOf } from './bearer.ts'
import type { AppEnv } from './env.ts'

const COOKIE = 'linehaul_session'

const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i

/**
 * Who has signed in and calls, by a token or by the cookie; undefined where the request has neither.
 *
 * @throws {GatewayError} `unauthorized` for a session that has ended; `cross_site`
 */
export function signedInCaller(c: Context<AppEnv>, sessions: Sessions): Caller | undefined {
  const header = c.req.header('authorization')
  const token = header === undefined ? getCookie(c, COOKIE) : bearerOf(c)
  if (!token?.startsWith(TOKEN_PREFIX)) return undefined
  const caller = sessions.callerOf(token)
  if (!caller) throw new GatewayError('unauthorized', 'this session has ended: sign in again')
  // Browsers send cookies along with requests that other sites make.
  if (header === undefined && !READING.has(c.req.method)) checkSite(c)
  c.set('caller', caller)
  return caller
}

/** Gives the browser a cookie with the token, which no script can read. */
export function setSessionCookie(c: Context<AppEnv>, token: string, expires: Date): void {
  setCookie(c, COOKIE, token, { ...cookieTerms(c), expires })
}

/** Takes the cookie back. */
export function dropSessionCookie(c: Context<AppEnv>): void {
  if (getCookie(c, COOKIE) !== undefined) deleteCookie(c, COOKIE, cookieTerms(c))
}

/** TLS ends before us, so that only the name by which we are called tells that there is none. */
function cookieTerms(c: Context<AppEnv>) {
  const isLocal = LOOPBACK.test(new URL(c.req.url).hostname)
  return { httpOnly: true, sameSite: 'Strict', secure: !isLocal, path: '/' } as const
}

/**
 * Refuses a request that a page of another site has had a browser make.
 *
 * @see Fetch Metadata Request Headers, and OWASP's cheat sheet on cross-site request forgery
 */
function checkSite(c: Context<AppEnv>): void {
  const site = c.req.header('sec-fetch-site')
  const origin = c.req.header('origin')
  const isOwn =
    site === undefined
      ? origin !== undefined && hostOf(origin) === c.req.header('host')
      : site === 'same-origin'
  if (isOwn) return
  throw new GatewayError(
    'cross_site',
    'with the cookie, changes are taken only from pages of this host: send Origin or Sec-Fetch-Site, or the token itself',
  )
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined
}
