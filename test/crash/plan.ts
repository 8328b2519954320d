import type { Fault, LabOptions } from './options.ts'
import { Random } from './random.ts'

/** What can be killed. */
export type Victim = 'gateway' | 'postgres' | 'carrier-a' | 'carrier-b'

/** What happens in one round. */
export interface RoundPlan {
  /** From 1. */
  readonly number: number
  readonly fault: Fault
  /** Milliseconds of load before it. */
  readonly calmMs: number
  /** Killed, in this order; empty for other faults. */
  readonly victims: readonly Victim[]
  /** Milliseconds until what was killed is started again, or until the fault is over. */
  readonly lastsMs: number
  /** Seconds by which the clock jumps; 0 for other faults. */
  readonly clockSeconds: number
}

const DATABASE_FAULTS: readonly Fault[] = ['reset', 'slow']
const STALL_MS = 3_000
const SLOW_MS = 5_000
const DISK_MS = 3_000

/** The whole plan of a run, decided by its seed alone. */
export function planRounds(options: LabOptions): RoundPlan[] {
  const random = new Random(options.seed).fork('plan')
  const isPglite = options.database === 'pglite'
  const faults = options.faults.filter((fault) => !isPglite || !DATABASE_FAULTS.includes(fault))
  if (faults.length === 0) throw new Error('PGlite has no connection to cut or to slow down')
  return Array.from({ length: options.rounds }, (_, index) => {
    // The first rounds see every fault once, so that a short run does too.
    const fault = faults[index] ?? random.pick(faults)
    return {
      number: index + 1,
      fault,
      calmMs: random.between(options.calmMs * 0.2, options.calmMs),
      victims: fault === 'kill' ? victimsOf(random, index, isPglite) : [],
      lastsMs: durationOf(fault, random),
      clockSeconds: fault === 'clock' ? jump(random, options.jumpSeconds) : 0,
    }
  })
}

function victimsOf(random: Random, index: number, isPglite: boolean): Victim[] {
  const carrier = random.pick(['carrier-a', 'carrier-b'] as const)
  const database = isPglite ? 'gateway' : 'postgres'
  // The first three kills are one of each.
  const dice = [0, 0.5, 0.7][index] ?? random.next()
  if (dice < 0.45) return ['gateway']
  if (dice < 0.65) return [database]
  if (dice < 0.8) return [carrier]
  const all: Victim[] = [...new Set<Victim>(['gateway', database, carrier])]
  return all.sort(() => random.next() - 0.5).slice(0, random.pick([2, all.length]))
}

/** Forth or back by at least half of the most. */
function jump(random: Random, most: number): number {
  return Math.round(random.between(most / 2, most)) * random.pick([-1, 1])
}

function durationOf(fault: Fault, random: Random): number {
  if (fault === 'stall') return STALL_MS
  if (fault === 'slow') return SLOW_MS
  if (fault === 'disk') return DISK_MS
  return random.between(0, 1_500)
}
