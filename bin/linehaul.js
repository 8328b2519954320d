#!/usr/bin/env node
// Runs the command line from the compiled sources. In a checkout the sources are compiled first
// when they are newer, so that `npm start` and `npx linehaul` need no step before them.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const compiled = join(root, 'dist', 'cli.js')
const sources = join(root, 'src')

function newestChange(folder) {
  let newest = 0
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) {
      newest = Math.max(newest, statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs)
    }
  }
  return newest
}

function isStale() {
  return !existsSync(compiled) || statSync(compiled).mtimeMs < newestChange(sources)
}

if (existsSync(sources) && isStale()) {
  const compiler = fileURLToPath(import.meta.resolve('typescript/package.json'))
  const build = spawnSync(
    process.execPath,
    [join(compiler, '..', 'bin', 'tsc'), '-p', join(root, 'tsconfig.build.json')],
    { stdio: ['ignore', 'inherit', 'inherit'], cwd: root },
  )
  if (build.status !== 0) process.exit(build.status ?? 1)
}

await import('../dist/cli.js')
