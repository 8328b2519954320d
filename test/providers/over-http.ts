import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { HttpRequest, HttpResponse } from '../../src/providers/http-call.ts'
import type { CallbackRequest, Callbacks, ProviderAccount } from '../../src/providers/provider.ts'
import type { ProviderErrorType } from '../../src/providers/provider-error.ts'
import type { RefusalReason, SimulatedReceipt } from '../../src/sandbox/provider-desk.ts'
import { ProviderServer, type ProviderSimulator } from '../../src/sandbox/provider-server.ts'
import { CALL } from './provider-suite.ts'

/** What a refusal of a simulator has to be read as. */
export const TYPE_OF_REASON: Readonly<Record<RefusalReason, ProviderErrorType>> = {
  rate_limit: 'rate_limit',
  auth: 'auth',
  number: 'invalid',
  template: 'invalid',
  balance: 'balance',
  content: 'content_rejected',
  unsubscribed: 'unsubscribed',
  internal: 'provider',
}

/** A simulated provider behind a socket, and the address at which it finds us. */
export interface OverHttp {
  readonly server: ProviderServer
  /** Of the provider, for the setting `endpoint`. */
  readonly endpoint: string
  /** Ours, to which `/delivery` and `/mo` are added. */
  readonly callbackUrl: string
  /** What has come from the provider, oldest first. */
  readonly callbacks: CallbackRequest[]
  /** Says how callbacks are answered; until then with 204. */
  answerAs(callbacks: Callbacks | undefined): void
  close(): Promise<void>
}

/** Starts both sides; the provider's clock stands at the time of {@link CALL}, unless `now` says another one. */
export async function overHttp(
  simulator: ProviderSimulator,
  now: () => Date = () => CALL.now,
): Promise<OverHttp> {
  const server = new ProviderServer(simulator, now)
  const endpoint = await server.start()
  const received: CallbackRequest[] = []
  let told: Callbacks | undefined
  let callbackUrl = ''
  const gateway = createServer(async (incoming, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
    const path = incoming.url ?? ''
    const request: CallbackRequest = {
      method: incoming.method === 'GET' ? 'GET' : 'POST',
      kind: path.startsWith('/callback/mo') ? 'mo' : 'delivery',
      url: new URL(path, callbackUrl).href,
      headers: Object.fromEntries(
        Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
      ),
      body: Buffer.concat(chunks),
    }
    received.push(request)
    const answer = told?.answer(request) ?? { status: 204, contentType: null, body: '' }
    const type = answer.contentType === null ? {} : { 'content-type': answer.contentType }
    response.writeHead(answer.status, type).end(answer.body)
  })
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve))
  callbackUrl = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}/callback`
  return {
    server,
    endpoint,
    callbackUrl,
    callbacks: received,
    answerAs: (callbacks) => {
      told = callbacks
    },
    close: async () => {
      gateway.closeAllConnections()
      await new Promise((resolve) => gateway.close(resolve))
      await server.close()
    },
  }
}

/** Has the provider tell of receipts, and gives how it was answered and what the account makes of its last callback. */
export async function tellReceipts(
  { server, callbackUrl, callbacks }: OverHttp,
  account: ProviderAccount,
  receipts: readonly SimulatedReceipt[],
) {
  const answers = await server.pushReceipts(receipts, `${callbackUrl}/delivery`)
  const request = callbacks.at(-1)
  if (!request) throw new Error('no callback came')
  return { answers, request, reports: await account.callbacks?.read(request) }
}

/** Makes a call as it is written. */
export async function exchange({ method, url, headers, body }: HttpRequest): Promise<HttpResponse> {
  const response = await fetch(url, { method, headers, ...(body === '' ? {} : { body }) })
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: await response.text(),
  }
}
