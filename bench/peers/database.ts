import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { parentOf } from './processes.ts'

/** A database made for one run. */
export interface BenchDatabase {
  readonly url: string
  readonly name: string
  /** The first process of the server where it is on this machine. */
  readonly postmaster: number | undefined
  drop(): Promise<void>
}

/**
 * Makes a database on the server of DATABASE_URL or TEST_DATABASE_URL.
 *
 * @throws {Error} when the server has fsync off: the figures would not be those of durable messages
 */
export async function createDatabase(purpose: string): Promise<BenchDatabase> {
  const serverUrl =
    process.env.DATABASE_URL ||
    process.env.TEST_DATABASE_URL ||
    'postgres://postgres@127.0.0.1:5432/test'
  const name = `linehaul_peers_${purpose}_${process.pid}_${randomBytes(3).toString('hex')}`
  const administer = async <Result>(work: (sql: postgres.Sql) => Promise<Result>) => {
    const sql = postgres(serverUrl, { max: 1, onnotice() {} })
    try {
      return await work(sql)
    } finally {
      await sql.end({ timeout: 5 })
    }
  }
  const postmaster = await administer(async (sql) => {
    const [row] = await sql<{ fsync: string; commit: string; pid: number }[]>`
      select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
        pg_backend_pid() as pid`
    if (row === undefined || row.fsync !== 'on' || row.commit === 'off') {
      throw new Error(`PostgreSQL has fsync ${row?.fsync}, synchronous_commit ${row?.commit}`)
    }
    await sql.unsafe(`create database ${name}`)
    return parentOf(row.pid)
  })
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return {
    url: url.toString(),
    name,
    postmaster,
    drop: () =>
      administer(async (sql) => {
        await sql.unsafe(`drop database if exists ${name} with (force)`)
      }),
  }
}
