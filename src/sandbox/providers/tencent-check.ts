import { createHash, createHmac } from 'node:crypto'
import type { ProviderDesk } from '../provider-desk.ts'
import type { ApiRequest } from '../provider-server.ts'

/** The key that the simulator knows. */
export interface TencentSimulatorKey {
  readonly secretId: string
  readonly secretKey: string
  /** Requests without it are refused where it is set. */
  readonly token?: string
}

type Wrong = readonly [code: string, message: string]

const CLOCK_SECONDS = 300
const VERSION = '2021-01-11'
const AUTHORIZATION =
  /^TC3-HMAC-SHA256 Credential=(?<id>[^/,]+)\/(?<day>\d{4}-\d\d-\d\d)\/(?<service>\w+)\/tc3_request, ?SignedHeaders=(?<names>[a-z0-9;-]+), ?Signature=(?<signature>[0-9a-f]{64})$/

/** What Tencent would refuse a request for before it reads it; undefined for one that is in order. */
export function checkTencentSignature(
  key: TencentSimulatorKey,
  request: ApiRequest,
  desk: ProviderDesk,
): Wrong | undefined {
  const { headers } = request
  for (const name of ['x-tc-action', 'x-tc-version', 'x-tc-timestamp', 'x-tc-region']) {
    if (!headers[name]) return ['MissingParameter', `The request lacks the header ${name}.`]
  }
  if (headers['x-tc-version'] !== VERSION) {
    return ['NoSuchVersion', `The version ${headers['x-tc-version']} does not exist.`]
  }
  const found = AUTHORIZATION.exec(headers.authorization ?? '')?.groups
  if (!found) return ['AuthFailure.InvalidAuthorization', 'The Authorization is malformed.']
  const { id = '', day = '', service = '', names = '', signature = '' } = found
  if (id !== key.secretId) return ['AuthFailure.SecretIdNotFound', 'The SecretId is not found.']
  const timestamp = Number(headers['x-tc-timestamp'])
  if (!(Math.abs(desk.now.getTime() / 1_000 - timestamp) <= CLOCK_SECONDS)) {
    return ['AuthFailure.SignatureExpire', 'The signature is expired: check the local time.']
  }
  const host = headers.host ?? ''
  const bareHost = host.replace(/:\d+$/, '')
  // The official library takes the first label of whatever host it is given for the service, and signs no port.
  const isGenuine =
    day === new Date(timestamp * 1_000).toISOString().slice(0, 10) &&
    (service === 'sms' || service === host.split(/[.:]/)[0]) &&
    ['content-type', 'host'].every((name) => names.split(';').includes(name)) &&
    [host, bareHost].some((each) => {
      const signed = { ...request, headers: { ...headers, host: each } }
      return signature === signatureOf(key.secretKey, signed, { day, service, names, timestamp })
    })
  if (!isGenuine) {
    return ['AuthFailure.SignatureFailure', 'The provided credentials could not be validated.']
  }
  if (key.token !== undefined && headers['x-tc-token'] !== key.token) {
    return ['AuthFailure.TokenFailure', 'The token is invalid.']
  }
  return undefined
}

interface Scope {
  readonly day: string
  readonly service: string
  readonly names: string
  readonly timestamp: number
}

function signatureOf(
  secretKey: string,
  { method, path, rawQuery, headers, body }: ApiRequest,
  { day, service, names, timestamp }: Scope,
): string {
  let canonical = `${method}\n${path}\n${rawQuery}\n`
  for (const name of names.split(';')) {
    canonical += `${name}:${(headers[name] ?? '').trim().toLowerCase()}\n`
  }
  canonical += `\n${names}\n${createHash('sha256').update(body).digest('hex')}`
  const hash = createHash('sha256').update(canonical).digest('hex')
  const keyOfDay = createHmac('sha256', `TC3${secretKey}`).update(day).digest()
  const keyOfService = createHmac('sha256', keyOfDay).update(service).digest()
  const keyOfRequest = createHmac('sha256', keyOfService).update('tc3_request').digest()
  return createHmac('sha256', keyOfRequest)
    .update(`TC3-HMAC-SHA256\n${timestamp}\n${day}/${service}/tc3_request\n${hash}`)
    .digest('hex')
}
