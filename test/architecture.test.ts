import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

const SOURCES = join(import.meta.dirname, '..', 'src')

/** Files in `src/` itself, and the command line, may import all. */
const FREE: readonly string[] = ['', 'cli']

/** Who else may import whom; ARCHITECTURE.md shows the same table. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  encoding: [],
  smpp: [],
  settings: ['core'],
  // What is set for a provider's account stands with the provider.
  providers: ['core', 'settings'],
  config: ['core', 'settings', 'smpp', 'providers'],
  telemetry: ['core'],
  store: ['core'],
  routing: ['core'],
  networks: ['core', 'routing', 'store'],
  accounts: ['core', 'store'],
  audit: ['core', 'store'],
  limits: ['core', 'store'],
  billing: ['core', 'store'],
  // The settings of a carrier or a partner are its configuration: a second type for the same fields
  // would only have to be copied field by field.
  carriers: ['config', 'core', 'encoding', 'smpp', 'providers'],
  callbacks: ['core', 'providers', 'store'],
  // Of callbacks only where they are sealed: a rotation of the key goes through every table.
  messages: [
    'core',
    'encoding',
    'routing',
    'carriers',
    'accounts',
    'billing',
    'callbacks',
    'limits',
    'store',
  ],
  rates: ['core', 'routing', 'store'],
  inbound: ['core', 'encoding', 'carriers', 'messages', 'store'],
  partners: ['config', 'core', 'encoding', 'smpp', 'accounts', 'limits', 'messages', 'store'],
  webhooks: ['core', 'accounts', 'messages', 'store'],
  versions: ['config', 'core', 'messages', 'store'],
  http: [
    'core',
    'accounts',
    'audit',
    'billing',
    'callbacks',
    'inbound',
    'limits',
    'networks',
    'rates',
    'routing',
    'messages',
    'webhooks',
    'telemetry',
    'versions',
  ],
  alerting: ['config', 'core', 'webhooks'],
  sandbox: ['encoding', 'smpp'],
}

/** Packages with a wide surface have one home. */
const ONE_HOME: Readonly<Record<string, RegExp>> = {
  'libphonenumber-js': /^routing\/number\.ts$/,
  'iconv-lite': /^encoding\//,
  postgres: /^store\/open\.ts$/,
  '@electric-sql/pglite': /^store\/(open|template)\.ts$/,
  '@redis/client': /^limits\/redis-store\.ts$/,
  pino: /^telemetry\/log\.ts$/,
  'prom-client': /^telemetry\/metrics\.ts$/,
  smpp: /^sandbox\//,
  hono: /^http\//,
  '@hono/zod-openapi': /^http\//,
  '@hono/node-server': /^http\//,
  undici: /^(webhooks|carriers)\//,
  yaml: /^config\//,
  nodemailer: /^(alerting|carriers)\//,
  'smtp-server': /^carriers\//,
}

interface Import {
  readonly file: string
  readonly from: string
}

const files = readdirSync(SOURCES, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => relative(SOURCES, join(entry.parentPath, entry.name)))

const imports: Import[] = files.flatMap((file) => {
  const text = readFileSync(join(SOURCES, file), 'utf8')
  return [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(([, from = '']) => ({
    file,
    from,
  }))
})

function folderOf(file: string): string {
  return file.includes('/') ? (file.split('/')[0] ?? '') : ''
}

describe('the import table', () => {
  it('names every folder of src/', () => {
    const folders = new Set(files.map(folderOf).filter((folder) => !FREE.includes(folder)))
    expect([...folders].sort()).toEqual(Object.keys(MAY_IMPORT).sort())
  })

  it('holds', () => {
    const broken = imports.flatMap(({ file, from }) => {
      const folder = folderOf(file)
      if (!from.startsWith('.') || FREE.includes(folder)) return []
      const target = relative(SOURCES, join(SOURCES, file, '..', from))
      const targetFolder = folderOf(target)
      const allowed = targetFolder === folder || MAY_IMPORT[folder]?.includes(targetFolder)
      return allowed ? [] : [`${file} imports ${target}`]
    })
    expect(broken).toEqual([])
  })

  it('stands in ARCHITECTURE.md', () => {
    const page = readFileSync(join(SOURCES, '..', 'ARCHITECTURE.md'), 'utf8')
    for (const [folder, allowed] of Object.entries(MAY_IMPORT)) {
      const row = page.split('\n').find((line) => line.startsWith(`| \`${folder}\` |`))
      expect(row, `a row for ${folder}`).toBeDefined()
      const named = [...(row?.split('|')[2] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name)
      expect(named.sort(), `what ${folder} may import`).toEqual([...allowed].sort())
    }
  })
})

describe('wide packages', () => {
  it('are imported in one place', () => {
    const strays = imports.flatMap(({ file, from }) => {
      const home = Object.entries(ONE_HOME).find(
        ([name]) => from === name || from.startsWith(`${name}/`),
      )?.[1]
      return home && !home.test(file) ? [`${file} imports ${from}`] : []
    })
    expect(strays).toEqual([])
  })
})

describe('src/', () => {
  it('has no barrel files', () => {
    expect(files.filter((file) => /(^|\/)index\.ts$/.test(file))).toEqual([])
  })
})
