import type { Context } from 'hono'
import { GatewayError } from '../core/errors.ts'
import type { AppEnv } from './env.ts'

const NO_OCTETS = Buffer.alloc(0)

/**
 * The octets of a body as they were received; the route reads them again as if nobody had. Undefined for a
 * body that breaks off.
 *
 * @throws {GatewayError} `body_too_large`
 */
export async function takeBody(c: Context<AppEnv>, maxOctets: number): Promise<Buffer | undefined> {
  const octets = await readBody(c, maxOctets)
  if (!octets || octets === NO_OCTETS) return octets
  const { url, method, headers } = c.req.raw
  c.req.raw = new Request(url, { method, headers, body: new Uint8Array(octets) })
  return octets
}

/**
 * The octets of a body as they were received, which nobody else reads. Undefined for a body that breaks off.
 *
 * @throws {GatewayError} `body_too_large`
 */
export async function readBody(c: Context<AppEnv>, maxOctets: number): Promise<Buffer | undefined> {
  const { body } = c.req.raw
  if (!body) return NO_OCTETS
  const pieces: Uint8Array[] = []
  let octets = 0
  const reader = body.getReader()
  for (;;) {
    // The client has gone away.
    const piece = await reader.read().catch(() => undefined)
    if (!piece) return undefined
    if (piece.done) return Buffer.concat(pieces)
    octets += piece.value.length
    if (octets > maxOctets) {
      await reader.cancel()
      throw new GatewayError('body_too_large', `the body is over ${maxOctets} octets`)
    }
    pieces.push(piece.value)
  }
}
