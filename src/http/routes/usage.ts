import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Access } from '../../accounts/access.ts'
import { checkedRange, startOf } from '../../billing/periods.ts'
import {
  keptApartIn,
  notBeside,
  type UsageArchive,
  type UsageDimension,
  type UsageQuery,
  type UsageRow,
} from '../../billing/usage-archive.ts'
import type { Clock } from '../../core/clock.ts'
import { type CsvValue, csvOf } from '../../core/csv.ts'
import { GatewayError } from '../../core/errors.ts'
import { formatMicros } from '../../core/money.ts'
import { EVERY_TENANT } from '../../messages/archive.ts'
import type { AppEnv } from '../env.ts'
import { onInvalid } from '../validation.ts'
import { jsonOrCsv, respondCsv, wantsCsv } from './csv-response.ts'
import { json } from './json-response.ts'
import { instant } from './message-body.ts'
import { problem } from './message-schema.ts'
import { ownerOf, tenantNamed } from './owner.ts'
import { USAGE_GROUPS, usageCounts, usageList, usageQuery } from './usage-schema.ts'

/** What the routes work with. */
export interface UsageParts {
  readonly usage: UsageArchive
  readonly access: Access
  readonly clock: Clock
}

type Group = (typeof USAGE_GROUPS)[number]
type RowBody = z.infer<typeof usageList>['rows'][number]

/** More rows are refused: who wants them asks in parts. */
const MAX_ROWS = 10_000

const USUAL_PERIODS = { hour: 24, day: 31, month: 12 } as const

const usageRoute = createRoute({
  method: 'get',
  path: '/v1/billing/usage',
  summary: 'What messages have done and cost, by the hour, day or month',
  description:
    'Tenants see their own usage, without carriers and costs; keys of the operator that of all, or of one `tenant`. ' +
    'With `Accept: text/csv` it is CSV.',
  security: [{ apiKey: [] }],
  request: { query: usageQuery },
  responses: {
    200: jsonOrCsv('The sums.', usageList),
    401: json('No valid API key.', problem),
    403: json('It is not for the key of a tenant.', problem),
    404: json('There is no such tenant.', problem),
    422: json('A field is wrong, or there are over 10,000 rows.', problem),
    503: json('The database is away: come back after `Retry-After`.', problem),
  },
})

/** `GET /v1/billing/usage` */
export function usageRoutes({ usage, access, clock }: UsageParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  app.openapi(usageRoute, async (c) => {
    const asked = c.req.valid('query')
    const { granularity, group_by: groups } = asked
    const isOperator = c.get('scope') === EVERY_TENANT
    const end = instant(asked.before) ?? startOf(granularity, clock(), 1)
    const range = checkedRange(granularity, {
      from: instant(asked.from) ?? startOf(granularity, end, -USUAL_PERIODS[granularity]),
      before: end,
    })
    const query: UsageQuery = {
      granularity,
      ...range,
      groupBy: [...new Set(groups)].map(columnOf),
      only: onlyOf(asked, tenantOf(c, access, asked.tenant)),
      withoutCosts: !isOperator,
      limit: MAX_ROWS + 1,
    }
    checkDimensions(query, isOperator)
    const rows = await usage.read(query)
    if (rows.length > MAX_ROWS) {
      throw new GatewayError(
        'usage_too_large',
        `there are over ${MAX_ROWS} rows: group by less, or ask for a shorter time`,
        { pointer: '/group_by' },
      )
    }
    const shown = USAGE_GROUPS.filter((group) => groups.includes(group))
    const bodies = rows.map((row) => rowBody(row, shown, isOperator, access))
    if (wantsCsv(c)) return respondCsv(c, usageCsv(bodies, shown, isOperator), 'usage.csv')
    return c.json(
      {
        granularity,
        from: range.from.toISOString(),
        before: range.before.toISOString(),
        rows: bodies,
      },
      200,
    )
  })

  return app
}

/** Whose usage is asked for; undefined: that of every tenant. */
function tenantOf(
  c: Context<AppEnv>,
  access: Access,
  name: string | undefined,
): string | undefined {
  if (c.get('scope') !== EVERY_TENANT) return ownerOf(c, access, name).id
  return name === undefined ? undefined : tenantNamed(access, name).id
}

function onlyOf(asked: z.infer<typeof usageQuery>, tenantId: string | undefined) {
  const { carrier, country, network, sender, template, traffic_class } = asked
  const all = { tenant_id: tenantId, carrier, country, network, sender, template, traffic_class }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

function checkDimensions(query: UsageQuery, isOperator: boolean): void {
  const { groupBy, only, granularity } = query
  if (!isOperator && (groupBy.includes('carrier') || only.carrier !== undefined)) {
    throw new GatewayError('forbidden', 'carriers are shown to keys of the operator only')
  }
  const apart = keptApartIn(query)
  if (apart === undefined) return
  const other = notBeside(apart, query)
  if (other !== undefined || granularity === 'hour') {
    throw new GatewayError(
      'usage_grouping_invalid',
      `${apart}s are counted by day, tenant and country: ` +
        `${other === undefined ? 'not by the hour' : `not by ${other}`}`,
      { pointer: other === undefined ? '/granularity' : '/group_by' },
    )
  }
}

function columnOf(group: Group): UsageDimension {
  return group === 'tenant' ? 'tenant_id' : group
}

function rowBody(
  row: UsageRow,
  groups: readonly Group[],
  withCosts: boolean,
  access: Access,
): RowBody {
  const shown = groups.map((group) => {
    const value = row[columnOf(group)]
    if (group === 'tenant') return [group, access.nameOf(value ?? '') ?? value]
    return [group, value === '' ? null : value]
  })
  return {
    starts_at: row.startsAt.toISOString(),
    ...Object.fromEntries(shown),
    currency: row.currency,
    messages: {
      accepted: row.messages_accepted,
      delivered: row.messages_delivered,
      undelivered: row.messages_undelivered,
      expired: row.messages_expired,
      failed: row.messages_failed,
      canceled: row.messages_canceled,
      unconfirmed: row.messages_unconfirmed,
    },
    segments: {
      accepted: row.segments_accepted,
      submitted: row.segments_submitted,
      delivered: row.segments_delivered,
      undelivered: row.segments_undelivered,
      expired: row.segments_expired,
    },
    charged: row.charged,
    revenue: formatMicros(row.revenue),
    tax: formatMicros(row.tax),
    ...(withCosts && { cost: formatMicros(row.cost) }),
  }
}

/** The same rows, what is nested in JSON named `messages_accepted`. */
function usageCsv(rows: readonly RowBody[], groups: readonly Group[], withCosts: boolean): string {
  const columns = [
    'starts_at',
    ...groups,
    'currency',
    ...Object.keys(usageCounts.messages.shape).map((name) => `messages_${name}`),
    ...Object.keys(usageCounts.segments.shape).map((name) => `segments_${name}`),
    'charged',
    'revenue',
    'tax',
    ...(withCosts ? ['cost'] : []),
  ]
  const cells = rows.map((row): CsvValue[] => [
    row.starts_at,
    ...groups.map((group) => row[group] ?? null),
    row.currency,
    ...Object.values(row.messages),
    ...Object.values(row.segments),
    row.charged,
    row.revenue,
    row.tax,
    ...(row.cost === undefined ? [] : [row.cost]),
  ])
  return csvOf(columns, cells)
}
