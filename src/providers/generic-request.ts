import { bodyMaker, filled, templatesOf } from './generic-body.ts'
import type { AuthSettings, RequestSettings } from './generic-call-settings.ts'
import { signatureBy } from './generic-signature.ts'
import {
  parseTemplate,
  placeholdersOf,
  rendered,
  type Template,
  type Values,
} from './generic-template.ts'
import {
  basicAuthorization,
  formOf,
  type HttpRequest,
  percentEncoded,
  urlBelow,
} from './http-call.ts'

/** Makes a call: `values` of all messages, `each` of one message each. */
export type RequestMaker = (values: Values, each?: readonly Values[]) => HttpRequest

type Named = ReturnType<typeof templatesOf>

/**
 * What the settings of a call, and those of all calls, make of values.
 *
 * First comes all but what shows the signature, then the signature over that, then the rest.
 */
export function requestMaker(
  settings: RequestSettings,
  auth: AuthSettings,
  endpoint: string,
): RequestMaker {
  const url = parseTemplate(urlOf(settings.url, endpoint))
  const query = templatesOf(settings.query)
  const headers = templatesOf(lowerNames(settings.headers))
  const makeBody = bodyMaker(settings)
  const authorization = authorizationBy(auth)
  const shown = {
    headers: parted(templatesOf(lowerNames(auth.headers))),
    query: parted(templatesOf(auth.query)),
    fields: parted(templatesOf(auth.fields)),
  }
  const sign = auth.signature && signatureBy(auth.signature)
  return (values, each = []) => {
    const own = makeBody(values, each)
    const plainFields = filled(shown.fields.plain, values)
    const signedFields = (signed: Values) => filled(shown.fields.signed, signed)
    // What has no body with members shows them in the query.
    const body = own.extended?.(Object.fromEntries(plainFields)) ?? own
    const inQuery = own.extended === undefined
    const plainQuery = [
      ...filled(query, values),
      ...filled(shown.query.plain, values),
      ...(inQuery ? plainFields : []),
    ]
    const address = rendered(url, values, percentEncoded)
    const plainHeaders: Readonly<Record<string, string>> = {
      ...(body.contentType === undefined ? {} : { 'content-type': body.contentType }),
      ...authorization(values),
      ...Object.fromEntries([...filled(shown.headers.plain, values), ...filled(headers, values)]),
    }
    const withSignature = withValue(values, () => {
      const known: Values = ({ name, argument }) => {
        if (name === 'body') return body.text
        if (name === 'method') return settings.method
        if (name === 'path') return new URL(address).pathname
        if (name === 'url') return addressWith(address, plainQuery)
        if (name === 'query') return plainQuery.find(([field]) => field === argument)?.[1]
        if (name === 'header') return plainHeaders[argument.toLowerCase()]
        return values({ name, argument })
      }
      return sign?.([...body.fields, ...plainQuery], known) ?? ''
    })
    const rest = signedFields(withSignature)
    const allQuery = [
      ...plainQuery,
      ...filled(shown.query.signed, withSignature),
      ...(inQuery ? rest : []),
    ]
    const whole = body.extended?.(Object.fromEntries(rest)) ?? body
    return {
      method: settings.method,
      url: addressWith(address, allQuery),
      headers: checked({
        ...(whole.contentType === undefined ? {} : { 'content-type': whole.contentType }),
        ...plainHeaders,
        ...Object.fromEntries(filled(shown.headers.signed, withSignature)),
      }),
      body: whole.text,
    }
  }
}

function urlOf(written: string, endpoint: string): string {
  if (written === '') return endpoint
  return written.startsWith('/') ? urlBelow(endpoint, written) : written
}

function lowerNames(written: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(written).map(([name, value]) => [name.toLowerCase(), value]),
  )
}

/** Those that show the signature, and those that may be signed. */
function parted(named: Named): { readonly plain: Named; readonly signed: Named } {
  const shows = (template: Template) => placeholdersOf(template, 'signature').length > 0
  return {
    plain: named.filter(([, template]) => !shows(template)),
    signed: named.filter(([, template]) => shows(template)),
  }
}

function withValue(values: Values, make: () => string): Values {
  let made: string | undefined
  return (placeholder) => {
    if (placeholder.name !== 'signature') return values(placeholder)
    made ??= make()
    return made
  }
}

function authorizationBy(auth: AuthSettings): (values: Values) => Record<string, string> {
  const read = (source: string | undefined) => parseTemplate(source ?? '')
  const { basic_user, oauth2, bearer } = auth
  if (basic_user !== undefined) {
    const [user, password] = [read(basic_user), read(auth.basic_password)]
    return (values) => ({
      authorization: basicAuthorization(rendered(user, values), rendered(password, values)),
    })
  }
  const token = oauth2 ? parseTemplate('{token}') : bearer === undefined ? undefined : read(bearer)
  if (!token) return () => ({})
  return (values) => ({ authorization: `Bearer ${rendered(token, values)}` })
}

function addressWith(address: string, query: readonly (readonly [string, string])[]): string {
  // `formOf` writes a space as `+`, which some read as it is.
  return query.length === 0
    ? address
    : `${address}?${formOf(Object.fromEntries(query)).replaceAll('+', '%20')}`
}

/** Scopes keep line breaks out of headers; should one come through, nothing is sent. */
function checked(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(headers)) {
    if (/[\r\n\0]/.test(value)) throw new TypeError(`a line break in the header ${name}`)
  }
  return headers
}
