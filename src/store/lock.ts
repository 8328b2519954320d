import { linkSync, mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { GatewayError } from '../core/errors.ts'

/** A lock that is held until {@link FileLock.release}. */
export interface FileLock {
  release(): void
}

/**
 * Takes a lock file that names this process, because PGlite does not lock its data folder: two
 * processes in one folder lose rows without an error.
 *
 * A file left by a process that is gone is taken over; a live process is never robbed.
 *
 * @throws {GatewayError} `data_dir_in_use` when a live process holds it, `data_dir_unusable` when
 *   the file cannot be written
 */
export function takeFileLock(path: string): FileLock {
  mkdirFor(path)
  for (let tries = 0; tries < 3; tries++) {
    if (createLockFile(path)) return { release: () => removeIfThere(path) }
    const holder = readHolder(path)
    if (holder !== undefined && isAlive(holder)) {
      throw new GatewayError(
        'data_dir_in_use',
        `${dirname(path)} is in use by process ${holder.pid}: stop it, or choose another folder with LINEHAUL_DATA_DIR`,
      )
    }
    removeStale(path)
  }
  throw new GatewayError('data_dir_in_use', `${path} is being taken by another process`)
}

function mkdirFor(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true })
  } catch (cause) {
    throw unusable(path, cause)
  }
}

/** Puts the file there with its content in one step; false when there is one already. */
function createLockFile(path: string): boolean {
  const own = `${path}.${process.pid}`
  try {
    writeFileSync(own, `${process.pid} ${processStart(process.pid)}\n`, { mode: 0o600 })
    linkSync(own, path)
    return true
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw unusable(path, cause)
  } finally {
    removeIfThere(own)
  }
}

/**
 * Removes the file of a process that is gone. Another process may have done the same and taken the
 * lock since it was read; then its file is put back.
 */
function removeStale(path: string): void {
  const aside = `${path}.${process.pid}.stale`
  try {
    renameSync(path, aside)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return
    throw unusable(path, cause)
  }
  const holder = readHolder(aside)
  if (holder !== undefined && isAlive(holder)) renameSync(aside, path)
  else removeIfThere(aside)
}

interface Holder {
  readonly pid: number
  readonly startedAt: string
}

function readHolder(path: string): Holder | undefined {
  try {
    const [pid = '', startedAt = ''] = readFileSync(path, 'utf8').trim().split(' ')
    return /^\d+$/.test(pid) ? { pid: Number(pid), startedAt } : undefined
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unusable(path, cause)
  }
}

function isAlive(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0)
  } catch (cause) {
    // EPERM: it lives and belongs to somebody else.
    if ((cause as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  // In a container the gateway has the same pid after every start; the start time tells them apart.
  return holder.startedAt === '' || holder.startedAt === processStart(holder.pid)
}

/** When a process started, in clock ticks since boot; empty where the system does not tell. */
function processStart(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name in parentheses may hold spaces: count from behind it. Start time is field 22.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw unusable(path, cause)
  }
}

function unusable(path: string, cause: unknown): GatewayError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new GatewayError('data_dir_unusable', `cannot use ${dirname(path)}: ${reason}`, { cause })
}
