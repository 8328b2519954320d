import { BREACHES, type Counts, MEANINGS } from './counts.ts'
import type { LabReport } from './laboratory.ts'
import type { Fault } from './options.ts'

/** Promises that a run has broken, one line each; empty when all have held. */
export function breaches(report: LabReport): string[] {
  const { total, money } = report.findings
  const broken = BREACHES.filter((name) => total[name] > 0).map(
    (name) => `${total[name]} ${MEANINGS[name]}`,
  )
  if (total.resent > report.mayResend) {
    broken.push(`${total.resent} ${MEANINGS.resent}, but their windows hold ${report.mayResend}`)
  }
  if (report.settlesUncertain && total.unsettled > 0) {
    broken.push(`${total.unsettled} ${MEANINGS.unsettled}`)
  }
  if (money.charged !== money.expected) {
    broken.push(`money: ${money.charged} micro-units charged, ${money.expected} expected`)
  }
  broken.push(...report.ledgerFaults.map((fault) => `the ledger: ${fault}`))
  for (const { plan, crashes, failedStarts } of report.rounds) {
    // A gateway without its database may end: nothing accepted is lost by that.
    const isExcused = plan.victims.includes('postgres') || DATABASE_FAULTS.includes(plan.fault)
    if (crashes + failedStarts > 0 && !isExcused) {
      broken.push(`the gateway ended by itself in round ${plan.number} (${plan.fault})`)
    }
  }
  if (report.loggedTexts > 0) broken.push(`${report.loggedTexts} texts of messages in the log`)
  if (report.exitCode !== 0) broken.push(`exit code ${report.exitCode} after SIGTERM`)
  if (total.accepted === 0) broken.push('nothing was accepted: this run has shown nothing')
  return broken
}

/** Faults of the database. */
const DATABASE_FAULTS: readonly Fault[] = ['reset', 'slow', 'disk']

const COLUMNS = [
  ['accepted', 'accepted'],
  ['refused', 'refused'],
  ['unanswered', 'no answer'],
  ['submitted', 'segments'],
  ['uncertain', 'uncertain'],
  ['lost', 'lost'],
  ['doubled', 'twice'],
  ['resent', 'resent'],
  ['open', 'open'],
  ['wrong', 'wrong'],
  ['unmatched', 'unmatched'],
  ['priceOff', 'price off'],
] as const satisfies readonly (readonly [keyof Counts, string])[]

/** The counts as a table, a line per round, and everything that is not 0 below it. */
export function table(report: LabReport): string {
  const { rounds, total } = report.findings
  const lines = report.rounds.map(({ plan, backAfterMs }) => {
    const counts = rounds.get(plan.number)
    const what = plan.victims.length > 0 ? `kill ${plan.victims.join('+')}` : plan.fault
    return [
      String(plan.number),
      what,
      `${backAfterMs} ms`,
      ...COLUMNS.map(([name]) => String(lossOf(counts, name))),
    ]
  })
  const head = ['round', 'fault', 'back after', ...COLUMNS.map(([, title]) => title)]
  const last = ['total', '', '', ...COLUMNS.map(([name]) => String(lossOf(total, name)))]
  const all = [head, ...lines, last]
  const widths = head.map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0)))
  const text = all.map((line) =>
    line
      .map((cell, column) =>
        column === 1 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  )
  const meanings = (Object.keys(MEANINGS) as (keyof Counts)[])
    .filter((name) => total[name] > 0 || BREACHES.some((breach) => breach === name))
    .map((name) => `${String(total[name]).padStart(8)}  ${MEANINGS[name]}`)
  return [...text, '', ...meanings].join('\n')
}

/** An acceptance that is unknown afterwards is lost too. */
function lossOf(counts: Counts | undefined, name: keyof Counts): number {
  if (!counts) return 0
  return name === 'lost' ? counts.lost + counts.vanished : counts[name]
}
