import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { AUDIT_ACTIONS } from '../../src/audit/actions.ts'

test('docs/audit.md has every action, and says of it what the code says', () => {
  const page = readFileSync(new URL('../../docs/audit.md', import.meta.url), 'utf8')
  const section = page.slice(page.indexOf('## Actions'), page.indexOf('**Order.**'))
  const rows = [...section.matchAll(/^\| `([\w.]+)` \| (.*) \|$/gm)]
  expect(Object.fromEntries(rows.map(([, action, about]) => [action, about]))).toEqual(
    AUDIT_ACTIONS,
  )
})
