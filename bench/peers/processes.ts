import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** The processor times of the named processes, in microseconds since each began. */
export type CpuTimes = Readonly<Record<string, number>>

/**
 * Processor time of a process, all its threads, user and system, in microseconds; 0 when it is gone.
 *
 * The kernel counts in ticks of 10 ms on most machines, so take it over seconds.
 */
export function cpuMicros(pid: number): number {
  const stat = statOf(pid)
  return stat === undefined ? 0 : stat.ownTicks * microsPerTick()
}

/**
 * Processor time of PostgreSQL, in microseconds: its first process and all that it ever began.
 *
 * It is that of the whole server: nothing else may use it while something is measured.
 */
export function postgresCpuMicros(postmaster: number): number {
  let ticks = 0
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = statOf(Number(name))
    if (stat === undefined) continue
    if (Number(name) === postmaster) ticks += stat.ownTicks + stat.endedChildrenTicks
    else if (stat.parent === postmaster) ticks += stat.ownTicks
  }
  return ticks * microsPerTick()
}

/** The process that began another one; undefined when that is gone. */
export function parentOf(pid: number): number | undefined {
  return statOf(pid)?.parent
}

/** Resident memory of a process now, and the most it ever had, in megabytes (10^6 octets). */
export function residentMegabytes(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const megabytes = (name: string) =>
    (Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1_024) / 1e6
  return { now: megabytes('VmRSS'), peak: megabytes('VmHWM') }
}

interface Stat {
  readonly parent: number
  readonly ownTicks: number
  readonly endedChildrenTicks: number
}

/** @see proc(5), /proc/pid/stat: the fields after the name, which may hold blanks */
function statOf(pid: number): Stat | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    // It ended between the listing and now.
    return undefined
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const field = (number: number) => Number(fields[number - 3])
  return {
    parent: field(4),
    ownTicks: field(14) + field(15),
    endedChildrenTicks: field(16) + field(17),
  }
}

let ticksPerSecond = 0

function microsPerTick(): number {
  if (ticksPerSecond === 0) {
    ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  }
  return 1e6 / ticksPerSecond
}
