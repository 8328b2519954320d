import { describe, expect, test } from 'vitest'
import { runLaboratory } from './laboratory.ts'
import { DEFAULTS } from './options.ts'
import { findPostgresPrograms } from './postgres-cluster.ts'
import { breaches, table } from './verdict.ts'

/** Three rounds of the crash laboratory; `npm run crash -- --rounds 50` is the long run. */

const SHORT = {
  ...DEFAULTS,
  rounds: 3,
  calmMs: 800,
  messagesPerSecond: 200,
  settleMs: 30_000,
  callbacks: true,
}

const isMissing = findPostgresPrograms() === undefined
if (isMissing && process.env.LINEHAUL_TEST_POSTGRES === 'required') {
  throw new Error('PostgreSQL is not installed on this machine')
}

describe('three kills under load break no promise', () => {
  test.skipIf(isMissing)('on PostgreSQL, which is killed too', { timeout: 90_000 }, async () => {
    await expectAllHeld('postgres')
  })

  test('on PGlite', { timeout: 90_000 }, async () => {
    await expectAllHeld('pglite')
  })
})

async function expectAllHeld(database: 'postgres' | 'pglite'): Promise<void> {
  const said: string[] = []
  const report = await runLaboratory({ ...SHORT, database, say: (line) => said.push(line) })
  const shown = [...said, table(report), report.gatewayLog].join('\n')
  expect(breaches(report), shown).toEqual([])
  expect(report.settledAfterMs, shown).not.toBeNull()
  expect(report.findings.total.accepted).toBeGreaterThan(100)
}
