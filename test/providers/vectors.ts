import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CallbackRequest } from '../../src/providers/provider.ts'

const FOLDER = join(import.meta.dirname, '..', 'fixtures', 'providers')

/** A computed signature with its inputs; `input.scheme` names the algorithm. */
export interface ProviderVector {
  readonly provider: string
  readonly name: string
  // biome-ignore lint/suspicious/noExplicitAny: every scheme has inputs of its own
  readonly input: any
  // biome-ignore lint/suspicious/noExplicitAny: and results
  readonly expected: any
}

/** A callback as the provider sends it, what it says, and what it is answered with. */
export interface CallbackSample {
  readonly provider: string
  readonly name: string
  readonly kind: 'dlr' | 'mo' | 'verify'
  readonly request: {
    readonly method: 'GET' | 'POST'
    readonly url?: string
    readonly query?: string
    readonly contentType?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
  }
  readonly expected: readonly Readonly<Record<string, unknown>>[]
  readonly ack: {
    readonly status: number
    readonly contentType: string | null
    readonly body: string
  }
}

/** A row of a provider's error table. */
export interface ErrorSample {
  readonly type: string
  readonly retryable: boolean
  readonly meaning: string
}

function read<T>(file: string): T {
  return JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as T
}

const vectors = read<ProviderVector[]>('vectors.json')
const callbacks = read<CallbackSample[]>('callbacks.json')
const errors = read<Record<string, Record<string, ErrorSample>>>('errors.json')

/** The vectors of one provider, of those schemes only where some are given. */
export function vectorsOf(provider: string, ...schemes: string[]): ProviderVector[] {
  return vectors.filter(
    (vector) =>
      vector.provider === provider &&
      (schemes.length === 0 || schemes.includes(vector.input.scheme as string)),
  )
}

/** The callback samples of one provider. */
export function callbacksOf(provider: string): CallbackSample[] {
  return callbacks.filter((sample) => sample.provider === provider)
}

/** The error table of one provider, by code. */
export function errorsOf(provider: string): [string, ErrorSample][] {
  return Object.entries(errors[provider] ?? {})
}

/** All that the fixtures name, so that nothing is left out. */
export const FIXTURE_PROVIDERS = [...new Set(vectors.map(({ provider }) => provider))]

/** A sample as the gateway hands it to a provider. */
export function requestOf({ kind, request }: CallbackSample): CallbackRequest {
  const { method, url, query, contentType, headers = {}, body = '' } = request
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
  return {
    method,
    kind: kind === 'mo' ? 'mo' : 'delivery',
    url: url ?? `https://gateway.example/callback${query === undefined ? '' : `?${query}`}`,
    headers: {
      ...Object.fromEntries(lower),
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
    },
    body: Buffer.from(body, 'utf8'),
  }
}
