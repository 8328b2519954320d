import {
  integer,
  list,
  mapping,
  optionalInteger,
  optionalText,
  requiredText,
  setting,
} from '../settings/field.ts'

/** How long messages are kept, counted from their end. */
export interface RetentionConfig {
  /** Days until a message and its records are deleted; undefined: never. */
  readonly days: number | undefined
  /** Days until the text is erased while the record stays; undefined: with the record. */
  readonly bodyDays: number | undefined
}

/** What the section of the file says beside that. */
export interface FileRetentionConfig extends RetentionConfig {
  /** Days until an entry of the audit log is deleted; undefined: never. */
  readonly auditDays: number | undefined
  /** Days until a callback of a provider is deleted; undefined: never. */
  readonly callbackDays: number | undefined
}

/** Keys for texts and numbers at rest. */
export interface EncryptionConfig {
  /** Every key that can open what was sealed; empty: nothing was ever sealed. */
  readonly keys: readonly EncryptionKeyConfig[]
  /** Id of the key that seals what is written from now on; undefined: it is written in the clear. */
  readonly active: string | undefined
}

/** One key for AES-256-GCM. */
export interface EncryptionKeyConfig {
  readonly id: string
  /** 32 octets. */
  readonly key: Buffer
}

const MAX_DAYS = 3650
const USUAL_AUDIT_DAYS = 400
const USUAL_CALLBACK_DAYS = 7
// The 43rd digit carries four bits of the key; its last two bits are zero.
const KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/
const KEY_ID = /^[A-Za-z0-9_-]{1,32}$/
const KEY_ID_ALLOWED = '1 to 32 letters, digits, "-" or "_"'

/** The `retention` section of the file. */
export const retentionSchema = setting(
  mapping({
    days: integer(0, MAX_DAYS, 0, {
      about: 'Age at which a finished message and its records are deleted; 0 keeps them.',
      unit: 'days',
    }),
    body_days: integer(0, MAX_DAYS, 0, {
      about: 'Age at which the text is erased while the record stays; 0 keeps it with the record.',
      unit: 'days',
    }),
    audit_days: integer(0, MAX_DAYS, USUAL_AUDIT_DAYS, {
      about: 'Age at which entries of the audit log are deleted; 0 keeps them.',
      unit: 'days',
    }),
    callback_days: integer(0, MAX_DAYS, USUAL_CALLBACK_DAYS, {
      about:
        'Age at which callbacks of providers are deleted, and a repetition is no longer known as one; 0 keeps them.',
      unit: 'days',
    }),
  }).prefault({}),
  {
    about: 'How long messages, the audit log and callbacks are kept.',
    allowed: 'a mapping',
    defaultText: '{}',
  },
)

/** The `retention` of a tenant, which beats the section of the file key by key. */
export const tenantRetentionSchema = setting(
  mapping({
    days: optionalInteger(0, MAX_DAYS, {
      about: "As `retention.days`, for this tenant's messages.",
      unit: 'days',
    }),
    body_days: optionalInteger(0, MAX_DAYS, {
      about: "As `retention.body_days`, for this tenant's messages.",
      unit: 'days',
    }),
  }).prefault({}),
  {
    about: 'Beats `retention` for the messages of this tenant.',
    allowed: 'a mapping',
    defaultText: '{}',
  },
)

/** The `encryption` section of the file. */
export const encryptionSchema = setting(
  mapping({
    keys: setting(
      list(
        mapping({
          id: requiredText(KEY_ID, KEY_ID_ALLOWED, {
            about: 'Name of the key, unique in the file; it is stored with every sealed value.',
          }),
          key: requiredText(KEY, '32 octets in base64, 44 characters', {
            about: 'The key; best kept in an environment variable that is named here.',
            isSecret: true,
          }),
        }),
        'a list of { id, key }',
      ).default([]),
      {
        about: 'Keys (AES-256) that open texts and numbers at rest; keep old ones while in use.',
        allowed: 'a list of { id, key }',
        defaultText: '[]',
        isSecret: true,
      },
    ),
    active: optionalText(KEY_ID, 'the id of a key of this file', {
      about: 'Key that seals new values; without it they are written in the clear.',
      // The key itself may stand here by mistake.
      isSecret: true,
    }),
  }).prefault({}),
  {
    about: 'Encryption of texts and numbers at rest.',
    allowed: 'a mapping',
    defaultText: '{}',
    isSecret: true,
  },
)

type FileRetention = ReturnType<(typeof retentionSchema)['parse']>
type FileTenantRetention = ReturnType<(typeof tenantRetentionSchema)['parse']>
type FileEncryption = ReturnType<(typeof encryptionSchema)['parse']>

/** The retention of the file, with what one tenant says put over it. */
export function toRetention(file: FileRetention, tenant?: FileTenantRetention): RetentionConfig {
  return {
    days: (tenant?.days ?? file.days) || undefined,
    bodyDays: (tenant?.body_days ?? file.body_days) || undefined,
  }
}

/** The section of the file. */
export function toFileRetention(file: FileRetention): FileRetentionConfig {
  return {
    ...toRetention(file),
    auditDays: file.audit_days || undefined,
    callbackDays: file.callback_days || undefined,
  }
}

/** The keys of a file without mistakes. */
export function toEncryption({ keys, active }: FileEncryption): EncryptionConfig {
  return { keys: keys.map(({ id, key }) => ({ id, key: Buffer.from(key, 'base64') })), active }
}
