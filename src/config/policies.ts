import {
  BACKOFF_SHAPES,
  type BackoffPolicy,
  type ClassPolicy,
  JITTERS,
  MISSING_RECEIPT_POLICIES,
  NEXT_CARRIER_RULES,
  QUIET_HOURS_RULES,
  type TrafficClass,
  UNCERTAIN_POLICIES,
} from '../core/policy.ts'
import { choice, integer, mapping, optionalInteger, setting } from '../settings/field.ts'

const DAY_SECONDS = 86_400
/** What carriers commonly try at most, and so the longest wait for a receipt. */
const MAX_SECONDS = 30 * DAY_SECONDS
const THREE_DAYS = 3 * DAY_SECONDS

/** A wait and a budget, in the order of {@link backoff}'s fields. */
interface BackoffDefaults {
  readonly first: number
  readonly max: number
  readonly attempts: number
}

interface ClassDefaults {
  readonly uncertainSeconds: number
  readonly validitySeconds: number
  readonly quietHours: ClassPolicy['quietHours']
  readonly passing: BackoffDefaults
  readonly throttled: BackoffDefaults
  readonly connection: BackoffDefaults
}

// Nothing is sent twice unless the operator says so: `wait_receipt` is the default even for codes,
// where a second copy may carry an older code than the one the user has asked for meanwhile.
const DEFAULTS: Readonly<Record<TrafficClass, ClassDefaults>> = {
  otp: {
    uncertainSeconds: 30,
    // A code is asked for again after a minute or two; one that comes later only confuses.
    validitySeconds: 600,
    quietHours: 'off',
    passing: { first: 1, max: 10, attempts: 5 },
    throttled: { first: 1, max: 5, attempts: 0 },
    connection: { first: 1, max: 5, attempts: 0 },
  },
  transactional: {
    uncertainSeconds: 60,
    validitySeconds: THREE_DAYS,
    quietHours: 'off',
    passing: { first: 2, max: 300, attempts: 8 },
    throttled: { first: 1, max: 30, attempts: 0 },
    connection: { first: 1, max: 30, attempts: 0 },
  },
  marketing: {
    uncertainSeconds: 300,
    validitySeconds: THREE_DAYS,
    // The law of many countries; a sender who must not wait sends another class.
    quietHours: 'country',
    passing: { first: 10, max: 900, attempts: 8 },
    throttled: { first: 2, max: 60, attempts: 0 },
    connection: { first: 1, max: 60, attempts: 0 },
  },
}

function backoff(what: string, defaults: BackoffDefaults) {
  return setting(
    mapping({
      backoff: choice(BACKOFF_SHAPES, 'exponential', { about: 'How the waits grow.' }),
      first_seconds: integer(1, 3600, defaults.first, {
        about: 'Bound of the first wait.',
        unit: 'seconds',
      }),
      max_seconds: integer(1, DAY_SECONDS, defaults.max, {
        about: 'Longest wait; a longer one that the carrier asks for is honoured.',
        unit: 'seconds',
      }),
      jitter: choice(JITTERS, 'full', {
        about: 'Draw the wait between 0.1 s and its bound, or wait for the bound.',
      }),
      max_attempts: integer(0, 1000, defaults.attempts, {
        about: 'Failed attempts after which the message is given up; 0 means until it expires.',
        unit: 'attempts',
      }),
    }).prefault({}),
    { about: what, allowed: 'a mapping', defaultText: '{}' },
  )
}

