import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { PGlite } from '@electric-sql/pglite'
import { createClient } from '@redis/client'
import postgres from 'postgres'
import type { TestProject } from 'vitest/node'
import { openStore } from '../../src/store/open.ts'
import { administer } from './postgres-server.ts'

const BUILD = fileURLToPath(new URL('../../bin/build.js', import.meta.url))
/** An empty, migrated PGlite, which the build makes. */
const BUILT_TEMPLATE = fileURLToPath(new URL('../../dist/pglite-template.tar.gz', import.meta.url))
const LOCAL_REDIS = 'redis://127.0.0.1:6379'
const LOCAL_POSTGRES = 'postgres://postgres@127.0.0.1:5432/test'

declare module 'vitest' {
  interface ProvidedContext {
    /** File with a dump of a migrated PGlite: loading it is faster than migrating a new one. */
    pgliteTemplate: string
    /** Folder of the same PGlite: a copy of it is opened at once. */
    pgliteFolder: string
    /** A PostgreSQL where databases may be made and dropped; null: there is none. */
    postgresUrl: string | null
    /** Name of a migrated database there, of which copies are made; null: there is none. */
    postgresTemplate: string | null
    /** A Redis whose keys may be written and deleted below a prefix; null: there is none. */
    redisUrl: string | null
  }
}

/**
 * Runs once before all tests: compiles the program, makes the PGlite templates, and looks for a PostgreSQL
 * and a Redis.
 *
 * `TEST_DATABASE_URL` and `TEST_REDIS_URL` name them; else the usual local addresses are tried. With
 * `LINEHAUL_TEST_POSTGRES=required` the tests fail without PostgreSQL, otherwise they say what they skip.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  execFileSync(process.execPath, [BUILD], { stdio: 'inherit' })
  const folder = await mkdtemp(join(tmpdir(), 'linehaul-test-'))
  const template = join(folder, 'template.tar')
  // Unpacked once; to migrate another one would take five seconds of computing.
  const dump = gunzipSync(await readFile(BUILT_TEMPLATE))
  await writeFile(template, dump)
  project.provide('pgliteTemplate', template)
  const dataDir = join(folder, 'pglite')
  await (await PGlite.create({ dataDir, loadDataDir: new Blob([dump]) })).close()
  project.provide('pgliteFolder', dataDir)
  const postgresUrl = await findPostgres()
  const postgresTemplate = postgresUrl === null ? null : await makeTemplate(postgresUrl)
  project.provide('postgresUrl', postgresUrl)
  project.provide('postgresTemplate', postgresTemplate)
  project.provide('redisUrl', await findRedis())
  return async () => {
    if (postgresUrl !== null) await administer(postgresUrl, `drop database ${postgresTemplate}`)
    await rm(folder, { recursive: true, force: true })
  }
}

/** Makes a migrated database: to copy it takes a tenth of the time of another migration. */
async function makeTemplate(serverUrl: string): Promise<string> {
  const name = `linehaul_template_${process.pid}`
  await administer(serverUrl, `drop database if exists ${name}`)
  await administer(serverUrl, `create database ${name}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  const store = await openStore({ databaseUrl: url.toString(), dataDir: '' })
  await store.close()
  return name
}

async function findPostgres(): Promise<string | null> {
  const url = process.env.TEST_DATABASE_URL ?? LOCAL_POSTGRES
  const client = postgres(url, { max: 1, connect_timeout: 3, onnotice() {} })
  try {
    await client`select 1`
    return url
  } catch (error) {
    const reason = `no PostgreSQL at ${url}: ${error instanceof Error ? error.message : error}`
    if (process.env.LINEHAUL_TEST_POSTGRES === 'required' || process.env.TEST_DATABASE_URL) {
      throw new Error(reason)
    }
    console.warn(`Skipping the tests on PostgreSQL (${reason}); those on PGlite run.`)
    return null
  } finally {
    await client.end({ timeout: 1 })
  }
}

async function findRedis(): Promise<string | null> {
  const url = process.env.TEST_REDIS_URL ?? LOCAL_REDIS
  const client = createClient({ url, socket: { connectTimeout: 3_000, reconnectStrategy: false } })
  // What fails rejects as well.
  client.on('error', () => {})
  try {
    await client.connect()
    await client.ping()
    client.destroy()
    return url
  } catch (error) {
    const reason = `no Redis at ${url}: ${error instanceof Error ? error.message : error}`
    if (process.env.TEST_REDIS_URL) throw new Error(reason)
    console.warn(`Skipping the tests on Redis (${reason}); those in memory run.`)
    return null
  }
}
