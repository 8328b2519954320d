import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { CallbackRequest, Callbacks, ProviderReports } from '../../src/providers/provider.ts'

/** A server that has an account check, read and answer what its provider pushes. */
export interface CallbackCatcher {
  /** What providers are told; `/mo` at its end stands for messages of handsets. */
  readonly url: string
  /** What was read so far, oldest first. */
  readonly reports: ProviderReports[]
  close(): Promise<void>
}

/** Listens on loopback; what is not genuine gets 403. */
export async function catchCallbacks(callbacks: Callbacks | undefined): Promise<CallbackCatcher> {
  if (!callbacks) throw new Error('the account has no callbacks')
  const reports: ProviderReports[] = []
  let base = ''
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
    const path = incoming.url ?? '/'
    const request: CallbackRequest = {
      method: incoming.method === 'GET' ? 'GET' : 'POST',
      kind: /\/mo(\?|$)/.test(path) ? 'mo' : 'delivery',
      url: base + path,
      headers: Object.fromEntries(Object.entries(incoming.headers).map(([k, v]) => [k, String(v)])),
      body: Buffer.concat(chunks),
    }
    if (callbacks.check?.(request).isGenuine === false) {
      response.writeHead(403).end()
      return
    }
    reports.push(await callbacks.read(request))
    const { status, contentType, body } = callbacks.answer(request)
    response.writeHead(status, contentType === null ? {} : { 'content-type': contentType })
    response.end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: base,
    reports,
    close: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
