// Compiles the sources into dist/ and makes the template of the embedded database there, when they
// are older than what they are made of.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const TEMPLATE = 'dist/pglite-template.tar.gz'

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

/**
 * Brings dist/ up to date; does nothing in an installed package, which has no sources.
 *
 * The new folder is made aside and put in place by renaming, so that another process that starts
 * meanwhile never loads half-written files.
 */
export async function build() {
  if (!existsSync(join(root, 'src'))) return
  const isCodeOld = isOlder('dist/cli.js', 'src')
  const isTemplateOld = isOlder(TEMPLATE, 'drizzle')
  if (!isCodeOld && !isTemplateOld) return
  const fresh = mkdtempSync(join(root, 'dist-'))
  try {
    compile(fresh)
    if (isTemplateOld) await makeTemplate(fresh)
    else cpSync(join(root, TEMPLATE), join(fresh, basename(TEMPLATE)), { preserveTimestamps: true })
    const old = `${fresh}-old`
    if (existsSync(join(root, 'dist'))) renameSync(join(root, 'dist'), old)
    renameSync(fresh, join(root, 'dist'))
    rmSync(old, { recursive: true, force: true })
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

function compile(folder) {
  const compiler = fileURLToPath(import.meta.resolve('typescript/package.json'))
  const { status } = spawnSync(
    process.execPath,
    [
      join(compiler, '..', 'bin', 'tsc'),
      ...['-p', join(root, 'tsconfig.build.json'), '--outDir', folder],
    ],
    { stdio: ['ignore', 'inherit', 'inherit'], cwd: root },
  )
  if (status !== 0) throw new Error('the sources do not compile')
}

async function makeTemplate(folder) {
  const { writeTemplate } = await import(pathToFileURL(join(folder, 'store', 'template.js')).href)
  await writeTemplate()
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await build()
