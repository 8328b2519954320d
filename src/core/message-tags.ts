/** Tags of one message at the most. */
export const MAX_TAGS = 10

/** The form of a tag. */
export const TAG = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$/

/** {@link TAG} in words. */
export const TAG_ALLOWED =
  '1 to 64 letters, digits, "-", "_", "." or ":", the first a letter or a digit'

/** The tags of most messages. */
export const NO_TAGS: readonly string[] = []

/** Each tag once, in the order in which they were given. */
export function distinctTags(tags: readonly string[]): readonly string[] {
  if (tags.length === 0) return NO_TAGS
  return tags.length === 1 ? tags : [...new Set(tags)]
}
