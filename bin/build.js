// Compiles the sources into dist/ and makes the template of the embedded database, each only when
// it is older than what it is made of.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

function newestChange(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((newest, { parentPath, name }) => {
      return Math.max(newest, statSync(join(parentPath, name)).mtimeMs)
    }, 0)
}

function isOlder(file, folder) {
  const path = join(root, file)
  return !existsSync(path) || statSync(path).mtimeMs < newestChange(folder)
}

/** Brings dist/ up to date; does nothing in an installed package, which has no sources. */
export async function build() {
  if (!existsSync(join(root, 'src'))) return
  if (isOlder('dist/cli.js', 'src')) {
    const compiler = fileURLToPath(import.meta.resolve('typescript/package.json'))
    const { status } = spawnSync(
      process.execPath,
      [join(compiler, '..', 'bin', 'tsc'), '-p', join(root, 'tsconfig.build.json')],
      { stdio: ['ignore', 'inherit', 'inherit'], cwd: root },
    )
    if (status !== 0) process.exit(status ?? 1)
  }
  if (isOlder('dist/pglite-template.tar.gz', 'drizzle')) {
    const { writeTemplate } = await import('../dist/store/template.js')
    await writeTemplate()
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await build()
