import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { takeFileLock } from '../../src/store/lock.ts'

const HAS_PROC = existsSync('/proc/self/stat')

let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'linehaul-lock-'))
  path = join(folder, 'data', 'linehaul.lock')
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

function leave(content: string): void {
  takeFileLock(path).release()
  writeFileSync(path, content)
}

/** The pid of a process that has ended. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid
}

describe('takeFileLock', () => {
  it('makes the folder and a file that names this process', () => {
    const lock = takeFileLock(path)
    expect(readFileSync(path, 'utf8')).toMatch(new RegExp(`^${process.pid} \\d*\n$`))
    lock.release()
    expect(existsSync(path)).toBe(false)
  })

  it('refuses a second holder and names the first', () => {
    const lock = takeFileLock(path)
    expect(() => takeFileLock(path)).toThrow(
      expect.objectContaining({
        code: 'data_dir_in_use',
        message: expect.stringMatching(new RegExp(`data is in use by process ${process.pid}:`)),
      }),
    )
    expect(existsSync(path)).toBe(true)
    lock.release()
  })

  it('can be taken again after the release', () => {
    takeFileLock(path).release()
    takeFileLock(path).release()
    expect(existsSync(path)).toBe(false)
  })

  it('takes over from a process that is gone', () => {
    leave(`${deadPid()} 1\n`)
    const lock = takeFileLock(path)
    expect(readFileSync(path, 'utf8')).toMatch(new RegExp(`^${process.pid} `))
    lock.release()
  })

  it.runIf(HAS_PROC)('takes over from an earlier process that had our pid', () => {
    leave(`${process.pid} 1\n`)
    takeFileLock(path).release()
    expect(existsSync(path)).toBe(false)
  })

  it('trusts a live pid that has no start time with it', () => {
    leave(`${process.pid}\n`)
    expect(() => takeFileLock(path)).toThrow(expect.objectContaining({ code: 'data_dir_in_use' }))
  })

  it.runIf(HAS_PROC)('does not rob a live process of another user or parent', () => {
    const ticks = readFileSync('/proc/1/stat', 'latin1').split(') ').at(-1)?.split(' ')[19]
    leave(`1 ${ticks}\n`)
    expect(() => takeFileLock(path)).toThrow('is in use by process 1:')
  })

  it.each(['', 'nonsense', '-1 5', '\0\0'])('takes over a file that says %j', (content) => {
    leave(content)
    takeFileLock(path).release()
    expect(existsSync(path)).toBe(false)
  })

  it('says why a folder cannot be used', () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    expect(() => takeFileLock(join(file, 'data', 'linehaul.lock'))).toThrow(
      expect.objectContaining({
        code: 'data_dir_unusable',
        message: expect.stringContaining(join(file, 'data')),
        cause: expect.anything(),
      }),
    )
  })

  it('is released without a complaint when the file is gone', () => {
    const lock = takeFileLock(path)
    rmSync(path)
    expect(() => lock.release()).not.toThrow()
  })
})
