import { createHash, createHmac } from 'node:crypto'
import type { ProviderDesk } from '../provider-desk.ts'
import type { ApiRequest } from '../provider-server.ts'

/** The account that the simulator knows. */
export interface AliyunSimulatorAccount {
  readonly accessKeyId: string
  readonly accessKeySecret: string
  /** Requests without it are refused where it is set. */
  readonly securityToken?: string
}

type Wrong = readonly [code: string, message: string]

const CLOCK_MS = 15 * 60_000
const VERSION = '2017-05-25'
const AUTHORIZATION =
  /^ACS3-HMAC-SHA256 Credential=(?<id>[^,]+),SignedHeaders=(?<names>[^,]+),Signature=(?<signature>[0-9a-f]{64})$/
const ALWAYS_SIGNED = [
  'host',
  'x-acs-action',
  'x-acs-content-sha256',
  'x-acs-date',
  'x-acs-signature-nonce',
  'x-acs-version',
]

/**
 * What Aliyun's gateway would refuse a request for: its key, its clock, its signature in either form, its nonce.
 *
 * @param parameters - those of query and form
 * @returns undefined for a request that is in order
 */
export function checkAliyunSignature(
  account: AliyunSimulatorAccount,
  request: ApiRequest,
  parameters: ReadonlyMap<string, string>,
  desk: ProviderDesk,
): Wrong | undefined {
  const signed = parameters.has('Signature')
    ? ofParameters(account, request, parameters)
    : ofHeaders(account, request)
  if (!('isGenuine' in signed)) return signed
  const { id, version, date, token, nonce, isGenuine } = signed
  if (id !== account.accessKeyId) {
    return ['InvalidAccessKeyId.NotFound', 'Specified access key is not found.']
  }
  if (version !== VERSION) return ['InvalidVersion', 'Specified parameter Version is not valid.']
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(date)) {
    return ['InvalidTimeStamp.Format', 'Specified time stamp or date value is not well formatted.']
  }
  if (Math.abs(desk.now.getTime() - Date.parse(date)) > CLOCK_MS) {
    return ['InvalidTimeStamp.Expired', 'Specified time stamp or date value is expired.']
  }
  if (!isGenuine) {
    return ['SignatureDoesNotMatch', 'Specified signature is not matched with our calculation.']
  }
  if (account.securityToken !== undefined && token !== account.securityToken) {
    return ['InvalidSecurityToken.MismatchWithAccessKey', 'Specified SecurityToken mismatched.']
  }
  if (nonce === '') return ['MissingSignatureNonce', 'SignatureNonce is mandatory for this action.']
  if (!desk.isFresh(nonce)) {
    return ['SignatureNonceUsed', 'Specified signature nonce was used already.']
  }
  return undefined
}

interface Signed {
  readonly id: string
  readonly version: string
  readonly date: string
  readonly token: string | undefined
  readonly nonce: string
  readonly isGenuine: boolean
}

/** The third version: the list of headers is the client's, as long as it has those that count. */
function ofHeaders(
  { accessKeySecret }: AliyunSimulatorAccount,
  request: ApiRequest,
): Signed | Wrong {
  const { headers, body } = request
  const found = AUTHORIZATION.exec(headers.authorization ?? '')?.groups
  if (!found) return ['MissingAuthorization', 'Authorization is mandatory for this action.']
  const names = (found.names ?? '').split(';')
  const unsigned = ALWAYS_SIGNED.find((name) => !names.includes(name) || !headers[name])
  if (unsigned) return ['IncompleteSignature', `The request does not sign ${unsigned}.`]
  const bodyHash = createHash('sha256').update(body).digest('hex')
  const lines = names.map((name) => `${name}:${(headers[name] ?? '').trim()}\n`).join('')
  const canonical = `${request.method}\n${request.path}\n${sorted(request.query)}\n${lines}\n${found.names}\n${bodyHash}`
  const hash = createHash('sha256').update(canonical).digest('hex')
  const expected = createHmac('sha256', accessKeySecret)
    .update(`ACS3-HMAC-SHA256\n${hash}`)
    .digest('hex')
  return {
    id: found.id ?? '',
    version: headers['x-acs-version'] ?? '',
    date: headers['x-acs-date'] ?? '',
    token: headers['x-acs-security-token'],
    nonce: headers['x-acs-signature-nonce'] ?? '',
    isGenuine: expected === found.signature && headers['x-acs-content-sha256'] === bodyHash,
  }
}

/** The older form, wherever the parameters travel. */
function ofParameters(
  { accessKeySecret }: AliyunSimulatorAccount,
  { method }: ApiRequest,
  parameters: ReadonlyMap<string, string>,
): Signed | Wrong {
  const of = (name: string) => parameters.get(name) ?? ''
  if (of('SignatureMethod') !== 'HMAC-SHA1' || of('SignatureVersion') !== '1.0') {
    return ['InvalidParameter', 'SignatureMethod must be HMAC-SHA1, SignatureVersion 1.0.']
  }
  // Its default is XML, which this one does not speak.
  if (of('Format').toUpperCase() !== 'JSON') return ['InvalidParameter', 'Format must be JSON.']
  const rest = new Map([...parameters].filter(([name]) => name !== 'Signature'))
  const expected = createHmac('sha1', `${accessKeySecret}&`)
    .update(`${method}&${encoded('/')}&${encoded(sorted(rest))}`)
    .digest('base64')
  return {
    id: of('AccessKeyId'),
    version: of('Version'),
    date: of('Timestamp'),
    token: parameters.get('SecurityToken'),
    nonce: of('SignatureNonce'),
    isGenuine: expected === of('Signature'),
  }
}

function sorted(pairs: Iterable<[string, string]>): string {
  const names = new Map(pairs)
  return [...names.keys()]
    .sort()
    .map((name) => `${encoded(name)}=${encoded(names.get(name) ?? '')}`)
    .join('&')
}

function encoded(text: string): string {
  let out = ''
  for (const octet of Buffer.from(text, 'utf8')) {
    const character = String.fromCharCode(octet)
    out += /[A-Za-z0-9\-_.~]/.test(character)
      ? character
      : `%${octet.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return out
}
