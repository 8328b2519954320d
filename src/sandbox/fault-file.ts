import { z } from 'zod'
import { COMMON, type FaultRule, FaultScript } from './faults.ts'

const milliseconds = z.number().min(0)
const condition = {
  to: z.string().optional(),
  share: z.number().optional(),
  every: z.number().optional(),
  after: z.number().optional(),
  times: z.number().optional(),
  from_ms: milliseconds.optional(),
  until_ms: milliseconds.optional(),
}
const delay = z.union([
  z.strictObject({ uniform: z.tuple([milliseconds, milliseconds]) }),
  z.strictObject({ exponential: milliseconds }),
  z.strictObject({ lognormal: z.tuple([milliseconds, milliseconds]) }),
])

function kind<Name extends string, Shape extends z.ZodRawShape>(fault: Name, shape: Shape) {
  return z.strictObject({ fault: z.literal(fault), ...condition, ...shape })
}

const rule = z.discriminatedUnion('fault', [
  kind('refuse', { status: z.number() }),
  kind('throttle', { per_second: z.number().min(0).optional() }),
  kind('never_answer', { is_accepted: z.boolean().optional() }),
  kind('answer_late', { delay }),
  kind('disconnect', {
    at: z.enum(['before_answer', 'within_answer', 'after_answer']),
    is_accepted: z.boolean().optional(),
  }),
  kind('fake_delivered', {}),
  kind('receipts_late', { delay }),
  kind('receipts_lost', {}),
  kind('undelivered', { err: z.string() }),
  kind('wrong_id_radix', {}),
])

/**
 * Reads the scripts of faults from JSON: a list of rules for each carrier by its name, and {@link COMMON} ones.
 *
 * @throws {SyntaxError} when it is not JSON
 * @throws {RangeError} with the place of what is wrong
 */
export function readFaults(
  text: string,
  carriers: readonly string[],
): ReadonlyMap<string, readonly FaultRule[]> {
  const file = z
    .partialRecord(z.enum([COMMON, ...carriers]), z.array(rule))
    .safeParse(JSON.parse(text))
  if (!file.success) {
    const faults = file.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    throw new RangeError(`the script of faults is wrong: ${faults.join('; ')}`)
  }
  const scripts = new Map<string, readonly FaultRule[]>()
  for (const [name, rules = []] of Object.entries(file.data)) {
    scripts.set(name, new FaultScript(rules.map(toRule), 1, 0).rules)
  }
  return scripts
}

/** Keys as code has them; each rule has the keys of its kind alone. */
function toRule(found: z.output<typeof rule>): FaultRule {
  const renamed = Object.entries(found)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [key.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase()), value])
  return Object.fromEntries(renamed) as FaultRule
}
