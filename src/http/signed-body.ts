import type { Context } from 'hono'
import { GatewayError } from '../core/errors.ts'
import type { AppEnv } from './env.ts'

const NO_OCTETS = Buffer.alloc(0)

/**
 * The octets of a body as they were received; the route reads them again as if nobody had.
 *
 * @throws {GatewayError} `body_too_large`
 */
export async function takeBody(c: Context<AppEnv>, maxOctets: number): Promise<Buffer> {
  const { raw } = c.req
  if (!raw.body) return NO_OCTETS
  const octets = await readUpTo(raw.body, maxOctets)
  const { url, method, headers } = raw
  c.req.raw = new Request(url, { method, headers, body: new Uint8Array(octets) })
  return octets
}

async function readUpTo(body: ReadableStream<Uint8Array>, maxOctets: number): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  let octets = 0
  const reader = body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(pieces)
    octets += value.length
    if (octets > maxOctets) {
      await reader.cancel()
      throw new GatewayError('body_too_large', `the body is over ${maxOctets} octets`)
    }
    pieces.push(value)
  }
}
