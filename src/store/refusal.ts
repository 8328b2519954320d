/**
 * SQLSTATE classes that pass: connection, transaction state (a standby that only reads), account,
 * missing database, serialization, statement (a schema that is not ours), resources, locks, shutdown,
 * system, bug.
 */
const PASSING_CLASSES = new Set(['08', '25', '28', '3D', '40', '42', '53', '55', '57', '58', 'XX'])

/**
 * True when the database has judged the data, so that trying again cannot help;
 * false when it could not be reached or could not work now.
 *
 * @see PostgreSQL documentation, appendix A (error codes)
 */
export function isRefusedByDatabase(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as { code?: unknown }
    if (typeof code === 'string' && /^(\d\w|XX)\w{3}$/.test(code)) {
      return !PASSING_CLASSES.has(code.slice(0, 2))
    }
  }
  return false
}
