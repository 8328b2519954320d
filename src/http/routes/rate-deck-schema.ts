import { z } from '@hono/zod-openapi'

const kind = z.enum(['carrier', 'tenant'], { error: 'write carrier or tenant' }).openapi({
  description: '`carrier`: what it charges; `tenant`: what it pays.',
})

export const owner = z.object({ kind, owner: z.string() })

export const versioned = owner.extend({
  version: z.coerce
    .number({ error: 'write the number of a version' })
    .int({ error: 'write the number of a version' })
    .min(0, { error: 'write the number of a version' })
    .max(2_147_483_647, { error: 'write the number of a version' }),
})

const note = z.string().max(500, { error: 'write up to 500 characters' })

export const importQuery = z.strictObject({ note: note.optional() })

export const rollBack = z.strictObject({
  version: z.int().min(0).max(2_147_483_647).openapi({
    description: 'The version whose rates are to count again; 0: those of the configuration.',
  }),
  note: note.optional(),
})

const version = z
  .object({
    kind,
    owner: z.string(),
    version: z.int().openapi({ description: '0: the rates of the configuration.' }),
    rows: z.int(),
    imported_at: z.iso.datetime().nullable(),
    note: z.string(),
    is_current: z.boolean(),
  })
  .openapi('RateDeck')

export const deckList = z.object({ rate_decks: z.array(version) }).openapi('RateDeckList')
export const versionList = z.object({ versions: z.array(version) }).openapi('RateDeckVersions')

const money = z.object({ amount: z.string().openapi({ example: '0.0350' }), currency: z.string() })

const destination = {
  prefix: z.string().nullable().openapi({ description: 'Empty: everywhere.' }),
  network: z.string().nullable().openapi({ description: 'MCC and MNC.', example: '23415' }),
  effective_from: z.iso.datetime().nullable().openapi({ description: 'null: always.' }),
}

const rate = z.object({ ...destination, price: money })

const change = z.object({
  ...destination,
  from: money,
  to: money,
  percent: z
    .number()
    .nullable()
    .openapi({ description: 'null: it was 0, or the currencies differ.' }),
})

const rates = z.object({ count: z.int(), listed: z.array(rate) })
const changes = z.object({ count: z.int(), listed: z.array(change) })
const priceChanges = changes.extend({ average_percent: z.number().nullable() })

const reading = {
  rows: z.int(),
  mistake_count: z.int(),
  mistakes: z
    .array(
      z.object({
        line: z.int(),
        column: z.string().nullable(),
        value: z.string().nullable(),
        message: z.string(),
      }),
    )
    .openapi({ description: 'The first 1,000.' }),
  ignored_columns: z.array(z.string()).openapi({ description: 'Columns that say nothing to us.' }),
}

export const preview = z
  .object({
    ...reading,
    compared_with: z.int().nullable().openapi({ description: 'Version; null: there is no deck.' }),
    old_rates: z.int(),
    new_rates: z.int(),
    unchanged: z.int(),
    added: rates,
    removed: rates,
    raised: priceChanges,
    lowered: priceChanges,
    currency_changed: changes,
  })
  .openapi('RateDeckPreview')

export const imported = z
  .object({ version: z.int(), rows: z.int(), ignored_columns: z.array(z.string()) })
  .openapi('RateDeckImport')

export const refused = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    request_id: z.string(),
    ...reading,
  })
  .openapi('RateDeckRefusal')

export const rolledBack = z.object({ version: z.int() }).openapi('RateDeckRollback')
