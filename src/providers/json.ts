import type { HttpResponse } from './http-call.ts'

/** What came is not what the provider documents: nobody knows whether it has the message. */
export class UnreadableAnswerError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UnreadableAnswerError'
  }
}

/** Integers of 16 digits and more: `JSON.parse` would round them, and they are ids. */
const LONG_INTEGER = /("(?:[^"\\]|\\.)*")|(?<![\d.eE+-])(-?\d{16,})(?![\d.eE])/g

/**
 * Parses JSON in which ids may be integers beyond 2^53; those come as texts.
 *
 * @throws {SyntaxError} where it is no JSON
 */
export function parseJson(text: string): unknown {
  return JSON.parse(
    text.replace(LONG_INTEGER, (all, quoted: string | undefined) => quoted ?? `"${all}"`),
  )
}

/** An object of JSON whose members nobody has looked at. */
export type JsonObject = Readonly<Record<string, unknown>>

/** True for an object that is no list. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * The JSON object of an answer.
 *
 * @throws {UnreadableAnswerError} where it is something else
 */
export function jsonObjectOf({ status, body }: HttpResponse): JsonObject {
  let value: unknown
  try {
    value = parseJson(body)
  } catch (cause) {
    throw new UnreadableAnswerError(`HTTP ${status} without JSON: ${excerpt(body)}`, { cause })
  }
  if (!isJsonObject(value)) {
    throw new UnreadableAnswerError(`HTTP ${status} without a JSON object: ${excerpt(body)}`)
  }
  return value
}

/** A text or a number as a text; empty for everything else. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
}

/** A list; empty for everything else. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function excerpt(body: string): string {
  return JSON.stringify(body.slice(0, 100))
}
