import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sql } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { isReachable, openStore } from '../../src/store/open.ts'
import { createTestDatabase, testDatabases } from '../support/database.ts'

const postgresUrl = inject('postgresUrl')

describe.each(testDatabases())('a store on $name', ({ name, open }) => {
  it('has the schema and runs queries inside and outside transactions', async () => {
    const store = await open()
    try {
      expect(store.kind).toBe(name === 'PGlite' ? 'pglite' : 'postgres')
      expect(await store.query(sql`select count(*)::int as n from messages`)).toEqual([{ n: 0 }])
      const left = store.db.transaction(async (tx) => {
        await store.query(
          sql`insert into carriers (name, type, created_at) values ('a', 'x', now())`,
          tx,
        )
        throw new Error('undo')
      })
      await expect(left).rejects.toThrow('undo')
      expect(await store.query(sql`select name from carriers`)).toEqual([])
    } finally {
      await store.close()
    }
  })

  it('knows when it cannot be reached', async () => {
    const store = await open()
    expect(await isReachable(store)).toBe(true)
    await store.close()
    expect(await isReachable(store)).toBe(false)
  })
})

describe('PGlite in a folder', () => {
  let dataDir: string

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'linehaul-open-'))
  })
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

  it('keeps its rows over a restart, and gives the folder back', async () => {
    const first = await openStore({ databaseUrl: undefined, dataDir })
    await first.query(sql`insert into carriers (name, type, created_at) values ('a', 'x', now())`)
    await expect(openStore({ databaseUrl: undefined, dataDir })).rejects.toMatchObject({
      code: 'data_dir_in_use',
    })
    await first.close()
    expect(existsSync(join(dataDir, 'linehaul.lock'))).toBe(false)
    const second = await openStore({ databaseUrl: undefined, dataDir })
    expect(await second.query(sql`select name from carriers`)).toEqual([{ name: 'a' }])
    await second.close()
  })

  it('is refused while another process has it', async () => {
    const lock = fileURLToPath(new URL('../../src/store/lock.ts', import.meta.url))
    const script = `
      const { takeFileLock } = await import(${JSON.stringify(lock)})
      takeFileLock(${JSON.stringify(join(dataDir, 'linehaul.lock'))})
      console.log('held')
      process.stdin.resume()`
    const holder = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', script],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    )
    try {
      await once(holder.stdout, 'data')
      await expect(openStore({ databaseUrl: undefined, dataDir })).rejects.toMatchObject({
        code: 'data_dir_in_use',
        message: expect.stringContaining(`process ${holder.pid}`),
      })
    } finally {
      const ended = once(holder, 'exit')
      holder.kill('SIGKILL')
      await ended
    }
    const store = await openStore({ databaseUrl: undefined, dataDir })
    await store.close()
  })

  it('says that the folder is unusable and releases it', async () => {
    writeFileSync(join(dataDir, 'pglite'), 'not a folder')
    await expect(openStore({ databaseUrl: undefined, dataDir })).rejects.toMatchObject({
      code: 'data_dir_unusable',
      message: expect.stringContaining(dataDir),
    })
    expect(existsSync(join(dataDir, 'linehaul.lock'))).toBe(false)
  })
})

describe('a PostgreSQL that is not there', () => {
  it('is named without the password', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    server.close()
    const opening = openStore({
      databaseUrl: `postgres://gate:geheim@127.0.0.1:${port}/linehaul`,
      dataDir: '',
    })
    const error = await opening.catch((reason: unknown) => reason)
    expect(error).toMatchObject({
      code: 'database_unreachable',
      retryable: true,
      message: expect.stringContaining(`postgres://gate:***@127.0.0.1:${port}/linehaul`),
    })
    expect(String(error)).not.toContain('geheim')
  })

  it('is not looked for under an address that is none', async () => {
    const opening = openStore({ databaseUrl: 'postgres://a:geheim@[broken/x', dataDir: '' })
    const error = await opening.catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'database_unreachable' })
    expect(String(error)).not.toContain('geheim')
  })
})

describe.runIf(postgresUrl !== null)('PostgreSQL', () => {
  it('serves one gateway at a time', async () => {
    // Without a schema, so that the first gateway makes it.
    const database = await createTestDatabase(postgresUrl ?? '', 'template1')
    try {
      const first = await openStore({ databaseUrl: database.url, dataDir: '' })
      // Waits for the first to go, and gives up after five seconds.
      await expect(openStore({ databaseUrl: database.url, dataDir: '' })).rejects.toMatchObject({
        code: 'database_in_use',
        retryable: true,
      })
      expect(await isReachable(first)).toBe(true)
      const waiting = openStore({ databaseUrl: database.url, dataDir: '' })
      await first.close()
      const second = await waiting
      expect(await isReachable(second)).toBe(true)
      await second.close()
    } finally {
      await database.drop()
    }
  })
})
