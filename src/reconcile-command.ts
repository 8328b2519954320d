import { openAsBlob } from 'node:fs'
import { type ApiAccess, type ApiProblem, uploadToApi } from './api-call.ts'
import { csvCell } from './core/csv.ts'
import { messageOf } from './core/errors.ts'

/** How the command speaks to the gateway and to its caller. */
export interface ReconcileCommand extends ApiAccess {
  readonly say: (line: string) => void
  readonly complain: (line: string) => void
}

/** What is compared, and how it is shown. */
export interface ReconcileChoice {
  readonly carrier: string
  readonly file: string
  readonly month?: string | undefined
  readonly from?: string | undefined
  readonly before?: string | undefined
  readonly columns?: string | undefined
  readonly currency?: string | undefined
  readonly examples?: string | undefined
  readonly format: (typeof RECONCILE_FORMATS)[number]
}

/** How the result may be written. */
export const RECONCILE_FORMATS = ['text', 'json', 'csv'] as const

interface ShownMoney {
  readonly amount: string
  readonly currency: string
}

interface ShownSide {
  readonly to: string | null
  readonly segments: number | null
  readonly cost: ShownMoney | null
}

interface ShownExample {
  readonly line: number | null
  readonly carrier_message_id: string
  readonly message_id: string | null
  readonly segment: number | null
  readonly submitted_at: string | null
  readonly theirs: ShownSide | null
  readonly ours: ShownSide | null
}

interface ShownReport {
  readonly carrier: string
  readonly from: string
  readonly before: string
  readonly is_equal: boolean
  readonly lines: number
  readonly mistake_count: number
  readonly mistakes: readonly { readonly line: number; readonly detail: string }[]
  readonly matched: Sums & { readonly lines: number }
  readonly differences: readonly (Sums & {
    readonly kind: string
    readonly count: number
    readonly examples: readonly ShownExample[]
  })[]
}

interface Sums {
  readonly theirs: readonly ShownMoney[]
  readonly ours: readonly ShownMoney[]
}

const KIND_TEXTS: Readonly<Record<string, string>> = {
  theirs_not_ours: 'theirs, not ours',
  ours_not_theirs: 'ours, not theirs',
  double: 'twice in the file',
  price_differs: 'another price',
  currency_differs: 'another currency',
  segments_differ: 'other segments',
  destination_differs: 'another destination',
}

const CSV_COLUMNS = [
  'kind',
  'line',
  'carrier_message_id',
  'message_id',
  'segment',
  'submitted_at',
  'their_to',
  'our_to',
  'their_segments',
  'our_segments',
  'their_amount',
  'their_currency',
  'our_amount',
  'our_currency',
]

/** Compares a carrier's file with what was submitted to it, and prints how; false where they differ. */
export async function reconcileFile(
  command: ReconcileCommand,
  { file, format, ...choice }: ReconcileChoice,
): Promise<boolean> {
  const { say, complain } = command
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(choice)) {
    if (value !== undefined) query.set(name, value)
  }
  let body: Blob
  try {
    body = await openAsBlob(file)
  } catch (error) {
    complain(`${file} cannot be read: ${messageOf(error)}`)
    return false
  }
  const path = `/v1/billing/reconciliations?${query}`
  const report = await uploadToApi<ShownReport & ApiProblem>(command, path, body, 'text/csv')
  if (report.code !== undefined) {
    complain(`${report.code}: ${report.detail ?? ''}`)
    return false
  }
  if (format === 'json') say(JSON.stringify(report, null, 2))
  else if (format === 'csv') sayCsv(say, report)
  else sayText(say, report)
  return report.is_equal
}

function sayText(say: ReconcileCommand['say'], report: ShownReport): void {
  const { carrier, from, before, lines, matched, mistakes, mistake_count: mistakeCount } = report
  say(`${carrier}, ${from} to ${before}: ${lines} lines`)
  say(`${matched.lines} matched${sumsText(matched)}`)
  for (const { line, detail } of mistakes) say(`line ${line}: ${detail}`)
  if (mistakeCount > mistakes.length) {
    say(`${mistakeCount - mistakes.length} more lines cannot be read`)
  }
  for (const difference of report.differences) {
    const { kind, count, examples } = difference
    if (count === 0) continue
    say(`${count} ${KIND_TEXTS[kind] ?? kind}${sumsText(difference)}`)
    for (const example of examples) say(`  ${exampleText(example)}`)
    if (count > examples.length) say(`  and ${count - examples.length} more`)
  }
  say(report.is_equal ? 'there is no difference' : 'there are differences')
}

function sumsText({ theirs, ours }: Sums): string {
  const parts = [
    ...(theirs.length > 0 ? [`theirs ${theirs.map(moneyText).join(', ')}`] : []),
    ...(ours.length > 0 ? [`ours ${ours.map(moneyText).join(', ')}`] : []),
  ]
  return parts.length === 0 ? '' : `: ${parts.join('; ')}`
}

function exampleText(example: ShownExample): string {
  const { line, carrier_message_id: id, message_id: messageId, theirs, ours } = example
  return [
    ...(line === null ? [] : [`line ${line}`]),
    `id ${id}`,
    ...(messageId === null ? [] : [`message ${messageId}`]),
    ...(theirs ? [`theirs ${sideText(theirs)}`] : []),
    ...(ours ? [`ours ${sideText(ours)}`] : []),
  ].join(', ')
}

function sideText({ to, segments, cost }: ShownSide): string {
  return [
    ...(to === null ? [] : [to]),
    ...(segments === null ? [] : [`${segments} segments`]),
    ...(cost === null ? [] : [moneyText(cost)]),
  ].join(' ')
}

function moneyText({ amount, currency }: ShownMoney): string {
  return `${amount} ${currency}`
}

function sayCsv(say: ReconcileCommand['say'], { differences }: ShownReport): void {
  say(CSV_COLUMNS.join(','))
  for (const { kind, examples } of differences) {
    for (const { line, carrier_message_id: id, message_id, segment, ...rest } of examples) {
      const { submitted_at, theirs, ours } = rest
      const cells = [
        ...[kind, line, id, message_id, segment, submitted_at],
        ...[theirs?.to, ours?.to, theirs?.segments, ours?.segments],
        ...[theirs?.cost?.amount, theirs?.cost?.currency, ours?.cost?.amount, ours?.cost?.currency],
      ]
      say(cells.map((cell) => csvCell(cell ?? null)).join(','))
    }
  }
}
