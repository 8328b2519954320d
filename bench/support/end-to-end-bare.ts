/**
 * What the REST rows of the end-to-end benchmark are compared with: a server on the same framework
 * that reads the same body and answers 202 without judging or storing anything.
 */
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { answerCommands } from './child.ts'

/** What the benchmark tells the bare server. */
export interface BareCommand {
  readonly type: 'listen'
}

/** What the bare server answers. */
export interface BareReport {
  readonly type: 'listening'
  readonly port: number
}

interface Body {
  readonly to: string | readonly string[]
  readonly from: string
}

function listen(): Promise<BareReport> {
  let accepted = 0
  const answerTo = (to: string, from: string) => ({
    id: String(++accepted),
    status: 'accepted',
    to,
    from,
    created_at: new Date().toISOString(),
  })
  const app = new Hono()
  app.post('/v1/messages', async (c) => {
    const { to, from } = await c.req.json<Body>()
    return typeof to === 'string'
      ? c.json(answerTo(to, from), 202)
      : c.json({ messages: to.map((one) => answerTo(one, from)) }, 202)
  })
  const server = createAdaptorServer({ fetch: app.fetch })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve({ type: 'listening', port: (server.address() as AddressInfo).port })
    })
  })
}

answerCommands<BareCommand, BareReport>(listen)
