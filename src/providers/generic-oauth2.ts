import type { AuthSettings } from './generic-call-settings.ts'
import { basicAuthorization, FORM, formOf } from './http-call.ts'
import { jsonObjectOf, textOf, UnreadableAnswerError } from './json.ts'
import type { ProviderAccount } from './provider.ts'

/**
 * Tokens by client credentials.
 *
 * @see RFC 6749, section 4.4
 */
export function oauth2Token(
  settings: NonNullable<AuthSettings['oauth2']>,
): NonNullable<ProviderAccount['token']> {
  const { client_id, client_secret, scope, client_auth } = settings
  const inBody = client_auth === 'body'
  return {
    request: () => ({
      method: 'POST',
      url: settings.token_url,
      headers: {
        'content-type': FORM,
        accept: 'application/json',
        ...(inBody ? {} : { authorization: basicOf(client_id, client_secret) }),
      },
      body: formOf({
        grant_type: 'client_credentials',
        scope,
        ...(inBody ? { client_id, client_secret } : {}),
      }),
    }),
    read: (response) => {
      const answer = jsonObjectOf(response)
      const value = textOf(answer.access_token)
      if (response.status === 200 && value !== '') {
        // It goes into a header.
        if (!/^[\x21-\x7e]{1,8192}$/.test(value)) {
          throw new UnreadableAnswerError('a token with characters that no header takes')
        }
        const seconds = Number(answer.expires_in)
        return { value, lifetimeSeconds: seconds > 0 ? seconds : settings.lifetime_seconds }
      }
      const [code, text] = [textOf(answer.error), textOf(answer.error_description)]
      if (code === '' && response.status < 400) {
        throw new UnreadableAnswerError(`HTTP ${response.status} without "access_token"`)
      }
      return { code, text, httpStatus: response.status }
    },
    isRefused: ({ code, httpStatus }) =>
      httpStatus === 401 || (settings.refused_codes ?? []).includes(code),
  }
}

/** Section 2.3.1: both are encoded as in a form before they are joined. */
function basicOf(id: string, secret: string): string {
  return basicAuthorization(encodedAsForm(id), encodedAsForm(secret))
}

function encodedAsForm(text: string): string {
  return formOf({ x: text }).slice(2)
}
