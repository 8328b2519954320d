import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { GatewayError } from '../../core/errors.ts'
import { FEEDBACK_OUTCOMES, type Feedback } from '../../messages/feedback.ts'
import type { AppEnv } from '../env.ts'
import { openapiWithBody } from '../validation.ts'
import { json } from './json-response.ts'
import { isId } from './message-body.ts'
import { problem } from './message-schema.ts'

/** What the route works with. */
export interface FeedbackParts {
  readonly feedback: Feedback
}

const given = z
  .object({
    message_id: z.string(),
    outcome: z.enum(FEEDBACK_OUTCOMES),
    at: z.iso.datetime().openapi({ description: 'When it was reported first.' }),
  })
  .openapi('MessageFeedback')

const feedbackRoute = createRoute({
  method: 'post',
  path: '/v1/messages/{id}/feedback',
  summary: 'Report whether a message was of use',
  description:
    '`converted`: the code was typed in, the link followed. Once for each message; the same again answers ' +
    'the same. The share of codes that are used tells pumping and faked receipts (docs/guards.md).',
  security: [{ apiKey: [] }],
  request: {
    params: z.object({ id: z.string() }),
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z.strictObject({ outcome: z.enum(FEEDBACK_OUTCOMES) }).openapi('GiveFeedback'),
        },
      },
    },
  },
  responses: {
    200: json('It is stored.', given),
    400: json('The body is not JSON.', problem),
    401: json('No valid API key.', problem),
    404: json('No such message.', problem),
    409: json('Another outcome was reported before.', problem),
    422: json('A field is wrong; `errors` says which.', problem),
    503: json('The database is away: come back after `Retry-After`.', problem),
  },
})

/** The route by which applications report on the use of messages. */
export function feedbackRoutes({ feedback }: FeedbackParts) {
  const app = new OpenAPIHono<AppEnv>()
  openapiWithBody(app, feedbackRoute, async (c) => {
    const id = c.req.valid('param').id.toLowerCase()
    if (!isId(id)) throw new GatewayError('not_found', `there is no message with the id "${id}"`)
    const { outcome } = c.req.valid('json')
    const { messageId, at } = await feedback.give(c.get('tenant').id, id, outcome)
    return c.json({ message_id: messageId, outcome, at: at.toISOString() }, 200)
  })
  return app
}
