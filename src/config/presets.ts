/** The presets of a carrier. */
export const PRESET_NAMES = [
  'generic-3.3',
  'nexmo',
  'jasmin',
  'kannel',
  'mblox',
  'cm-com',
  'sicap',
] as const

/** Name of one of {@link PRESET_NAMES}. */
export type PresetName = (typeof PRESET_NAMES)[number]

/**
 * What is known of each kind of SMSC, in the keys of the file. Where it is what holds anyway, it
 * stands here so that it goes on to hold for that carrier when a default changes.
 */
const PRESETS: Readonly<Record<PresetName, Readonly<Record<string, unknown>>>> = {
  // SMPP 3.3 has no transceiver, no TLVs and ids of at most 8 hexadecimal digits, which its
  // receipts write as 10 decimal ones.
  'generic-3.3': {
    interface_version: '3.3',
    bind: 'pair',
    message_id_profile: 'resp-hex',
    receipt_id_from: 'text',
    long_messages: 'udh8',
  },
  // Accounts may be set otherwise at Nexmo; this is the usual one.
  nexmo: { message_id_profile: 'resp-hex' },
  // UUIDs, of which no zero may be taken away (jookies/jasmin issue 643).
  jasmin: { message_id_profile: 'exact' },
  // How Kannel reads receipts: ACCEPTD is followed by another one.
  kannel: { receipt_states: { ACCEPTD: 'ACCEPTED', BUFFRED: 'ENROUTE', BUFFERD: 'ENROUTE' } },
  // opentelecoms-org/jsmpp issue 9.
  mblox: { receipt_states: { BUFFRED: 'ENROUTE', ACKED: 'ACCEPTED' } },
  'cm-com': { receipt_states: { DELIVERD: 'DELIVERED' } },
  // The text is the id and a number without keys (jookies/jasmin issue 224).
  sicap: { receipt_id_from: 'tlv' },
}

/** Writes the settings of its preset into each carrier of a file that does not have them itself. */
export function applyPresets(root: Record<string, unknown>): void {
  const { carriers } = root
  if (!Array.isArray(carriers)) return
  root.carriers = carriers.map((carrier: unknown) => {
    if (typeof carrier !== 'object' || carrier === null || !('preset' in carrier)) return carrier
    const name = PRESET_NAMES.find((each) => each === carrier.preset)
    // Any other name is told when the file is read as a whole.
    return name === undefined ? carrier : { ...PRESETS[name], ...carrier }
  })
}
