import { z } from 'zod'
import { isPasswordHash } from '../core/password.ts'
import { integer, mapping, requiredText, setting, text } from '../settings/field.ts'
import {
  BIND_PASSWORD,
  BIND_PASSWORD_ALLOWED,
  NAME,
  SYSTEM_ID,
  SYSTEM_ID_ALLOWED,
} from '../settings/forms.ts'
import { type DialectConfig, dialectKeys, toDialect } from './dialect.ts'
import { type PartnerAccess, partnerAccessShape, toPartnerAccess } from './partner-access.ts'
import {
  type PartnerStatuses,
  partnerStatusesSchema,
  toPartnerStatuses,
} from './partner-statuses.ts'

/** An account by which a partner binds to our SMPP server. */
export interface PartnerConfig extends PartnerAccess {
  readonly systemId: string
  /** As it is, or its hash: see `core/password.ts`. */
  readonly password: string
  /** Name of the tenant that pays for the partner's messages; it exists. */
  readonly tenant: string
  /** How long a submit that comes again is answered with the id of the first; 0: never. */
  readonly duplicateWindowSeconds: number
  /** What two submits have in common that are one: see `partners/duplicate-key.ts`. */
  readonly duplicateKey: string
  readonly dialect: DialectConfig
  readonly statuses: PartnerStatuses
}

const PARTNER_PASSWORD_ALLOWED = `${BIND_PASSWORD_ALLOWED}, or the hash that \`linehaul hash-password\` makes`

/** One partner as it is written in the file. */
export const partnerSchema = mapping({
  system_id: requiredText(SYSTEM_ID, SYSTEM_ID_ALLOWED, {
    about: 'Account of the partner, unique in the file.',
  }),
  password: setting(
    z
      .string({ error: PARTNER_PASSWORD_ALLOWED })
      .refine((value) => BIND_PASSWORD.test(value) || isPasswordHash(value), {
        error: PARTNER_PASSWORD_ALLOWED,
      }),
    {
      about: 'Password of the account, as it is or as its hash.',
      allowed: PARTNER_PASSWORD_ALLOWED,
      defaultText: 'required',
      isSecret: true,
      isText: true,
    },
  ),
  tenant: requiredText(NAME, 'the name of a tenant', {
    about: "Name of the tenant that pays for the partner's messages.",
  }),
  duplicate_window_seconds: integer(0, 604_800, 0, {
    about:
      'How long a submit that comes again is answered with the id of the first instead of being ' +
      'sent again; 0 means never.',
    unit: 'seconds',
  }),
  duplicate_key: text(
    /^(user_message_reference|content|0x[0-9A-Fa-f]{4})$/,
    'user_message_reference, content, or the tag of a TLV such as 0x1400',
    'user_message_reference',
    {
      about:
        'What tells that a submit is one that came before: a TLV with the same value for the same ' +
        'number, or (`content`) the same sender, number and octets.',
    },
  ),
  ...partnerAccessShape,
  ...dialectKeys,
  statuses: partnerStatusesSchema,
})

/** The settings of a partner without mistakes. */
export function toPartner(partner: z.output<typeof partnerSchema>): PartnerConfig {
  return {
    systemId: partner.system_id,
    password: partner.password,
    tenant: partner.tenant,
    duplicateWindowSeconds: partner.duplicate_window_seconds,
    duplicateKey: partner.duplicate_key,
    dialect: toDialect(partner),
    statuses: toPartnerStatuses(partner.statuses),
    ...toPartnerAccess(partner),
  }
}
