import type { z } from 'zod'
import {
  choice,
  flag,
  integer,
  mapping,
  optionalText,
  requiredText,
  setting,
  text,
} from '../settings/field.ts'
import { secret } from './endpoint.ts'
import {
  headerTemplates,
  jsonTemplate,
  optionalMapping,
  requiredSource,
  requiredTemplate,
  template,
  templates,
  words,
} from './generic-fields.ts'
import type { Scope } from './generic-template.ts'

const URL = /^(https?:\/\/[^\s/?#{}]+)?(\/[^\s?#]*)?$/
const URL_ALLOWED =
  'a path below `endpoint` such as "/messages", or a URL, without query; placeholders in the path only'

/** What every call is set with; `scope`: what its templates may name. */
export function requestShape(scope: Scope) {
  return {
    method: choice(['GET', 'POST', 'PUT'], 'POST', { about: 'Method of the call.' }),
    url: text(URL, URL_ALLOWED, '', { about: 'Where the call goes; without it to `endpoint`.' }),
    query: templates(scope, 'Query of the call; what comes out empty is left out.'),
    headers: headerTemplates(
      scope === 'message' ? 'header' : 'call',
      'Headers of the call; what comes out empty is left out.',
    ),
    form: templates(scope, 'Body of the call as a form; what comes out empty is left out.'),
    json: jsonTemplate(
      scope,
      'Body of the call as JSON. A member that is one placeholder keeps its type; one that comes out empty is left out; ' +
        '{"{each}": …} becomes a list with one item for each message.',
    ),
    raw: template(scope, 'Body of the call as a text.'),
    raw_escape: choice(['xml', 'json', 'url', 'none'], 'xml', {
      about: 'What values in `raw` are escaped for.',
    }),
    raw_type: text(/^[\x20-\x7e]{1,128}$/, 'a content type', 'text/xml;charset=utf-8', {
      about: 'Content type of `raw`.',
    }),
  }
}

/** What tells that an answer is a success. */
export const successSettings = mapping({
  source: requiredSource('What tells success.'),
  is: setting(words('Values of success.').optional(), {
    about: 'Values that stand for success; without it, that there is one.',
    allowed: 'a list of texts',
    defaultText: 'none',
    isText: true,
  }),
})

/** A recipe of what is hashed and how it is written. */
export const signatureSettings = mapping({
  algorithm: choice(['md5', 'sha1', 'sha256'], 'sha256', { about: 'The hash.' }),
  hmac_key: template('key', 'Key of an HMAC; without it a plain hash is made.'),
  encoding: choice(['hex', 'HEX', 'base64'], 'hex', {
    about: 'How it is written: lower or upper hexadecimal digits, or base64.',
  }),
  signed_text: requiredTemplate(
    'signed',
    'What is hashed, its parts in order; {sorted} stands for the fields by name.',
  ),
  sorted_pair: text(/^[^\p{Cc}]{0,8}$/u, 'up to 8 characters', '', {
    about: 'Stands between name and value in {sorted}.',
  }),
  sorted_joint: text(/^[^\p{Cc}]{0,8}$/u, 'up to 8 characters', '', {
    about: 'Stands between the fields in {sorted}.',
  }),
  sorted_blanks: flag(false, { about: 'Keep fields that are empty or white space in {sorted}.' }),
  sorted_with: templates('plain', 'Further fields of {sorted}, such as a time that is a header.'),
})

const oauth2 = mapping({
  token_url: requiredText(/^https?:\/\/\S+$/, 'a URL', { about: 'Where tokens are given out.' }),
  client_id: requiredText(/^[\x21-\x7e]{1,256}$/, '1 to 256 printable ASCII characters', {
    about: 'The client.',
  }),
  client_secret: secret('Secret of the client.'),
  scope: optionalText(/^[\x20-\x7e]{1,256}$/, '1 to 256 printable ASCII characters', {
    about: 'What the token is to be good for.',
  }),
  client_auth: choice(['basic', 'body'], 'basic', {
    about: 'Whether the client signs in by header or in the form.',
  }),
  lifetime_seconds: integer(60, 86_400, 3_600, {
    about: 'How long a token lasts that comes without `expires_in`.',
    unit: 'seconds',
  }),
  refused_codes: setting(words('').optional(), {
    about: 'Codes of answers that say that the token is no longer good; HTTP 401 always does.',
    allowed: 'a list of texts',
    defaultText: 'none',
    isText: true,
  }),
})

/** What all calls show of who we are. */
export const authSettings = mapping({
  basic_user: template('plain', 'User of HTTP Basic.'),
  basic_password: template('plain', 'Password of HTTP Basic.'),
  bearer: template('plain', 'Token of `authorization: Bearer`.'),
  oauth2: optionalMapping(
    oauth2,
    'Tokens by client credentials (RFC 6749, section 4.4); calls carry them as Bearer, and may name {token}.',
  ),
  headers: headerTemplates('auth', 'Headers of all calls; {signature} stands for what was signed.'),
  query: templates('auth', 'Query of all calls; {signature} stands for what was signed.'),
  fields: templates(
    'auth',
    'Members of the form or the JSON of all calls; {signature} stands for what was signed.',
  ),
  encoded: templates('plain', 'Texts that are base64 where {encoded:name} stands.'),
  signature: optionalMapping(signatureSettings, 'What {signature} stands for.'),
})

/** What {@link requestShape} gives. */
export type RequestSettings = z.output<z.ZodObject<ReturnType<typeof requestShape>>>
/** What {@link successSettings} gives. */
export type SuccessSettings = z.output<typeof successSettings>
/** What {@link signatureSettings} gives. */
export type SignatureSettings = z.output<typeof signatureSettings>
/** What {@link authSettings} gives. */
export type AuthSettings = z.output<typeof authSettings>
