import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Access } from '../../accounts/access.ts'
import { callerText, type Tenant } from '../../accounts/caller.ts'
import type { AccountStanding, Accounts } from '../../billing/accounts.ts'
import type { Charges, VolumeStanding } from '../../billing/charges.ts'
import type { LedgerArchive, LedgerRow, LinePlace } from '../../billing/ledger-archive.ts'
import type { Clock } from '../../core/clock.ts'
import { GatewayError } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import { formatMicros, parseMicros, parseSignedMicros } from '../../core/money.ts'
import { EVERY_TENANT } from '../../messages/archive.ts'
import type { Funding } from '../../messages/funding.ts'
import { tierBody } from '../../messages/money-detail.ts'
import type { AppEnv } from '../env.ts'
import { reachedTenant } from '../tenant-reach.ts'
import { onInvalid, openapiWithBody } from '../validation.ts'
import {
  accountList,
  balanceQuery,
  lineList,
  lineQuery,
  newPayment,
  newTransfer,
  payment,
  transfer,
} from './billing-schema.ts'
import { json } from './json-response.ts'
import { instant } from './message-body.ts'
import { problem } from './message-schema.ts'
import { ownerOf, tenantNamed } from './owner.ts'

/** What the routes work with. */
export interface BillingParts {
  readonly accounts: Accounts
  readonly charges: Charges
  readonly funding: Funding
  readonly ledger: LedgerArchive
  readonly access: Access
  readonly logger: Logger
  readonly clock: Clock
}

const problems = {
  401: json('No valid API key.', problem),
  403: json("The key is a tenant's.", problem),
  404: json('There is no such tenant.', problem),
  422: json('A field is wrong; `errors` says which.', problem),
  503: json('The database is away: come back after `Retry-After`.', problem),
}
const security = [{ apiKey: [] }]

const balanceRoute = createRoute({
  method: 'get',
  path: '/v1/billing/balance',
  summary: 'What a tenant has and may spend, in each currency',
  security,
  request: { query: balanceQuery },
  responses: { 200: json('The accounts.', accountList), ...problems },
})

const ledgerRoute = createRoute({
  method: 'get',
  path: '/v1/billing/ledger',
  summary: 'Every movement of money of a tenant, newest first',
  security,
  request: { query: lineQuery },
  responses: { 200: json('A page of lines.', lineList), ...problems },
})

const paymentRoute = createRoute({
  method: 'post',
  path: '/v1/billing/payments',
  summary: 'Book money that a tenant has paid, or a correction',
  description: 'For keys of the operator (`admin_keys`).',
  security,
  request: {
    body: { required: true, content: { 'application/json': { schema: newPayment } } },
  },
  responses: {
    200: json('It was booked before.', payment),
    201: json('It is booked.', payment),
    400: json('The body is not JSON.', problem),
    409: json('The reference belongs to another payment.', problem),
    ...problems,
  },
})

const transferRoute = createRoute({
  method: 'post',
  path: '/v1/billing/transfers',
  summary: 'Move money from one tenant to another',
  description:
    "With a tenant's key between itself and those below it, or between these. With a key of the operator between any.",
  security,
  request: {
    body: { required: true, content: { 'application/json': { schema: newTransfer } } },
  },
  responses: {
    200: json('It was booked before.', transfer),
    201: json('It is booked.', transfer),
    400: json('The body is not JSON.', problem),
    402: json('The one that gives has not so much.', problem),
    409: json('The reference belongs to another payment.', problem),
    ...problems,
  },
})