function classPolicy(name: string, defaults: ClassDefaults) {
  return setting(
    mapping({
      uncertain: choice(UNCERTAIN_POLICIES, 'wait_receipt', {
        about:
          'What follows a submit whose outcome is unknown: ask the carrier, wait for the receipt, ' +
          'send again (the recipient may get it twice), or leave it to an operator.',
      }),
      uncertain_seconds: integer(1, DAY_SECONDS, defaults.uncertainSeconds, {
        about: 'Silence after which `query` asks and `resend` sends again.',
        unit: 'seconds',
      }),
      validity_seconds: integer(1, MAX_SECONDS, defaults.validitySeconds, {
        about:
          'Age at which a message that no carrier has taken expires, where it does not say itself.',
        unit: 'seconds',
      }),
      receipt_deadline_seconds: optionalInteger(60, MAX_SECONDS, {
        about:
          'Wait for a final receipt; then the message is `unconfirmed`. Without it: three days, and ' +
          "at least until an hour after the message's validity has ended.",
        unit: 'seconds',
      }),
      missing_receipt: choice(MISSING_RECEIPT_POLICIES, 'wait', {
        about:
          'What follows where no final receipt has come when nearly all of the carrier have: wait ' +
          'until the deadline, or send once more through another carrier (the recipient may get it ' +
          'twice).',
      }),
      missing_receipt_seconds: integer(1, DAY_SECONDS, 30, {
        about:
          'Least wait before that; it counts alone while too few receipts of the carrier are known.',
        unit: 'seconds',
      }),
      missing_receipt_percentile: integer(50, 99, 99, {
        about: "The part of the carrier's receipts after which one that has not come is late.",
        unit: 'percent',
      }),
      missing_receipt_margin_percent: integer(100, 1_000, 150, {
        about: 'The wait, in percent of the time that those have taken.',
        unit: 'percent',
      }),
      quiet_hours: choice(QUIET_HOURS_RULES, defaults.quietHours, {
        about: "Hold messages in the hours in which the recipient's country allows no marketing.",
      }),
      retry: setting(
        mapping({
          next_carrier: choice(NEXT_CARRIER_RULES, 'prefer', {
            about: 'Try another carrier at once after a refusal, or stay with the first.',
          }),
          max_age_seconds: optionalInteger(1, MAX_SECONDS, {
            about:
              'Age after which nothing is tried again, where that is before the validity ends.',
            unit: 'seconds',
          }),
          passing: backoff(
            'After a refusal that may pass: error at the carrier.',
            defaults.passing,
          ),
          throttled: backoff('After the request for a slower pace.', defaults.throttled),
          connection: backoff(
            'After a connection that closed before the message left.',
            defaults.connection,
          ),
        }).prefault({}),
        {
          about: 'What follows a failed attempt, by the kind of error.',
          allowed: 'a mapping',
          defaultText: '{}',
        },
      ),
    }).prefault({}),
    { about: `What holds for ${name} messages.`, allowed: 'a mapping', defaultText: '{}' },
  )
}

/** The `policies` section of the file. */
export const policiesSchema = setting(
  mapping({
    otp: classPolicy('otp', DEFAULTS.otp),
    transactional: classPolicy('transactional', DEFAULTS.transactional),
    marketing: classPolicy('marketing', DEFAULTS.marketing),
  }).prefault({}),
  {
    about: 'Retry, expiry, quiet hours and unknown outcomes, by traffic class.',
    allowed: 'a mapping',
    defaultText: '{}',
  },
)

type FilePolicies = ReturnType<(typeof policiesSchema)['parse']>
type FileClassPolicy = FilePolicies[TrafficClass]
type FileBackoff = FileClassPolicy['retry']['passing']

/** The policies of a file without mistakes, by traffic class. */
export function toPolicies(policies: FilePolicies): Record<TrafficClass, ClassPolicy> {
  return {
    otp: toClassPolicy(policies.otp),
    transactional: toClassPolicy(policies.transactional),
    marketing: toClassPolicy(policies.marketing),
  }
}

/** What holds where the file says nothing: for tests, benchmarks and the sandbox. */
export const DEFAULT_POLICIES: Readonly<Record<TrafficClass, ClassPolicy>> = toPolicies(
  policiesSchema.parse(undefined),
)

function toClassPolicy(policy: FileClassPolicy): ClassPolicy {
  const { retry } = policy
  return {
    uncertain: policy.uncertain,
    uncertainSeconds: policy.uncertain_seconds,
    validitySeconds: policy.validity_seconds,
    receiptDeadlineSeconds: policy.receipt_deadline_seconds,
    missingReceipt: policy.missing_receipt,
    missingReceiptSeconds: policy.missing_receipt_seconds,
    missingReceiptQuantile: policy.missing_receipt_percentile / 100,
    missingReceiptFactor: policy.missing_receipt_margin_percent / 100,
    quietHours: policy.quiet_hours,
    retry: {
      nextCarrier: retry.next_carrier,
      maxAgeSeconds: retry.max_age_seconds,
      passing: toBackoff(retry.passing),
      throttled: toBackoff(retry.throttled),
      connection: toBackoff(retry.connection),
    },
  }
}

function toBackoff(backoff: FileBackoff): BackoffPolicy {
  return {
    backoff: backoff.backoff,
    firstSeconds: backoff.first_seconds,
    maxSeconds: backoff.max_seconds,
    jitter: backoff.jitter,
    maxAttempts: backoff.max_attempts,
  }
}
