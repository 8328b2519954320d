import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readDocument } from '../../src/config/document.ts'
import { generic } from '../../src/providers/generic.ts'
import type { ProviderAccount } from '../../src/providers/provider.ts'

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'generic-http.md'), 'utf8')

/** The names of the examples of docs/generic-http.md. */
export const EXAMPLES = [...PAGE.matchAll(/^### (.+)\n\n```yaml\n/gm)].map(([, name = '']) => name)

/** The settings of an example as the document has them. */
export function exampleSettings(
  name: string,
  env: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const [, source = ''] = PAGE.split(`### ${name}\n\n`)[1]?.match(/^```yaml\n(.+?)^```/ms) ?? []
  const read = readDocument(source, 'docs/generic-http.md', new Set(['secret']), env)
  if (!read.ok || read.mistakes.length > 0) throw new Error(JSON.stringify(read.mistakes))
  return read.root.generic as Record<string, unknown>
}

/** An account of an example; `change` is put over its settings. */
export function exampleAccount(
  name: string,
  env: Readonly<Record<string, string>>,
  change: object = {},
): ProviderAccount {
  return generic.open(generic.settings.parse({ ...exampleSettings(name, env), ...change }))
}
