import { TrieRouter } from 'hono/router/trie-router'
import { expect, test } from 'vitest'
import { MemoRouter } from '../../src/http/router.ts'

const ROUTES = [
  ['ALL', '*', 'every request'],
  ['ALL', '/v1/*', 'every request with a key'],
  ['POST', '/v1/things', 'make'],
  ['GET', '/v1/things', 'list'],
  ['GET', '/v1/things/:id', 'show'],
  ['POST', '/v1/things/:id/replay', 'replay one'],
  ['POST', '/v1/things/replay', 'replay many'],
] as const

function routers() {
  const memo = new MemoRouter<string>()
  const trie = new TrieRouter<string>()
  for (const [method, path, handler] of ROUTES) {
    memo.add(method, path, handler)
    trie.add(method, path, handler)
  }
  return { memo, trie }
}

test.each([
  ['POST', '/v1/things', ['every request', 'every request with a key', 'make']],
  ['GET', '/v1/things', ['every request', 'every request with a key', 'list']],
  ['DELETE', '/v1/things', ['every request', 'every request with a key']],
  ['POST', '/v1/things/replay', ['every request', 'every request with a key', 'replay many']],
  ['POST', '/v1/things/7/replay', ['every request', 'every request with a key', 'replay one']],
  ['GET', '/v1/things/7', ['every request', 'every request with a key', 'show']],
  ['GET', '/v1/things/', ['every request', 'every request with a key']],
  ['GET', '/nothing', ['every request']],
])('%s %s: the first time and again, as the trie finds it', (method, path, handlers) => {
  const { memo, trie } = routers()
  const wanted = trie.match(method, path)
  expect(wanted[0].map(([handler]) => handler)).toEqual(handlers)
  // Another method on the same path comes in between: it is remembered apart.
  for (const each of [method, 'PUT', method]) {
    expect(memo.match(each, path)).toEqual(trie.match(each, path))
  }
  expect(memo.match(method, path)).toEqual(wanted)
})

test('remembers only paths that routes name', () => {
  const { memo } = routers()
  expect(memo.match('POST', '/v1/things')).toBe(memo.match('POST', '/v1/things'))
  for (const path of ['/v1/things/7', '/nothing']) {
    expect(memo.match('GET', path)).not.toBe(memo.match('GET', path))
  }
})
