import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

const WATCHDOG = new URL('./watchdog.ts', import.meta.url).href

/** Runs a program that has a watchdog with half a second of patience. */
function run(program: string) {
  const code = `import { Watchdog } from '${WATCHDOG}'; const dog = new Watchdog(500); ${program}`
  const args = ['--import', 'tsx', '--input-type=module', '-e', code]
  return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 25_000 })
}

test('a case that never ends is named, and the process with it ends', () => {
  const { signal, stderr } = run(
    `dog.note('loop', 7, { octets: Buffer.from('c0de', 'hex') }); for (;;);`,
  )
  expect(signal).toBe('SIGKILL')
  expect(stderr).toContain('hangs: loop, seed 7: {"octets":"c0de"}')
})

test('what ends is left alone', () => {
  const { status, stderr } = run(`dog.note('quick', 1, 'x'); await dog.stop()`)
  expect(stderr).toBe('')
  expect(status).toBe(0)
})
