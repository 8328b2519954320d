import { createHash, createHmac } from 'node:crypto'
import type { SignatureSettings } from './generic-call-settings.ts'
import { parseTemplate, rendered, type Values } from './generic-template.ts'

/** A field of what is signed. */
export type SignedField = readonly [name: string, value: string]

/**
 * Makes signatures by a recipe.
 *
 * @returns what {signature} stands for, given the fields that {sorted} stands for and all other values
 */
export function signatureBy(
  recipe: SignatureSettings,
): (fields: readonly SignedField[], values: Values) => string {
  const text = parseTemplate(recipe.signed_text)
  const key = recipe.hmac_key === undefined ? undefined : parseTemplate(recipe.hmac_key)
  const further = Object.entries(recipe.sorted_with).map(
    ([name, source]) => [name, parseTemplate(source)] as const,
  )
  return (fields, values) => {
    const all = [
      ...fields,
      ...further.map(([name, template]) => [name, rendered(template, values)] as const),
    ]
    const signed = rendered(text, (placeholder) => {
      return placeholder.name === 'sorted' ? sortedText(all, recipe) : values(placeholder)
    })
    const hash =
      key === undefined
        ? createHash(recipe.algorithm)
        : createHmac(recipe.algorithm, rendered(key, values))
    const octets = hash.update(signed, 'utf8').digest()
    if (recipe.encoding === 'base64') return octets.toString('base64')
    const hex = octets.toString('hex')
    return recipe.encoding === 'HEX' ? hex.toUpperCase() : hex
  }
}

function sortedText(fields: readonly SignedField[], recipe: SignatureSettings): string {
  return fields
    .filter(([, value]) => recipe.sorted_blanks || value.trim() !== '')
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, value]) => name + recipe.sorted_pair + value)
    .join(recipe.sorted_joint)
}
