/** A host name or an IP address. */
export const HOST = /^[A-Za-z0-9_:][A-Za-z0-9_.:%-]{0,252}$/

/** {@link HOST} in words. */
export const HOST_ALLOWED = 'a host name or an IP address'

/** What carriers, tenants and the like are called. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/

/** {@link NAME} in words. */
export const NAME_ALLOWED =
  '1 to 63 letters, digits, "-", "_" or ".", the first a letter or a digit'

/** Where a certificate or a key is. */
export const FILE = /^[^\0]+$/

/** {@link FILE} in words. */
export const FILE_ALLOWED = 'the path of a PEM file, or the PEM text itself'
