import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TestGateway } from '../support/gateway.ts'
import { environmentFor, openGateway, temporaryFolder, yamlFor } from '../support/gateway.ts'
import { type Ended, runCommand } from '../support/gateway-process.ts'

/** Every command is a process of its own. */
const PROCESSES_MS = 90_000

let gateway: TestGateway
let place: Awaited<ReturnType<typeof temporaryFolder>>

beforeAll(async () => {
  place = await temporaryFolder()
  const settings = JSON.parse(yamlFor({ name: 'alpha', port: 1 }))
  const yaml = JSON.stringify({ ...settings, admin_keys: ['operator-key-1'] })
  gateway = await openGateway(yaml, { folder: place.path })
})

afterAll(async () => {
  await gateway.close()
  await place.remove()
})

/** The key of the operator is in the configuration of that folder. */
function config(...args: readonly string[]): Promise<Ended> {
  return runCommand(['config', ...args, '--url', gateway.url], {
    cwd: place.path,
    env: environmentFor(place.path),
  })
}

test(
  'show, diff, apply, versions and rollback',
  async () => {
    const shown = await config('show')
    expect(shown).toMatchObject({ code: 0, stderr: '' })
    expect(shown.stdout).toMatch(/^# +1 {2}\S+Z {2}start +-$/m)
    expect(shown.stdout).toMatch(/^admin_keys:\n {2}- <secret:[0-9a-f]{12}>$/m)
    expect(shown.stdout).not.toContain('operator-key-1')

    const file = join(place.path, 'next.yaml')
    await writeFile(file, `${shown.stdout}health: { consecutive_failures: 3 }\n`)
    const diff = await config('diff', file)
    expect(diff).toMatchObject({ code: 0, stderr: '' })
    expect(diff.stdout).toBe('  health.consecutive_failures: -> 3\nat once: health\n')

    const applied = await config('apply', file, '--comment', 'three are enough')
    expect(applied).toMatchObject({ code: 0, stderr: '' })
    expect(applied.stdout).toMatch(/^version 2 holds now\n {2}health/)
    const late = await config('apply', file, '--version', '1')
    expect(late).toMatchObject({ code: 1, stdout: '' })
    expect(late.stderr).toContain('refused (config_outdated): version 2')

    const back = await config('rollback', '1')
    expect(back.stdout).toMatch(
      /^version 3 holds now\n {2}health.consecutive_failures: 3 -> gone$/m,
    )
    const versions = await config('versions')
    expect(versions.stdout.split('\n').slice(0, 3)).toEqual([
      expect.stringMatching(/^ +3 {2}\S+Z {2}rollback to 1 +key [0-9a-f]{12}$/),
      expect.stringMatching(/^ +2 {2}\S+Z {2}api +key [0-9a-f]{12} {2}three are enough$/),
      expect.stringMatching(/^ +1 {2}\S+Z {2}start +-$/),
    ])
    expect((await config('show', '2', '--json')).stdout).toContain('"consecutive_failures":3')
  },
  PROCESSES_MS,
)

test(
  'mistakes are told with their lines; what is no command is said',
  async () => {
    const file = join(place.path, 'wrong.yaml')
    await writeFile(file, 'carriers: []\nhealht: {}\n')
    const [diff, missing, ...wrong] = await Promise.all([
      config('diff', file),
      config('apply', join(place.path, 'nowhere.yaml')),
      config('apply'),
      config('explode'),
    ])
    expect(diff).toMatchObject({ code: 1, stdout: '' })
    expect(diff.stderr).toMatch(/^line 2: healht: there is no such key; did you mean health\?$/m)
    expect(missing.code).toBe(1)
    expect(missing.stderr).toContain('cannot read')
    expect(wrong.map(({ code }) => code)).toEqual([2, 2])
  },
  PROCESSES_MS,
)