/** Routes under `/v1/billing`. */
export function billingRoutes(parts: BillingParts) {
  const { accounts, charges, funding, ledger, access, logger, clock } = parts
  const app = new OpenAPIHono<AppEnv>({ defaultHook: onInvalid })

  app.openapi(balanceRoute, (c) => {
    const owner = ownerOf(c, access, c.req.valid('query').tenant)
    const standings = accounts.standings(owner.id)
    const volume = volumeBody(charges.volumeAt(owner.id, clock()))
    return c.json({ tenant: owner.name, volume, accounts: standings.map(accountBody) }, 200)
  })

  app.openapi(ledgerRoute, async (c) => {
    const { tenant, limit, cursor, from, before, message_id, kind } = c.req.valid('query')
    const owner = ownerOf(c, access, tenant)
    const showsCosts = c.get('scope') === EVERY_TENANT
    // One more than asked for tells whether there is another page.
    const rows = await ledger.list(owner.id, {
      messageId: message_id,
      kind,
      withCosts: showsCosts,
      from: instant(from),
      before: instant(before),
      beforeLine: cursor === undefined ? undefined : placeOf(cursor),
      limit: limit + 1,
    })
    const shown = rows.slice(0, limit)
    const last = rows.length > limit ? shown.at(-1) : undefined
    return c.json(
      {
        lines: shown.map((row) => lineBody(row, access, showsCosts)),
        next_cursor: last ? cursorOf(last) : null,
      },
      200,
    )
  })

  openapiWithBody(app, paymentRoute, async (c) => {
    const { tenant, kind, amount, currency, reference, note = null } = c.req.valid('json')
    const owner = tenantNamed(access, tenant)
    const micros = parseSignedMicros(amount)
    if (micros === 0n || (kind === 'top_up' && micros < 0n)) {
      throw new GatewayError(
        'payment_invalid',
        `"${amount}" is nothing that can be booked as ${kind}: a top-up is more than zero, an adjustment is not zero`,
        { pointer: '/amount' },
      )
    }
    const entry = c.get('audit').subject('tenant', owner.name).tenant(owner.id)
    entry.reason(note ?? undefined).before({ balance: balanceOf(accounts, owner.id, currency) })
    const paid = await funding.book({ tenantId: owner.id, kind, micros, currency, reference, note })
    const booked = { kind, amount: formatMicros(micros), currency, reference }
    entry.after({ balance: balanceOf(accounts, owner.id, currency), payment: booked })
    if (!paid.isNew) entry.nothingChanged()
    if (paid.isNew) {
      logger.info({ tenant, kind, amount, currency, reference }, 'an operator has booked money')
    }
    return c.json(
      {
        tenant,
        kind,
        amount: formatMicros(micros),
        currency,
        reference,
        note,
        booked_at: paid.at.toISOString(),
        is_new: paid.isNew,
      },
      paid.isNew ? 201 : 200,
    )
  })

  openapiWithBody(app, transferRoute, async (c) => {
    const { amount, currency, reference, note = null, ...names } = c.req.valid('json')
    const [from, to] = [sideOf(c, access, names.from, '/from'), sideOf(c, access, names.to, '/to')]
    const micros = parseMicros(amount)
    if (micros === 0n || from.id === to.id) {
      throw new GatewayError(
        'payment_invalid',
        micros === 0n
          ? `"${amount}" is nothing that can be transferred`
          : `"${to.name}" cannot transfer to itself`,
        { pointer: micros === 0n ? '/amount' : '/to' },
      )
    }
    const about = { micros, currency, reference, note }
    const entry = c
      .get('audit')
      .subject('tenant', to.name)
      .tenant(from.id)
      .alsoTenant(to.id)
      .reason(note ?? undefined)
    const paid = await funding.transfer({ from: from.id, to: to.id, ...about })
    entry.after({ from: from.name, to: to.name, amount: formatMicros(micros), currency, reference })
    if (!paid.isNew) entry.nothingChanged()
    if (paid.isNew) {
      const by = callerText(c.get('caller'))
      logger.info({ ...names, amount, currency, reference, by }, 'money is transferred')
    }
    return c.json(
      {
        ...names,
        amount: formatMicros(micros),
        currency,
        reference,
        note,
        booked_at: paid.at.toISOString(),
        is_new: paid.isNew,
      },
      paid.isNew ? 201 : 200,
    )
  })

  return app
}

/** One side of a transfer: a tenant that the caller may see. */
function sideOf(c: Context<AppEnv>, access: Access, name: string, pointer: string): Tenant {
  const tenant = reachedTenant(c, access, name)
  if (tenant) return tenant
  throw new GatewayError('not_found', `there is no tenant "${name}"`, { pointer })
}

function accountBody(account: AccountStanding) {
  const { currency, balance, held, reserved, revenue, tax, creditLimitMicros, available } = account
  return {
    currency,
    balance: formatMicros(balance - held),
    reserved: formatMicros(reserved + held),
    spent: formatMicros(revenue + tax),
    credit_limit: creditLimitMicros === null ? null : formatMicros(creditLimitMicros),
    available: available === null ? null : formatMicros(available),
  }
}

function volumeBody({ month, segments, tier, nextTier }: VolumeStanding) {
  return {
    month,
    segments,
    tier: tier && tierBody(tier),
    next_tier: nextTier && tierBody(nextTier),
  }
}

/** What a tenant has in one currency; null: there is no account in it. */
function balanceOf(accounts: Accounts, tenantId: string, currency: string): string | null {
  const account = accounts.standings(tenantId).find((each) => each.currency === currency)
  return account ? formatMicros(account.balance) : null
}

const ACCOUNTS = ['balance', 'reserved', 'revenue', 'tax', 'funding'] as const

function lineBody(
  row: LedgerRow,
  access: Access,
  showsCosts: boolean,
): z.infer<typeof lineList>['lines'][number] {
  const { otherTenantId } = row
  const { carrier, cost_micros: cost, cost_currency: costCurrency } = row
  return {
    id: `${row.batch}.${row.line}`,
    at: row.at.toISOString(),
    kind: row.kind as z.infer<typeof lineList>['lines'][number]['kind'],
    currency: row.currency,
    entries: ACCOUNTS.filter((account) => row[account] !== 0n).map((account) => ({
      account,
      amount: formatMicros(row[account]),
    })),
    message_id: row.message_id,
    other_tenant: otherTenantId === null ? null : (access.nameOf(otherTenantId) ?? otherTenantId),
    reference: row.reference,
    note: row.note,
    ...(showsCosts && {
      cost:
        carrier === null || cost === null
          ? null
          : { carrier, amount: formatMicros(cost), currency: costCurrency ?? '' },
    }),
  }
}

function cursorOf({ batch, line }: LinePlace): string {
  return Buffer.from(`${batch}.${line}`).toString('base64url')
}

function placeOf(cursor: string): LinePlace {
  const match = /^(\d{1,15})\.(\d{1,9})$/.exec(Buffer.from(cursor, 'base64url').toString())
  if (match) return { batch: Number(match[1]), line: Number(match[2]) }
  throw new GatewayError('cursor_invalid', `"${cursor}" is not a next_cursor of this API`, {
    pointer: '/cursor',
  })
}
