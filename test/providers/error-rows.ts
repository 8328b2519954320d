import { SMTP_ERRORS } from '../../src/carriers/smtp-mapping.ts'
import { FAILURE_CODES } from '../../src/core/failure-code.ts'
import { type ErrorTable, errorInfo } from '../../src/providers/provider-error.ts'
import { PROVIDERS } from '../../src/providers/registry.ts'

/** The error table of everybody who has one. */
export const ERROR_TABLES: readonly { readonly name: string; readonly errors: ErrorTable }[] = [
  ...PROVIDERS,
  { name: 'smtp', errors: SMTP_ERRORS },
]

/** The rows of docs/errors.md: by provider and by our code, with the codes of theirs that become it. */
export function providerErrorRows(): string[] {
  return ERROR_TABLES.flatMap(({ name, errors }) =>
    FAILURE_CODES.flatMap((ours) => {
      const theirs = Object.entries(errors).filter(([, row]) => errorInfo(row).failure === ours)
      if (theirs.length === 0) return []
      return `| \`${name}\` | \`${ours}\` | ${theirs.map(([code]) => code).join(', ')} |`
    }),
  )
}
