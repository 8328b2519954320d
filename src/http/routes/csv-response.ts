import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { AppEnv } from '../env.ts'

const CSV = /(?:^|[,\s])text\/csv\b/i

/** True where a request asks for CSV in the place of JSON. */
export function wantsCsv(c: Context<AppEnv>): boolean {
  return CSV.test(c.req.header('accept') ?? '')
}

/** Answers with a CSV, to be kept under a name. */
export function respondCsv(c: Context<AppEnv>, csv: string, fileName: string) {
  return c.body(csv, 200, {
    'content-type': 'text/csv; charset=utf-8',
    'content-disposition': `attachment; filename="${fileName}"`,
  })
}

/** One answer of a route that is JSON, or CSV where `Accept` says so, as OpenAPI describes it. */
export const jsonOrCsv = <Schema extends z.ZodType>(description: string, content: Schema) => ({
  description,
  content: { 'application/json': { schema: content }, 'text/csv': { schema: z.string() } },
})
