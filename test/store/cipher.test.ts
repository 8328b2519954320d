import { createHmac, randomBytes, webcrypto } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/core/errors.ts'
import {
  type CipherKey,
  createCipher,
  NO_CIPHER,
  needsResealing,
  type SealContext,
} from '../../src/store/cipher.ts'

const ONE: CipherKey = { id: 'k1', key: Buffer.alloc(32, 1) }
const TWO: CipherKey = { id: 'k2', key: Buffer.alloc(32, 2) }
const PLACE: SealContext = { tenantId: 'tenant', column: 'body', rowId: 'row' }

const first = createCipher([ONE], 'k1')
const rotated = createCipher([ONE, TWO], 'k2')
const reading = createCipher([ONE], undefined)

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof GatewayError) return error.code
    throw error
  }
  return 'none'
}

/** Opens a stored form with the Web Cryptography API and nothing of ours. */
async function openByWebCrypto(stored: string, { key }: CipherKey, bound: string) {
  const octets = Buffer.from(stored.split(':')[3] as string, 'base64url')
  const imported = await webcrypto.subtle.importKey('raw', key, 'AES-GCM', false, ['decrypt'])
  const parameters = {
    name: 'AES-GCM',
    iv: octets.subarray(0, 12),
    additionalData: Buffer.from(bound),
    tagLength: 128,
  }
  const plain = await webcrypto.subtle.decrypt(parameters, imported, octets.subarray(12))
  return Buffer.from(plain).toString('utf8')
}

describe('a sealed value', () => {
  it('opens to the same text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 500 }), (text) => {
        const sealed = first.seal(text, PLACE)
        expect(sealed).toMatch(/^enc:v1:k1:[A-Za-z0-9_-]+$/)
        expect(first.open(sealed, PLACE)).toBe(text)
      }),
    )
  })

  it('is AES-256-GCM over UTF-8, bound to its place, as another implementation reads it', async () => {
    for (const text of ['', 'Hello', 'héllo 👋', 'x'.repeat(5000)]) {
      const sealed = first.seal(text, PLACE)
      expect(await openByWebCrypto(sealed, ONE, '6:tenant4:bodyrow')).toBe(text)
      await expect(openByWebCrypto(sealed, ONE, '6:tenant4:body')).rejects.toThrow()
      await expect(openByWebCrypto(sealed, TWO, '6:tenant4:bodyrow')).rejects.toThrow()
    }
  })

  it('made by another implementation opens', async () => {
    const iv = randomBytes(12)
    const imported = await webcrypto.subtle.importKey('raw', ONE.key, 'AES-GCM', false, ['encrypt'])
    const parameters = { name: 'AES-GCM', iv, additionalData: Buffer.from('6:tenant4:bodyrow') }
    const sealed = await webcrypto.subtle.encrypt(parameters, imported, Buffer.from('Grüße'))
    const stored = `enc:v1:k1:${Buffer.concat([iv, Buffer.from(sealed)]).toString('base64url')}`
    expect(first.open(stored, PLACE)).toBe('Grüße')
  })

  it('opens nowhere else', () => {
    const sealed = first.seal('Hello', PLACE)
    const elsewhere: SealContext[] = [
      { ...PLACE, tenantId: 'other' },
      { ...PLACE, column: 'to_number' },
      { ...PLACE, rowId: 'other' },
      { tenantId: PLACE.tenantId, column: PLACE.column },
      // The same characters, divided in another way.
      { tenantId: 'tenantb', column: 'ody', rowId: 'row' },
      { tenantId: 'tenant', column: 'bodyr', rowId: 'ow' },
    ]
    for (const place of elsewhere) {
      expect(codeOf(() => first.open(sealed, place))).toBe('decryption_failed')
    }
  })

  it('does not open when a single bit of it has changed', () => {
    const octets = Buffer.from(first.seal('Hello', PLACE).slice('enc:v1:k1:'.length), 'base64url')
    for (let bit = 0; bit < octets.length * 8; bit++) {
      const changed = Buffer.from(octets)
      changed[bit >> 3]! ^= 1 << (bit & 7)
      const stored = `enc:v1:k1:${changed.toString('base64url')}`
      expect(codeOf(() => first.open(stored, PLACE))).toBe('decryption_failed')
    }
  })

  it('does not open when it is cut short', () => {
    const sealed = first.seal('Hello', PLACE)
    for (let length = 'enc:v1:'.length; length < sealed.length; length++) {
      expect(codeOf(() => first.open(sealed.slice(0, length), PLACE))).not.toBe('none')
    }
    expect(codeOf(() => first.open('enc:v2:k1:aa', PLACE))).toBe('decryption_failed')
  })

  it('never looks the same twice', () => {
    const seen = new Set(Array.from({ length: 20_000 }, () => first.seal('', PLACE)))
    expect(seen.size).toBe(20_000)
  })

  it('gives nothing away in the error that refuses it', () => {
    const sealed = first.seal('Your code is 123456', PLACE)
    const open = () => first.open(sealed, { ...PLACE, rowId: 'other' })
    expect(open).toThrow('body of other')
    expect(open).not.toThrow('123456')
  })
})

