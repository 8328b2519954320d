import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi'
import type { Access } from '../../accounts/access.ts'
import { invoiceBody, invoicesCsv } from '../../billing/invoice-file.ts'
import { parseMonth } from '../../billing/invoices.ts'
import { checkedRange, startOf } from '../../billing/periods.ts'
import type { StatementArchive } from '../../billing/statement-archive.ts'
import type { Statement, StatementBalance } from '../../billing/statements.ts'
import type { Clock } from '../../core/clock.ts'
import { formatMicros } from '../../core/money.ts'
import type { AppEnv } from '../env.ts'
import { onInvalid } from '../validation.ts'
import { jsonOrCsv, respondCsv, wantsCsv } from './csv-response.ts'
import { json } from './json-response.ts'
import { instant } from './message-body.ts'
import { problem } from './message-schema.ts'
import { ownerOf } from './owner.ts'
import {
  invoiceList,
  invoiceParams,
  invoiceQuery,
  statementList,
  statementQuery,
} from './statement-schema.ts'

/** What the routes work with. */
export interface StatementParts {
  readonly statements: StatementArchive
  readonly access: Access
  readonly clock: Clock
}

type StatementBody = z.infer<typeof statementList>['statements'][number]

const problems = {
  401: json('No valid API key.', problem),
  403: json("The key is another tenant's.", problem),
  404: json('There is no such tenant.', problem),
  422: json('A field is wrong; `errors` says which.', problem),
  503: json('The database is away: come back after `Retry-After`.', problem),
}
const security = [{ apiKey: [] }]

const statementRoute = createRoute({
  method: 'get',
  path: '/v1/billing/statement',
  summary: 'How the accounts of a tenant have changed over some days',
  security,
  request: { query: statementQuery },
  responses: { 200: json('A statement for each currency.', statementList), ...problems },
})

const invoiceRoute = createRoute({
  method: 'get',
  path: '/v1/billing/invoices/{month}',
  summary: 'What a tenant is invoiced for a month',
  description:
    'Net amounts and taxes are those of the ledger. The present month is as far as it has gone. With `Accept: text/csv` ' +
    'it is CSV.',
  security,
  request: { params: invoiceParams, query: invoiceQuery },
  responses: { 200: jsonOrCsv('An invoice for each currency.', invoiceList), ...problems },
})

/** Routes of statements and invoices. */
export function statementRoutes({ statements, access, clock }: StatementParts) {
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  app.openapi(statementRoute, async (c) => {
    const { tenant, currency, ...asked } = c.req.valid('query')
    const owner = ownerOf(c, access, tenant)
    const before = instant(asked.before) ?? startOf('day', clock(), 1)
    const from = instant(asked.from) ?? startOf('month', startOf('day', before, -1))
    const range = checkedRange('day', { from, before })
    const found = await statements.read({ tenantId: owner.id, ...range, currency })
    return c.json(
      {
        tenant: owner.name,
        from: dayOf(from),
        before: dayOf(before),
        statements: found.map(statementBody),
      },
      200,
    )
  })

  app.openapi(invoiceRoute, async (c) => {
    const month = parseMonth(c.req.valid('param').month)
    const owner = ownerOf(c, access, c.req.valid('query').tenant)
    const head = { tenant: owner.name, month: month.name }
    const invoices = await statements.invoices(owner.id, month)
    if (wantsCsv(c)) {
      const csv = invoicesCsv(invoices.map((invoice) => ({ head, invoice })))
      return respondCsv(c, csv, `invoice-${month.name}.csv`)
    }
    return c.json({ ...head, invoices: invoices.map((invoice) => invoiceBody(head, invoice)) }, 200)
  })

  return app
}

function statementBody({ currency, opening, movements, closing }: Statement): StatementBody {
  return {
    currency,
    opening: balancesBody(opening),
    movements: movements.map((movement) => ({
      kind: movement.kind,
      lines: movement.lines,
      ...balancesBody(movement),
      revenue: formatMicros(movement.revenue),
      tax: formatMicros(movement.tax),
      funding: formatMicros(movement.funding),
    })),
    closing: balancesBody(closing),
  }
}

function balancesBody({ balance, reserved }: StatementBalance) {
  return { balance: formatMicros(balance), reserved: formatMicros(reserved) }
}

function dayOf(at: Date): string {
  return at.toISOString().slice(0, '2026-10-01'.length)
}
