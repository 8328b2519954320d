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
  if (!octets?.length) return octets
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
  const { method, raw } = c.req
  if (method === 'GET') return NO_OCTETS
  const length = c.req.header('content-length')
  if (length === undefined || c.req.header('transfer-encoding') !== undefined) {
    return readPieces(raw.body, maxOctets)
  }
  // Node's HTTP parser gives no more octets than that: they need no web stream to be counted by, which costs much.
  if (Number(length) > maxOctets) throw tooLarge(maxOctets)
  const octets = await raw.arrayBuffer().catch(() => undefined)
  return octets && Buffer.from(octets)
}

async function readPieces(
  body: ReadableStream<Uint8Array> | null,
  maxOctets: number,
): Promise<Buffer | undefined> {
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
      throw tooLarge(maxOctets)
    }
    pieces.push(piece.value)
  }
}

function tooLarge(maxOctets: number): GatewayError {
  return new GatewayError('body_too_large', `the body is over ${maxOctets} octets`)
}
