import { isJsonObject, type JsonObject, parseJson } from './json.ts'
import { type CallbackRequest, UnreadableCallbackError } from './provider.ts'

/** The fields of a callback with a form as its body. */
export function callbackForm({ body }: CallbackRequest): URLSearchParams {
  return new URLSearchParams(body.toString('utf8'))
}

/** The query of a callback's address. */
export function callbackQuery({ url }: CallbackRequest): URLSearchParams {
  return new URL(url).searchParams
}

/**
 * The objects of a callback with JSON as its body: those of a list, or the one.
 *
 * @throws {UnreadableCallbackError} where it has no JSON, or JSON of another shape
 */
export function callbackObjects({ body }: CallbackRequest): readonly JsonObject[] {
  let value: unknown
  try {
    value = parseJson(body.toString('utf8'))
  } catch (cause) {
    throw new UnreadableCallbackError('its body is no JSON', { cause })
  }
  const objects = Array.isArray(value) ? value : [value]
  if (!objects.every(isJsonObject)) {
    throw new UnreadableCallbackError('its body is neither an object nor a list of objects')
  }
  return objects
}
