import type { Context } from 'hono'
import type { AppEnv } from './env.ts'

const MAPPED_V4 = '::ffff:'

/** The address that a request comes from; null: it did not come over a network. */
export function clientAddress(c: Context<AppEnv>): string | null {
  const address = c.env?.incoming?.socket.remoteAddress
  if (address === undefined) return null
  const isMapped = address.startsWith(MAPPED_V4) && address.includes('.')
  return isMapped ? address.slice(MAPPED_V4.length) : address
}
