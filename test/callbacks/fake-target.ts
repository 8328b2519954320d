import type { CallbackTarget } from '../../src/callbacks/callback-target.ts'
import { callbackObjects, callbackQuery } from '../../src/providers/callback-body.ts'
import {
  type CallbackRequest,
  type Callbacks,
  type ProviderReceipt,
  type ProviderReports,
  UnreadableCallbackError,
} from '../../src/providers/provider.ts'

/** A provider that signs nothing: JSON in the body, or one id in the query. */
export const UNSIGNED: Callbacks = {
  read: (request) => {
    const ids =
      request.method === 'GET'
        ? callbackQuery(request).getAll('id')
        : callbackObjects(request).map(({ id }) => String(id))
    if (ids.includes('')) throw new UnreadableCallbackError('a receipt has no "id"')
    return request.kind === 'mo'
      ? { receipts: [], inbound: ids.map(inbound) }
      : { receipts: ids.map(receipt), inbound: [] }
  },
  answer: () => ({ status: 200, contentType: 'application/json', body: '{"code":0}' }),
}

/** One that says with `x-sign` that it is genuine, with time and nonce. */
export const SIGNED: Callbacks = {
  ...UNSIGNED,
  maxAgeSeconds: 300,
  check: ({ headers }) => {
    const { 'x-sign': sign, 'x-at': at, 'x-nonce': nonce } = headers
    if (sign === 'broken') throw new TypeError('no signature at all')
    if (sign !== 'good') return { isGenuine: false, reason: 'x-sign is of another request' }
    return {
      isGenuine: true,
      signedAt: at === undefined ? null : new Date(at),
      nonce: nonce ?? null,
    }
  },
}

function receipt(id: string): ProviderReceipt {
  const none = { failure: null, text: '', at: null, to: null }
  return { providerId: id, matchKey: id, status: 'delivered', code: 'DELIVRD', ...none }
}

function inbound(id: string) {
  return { id, from: '+447700900123', to: '12345', text: 'Hi', at: null }
}

/** A carrier that keeps what its callbacks say. */
export class FakeTarget implements CallbackTarget {
  readonly callbacks: Callbacks | undefined
  readonly secret: string | undefined
  readonly addresses: readonly string[]
  /** Ids of all that was taken, in order. */
  readonly taken: string[] = []
  /** Awaited before anything is taken. */
  gate: () => Promise<void> = () => Promise.resolve()
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = []

  constructor(
    callbacks: Callbacks | undefined,
    { secret, addresses = [] }: { secret?: string; addresses?: readonly string[] } = {},
  ) {
    this.callbacks = callbacks
    this.secret = secret
    this.addresses = addresses
  }

  async take({ receipts, inbound }: ProviderReports): Promise<void> {
    await this.gate()
    this.taken.push(...receipts.map(({ providerId }) => providerId))
    this.taken.push(...inbound.map(({ id }) => `mo ${id}`))
    for (const { count, resolve } of this.#waiting) if (this.taken.length >= count) resolve()
  }

  /** Resolves when so many are taken, all together. */
  has(count: number): Promise<void> {
    if (this.taken.length >= count) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ count, resolve }))
  }
}

/** A callback of a provider that signs nothing. */
export function delivery(...ids: readonly string[]): CallbackRequest {
  return {
    method: 'POST',
    kind: 'delivery',
    url: 'https://sms.example.com/callback/provider/main/s3cret/delivery',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(ids.map((id) => ({ id })))),
  }
}
