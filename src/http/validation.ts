import type { Hook } from '@hono/zod-openapi'
import type { AppEnv } from './env.ts'
import { type Fault, type Problem, respondProblem } from './problem.ts'

/** Answers a request whose fields do not fit the schema: every fault, with a pointer to it. */
export const onInvalid: Hook<unknown, AppEnv, string, unknown> = (result, c) => {
  if (result.success) return undefined
  const errors = result.error.issues.flatMap((issue): Fault[] => {
    const path = issue.path.map((part) => `/${pointerPart(String(part))}`).join('')
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        detail: `"${key}" is not a field of this request`,
        pointer: `${path}/${pointerPart(key)}`,
      }))
    }
    return [{ detail: issue.message, pointer: path }]
  })
  const problem: Problem = {
    type: 'https://linehaul.dev/problems/validation_failed',
    title: 'The request has invalid fields',
    status: 422,
    detail: errors.map(({ detail, pointer }) => `${pointer || '/'}: ${detail}`).join('; '),
    code: 'validation_failed',
    request_id: c.get('requestId'),
    errors,
  }
  return respondProblem(c, problem)
}

/** Escapes a member name for a JSON Pointer, RFC 6901 section 3. */
function pointerPart(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
