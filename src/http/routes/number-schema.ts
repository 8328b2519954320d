import { z } from '@hono/zod-openapi'
import { NETWORK_FORMATS } from '../../networks/network-file.ts'

const network = z
  .object({
    mccmnc: z.string().openapi({ example: '23415', description: 'MCC and MNC, or a key.' }),
    name: z.string().openapi({ example: 'Vodafone' }),
  })
  .openapi('Network')

const version = z
  .object({
    id: z.uuid(),
    kind: z.enum(['ranges', 'operators', 'names', 'ported']),
    created_at: z.iso.datetime(),
    source: z.string(),
    rows: z.int(),
    is_current: z.boolean().openapi({ description: 'The one of its kind that counts.' }),
  })
  .openapi('NetworkVersion')

export const networkTables = z
  .object({
    ranges: z.int(),
    names: z.int(),
    ported: z.int(),
    lookup: z
      .object({
        asked: z.int(),
        failed: z.int(),
        late: z.int().openapi({ description: 'Calls that went on without an answer in time.' }),
        cached: z.int(),
        is_paused: z.boolean(),
      })
      .nullable()
      .openapi({ description: 'null: none is configured.' }),
    versions: z.array(version),
  })
  .openapi('NetworkTables')

const isSet = z.enum(['true', 'false']).default('false')

export const importQuery = z.strictObject({
  format: z.enum(NETWORK_FORMATS).default('csv'),
  replaces: z
    .string()
    .regex(/^\d{0,15}$/, 'up to 15 digits without "+"')
    .default('')
    .openapi({
      example: '44',
      description: 'Only ranges that begin so are replaced by those of the file; left out: all.',
    }),
  name: z
    .string()
    .max(200)
    .default('api')
    .openapi({ description: 'Shown as source of the version.' }),
  preview: isSet.openapi({ description: 'Say what would change, and change nothing.' }),
})

const mistakes = z.array(z.object({ line: z.int(), detail: z.string() }))

const change = z.object({
  prefix: z.string(),
  before: network.nullable(),
  after: network.nullable(),
})

export const importReport = z
  .object({
    version: version
      .nullable()
      .openapi({ description: 'null for a preview: nothing has changed.' }),
    rows: z.int(),
    mistakes: mistakes.openapi({ description: 'The first hundred.' }),
    mistake_count: z.int(),
    changes: z
      .object({
        added: z.int(),
        changed: z.int(),
        removed: z.int(),
        unchanged: z.int(),
        examples: z.array(change),
      })
      .nullable()
      .openapi({ description: 'For ranges without a mistake.' }),
  })
  .openapi('NetworkImport')

export const portedQuery = z.strictObject({
  replace: isSet.openapi({ description: 'Numbers that are not in the file are taken out.' }),
  preview: isSet,
})

export const portedReport = z
  .object({
    applied: z.boolean(),
    rows: z.int(),
    removed: z.int(),
    mistakes,
    mistake_count: z.int(),
  })
  .openapi('PortedImport')

export const portedNumber = z
  .strictObject({ mccmnc: z.string().openapi({ example: '23415' }) })
  .openapi('PortedNumber')

export const numberQuery = z.strictObject({
  lookup: isSet.openapi({ description: 'Ask the configured look-up as a message would.' }),
})

export const numberReport = z
  .object({
    number: z.string().openapi({ example: '+447700900123' }),
    country: z.string().openapi({ example: 'GB' }),
    type: z.string().openapi({ example: 'mobile' }),
    region: z.string().openapi({ example: 'europe' }),
    network: network.nullable(),
    ported: z.boolean(),
    from: z.enum(['ported', 'lookup', 'range']).nullable().openapi({
      description: 'Who says so: the table of ported numbers, the look-up, or the range.',
    }),
    range: network.extend({ prefix: z.string() }).nullable(),
  })
  .openapi('NumberReport')
