import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import { drizzle } from 'drizzle-orm/pglite'
import { migrate } from 'drizzle-orm/pglite/migrator'

/** Where the SQL migrations are. */
export const MIGRATIONS = fileURLToPath(new URL('../../drizzle', import.meta.url))

/** Where the build puts the template; absent when the sources run uncompiled. */
const TEMPLATE_FILE = fileURLToPath(new URL('../pglite-template.tar.gz', import.meta.url))

/**
 * Writes an empty, migrated embedded database to the template's file.
 *
 * Making a new one takes PGlite 3 to 10 seconds, unpacking this file about one; so the build makes
 * it once.
 */
export async function writeTemplate(): Promise<void> {
  const client = await PGlite.create()
  await migrate(drizzle(client), { migrationsFolder: MIGRATIONS })
  const dump = await client.dumpDataDir('gzip')
  await client.close()
  await writeFile(TEMPLATE_FILE, Buffer.from(await dump.arrayBuffer()))
}

/** The template that the build has made; undefined when there is none. */
export async function readTemplate(): Promise<Blob | undefined> {
  return existsSync(TEMPLATE_FILE) ? new Blob([await readFile(TEMPLATE_FILE)]) : undefined
}
