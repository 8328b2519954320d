import type { z } from '@hono/zod-openapi'

/** One answer of a route, as OpenAPI describes it. */
export const json = <Schema extends z.ZodType>(description: string, content: Schema) => ({
  description,
  content: { 'application/json': { schema: content } },
})
