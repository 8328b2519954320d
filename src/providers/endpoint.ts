import { optionalText, requiredText, text } from '../settings/field.ts'

const ENDPOINT = /^https?:\/\/[^\s/?#]+(\/[^\s?#]*)?$/
const ENDPOINT_ALLOWED = 'a URL without query, for example "https://api.example.com"'

/** The setting of where a provider is called. */
export function endpoint(fallback: string) {
  return text(ENDPOINT, ENDPOINT_ALLOWED, fallback, {
    about: 'Where the provider is called: another region, or a gateway before it.',
  })
}

/** {@link endpoint} of a provider whose default depends on another setting; `about` says how. */
export function optionalEndpoint(about: string) {
  return optionalText(ENDPOINT, ENDPOINT_ALLOWED, { about })
}

/** {@link endpoint} of what has none by itself. */
export function requiredEndpoint(about: string) {
  return requiredText(ENDPOINT, ENDPOINT_ALLOWED, { about })
}

/** A setting of an account that identifies it, and is no secret. */
export function identifier(about: string) {
  return requiredText(/^[\x21-\x7e]{1,256}$/, '1 to 256 printable ASCII characters', { about })
}

/** A setting of an account that nobody else may know. */
export function secret(about: string) {
  return requiredText(/^[\x21-\x7e]{1,512}$/, '1 to 512 printable ASCII characters', {
    about,
    isSecret: true,
  })
}
