const TON_UNKNOWN = 0
const TON_INTERNATIONAL = 1
const TON_ALPHANUMERIC = 5
const NPI_UNKNOWN = 0
const NPI_E164 = 1

/** An address as the fields of a PDU say it, SMPP v3.4 sections 5.2.5 to 5.2.9. */
export interface AddressFields {
  readonly ton: number
  readonly npi: number
  readonly address: string
}

/** Tells a number with `+`, a name, and digits whose type nobody knows. */
export function addressFields(text: string): AddressFields {
  const address = text.startsWith('+') ? text.slice(1) : text
  if (/\D/.test(address)) return { ton: TON_ALPHANUMERIC, npi: NPI_UNKNOWN, address }
  const ton = address === text ? TON_UNKNOWN : TON_INTERNATIONAL
  return { ton, npi: NPI_E164, address }
}
