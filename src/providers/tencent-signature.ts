import { hexHash, hmac } from './digests.ts'

/** A key pair of an account, as its owner has it. */
export interface TencentKey {
  readonly id: string
  readonly secret: string
}

/** A POST request without a query, as its signature covers it. */
export interface Tc3Request {
  /** `sms`; the part of the provider that is called. */
  readonly service: string
  /** Seconds since 1970; the day of the key is its day in UTC. */
  readonly timestamp: number
  /** Names in lower case; all of them are signed. */
  readonly headers: Readonly<Record<string, string>>
  /** Exactly as it is sent. */
  readonly body: string
}

const ALGORITHM = 'TC3-HMAC-SHA256'

/**
 * The value of `authorization` for a request.
 *
 * @see https://cloud.tencent.com/document/api/382/52072
 */
export function tc3Authorization(
  key: TencentKey,
  { service, timestamp, headers, body }: Tc3Request,
): string {
  const names = Object.keys(headers).sort()
  const signedHeaders = names.join(';')
  const canonical = [
    'POST',
    '/',
    '',
    ...names.map((name) => `${name}:${(headers[name] ?? '').trim().toLowerCase()}`),
    '',
    signedHeaders,
    hexHash('sha256', body),
  ].join('\n')
  const day = new Date(timestamp * 1_000).toISOString().slice(0, 10)
  const scope = `${day}/${service}/tc3_request`
  const signed = [ALGORITHM, timestamp, scope, hexHash('sha256', canonical)].join('\n')
  const ofDay = hmac('sha256', `TC3${key.secret}`, day)
  const ofService = hmac('sha256', ofDay, service)
  const signature = hmac('sha256', hmac('sha256', ofService, 'tc3_request'), signed).toString('hex')
  return `${ALGORITHM} Credential=${key.id}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`
}
