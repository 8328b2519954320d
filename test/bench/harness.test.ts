import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { compare, rowFrom } from '../../bench/harness.ts'

const folder = mkdtempSync(join(tmpdir(), 'bench-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function runBench(...args: string[]) {
  const file = new URL('../../bench/run.ts', import.meta.url).pathname
  return spawnSync(process.execPath, ['--import', 'tsx', file, ...args], { encoding: 'utf8' })
}

describe('rowFrom', () => {
  it('gives medians and the spread of the rounds’ ratios', () => {
    expect(rowFrom('x', 'ops/s', [10, 30, 20], [5, 10, 5])).toEqual({
      name: 'x',
      unit: 'ops/s',
      ours: 20,
      baseline: 5,
      ratio: 3,
      ratio_min: 2,
      ratio_max: 4,
    })
    expect(rowFrom('x', 'ops/s', [1, 2], null)).toMatchObject({ ours: 1.5, ratio: null })
  })

  it('refuses rounds that do not belong together', () => {
    expect(() => rowFrom('x', 'ops/s', [], null)).toThrow(RangeError)
    expect(() => rowFrom('x', 'ops/s', [1], [1, 2])).toThrow(RangeError)
  })
})

describe('compare', () => {
  it('counts the operations that both sides say they did', () => {
    let ours = 0
    let theirs = 0
    const row = compare(
      'x',
      'ops/s',
      () => {
        ours++
        return 1
      },
      () => {
        theirs++
        return 1
      },
      { rounds: 2, secondsPerRound: 0.001 },
    )
    expect(ours).toBeGreaterThan(0)
    expect(theirs).toBeGreaterThan(0)
    expect(row.ours).toBeGreaterThan(0)
    expect(row.ratio_min).toBeLessThanOrEqual(row.ratio ?? 0)
    expect(row.ratio_max).toBeGreaterThanOrEqual(row.ratio ?? 0)
  })
})

describe('bench/run.ts', () => {
  it('measures a subject and writes what it found', () => {
    const file = join(folder, 'codec.json')
    const result = runBench('codec', '--seconds', '0.002', '--rounds', '1', '--json', file)
    expect(result.stderr).toBe('')
    expect(result.status).toBe(0)
    expect(result.stdout).toContain('encode submit_sm GSM-7 160')
    const report = JSON.parse(readFileSync(file, 'utf8'))
    expect(report).toMatchObject({ subject: 'codec', machine: { node: process.versions.node } })
    expect(report.rows).toHaveLength(10)
    for (const row of report.rows) expect(row.ratio).toBeGreaterThan(0)
  })

  it('lists the subjects when it does not know one', () => {
    const result = runBench('nothing')
    expect(result.status).toBe(2)
    expect(result.stderr).toContain('unknown subject "nothing"')
    expect(result.stderr).toMatch(/subjects: .*codec/)
    expect(runBench('codec', '--rounds', '0').stderr).toContain('--rounds is "0"')
    expect(runBench('codec', '--unknown').status).toBe(2)
    const both = runBench('codec', 'segment', '--json', join(folder, 'both.json'))
    expect(both.stderr).toContain('one subject, not also of: segment')
    expect(runBench().stderr).toContain('no subject given')
  })
})
