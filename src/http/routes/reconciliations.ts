import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { GatewayError } from '../../core/errors.ts'
import { maskNumber } from '../../core/logger.ts'
import { formatMicros, type Money } from '../../core/money.ts'
import { moneyOf, readBillColumns } from '../../messages/carrier-bill.ts'
import type {
  DifferenceExample,
  ReconciliationReport,
  Reconciliations,
} from '../../messages/reconciliation.ts'
import type { AppEnv } from '../env.ts'
import { onInvalid } from '../validation.ts'
import { json } from './json-response.ts'
import { problem } from './message-schema.ts'
import { reconciliationQuery, reconciliationReport } from './reconciliation-schema.ts'

/** What the routes work with. */
export interface ReconciliationParts {
  readonly reconciliations: Reconciliations
  /** Whether numbers may be shown as they are. */
  readonly mayShowTexts: () => boolean
}

const reconcileRoute = createRoute({
  method: 'post',
  path: '/v1/billing/reconciliations',
  summary: "Compare a carrier's file of what it has taken with what was submitted to it",
  description:
    'For keys of the operator (`admin_keys`). The body is the file in CSV; it is read as it comes.',
  security: [{ apiKey: [] }],
  request: {
    query: reconciliationQuery,
    body: { content: { 'text/csv': { schema: z.string() } } },
  },
  responses: {
    200: json('What is equal, and what is not.', reconciliationReport),
    401: json('No valid API key.', problem),
    403: json("The key is a tenant's.", problem),
    404: json('There is no such carrier.', problem),
    415: json('The body is not said to be CSV.', problem),
    422: json('The file or a field is wrong; `errors` says which.', problem),
    503: json('The database is away: come back after `Retry-After`.', problem),
  },
})

const CSV_TYPE = /^text\/(?:csv|plain) *(?:;|$)/i

/** The route `/v1/billing/reconciliations`. */
export function reconciliationRoutes({ reconciliations, mayShowTexts }: ReconciliationParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  app.openapi(reconcileRoute, async (c) => {
    const { carrier, columns, currency = null, examples, ...period } = c.req.valid('query')
    const wish = {
      carrier,
      columns: readBillColumns(columns),
      currency,
      examples,
      ...periodOf(period),
    }
    const report = await reconciliations.compare(wish, csvOf(c))
    return c.json(reportBody(report, mayShowTexts() ? (number) => number : maskNumber), 200)
  })

  return app
}

function periodOf({
  month,
  from,
  before,
}: Pick<z.output<typeof reconciliationQuery>, 'month' | 'from' | 'before'>) {
  const wrong = (message: string) => {
    return new GatewayError('period_invalid', message, { pointer: '/month' })
  }
  if (month !== undefined) {
    if (from !== undefined || before !== undefined) {
      throw wrong('say either month or from and before')
    }
    const [year = 0, number = 1] = month.split('-').map(Number)
    return { from: new Date(Date.UTC(year, number - 1)), before: new Date(Date.UTC(year, number)) }
  }
  if (from === undefined || before === undefined) {
    throw wrong('say which time it is about: month=2026-10, or from and before')
  }
  const period = { from: new Date(from), before: new Date(before) }
  if (period.from < period.before) return period
  throw wrong(`from ${from} is not earlier than before ${before}`)
}

/** The body as it comes. */
function csvOf(c: Context<AppEnv>): AsyncIterable<Uint8Array> {
  const type = c.req.header('content-type') ?? ''
  if (!CSV_TYPE.test(type)) {
    throw new GatewayError(
      'content_type_unsupported',
      `the content type is "${type}": send CSV with "Content-Type: text/csv"`,
    )
  }
  return (c.req.raw.body ?? new Blob([]).stream()) as unknown as AsyncIterable<Uint8Array>
}

function reportBody(
  { carrier, from, before, isEqual, lines, mistakes, matched, differences }: ReconciliationReport,
  shownNumber: (number: string) => string,
): z.input<typeof reconciliationReport> {
  return {
    carrier,
    from: from.toISOString(),
    before: before.toISOString(),
    is_equal: isEqual,
    lines,
    mistake_count: mistakes.count,
    mistakes: mistakes.list.map(({ line, message }) => ({ line, detail: message })),
    matched: {
      lines: matched.lines,
      theirs: matched.theirs.map(moneyBody),
      ours: matched.ours.map(moneyBody),
    },
    differences: differences.map(({ kind, count, theirs, ours, examples }) => ({
      kind,
      count,
      theirs: theirs.map(moneyBody),
      ours: ours.map(moneyBody),
      examples: examples.map((each) => exampleBody(each, shownNumber)),
    })),
  }
}

function exampleBody(
  { line, submit, ours, ourSegments }: DifferenceExample,
  shownNumber: (number: string) => string,
) {
  const theirCost = line && moneyOf(line)
  return {
    line: line?.line ?? null,
    carrier_message_id: line?.id ?? submit?.carrierMessageId ?? '',
    message_id: submit?.messageId ?? null,
    segment: submit?.segment ?? null,
    submitted_at: submit?.submittedAt.toISOString() ?? null,
    theirs: line && {
      to: line.to === null ? null : shownNumber(line.to),
      segments: line.segments,
      cost: theirCost && moneyBody(theirCost),
      at: line.at,
    },
    ours: submit && {
      to: submit.to === null ? null : shownNumber(submit.to),
      segments: ourSegments ?? 1,
      cost: moneyBody(ours ?? submit.cost),
    },
  }
}

function moneyBody({ micros, currency }: Money) {
  return { amount: formatMicros(micros), currency }
}
