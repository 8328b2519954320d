import type { z } from 'zod'
import { optionalText } from '../settings/field.ts'
import { networkList } from './smpp-listeners.ts'

/** From whom callbacks of a carrier are taken. */
export interface CallbackTerms {
  /** Part of the path that nobody can guess. */
  readonly secret: string | undefined
  /** Where callbacks may come from; empty: anywhere. */
  readonly addresses: readonly string[]
}

/** {@link CallbackTerms} as they are written in the file. */
export const callbackTermsShape = {
  callback_secret: optionalText(
    /^[A-Za-z0-9_-]{16,128}$/,
    '16 to 128 letters, digits, "-" or "_"',
    {
      about:
        'Part of the address that callbacks have to have, `/callback/provider/NAME/SECRET/delivery`; required where the provider signs nothing.',
      isSecret: true,
    },
  ),
  callback_addresses: networkList('Where callbacks may come from; empty: anywhere.'),
} as const

/** What the file says of callbacks. */
export function toCallbackTerms({
  callback_secret: secret,
  callback_addresses: addresses,
}: z.output<z.ZodObject<typeof callbackTermsShape>>): CallbackTerms {
  return { secret, addresses }
}
