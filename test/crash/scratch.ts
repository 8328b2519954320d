import { spawnSync } from 'node:child_process'
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SMALL_DISK_MIB = 400
const BALLAST_CHUNK = Buffer.alloc(1 << 20)
const CLOCK_LIBRARY = /(\S*libfaketime(?:MT)?\.so\.1)$/m

/** A temporary folder of one run, part of it on a disk that can be filled. */
export class Scratch {
  readonly path: string
  #hasSmallDisk = false

  constructor() {
    this.path = mkdtempSync(join(tmpdir(), 'linehaul-crash-'))
    // PostgreSQL's own user walks through it.
    chmodSync(this.path, 0o755)
  }

  /** Folder for the database; see {@link mountSmallDisk}. */
  get databaseFolder(): string {
    return join(this.path, 'disk')
  }

  /** Puts the database's folder on a small file system of its own; false where that is not allowed. */
  mountSmallDisk(): boolean {
    mkdirSync(this.databaseFolder, { recursive: true })
    const { status } = spawnSync('mount', [
      ...['-t', 'tmpfs', '-o', `size=${SMALL_DISK_MIB}m,mode=755`],
      ...['linehaul-crash', this.databaseFolder],
    ])
    this.#hasSmallDisk = status === 0
    return this.#hasSmallDisk
  }

  /** Fills the small disk to the last octet. */
  fillDisk(): void {
    const file = openSync(this.#ballast, 'w')
    try {
      for (let octets = BALLAST_CHUNK.length; octets >= 512; ) {
        try {
          writeSync(file, BALLAST_CHUNK, 0, octets)
        } catch (error) {
          if ((error as { code?: string }).code !== 'ENOSPC') throw error
          octets >>= 1
        }
      }
    } finally {
      closeSync(file)
    }
  }

  /** Gives the room back. */
  emptyDisk(): void {
    rmSync(this.#ballast, { force: true })
  }

  /** Takes the small disk away; everything else stays. */
  unmount(): void {
    if (this.#hasSmallDisk) spawnSync('umount', ['-l', this.databaseFolder])
    this.#hasSmallDisk = false
  }

  remove(): void {
    this.unmount()
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5 })
  }

  get #ballast(): string {
    return join(this.databaseFolder, 'ballast')
  }
}

/**
 * Path of libfaketime, by which the gateway's clock is moved (Debian package `libfaketime`);
 * undefined when it is not installed.
 */
export function findClockLibrary(): string | undefined {
  const { stdout } = spawnSync('find', ['/usr/lib', '-name', 'libfaketimeMT.so.1'], {
    encoding: 'utf8',
  })
  return CLOCK_LIBRARY.exec(stdout ?? '')?.[1]
}
