import { z } from '@hono/zod-openapi'
import { acceptedMessage, message, problem } from './message-schema.ts'

/** Letters in one replay at most. */
export const MAX_REPLAYS = 1_000

const filter = {
  reason: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .openapi({
      example: 'attempts',
      description:
        'Why nothing more was tried: `permanent` (no carrier would take it), `attempts` (the budget ' +
        'is used up), `expired`, `age`, or an error code.',
    }),
  error: z.string().min(1).max(100).optional().openapi({
    example: 'carrier_queue_full',
    description: 'What went wrong last: `error.code` of the message.',
  }),
  to: z.string().optional(),
  carrier: z.string().optional(),
  since: z.iso
    .datetime({ offset: true })
    .optional()
    .openapi({ description: 'On the list since this instant or later.' }),
}

export const deadLetterQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().optional().openapi({ description: '`next_cursor` of the page before.' }),
  ...filter,
})

export const deadLetterList = z
  .object({
    dead_letters: z.array(message),
    next_cursor: z.string().nullable().openapi({ description: 'null: this is the last page.' }),
  })
  .openapi('DeadLetterList')

const WANTED = 'give either "ids" or "filter"'

export const replayMany = z
  .strictObject({
    ids: z.array(z.uuid()).min(1).max(MAX_REPLAYS).optional(),
    filter: z
      .strictObject(filter)
      .optional()
      .openapi({ description: 'Newest first, up to `limit`; `{}` means every dead letter.' }),
    limit: z.int().min(1).max(MAX_REPLAYS).default(100),
  })
  .refine(({ ids, filter: by }) => (ids === undefined) !== (by === undefined), { error: WANTED })
  .openapi('ReplayDeadLetters')

export const replayed = acceptedMessage
  .extend({ replay_of: z.uuid().openapi({ description: 'The dead letter that it repeats.' }) })
  .openapi('ReplayedDeadLetter')

export const replayedMany = z
  .object({
    replayed: z.int(),
    failed: z.int(),
    results: z.array(
      z.union([
        z.object({ id: z.uuid(), replayed_as: z.uuid() }),
        z.object({ id: z.uuid(), error: problem }),
      ]),
    ),
  })
  .openapi('ReplayedDeadLetters')
