import { createSecretKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  fullContent,
  isSignedBy,
  readSignature,
  shortContent,
} from '../../src/accounts/request-signature.ts'
import { signedHeaders } from '../support/signing.ts'

const PAGE = readFileSync(new URL('../../docs/api-keys.md', import.meta.url), 'utf8')

/** What the vector of the documentation says of something. */
function documented(what: string): string {
  const line = PAGE.split('\n').findLast((each) => each.startsWith(`| ${what} | `))
  return /\| `([^`]+)` \|$/.exec(line ?? '')?.[1] ?? ''
}

const secret = createSecretKey(Buffer.from(documented('secret'), 'utf8'))
const timestamp = documented('`X-Timestamp`')
const nonce = documented('`X-Nonce`')
const body = documented('body')
const [method = '', target = ''] = documented('request').split(' ')
const request = { method, target, body: Buffer.from(body, 'utf8') }

test.each(['`X-Signature`', 'the same in base64'])(
  'the documented vector is what is signed: %s',
  (form) => {
    const content = fullContent(request, timestamp, nonce)
    expect(content).toBe(
      `POST\n/v1/messages?dry_run=1\n1773482400\n${nonce}\n${documented('SHA-256 of the body')}`,
    )
    const signature = readSignature({ timestamp, nonce, signature: documented(form) })
    expect(signature).toMatchObject({ timestamp, nonce, atMs: 1_773_482_400_000 })
    expect(signature && isSignedBy([secret], content, signature)).toBe(true)
    const others = [createSecretKey(Buffer.from('another')), secret]
    expect(signature && isSignedBy(others, content, signature)).toBe(true)
    expect(signature && isSignedBy(others.slice(0, 1), content, signature)).toBe(false)
  },
)

test('the documented vector of the short form is what is signed', () => {
  const content = shortContent(documented('`X-App-Key`'), timestamp)
  const signature = readSignature({
    timestamp,
    nonce: undefined,
    signature: documented('`X-Signature`, short form'),
  })
  expect(signature && isSignedBy([secret], content, signature)).toBe(true)
})

test('the tests sign as the documentation says', () => {
  const key = { id: documented('`X-App-Key`'), secret: documented('secret') }
  const headers = signedHeaders(key, { method, path: target, body, timestamp, nonce })
  expect(headers['x-signature']).toBe(documented('`X-Signature`'))
})
