import { GatewayError } from '../core/errors.ts'
import { isRefusedByDatabase } from './refusal.ts'

/**
 * The rows of a query.
 *
 * @throws {GatewayError} `storage_unavailable` (retryable) for a database that is away; what the
 *   database refuses is thrown as it is
 */
export async function available<Rows>(query: PromiseLike<Rows>): Promise<Rows> {
  try {
    return await query
  } catch (cause) {
    if (isRefusedByDatabase(cause)) throw cause
    throw new GatewayError('storage_unavailable', 'the database is away: try again later', {
      retryable: true,
      cause,
    })
  }
}
