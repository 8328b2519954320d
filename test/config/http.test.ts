import { expect, test } from 'vitest'
import { httpSchema, toHttp } from '../../src/config/http.ts'
import { MAX_SIGNATURE_WINDOW_SECONDS } from '../../src/core/signature-window.ts'

test('the window of signatures goes as far as nonces are kept for, and no farther', () => {
  const read = (seconds: number) => httpSchema.safeParse({ signature_window_seconds: seconds })
  const { data } = read(MAX_SIGNATURE_WINDOW_SECONDS)
  expect(data && toHttp(data).signatureWindowSeconds).toBe(MAX_SIGNATURE_WINDOW_SECONDS)
  expect(read(MAX_SIGNATURE_WINDOW_SECONDS + 1).success).toBe(false)
})