describe('keys', () => {
  it('that are kept open what they sealed', () => {
    const old = first.seal('old', PLACE)
    const young = rotated.seal('young', PLACE)
    expect(young).toMatch(/^enc:v1:k2:/)
    expect(rotated.open(old, PLACE)).toBe('old')
    expect(codeOf(() => first.open(young, PLACE))).toBe('encryption_key_unknown')
    expect(codeOf(() => NO_CIPHER.open(old, PLACE))).toBe('encryption_key_unknown')
  })

  it('of the same name and other octets open nothing', () => {
    const imposter = createCipher([{ id: 'k1', key: TWO.key }], 'k1')
    const sealed = first.seal('Hello', PLACE)
    expect(codeOf(() => imposter.open(sealed, PLACE))).toBe('decryption_failed')
  })

  it('rotate: what is sealed anew needs the old key no longer', () => {
    const old = first.seal('Hello', PLACE)
    expect(needsResealing(old, 'k2')).toBe(true)
    const anew = rotated.reseal(old, PLACE) as string
    expect(needsResealing(anew, 'k2')).toBe(false)
    expect(rotated.reseal(anew, PLACE)).toBeUndefined()
    expect(createCipher([TWO], 'k2').open(anew, PLACE)).toBe('Hello')
  })

  it('are not mistaken for others whose name begins the same', () => {
    const longer = createCipher([{ id: 'k11', key: TWO.key }], 'k11')
    expect(needsResealing(longer.seal('Hello', PLACE), 'k1')).toBe(true)
  })

  it('seal what was written in the clear, and unseal it when none is active any more', () => {
    expect(needsResealing('Hello', 'k1')).toBe(true)
    expect(first.open(first.reseal('Hello', PLACE) as string, PLACE)).toBe('Hello')
    expect(reading.reseal(first.seal('Hello', PLACE), PLACE)).toBe('Hello')
    expect(reading.reseal('Hello', PLACE)).toBeUndefined()
  })

  it.each<[string, readonly CipherKey[], string | undefined, string]>([
    ['too short', [{ id: 'k1', key: Buffer.alloc(31) }], 'k1', 'encryption_key_invalid'],
    ['too long', [{ id: 'k1', key: Buffer.alloc(33) }], 'k1', 'encryption_key_invalid'],
    ['named with a colon', [{ id: 'k:1', key: ONE.key }], 'k:1', 'encryption_key_invalid'],
    ['without a name', [{ id: '', key: ONE.key }], undefined, 'encryption_key_invalid'],
    ['there twice', [ONE, { id: 'k1', key: TWO.key }], 'k1', 'encryption_key_invalid'],
    ['active and not there', [ONE], 'k2', 'encryption_key_unknown'],
    ['active and none', [], 'k1', 'encryption_key_unknown'],
  ])('are refused when one is %s', (_, keys, active, code) => {
    expect(codeOf(() => createCipher(keys, active))).toBe(code)
  })
})

describe('without an active key', () => {
  it('texts are stored as they are', () => {
    expect(createCipher([], undefined)).toBe(NO_CIPHER)
    expect(NO_CIPHER.activeKeyId).toBeUndefined()
    expect(NO_CIPHER.seal('Hello', PLACE)).toBe('Hello')
    expect(reading.seal('Hello', PLACE)).toBe('Hello')
    expect(NO_CIPHER.fingerprint('+447700900123')).toBe('+447700900123')
  })

  it('a text that looks sealed comes back as it was, now and with a key later', () => {
    const looksSealed = fc.constantFrom('enc:', 'enc:v0:', 'enc:v1:', 'enc:v1:k1:', 'enc:v9:')
    fc.assert(
      fc.property(looksSealed, fc.string(), (start, rest) => {
        const text = start + rest
        const stored = NO_CIPHER.seal(text, PLACE)
        for (const cipher of [NO_CIPHER, reading, first, rotated]) {
          expect(cipher.open(stored, PLACE)).toBe(text)
        }
        expect(first.open(first.seal(text, PLACE), PLACE)).toBe(text)
      }),
    )
  })
})

describe('a fingerprint', () => {
  const NUMBER = '+447700900123'

  it('is the same for the same number and no other, and differs by key', () => {
    expect(first.fingerprint(NUMBER)).toBe(first.fingerprint(NUMBER))
    expect(first.fingerprint(NUMBER)).not.toBe(first.fingerprint('+447700900124'))
    expect(first.fingerprint(NUMBER)).not.toBe(rotated.fingerprint(NUMBER))
    expect(first.fingerprint(NUMBER)).not.toContain('7700900123')
  })

  it('is an HMAC-SHA-256 under a key derived by HKDF, as another implementation makes it', async () => {
    const secret = await webcrypto.subtle.importKey('raw', ONE.key, 'HKDF', false, ['deriveBits'])
    const info = Buffer.from('linehaul fingerprint v1')
    const parameters = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(), info }
    const key = Buffer.from(await webcrypto.subtle.deriveBits(parameters, secret, 256))
    const expected = createHmac('sha256', key).update(NUMBER).digest('base64url')
    expect(first.fingerprint(NUMBER)).toBe(`k1:${expected}`)
  })

  it('finds rows that any key has written, and those in the clear', () => {
    expect(new Set(rotated.fingerprints(NUMBER))).toEqual(
      new Set([NUMBER, first.fingerprint(NUMBER), rotated.fingerprint(NUMBER)]),
    )
    expect(NO_CIPHER.fingerprints(NUMBER)).toEqual([NUMBER])
  })
})
