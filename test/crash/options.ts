import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** What can go wrong in a round. */
export const FAULTS = ['kill', 'reset', 'slow', 'stall', 'disk', 'clock'] as const

/** One of {@link FAULTS}. */
export type Fault = (typeof FAULTS)[number]

/** What a run of the laboratory is told. */
export interface LabOptions {
  readonly rounds: number
  readonly seed: string
  readonly database: 'postgres' | 'pglite'
  readonly faults: readonly Fault[]
  /** Folder of the gateway's package. */
  readonly gateway: string
  readonly messagesPerSecond: number
  /** Milliseconds of load in each round before something happens, at most. */
  readonly calmMs: number
  /** Longest quiet phase at the end. */
  readonly settleMs: number
  /** By how much the clock jumps at most. More than deadlines and retries are long upsets those. */
  readonly jumpSeconds: number
  /** Every message names a `callback_url`. */
  readonly callbacks: boolean
  /** Calls without an answer are made again with the same `Idempotency-Key`. */
  readonly idempotency: boolean
  /** Deadlines are made short, and uncertain messages waited for. */
  readonly settleUncertain: boolean
  /** One traffic class may send uncertain messages again; needs `settleUncertain`. */
  readonly mayResend: boolean
  /** Top-level keys that go over the configuration file the laboratory writes. */
  readonly settings: Readonly<Record<string, unknown>>
  /** Fields for every message of the HTTP API. */
  readonly fields: Readonly<Record<string, unknown>>
  /** The folder of the run, with the gateway's log and the carriers' journals, is left there. */
  readonly keep: boolean
  /** Told what happens. */
  readonly say: (line: string) => void
}

/** The gateway of this package. */
export const OWN_GATEWAY = fileURLToPath(new URL('../..', import.meta.url))

/** What a run does when it is told nothing. */
export const DEFAULTS: LabOptions = {
  rounds: 10,
  seed: '1',
  database: 'postgres',
  faults: ['kill'],
  gateway: OWN_GATEWAY,
  messagesPerSecond: 300,
  calmMs: 2_500,
  settleMs: 120_000,
  jumpSeconds: 20,
  callbacks: false,
  idempotency: false,
  settleUncertain: false,
  mayResend: false,
  settings: {},
  fields: {},
  keep: false,
  say: () => {},
}

/** How `npm run crash` is called. */
export const USAGE = `crash laboratory: kills gateway, database and carriers under load, then counts

  --rounds 10            rounds, each with one fault
  --seed 1               the same seed makes the same plan
  --database postgres    or pglite
  --faults kill          any of ${FAULTS.join(',')}, or all
  --rate 300             messages a second
  --settle 120           seconds for everything to become final at the end
  --jump 20              seconds by which the clock jumps at most
  --callbacks            messages name a callback_url; events are counted
  --idempotency          unanswered calls are made again with the same Idempotency-Key
  --settle-uncertain     makes deadlines short and waits for uncertain messages to end
  --may-resend           lets one traffic class send uncertain messages again; implies the above
  --settings '{...}'     keys that go over the configuration file, as JSON
  --fields '{...}'       fields for every message over HTTP, as JSON
  --gateway FOLDER       another checkout of the gateway
  --keep                 leaves logs and journals in their folder
  --json FILE            writes the counts there
`

/**
 * Reads the command line.
 *
 * @throws {Error} naming what is wrong
 */
export function readOptions(args: readonly string[]): LabOptions & { json: string | undefined } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      seed: { type: 'string' },
      database: { type: 'string' },
      faults: { type: 'string' },
      rate: { type: 'string' },
      settle: { type: 'string' },
      jump: { type: 'string' },
      callbacks: { type: 'boolean' },
      idempotency: { type: 'boolean' },
      'settle-uncertain': { type: 'boolean' },
      'may-resend': { type: 'boolean' },
      settings: { type: 'string' },
      fields: { type: 'string' },
      gateway: { type: 'string' },
      keep: { type: 'boolean' },
      json: { type: 'string' },
    },
  })
  const { database = DEFAULTS.database } = values
  if (database !== 'postgres' && database !== 'pglite') {
    throw new Error(`--database is postgres or pglite, not "${database}"`)
  }
  return {
    rounds: positive('rounds', values.rounds, DEFAULTS.rounds),
    seed: values.seed ?? DEFAULTS.seed,
    database,
    faults: faultsOf(values.faults),
    gateway: values.gateway ?? DEFAULTS.gateway,
    messagesPerSecond: positive('rate', values.rate, DEFAULTS.messagesPerSecond),
    calmMs: DEFAULTS.calmMs,
    settleMs: positive('settle', values.settle, DEFAULTS.settleMs / 1_000) * 1_000,
    jumpSeconds: positive('jump', values.jump, DEFAULTS.jumpSeconds),
    callbacks: values.callbacks ?? false,
    idempotency: values.idempotency ?? false,
    settleUncertain: values['settle-uncertain'] ?? values['may-resend'] ?? false,
    mayResend: values['may-resend'] ?? false,
    settings: object('settings', values.settings),
    fields: object('fields', values.fields),
    keep: values.keep ?? false,
    say: (line) => console.log(line),
    json: values.json,
  }
}

function positive(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new Error(`--${name} is a whole number above 0, not "${text}"`)
}

function faultsOf(text: string | undefined): readonly Fault[] {
  if (text === undefined) return DEFAULTS.faults
  if (text === 'all') return FAULTS
  return text.split(',').map((name) => {
    const fault = FAULTS.find((known) => known === name)
    if (!fault) throw new Error(`--faults knows ${FAULTS.join(', ')} and all, not "${name}"`)
    return fault
  })
}

function object(name: string, text: string | undefined): Readonly<Record<string, unknown>> {
  const value: unknown = text === undefined ? {} : JSON.parse(text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw new Error(`--${name} is a JSON object, not ${text}`)
}
