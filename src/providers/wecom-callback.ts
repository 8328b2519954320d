import { createDecipheriv } from 'node:crypto'
import { callbackQuery } from './callback-body.ts'
import { hexHash, isSame } from './digests.ts'
import { readFlatXml } from './flat-xml.ts'
import {
  type CallbackCheck,
  type CallbackRequest,
  type Callbacks,
  type ProviderInbound,
  UnreadableCallbackError,
} from './provider.ts'

const RANDOM_OCTETS = 16
const LENGTH_OCTETS = 4
/** PKCS#7 padding, but to this many octets instead of the cipher's 16. */
const PADDED_TO = 32

/** Not every type is flat XML: those that are of no interest are not read. */
const TEXT_MESSAGE = /<MsgType>\s*(?:<!\[CDATA\[)?text\b/
const MESSAGE_ID = /<MsgId>(\d{1,20})<\/MsgId>/

/** What callbacks of one application are checked and read with. */
export interface WecomCallbackKeys {
  readonly token: string
  /** 43 characters, Base64 without its `=`. */
  readonly encodingAesKey: string
  readonly corpId: string
}

/** The parameter `msg_signature` of a callback. */
export function wecomCallbackSignature(
  token: string,
  timestamp: string,
  nonce: string,
  encrypted: string,
): string {
  return hexHash('sha1', [token, timestamp, nonce, encrypted].sort().join(''))
}

/**
 * What an encrypted text says.
 *
 * @throws {UnreadableCallbackError} where it was not encrypted with this key, or for another company
 */
export function decryptWecom(
  encrypted: string,
  { encodingAesKey, corpId }: Pick<WecomCallbackKeys, 'encodingAesKey' | 'corpId'>,
): string {
  const key = Buffer.from(`${encodingAesKey}=`, 'base64')
  const plain = unpadded(deciphered(key, encrypted))
  const start = RANDOM_OCTETS + LENGTH_OCTETS
  const end = plain.length < start ? -1 : start + plain.readUInt32BE(RANDOM_OCTETS)
  if (end < 0 || end > plain.length) {
    throw new UnreadableCallbackError('its encrypted text has another length than it says')
  }
  const receiver = plain.toString('utf8', end)
  if (receiver !== corpId) throw new UnreadableCallbackError(`it is for ${receiver}`)
  return plain.toString('utf8', start, end)
}

function deciphered(key: Buffer, encrypted: string): Buffer {
  try {
    const decipher = createDecipheriv('aes-256-cbc', key, key.subarray(0, RANDOM_OCTETS))
    decipher.setAutoPadding(false)
    return Buffer.concat([decipher.update(encrypted, 'base64'), decipher.final()])
  } catch (cause) {
    throw new UnreadableCallbackError('its encrypted text cannot be decrypted', { cause })
  }
}

function unpadded(plain: Buffer): Buffer {
  const count = plain.at(-1) ?? 0
  if (count < 1 || count > PADDED_TO || count > plain.length) {
    throw new UnreadableCallbackError('its encrypted text has no padding')
  }
  return plain.subarray(0, plain.length - count)
}

/**
 * Callbacks of an application: WeCom checks the address by a GET before it takes an application's list of trusted
 * addresses, and posts what members write to the application. Pictures, voices, places and events are acknowledged, and
 * say nothing of messages.
 *
 * @see https://developer.work.weixin.qq.com/document/path/96467
 */
export function wecomCallbacks(keys: WecomCallbackKeys): Callbacks {
  return {
    check: (request) => checkSignature(keys, request),
    read: (request) => {
      const said = decryptWecom(encryptedOf(request), keys)
      const isMessage = request.method === 'POST' && TEXT_MESSAGE.test(said)
      return { receipts: [], inbound: isMessage ? [inboundOf(said)] : [] }
    },
    answer: (request) => ({
      status: 200,
      contentType: 'text/plain',
      body: request.method === 'GET' ? decryptWecom(encryptedOf(request), keys) : '',
    }),
  }
}

function checkSignature(keys: WecomCallbackKeys, request: CallbackRequest): CallbackCheck {
  const query = callbackQuery(request)
  const signature = query.get('msg_signature')
  const timestamp = query.get('timestamp')
  const nonce = query.get('nonce')
  if (signature === null || timestamp === null || nonce === null) {
    return { isGenuine: false, reason: 'no msg_signature, timestamp or nonce' }
  }
  const encrypted = encryptedOf(request)
  if (!isSame(signature, wecomCallbackSignature(keys.token, timestamp, nonce, encrypted))) {
    return { isGenuine: false, reason: 'msg_signature is of another text or token' }
  }
  const seconds = Number(timestamp)
  const signedAt = Number.isSafeInteger(seconds) ? new Date(seconds * 1_000) : null
  // What is not answered in five seconds comes three times more; a message is told by its id then, and not by the nonce.
  const id = request.method === 'POST' ? MESSAGE_ID.exec(decryptWecom(encrypted, keys))?.[1] : null
  return { isGenuine: true, signedAt, nonce: id ?? null }
}

function inboundOf(said: string): ProviderInbound {
  const { fields } = readFlatXml(said)
  const field = (name: string) => fields.get(name) ?? ''
  const from = field('FromUserName')
  if (from === '') throw new UnreadableCallbackError('a message without "FromUserName"')
  const seconds = Number(field('CreateTime'))
  return {
    id: field('MsgId') || null,
    from,
    to: field('AgentID'),
    text: field('Content'),
    at: seconds > 0 ? new Date(seconds * 1_000) : null,
  }
}

function encryptedOf(request: CallbackRequest): string {
  if (request.method === 'GET') return callbackQuery(request).get('echostr') ?? ''
  return readFlatXml(request.body.toString('utf8')).fields.get('Encrypt') ?? ''
}
